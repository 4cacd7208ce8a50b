//! How static groups start and end.

use droves::group::{EndError, Exit, Group, Member, NotReady, StartErrorKind};

use super::help::{Groups, Log, TERM, ends, service, unready};
use crate::help::Gate;

async fn if_01_a_function_is_a_runner_that_is_told_signals_and_tells_readiness<W: Groups>(w: &W) {
    let log = Log::new();
    let handle = Group::parallel([service("a", &log)]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    assert!(handle.is_ready() && !handle.is_done());
    handle.signal(TERM).unwrap();
    let trace = handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["+a", "-a SIGTERM"]);
    assert_eq!(trace.to_string(), "a exited with nil");
}

async fn if_02_start_returns_at_once_and_ready_waits_for_readiness_or_the_end<W: Groups>(w: &W) {
    let gate = Gate::new();
    let handle = Group::parallel([unready("a", &gate, Ok(()))]).start(w.rt()).unwrap();
    w.pause().await;
    assert!(!handle.is_ready() && !handle.is_done());
    gate.open();
    assert_eq!(handle.ready().await, Err(NotReady));
    assert!(handle.is_done());
}

async fn if_03_any_number_of_waiters_get_the_result_also_after_the_end<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let members = [service("a", &log), ends("b", &gate, Err("broken"))];
    let handle = Group::parallel(members).termination(TERM).start(w.rt()).unwrap();
    let early: Vec<_> = (0..20).map(|_| handle.wait()).collect();
    gate.open();
    let text = "b exited with error: broken\na exited with nil";
    for wait in early {
        assert_eq!(wait.await.unwrap_err().to_string(), text);
    }
    for _ in 0..1000 {
        assert_eq!(handle.wait().await.unwrap_err().to_string(), text);
        assert!(handle.signal(TERM).is_ok(), "after the end it does nothing");
    }
}

async fn if_05_parallel_members_start_together_and_an_empty_group_is_ready<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let members = [unready("a", &gate, Ok(())), service("b", &log), service("c", &log)];
    let handle = Group::parallel(members).start(w.rt()).unwrap();
    w.until(|| log.has(&["+b", "+c"])).await;
    w.pause().await;
    assert!(!handle.is_ready());
    handle.signal(TERM).unwrap();
    gate.open();
    handle.wait().await.unwrap();
    for empty in [Group::parallel([]), Group::ordered([]), Group::queue_ordered([])] {
        let handle = empty.start(w.rt()).unwrap();
        handle.ready().await.unwrap();
        assert_eq!(handle.wait().await.unwrap().exits().len(), 0);
    }
}

async fn if_06_ordered_members_start_when_the_one_before_is_ready_and_stop_in_reverse<W: Groups>(
    w: &W,
) {
    let (log, gate) = (Log::new(), Gate::new());
    let (late, inner) = (log.clone(), gate.clone());
    let slow = Member::new("b", move |mut run| {
        let (log, gate) = (late.clone(), inner.clone());
        async move {
            log.add("+b".into());
            gate.pass().await;
            run.ready();
            run.signal().await;
            log.add("-b SIGTERM".into());
        }
    });
    let members = [service("a", &log), slow, service("c", &log)];
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    w.until(|| log.len() == 2).await;
    w.pause().await;
    assert_eq!(log.lines(), ["+a", "+b"]);
    assert!(!handle.is_ready());
    gate.open();
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["+a", "+b", "+c", "-c SIGTERM", "-b SIGTERM", "-a SIGTERM"]);
}

async fn if_07_queue_ordered_members_stop_forward<W: Groups>(w: &W) {
    let log = Log::new();
    let members = ["a", "b", "c"].map(|name| service(name, &log));
    let handle = Group::queue_ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    let trace = handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["+a", "+b", "+c", "-a SIGTERM", "-b SIGTERM", "-c SIGTERM"]);
    let names: Vec<_> = trace.exits().iter().map(|exit| exit.name().to_owned()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

async fn if_09_an_exit_tells_the_rest_once_and_the_group_waits_for_all<W: Groups>(w: &W) {
    let (log, gate, hold) = (Log::new(), Gate::new(), Gate::new());
    let told = |name| super::help::listens(name, &log, &hold);
    let members = [told("a"), ends("b", &gate, Ok(())), ends("c", &gate, Ok(())), told("d")];
    let handle = Group::parallel(members).termination(TERM).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    gate.open();
    w.until(|| log.len() == 2).await;
    w.pause().await;
    assert!(log.has(&["a SIGTERM", "d SIGTERM"]), "{:?}", log.lines());
    assert!(!handle.is_done());
    hold.open();
    assert_eq!(handle.wait().await.unwrap().exits().len(), 4);
}

fn fail() {
    panic!("on purpose");
}

async fn if_10_the_trace_has_every_end_in_order<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let panics = Member::new("p", |mut run| async move {
        run.ready();
        run.signal().await;
        fail();
    });
    let members = [service("a", &log), panics, ends("c", &gate, Err("broken"))];
    let handle = Group::ordered(members).termination(TERM).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    gate.open();
    let error = handle.wait().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "c exited with error: broken\np exited with error: panicked: on purpose\na exited with nil"
    );
    let EndError::Failed(trace) = error else { panic!("{error:?}") };
    let clean: Vec<_> = trace.exits().iter().map(droves::group::ExitEvent::is_error).collect();
    assert_eq!(clean, [true, true, false]);
    assert!(matches!(trace.exits()[1].exit, Exit::Panicked(_)));
}

async fn if_11_an_exit_before_ready_starts_no_more_and_stops_the_started<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    gate.open();
    let members =
        [service("a", &log), service("b", &log), unready("c", &gate, Ok(())), service("d", &log)];
    let handle = Group::ordered(members).termination(TERM).start(w.rt()).unwrap();
    assert_eq!(handle.ready().await, Err(NotReady));
    let trace = handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["+a", "+b", "-b SIGTERM", "-a SIGTERM"]);
    let text = "c exited with nil\nb exited with nil\na exited with nil";
    assert_eq!(trace.to_string(), text);
}

async fn if_14_duplicate_names_are_one_error_that_lists_them_all<W: Groups>(w: &W) {
    let log = Log::new();
    let names = ["x", "a", "b", "a", "c", "b", "a"];
    let members = names.map(|name| service(name, &log));
    let error = Group::ordered(members).start(w.rt()).unwrap_err();
    let twice = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(error.kind, StartErrorKind::DuplicateNames(twice));
    assert_eq!(error.to_string(), "members have the same names: a, b");
    w.pause().await;
    assert_eq!(log.len(), 0, "nobody was started");
    let error = error.group.events(0).start(w.rt()).unwrap_err();
    assert!(matches!(error.kind, StartErrorKind::Config(error) if error.field == "events"));
}

async fn promise_10_a_panic_before_the_first_await_is_an_end_like_any<W: Groups>(w: &W) {
    let log = Log::new();
    let bad = Member::new("bad", |_| -> std::future::Ready<()> { panic!("on purpose") });
    let members = [service("a", &log), bad];
    let handle = Group::parallel(members).termination(TERM).start(w.rt()).unwrap();
    let error = handle.wait().await.unwrap_err();
    let text = "bad exited with error: panicked: on purpose\na exited with nil";
    assert_eq!(error.to_string(), text);
}

on_all! {
    if_01_a_function_is_a_runner_that_is_told_signals_and_tells_readiness,
    if_02_start_returns_at_once_and_ready_waits_for_readiness_or_the_end,
    if_03_any_number_of_waiters_get_the_result_also_after_the_end,
    if_05_parallel_members_start_together_and_an_empty_group_is_ready,
    if_06_ordered_members_start_when_the_one_before_is_ready_and_stop_in_reverse,
    if_07_queue_ordered_members_stop_forward,
    if_09_an_exit_tells_the_rest_once_and_the_group_waits_for_all,
    if_10_the_trace_has_every_end_in_order,
    if_11_an_exit_before_ready_starts_no_more_and_stops_the_started,
    if_14_duplicate_names_are_one_error_that_lists_them_all,
    promise_10_a_panic_before_the_first_await_is_an_end_like_any,
}
