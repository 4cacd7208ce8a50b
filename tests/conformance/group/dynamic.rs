//! Members that come and go, and those who listen.

use std::pin::pin;

use droves::group::{
    EndError, Group, InsertErrorKind, Member, Notice, Signal, StartErrorKind, Topic, What,
};

use super::help::{Groups, Log, TERM, ends, service};
use crate::help::{Gate, Tally, poll_once};

fn counted(name: &str, tally: &Tally, gate: &Gate) -> Member {
    let (tally, gate) = (tally.clone(), gate.clone());
    Member::new(name, move |run| {
        let job = tally.job(&gate);
        async move {
            run.ready();
            job.await;
        }
    })
}

async fn if_15_a_dynamic_group_has_n_members_at_once_and_insert_waits<W: Groups>(w: &W) {
    let error = Group::<droves::group::Sendable>::dynamic(0).unwrap_err();
    assert_eq!((error.field, error.value), ("capacity", 0));
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let (tally, gates) = (Tally::new(), [Gate::new(), Gate::new(), Gate::new()]);
    for (name, gate) in ["a", "b"].iter().zip(&gates) {
        assert!(client.insert(counted(name, &tally, gate)).await.unwrap().is_running());
    }
    let refused = client.try_insert(counted("c", &tally, &gates[2])).await.unwrap_err();
    assert_eq!((refused.kind, refused.member.name()), (InsertErrorKind::Full, "c"));
    let mut waiting = Box::pin(client.insert(refused.member));
    w.until(|| tally.running() == 2).await;
    for _ in 0..10 {
        let polled = futures_lite::future::poll_once(&mut waiting).await;
        assert!(polled.is_none(), "there is no place");
        w.sleep(1).await;
    }
    gates[0].open();
    assert_eq!(waiting.await.unwrap().name(), "c");
    w.until(|| tally.running() == 2).await;
    assert_eq!(tally.most(), 2);
    client.close();
    assert!(!handle.is_done());
    gates.iter().for_each(Gate::open);
    assert_eq!(handle.wait().await.unwrap().omitted(), 3);
}

async fn if_15_errors_of_members_are_errors_of_the_group<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(1).unwrap();
    let handle = group.events(2).start(w.rt()).unwrap();
    let gate = Gate::new();
    gate.open();
    for name in ["a", "b", "c", "d"] {
        let result = if name == "b" { Ok(()) } else { Err("broken") };
        client.insert(ends(name, &gate, result)).await.unwrap();
    }
    client.close();
    let EndError::Failed(trace) = handle.wait().await.unwrap_err() else { panic!() };
    assert_eq!((trace.exits().len(), trace.omitted()), (2, 2));
    let text = "c exited with error: broken\nd exited with error: broken";
    assert_eq!(trace.to_string(), text);
}

async fn if_16_close_works_before_the_start_and_so_does_dropping_the_client<W: Groups>(w: &W) {
    for drops in [false, true] {
        let (group, client) = Group::dynamic(3).unwrap();
        if drops {
            drop(client);
        } else {
            client.close();
            let log = Log::new();
            let refused = client.insert(service("a", &log)).await.unwrap_err();
            assert_eq!(refused.discard(), InsertErrorKind::Closed);
        }
        let handle = group.start(w.rt()).unwrap();
        handle.ready().await.unwrap();
        assert_eq!(handle.wait().await.unwrap().exits().len(), 0);
    }
    // The last of two clients, while members run.
    let (group, client) = Group::dynamic(3).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    client.insert(counted("a", &tally, &gate)).await.unwrap();
    let other = client.clone();
    drop(client);
    other.insert(counted("b", &tally, &gate)).await.unwrap();
    drop(other);
    w.pause().await;
    assert!(!handle.is_done());
    gate.open();
    handle.wait().await.unwrap();
    assert_eq!(tally.done(), 2);
    // A group that nobody starts.
    let (group, client) = Group::dynamic(3).unwrap();
    drop(group);
    let refused = client.insert(counted("a", &tally, &gate)).await.unwrap_err();
    assert_eq!(refused.discard(), InsertErrorKind::Closed);
}

async fn if_17_a_signal_closes_the_group_and_reaches_all_members<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let log = Log::new();
    for name in ["a", "b"] {
        client.insert(service(name, &log)).await.unwrap();
    }
    w.until(|| log.len() == 2).await;
    let late = client.insert(service("c", &log));
    handle.signal(TERM).unwrap();
    client.closed().await;
    assert_eq!(late.await.unwrap_err().discard(), InsertErrorKind::Closed);
    handle.wait().await.unwrap();
    assert!(log.has(&["+a", "+b", "-a SIGTERM", "-b SIGTERM"]), "{:?}", log.lines());
    let refused = client.insert(service("d", &log)).await.unwrap_err();
    assert_eq!(refused.to_string(), "d: the group is closed");
}

async fn if_17_with_a_termination_signal_the_first_end_closes_the_group<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.termination(TERM).start(w.rt()).unwrap();
    let (log, gate) = (Log::new(), Gate::new());
    client.insert(service("a", &log)).await.unwrap();
    client.insert(ends("b", &gate, Ok(()))).await.unwrap();
    w.until(|| log.len() == 1).await;
    gate.open();
    client.closed().await;
    assert_eq!(handle.wait().await.unwrap().omitted(), 2);
    assert_eq!(log.lines(), ["+a", "-a SIGTERM"]);
}

async fn if_14_a_name_is_free_again_after_the_end<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    client.insert(counted("a", &tally, &gate)).await.unwrap();
    for _ in 0..5 {
        let refused = client.insert(counted("a", &tally, &gate)).await.unwrap_err();
        assert_eq!(refused.discard(), InsertErrorKind::Duplicate);
    }
    assert_eq!(handle.get("a").await.unwrap().name(), "a");
    gate.open();
    let client = &client;
    let mut tries = 0;
    // Until the driver has heard of its end.
    while client.insert(counted("a", &tally, &gate)).await.is_err() {
        tries += 1;
        assert!(tries < 20_000);
        w.sleep(1).await;
    }
    client.close();
    handle.wait().await.unwrap();
    assert_eq!(tally.done(), 2);
}

async fn if_18_listeners_replay_and_a_slow_one_loses_its_oldest_and_never_stops_the_group<
    W: Groups,
>(
    w: &W,
) {
    let (group, client) = Group::dynamic(1).unwrap();
    let handle = group.events(4).start(w.rt()).unwrap();
    let gate = Gate::new();
    gate.open();
    let mut slow = handle.events(Topic::Exits).await;
    let mut entrances = handle.events(Topic::Entrances).await;
    for number in 0..20 {
        client.insert(ends(&number.to_string(), &gate, Ok(()))).await.unwrap();
    }
    client.close();
    handle.wait().await.unwrap();
    let mut lost = 0;
    let mut read = Vec::new();
    while let Some(notice) = slow.next().await {
        match notice {
            Notice::Lost(count) => lost += count,
            Notice::Event(event) => {
                assert!(matches!(event.what, What::Exited(_)));
                read.push(event.name().unwrap().to_owned());
            }
        }
    }
    assert_eq!((lost, read), (16, (16..20).map(|number| number.to_string()).collect::<Vec<_>>()));
    let Some(Notice::Lost(16)) = entrances.next().await else { panic!("16 are lost") };
    // One that comes after the end: the replay, and then the end.
    let mut late = handle.events(Topic::Entrances).await;
    for number in 16..20 {
        let Some(Notice::Event(event)) = late.next().await else { panic!("{number}") };
        assert_eq!(event.name(), Some(&*number.to_string()));
    }
    assert!(late.next().await.is_none());
}

async fn if_18_a_listener_that_comes_in_between_is_told_all_that_is_kept<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(10).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let log = Log::new();
    let mut early = handle.events(Topic::Entrances).await;
    client.insert(service("a", &log)).await.unwrap();
    assert!(matches!(early.next().await, Some(Notice::Event(_))));
    let mut events = handle.events(Topic::Entrances).await;
    client.insert(service("b", &log)).await.unwrap();
    for name in ["a", "b"] {
        let Some(Notice::Event(event)) = events.next().await else { panic!("{name}") };
        assert_eq!(event.name(), Some(name));
    }
    handle.signal(Signal::INTERRUPT).unwrap();
    handle.wait().await.unwrap();
    assert!(events.next().await.is_none(), "it ends with the group");
}

async fn if_15_a_member_that_inserts_into_its_own_full_group_is_told_so<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(1).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let log = Log::new();
    let (inner, lines) = (client.clone(), log.clone());
    let inserts = Member::once("a", move |run| async move {
        run.ready();
        let refused = inner.insert(service("b", &lines)).await.unwrap_err();
        lines.add(format!("{:?}", refused.discard()));
    });
    client.insert(inserts).await.unwrap();
    w.until(|| log.len() == 1).await;
    assert_eq!(log.lines(), ["Full"]);
    client.close();
    handle.wait().await.unwrap();
}

async fn if_15_the_number_of_events_is_checked<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(1).unwrap();
    let error = group.events(0).start(w.rt()).unwrap_err();
    let StartErrorKind::Config(config) = error.kind else { panic!("{error:?}") };
    assert_eq!((config.field, config.value), ("events", 0));
    // It came back, and works.
    let handle = error.group.events(1).start(w.rt()).unwrap();
    client.close();
    handle.wait().await.unwrap();
}

async fn if_19_listeners_end_with_the_group_and_late_ones_get_the_replay_first<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let gate = Gate::new();
    client.insert(ends("a", &gate, Ok(()))).await.unwrap();
    for topic in [Topic::Entrances, Topic::Exits] {
        // It waits when the group ends.
        let mut listener = handle.events(topic).await;
        if topic == Topic::Entrances {
            assert!(matches!(listener.next().await, Some(Notice::Event(_))));
        } else {
            gate.open();
            client.close();
            assert!(matches!(listener.next().await, Some(Notice::Event(_))));
            assert!(listener.next().await.is_none());
        }
    }
    handle.wait().await.unwrap();
    for topic in [Topic::Entrances, Topic::Exits] {
        // Each has the replay of its own.
        for _ in 0..2 {
            let mut late = handle.events(topic).await;
            let Some(Notice::Event(event)) = late.next().await else { panic!("the replay") };
            assert_eq!(event.name(), Some("a"));
            assert_eq!(matches!(event.what, What::Exited(_)), topic == Topic::Exits);
            assert!(late.next().await.is_none());
        }
    }
}

async fn if_20_its_close_is_told_and_members_are_found_while_they_run<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(2).unwrap();
    let handle = group.start(w.rt()).unwrap();
    let (log, gate) = (Log::new(), Gate::new());
    assert!(!client.is_closed() && handle.get("a").await.is_none());
    let inserted = client.insert(ends("a", &gate, Ok(()))).await.unwrap();
    client.insert(service("b", &log)).await.unwrap();
    let found = handle.get("a").await.unwrap();
    assert_eq!((found.name(), inserted.name()), ("a", "a"));
    let told = client.clone();
    let mut closed = pin!(told.closed());
    w.pause().await;
    assert!(poll_once(closed.as_mut()).is_pending(), "nobody has closed it");
    client.close();
    closed.await;
    // Closed is not over: who runs is found, and can be told.
    assert!(client.is_closed() && !handle.is_done());
    gate.open();
    w.until(|| !found.is_running()).await;
    w.until(|| log.len() == 1).await;
    let other = handle.get("b").await.unwrap();
    other.signal(TERM).unwrap();
    handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["+b", "-b SIGTERM"]);
    assert!(handle.get("a").await.is_none() && handle.get("b").await.is_none());
}

on_all! {
    if_14_a_name_is_free_again_after_the_end,
    if_15_a_dynamic_group_has_n_members_at_once_and_insert_waits,
    if_15_errors_of_members_are_errors_of_the_group,
    if_15_a_member_that_inserts_into_its_own_full_group_is_told_so,
    if_15_the_number_of_events_is_checked,
    if_16_close_works_before_the_start_and_so_does_dropping_the_client,
    if_17_a_signal_closes_the_group_and_reaches_all_members,
    if_17_with_a_termination_signal_the_first_end_closes_the_group,
    if_18_listeners_replay_and_a_slow_one_loses_its_oldest_and_never_stops_the_group,
    if_18_a_listener_that_comes_in_between_is_told_all_that_is_kept,
    if_19_listeners_end_with_the_group_and_late_ones_get_the_replay_first,
    if_20_its_close_is_told_and_members_are_found_while_they_run,
}
