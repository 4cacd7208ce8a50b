//! How signals reach members.

use droves::group::{Group, Member, Signal, SignalError};

use super::help::{Groups, Log, TERM, USER, ends, listens, service};
use crate::help::Gate;

async fn if_04_signals_keep_their_order_and_repeats_are_merged<W: Groups>(w: &W) {
    let (log, gate, hold) = (Log::new(), Gate::new(), Gate::new());
    let (lines, opened) = (log.clone(), gate.clone());
    let slow = Member::new("a", move |mut run| {
        let (log, gate) = (lines.clone(), opened.clone());
        async move {
            run.ready();
            gate.pass().await;
            while let Some(signal) = run.try_signal() {
                log.add(signal.number().to_string());
            }
        }
    });
    let handle = Group::parallel([slow, ends("b", &hold, Ok(()))]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let member = handle.get("a").await.unwrap();
    for number in 0..32 {
        for _ in 0..3 {
            member.signal(Signal::new(number)).unwrap();
        }
    }
    assert_eq!(member.signal(USER), Err(SignalError(USER)), "it comes back");
    member.signal(Signal::new(31)).unwrap();
    gate.open();
    w.until(|| log.len() == 32).await;
    let order: Vec<_> = (0..32).map(|number: u16| number.to_string()).collect();
    assert_eq!(log.lines(), order);
    w.until(|| !member.is_running()).await;
    member.signal(USER).unwrap();
    assert!(handle.get("a").await.is_none() && handle.get("c").await.is_none());
    hold.open();
    handle.wait().await.unwrap();
    assert!(handle.get("b").await.is_none());
}

async fn if_04_a_group_s_signals_keep_their_order<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let handle = Group::parallel([listens("a", &log, &gate)]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let mut expected = Vec::new();
    for round in 0..20 {
        for number in 0..10 {
            let signal = Signal::new(1000 + 10 * round + number);
            handle.signal(signal).unwrap();
            expected.push(format!("a {signal}"));
        }
        w.until(|| log.len() == expected.len()).await;
    }
    assert_eq!(log.lines(), expected);
    gate.open();
    handle.wait().await.unwrap();
}

async fn if_08_a_signal_goes_to_all_running_members<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let members = ["a", "b", "c"].map(|name| listens(name, &log, &gate));
    let handle = Group::parallel(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    handle.signal(USER).unwrap();
    w.until(|| log.len() == 3).await;
    assert!(log.has(&["a SIGUSR1", "b SIGUSR1", "c SIGUSR1"]));
    handle.signal(USER).unwrap();
    handle.signal(TERM).unwrap();
    w.until(|| log.len() == 6).await;
    w.pause().await;
    assert_eq!(log.len(), 6, "the repeated one was the current one");
    gate.open();
    handle.wait().await.unwrap();
}

async fn if_12_another_signal_replaces_the_one_of_an_ordered_stop<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let members = [service("a", &log), listens("b", &log, &gate)];
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    log.clear();
    handle.signal(USER).unwrap();
    w.until(|| log.len() == 1).await;
    handle.signal(USER).unwrap();
    w.pause().await;
    assert_eq!(log.lines(), ["b SIGUSR1"]);
    handle.signal(TERM).unwrap();
    w.until(|| log.len() == 2).await;
    gate.open();
    handle.wait().await.unwrap();
    assert_eq!(log.lines(), ["b SIGUSR1", "b SIGTERM", "-a SIGTERM"]);
}

async fn if_13_without_a_termination_signal_none_is_sent<W: Groups>(w: &W) {
    let (log, gate, hold) = (Log::new(), Gate::new(), Gate::new());
    let members = [listens("a", &log, &hold), ends("b", &gate, Err("broken"))];
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    gate.open();
    w.pause().await;
    assert_eq!((log.len(), handle.is_done()), (0, false));
    hold.open();
    let text = "b exited with error: broken\na exited with nil";
    assert_eq!(handle.wait().await.unwrap_err().to_string(), text);
}

async fn if_08_a_member_may_signal_its_own_group<W: Groups>(w: &W) {
    let log = Log::new();
    let (give, take) = std::sync::mpsc::channel::<droves::group::Handle>();
    let gate = Gate::new();
    let opened = gate.clone();
    let one = Member::once("one", move |mut run| async move {
        run.ready();
        opened.pass().await;
        let handle = take.recv().unwrap();
        handle.signal(TERM).unwrap();
        assert_eq!(run.signal().await, TERM);
    });
    let handle = Group::parallel([one, service("a", &log)]).start(w.rt()).unwrap();
    give.send(handle.clone()).unwrap();
    gate.open();
    handle.wait().await.unwrap();
    assert_eq!(log.lines().last().unwrap(), "-a SIGTERM");
}

on_all! {
    if_04_signals_keep_their_order_and_repeats_are_merged,
    if_04_a_group_s_signals_keep_their_order,
    if_08_a_signal_goes_to_all_running_members,
    if_08_a_member_may_signal_its_own_group,
    if_12_another_signal_replaces_the_one_of_an_ordered_stop,
    if_13_without_a_termination_signal_none_is_sent,
}
