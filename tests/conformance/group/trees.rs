//! Restarts, proxies, and groups in groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use droves::group::machine::{MemberState, Phase};
use droves::group::{Exit, Group, Member, Restart};
use droves::retry::Backoff;

use super::help::{Groups, Log, TERM, Trees, USER, ends, service};
use crate::help::Gate;

/// Fails until it has been started so often, and then serves.
fn recovers(runs: usize, log: &Log) -> Member {
    let (count, log) = (Arc::new(AtomicUsize::new(0)), log.clone());
    Member::new("flaky", move |run| {
        let (run_number, log) = (count.fetch_add(1, Ordering::SeqCst) + 1, log.clone());
        async move {
            if run_number < runs {
                return Err(format!("run {run_number}"));
            }
            super::help::serve(run, log).await;
            Ok(())
        }
    })
}

async fn if_21_a_member_is_restarted_and_ready_follows_it<W: Groups>(w: &W) {
    let log = Log::new();
    let restart = Restart::on_error().backoff(Backoff::constant(Duration::from_millis(5)));
    let flaky = recovers(4, &log).restart(restart);
    let handle = Group::ordered([flaky, service("a", &log)]).termination(TERM);
    let begun = w.now();
    let handle = handle.start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    assert!(w.now().saturating_since(begun) >= Duration::from_millis(15));
    assert_eq!(log.lines(), ["+flaky", "+a"]);
    let snapshot = handle.snapshot().await;
    assert_eq!((snapshot.members[0].restarts, snapshot.members[0].state), (3, MemberState::Ready));
    assert_eq!(snapshot.members[0].last_error.as_deref(), Some("run 3"));
    handle.signal(TERM).unwrap();
    let trace = handle.wait().await.unwrap();
    assert_eq!(trace.exits()[1].restarts, 3);
}

async fn if_21_too_many_restarts_in_a_window_escalate<W: Groups>(w: &W) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = runs.clone();
    let broken = Member::new("broken", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err::<(), _>("broken") }
    });
    let restart = Restart::always().backoff(Backoff::none()).limit(7, Duration::from_secs(60));
    let log = Log::new();
    let group = Group::parallel([broken.restart(restart), service("a", &log)]).termination(TERM);
    let handle = group.start(w.rt()).unwrap();
    let error = handle.wait().await.unwrap_err();
    let text = "broken exited with error: broken\na exited with nil";
    assert_eq!((error.to_string().as_str(), runs.load(Ordering::SeqCst)), (text, 8));
    assert_eq!(error.trace().exits()[0].restarts, 7);
}

async fn if_21_a_function_decides_and_one_run_is_one_run<W: Groups>(w: &W) {
    let log = Log::new();
    let lines = log.clone();
    let decide = move |exit: &Exit, count: u32| {
        lines.add(format!("{exit} {count}"));
        count < 2
    };
    let fails = Member::new("a", |_| async { Err::<(), _>("broken") })
        .restart(Restart::decide(decide).backoff(Backoff::none()));
    let error = Group::parallel([fails]).start(w.rt()).unwrap().wait().await.unwrap_err();
    assert_eq!(error.to_string(), "a exited with error: broken");
    assert_eq!(log.lines(), ["broken 0", "broken 1", "broken 2"]);
    let once = Member::once("b", |_| async {});
    let once = once.restart(Restart::always().backoff(Backoff::none()).limit(1, Duration::MAX));
    let error = Group::parallel([once]).start(w.rt()).unwrap().wait().await.unwrap_err();
    assert_eq!(error.to_string(), "b exited with error: it cannot be started again");
}

async fn if_21_a_stop_ends_a_member_that_waits_for_its_restart<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    gate.open();
    let restart = Restart::always().backoff(Backoff::constant(Duration::from_secs(3600)));
    let members = [service("a", &log), ends("b", &gate, Err("broken")).restart(restart)];
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let mut snapshot = handle.snapshot().await;
    while snapshot.members[1].state != MemberState::Backoff {
        w.sleep(1).await;
        snapshot = handle.snapshot().await;
    }
    handle.signal(TERM).unwrap();
    let text = "b exited with error: broken\na exited with nil";
    assert_eq!(handle.wait().await.unwrap_err().to_string(), text);
}

async fn if_23_a_proxy_has_two_ways_for_signals_and_ends_with_its_member<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let (proxied, signaller) = super::help::listens("a", &log, &gate).proxy();
    signaller.signal(USER).unwrap();
    let handle = Group::parallel([proxied]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    w.until(|| log.len() == 1).await;
    signaller.signal(TERM).unwrap();
    w.until(|| log.len() == 2).await;
    handle.signal(TERM).unwrap();
    w.until(|| log.len() == 3).await;
    assert_eq!(log.lines(), ["a SIGUSR1", "a SIGTERM", "a SIGTERM"]);
    gate.open();
    handle.wait().await.unwrap();
    // Its member ends before it is ready.
    let (early, _signaller) = Member::new("b", |_| async { Err::<(), _>("broken") }).proxy();
    let handle = Group::parallel([early]).start(w.rt()).unwrap();
    assert!(handle.ready().await.is_err());
    assert_eq!(handle.wait().await.unwrap_err().to_string(), "b exited with error: broken");
}

async fn tree_groups_in_groups_start_in_order_and_stop_in_reverse<W: Trees>(w: &W) {
    let log = Log::new();
    let middle = w.tree("middle", &["b", "c"], &log);
    let members = [w.service("a", &log), middle, w.service("d", &log)];
    let group = Group::<W::Kind>::ordered(members).name("root");
    let handle = group.start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    assert_eq!(log.lines(), ["+a", "+b", "+c", "+d"]);
    let snapshot = handle.snapshot().await;
    assert_eq!((snapshot.name.as_str(), snapshot.phase), ("root", Phase::Ready));
    let middle = snapshot.members[1].group.as_ref().unwrap();
    let names: Vec<_> = middle.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!((middle.name.as_str(), names), ("middle", vec!["b", "c"]));
    let text = snapshot.to_string();
    assert!(text.starts_with("root: ready\n  a: ready for "), "{text}");
    assert!(text.contains("\n  middle: ready\n    b: ready for "), "{text}");
    let json = snapshot.to_json();
    assert!(json.starts_with("{\"name\":\"root\",\"phase\":\"ready\",\"at_ns\":"), "{json}");
    assert!(json.contains("\"group\":{\"name\":\"middle\",\"phase\":\"ready\""), "{json}");
    log.clear();
    handle.signal(TERM).unwrap();
    handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["-d SIGTERM", "-c SIGTERM", "-b SIGTERM", "-a SIGTERM"]);
    assert_eq!(handle.snapshot().await.phase, Phase::Done);
}

on_all! {
    if_21_a_member_is_restarted_and_ready_follows_it,
    if_21_too_many_restarts_in_a_window_escalate,
    if_21_a_function_decides_and_one_run_is_one_run,
    if_21_a_stop_ends_a_member_that_waits_for_its_restart,
    if_23_a_proxy_has_two_ways_for_signals_and_ends_with_its_member,
    tree_groups_in_groups_start_in_order_and_stop_in_reverse,
}
