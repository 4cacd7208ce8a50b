//! Members that do what nobody expects.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::group::{EndError, Group, Member, Notice, Restart, RunCx, Signal, Topic, What};
use droves::retry::Backoff;
use futures_lite::future::poll_once;

use super::help::{Groups, Log, Shown, TERM, Trees, USER, ends, service};
use crate::help::Gate;

#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose");
    }
}

impl std::error::Error for Unspeakable {}

async fn hostile_an_error_whose_text_panics_is_an_error_like_any_other<W: Groups>(w: &W) {
    let (log, gate) = (Log::new(), Gate::new());
    let opened = gate.clone();
    let fails = Member::new("fails", move |run| {
        let gate = opened.clone();
        async move {
            run.ready();
            gate.pass().await;
            Err::<(), _>(Unspeakable)
        }
    });
    let handle = Group::parallel([fails, service("a", &log)]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    gate.open();
    let mut snapshot = handle.snapshot().await;
    while snapshot.members[0].last_error.is_none() {
        w.sleep(1).await;
        snapshot = handle.snapshot().await;
    }
    handle.signal(TERM).unwrap();
    let error = handle.wait().await.unwrap_err();
    assert!(matches!(&error, EndError::Failed(trace) if trace.exits().len() == 2));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

/// A member whose function, and whose restarts, panic when they are dropped.
fn armed(name: &str) -> Member {
    let (bomb, other) = (Bomb, Bomb);
    let restart = Restart::decide(move |_, _| {
        let _other = &other;
        false
    });
    let member = Member::new(name, move |run| {
        let _bomb = &bomb;
        async move { run.ready() }
    });
    member.restart(restart)
}

async fn hostile_what_panics_when_it_is_dropped_leaves_the_others_alone<W: Groups>(w: &W) {
    let (group, client) = Group::dynamic(1).unwrap();
    let handle = group.start(w.rt()).unwrap();
    for name in ["a", "b", "c"] {
        client.insert(armed(name)).await.unwrap();
    }
    client.close();
    assert_eq!(handle.wait().await.unwrap().omitted(), 3);
    // Those that are never started, too.
    let gate = Gate::new();
    gate.open();
    let members = [ends("first", &gate, Err("broken")), armed("b"), armed("c")];
    let first = members.into_iter();
    let unready = super::help::unready("unready", &gate, Ok(()));
    let group = Group::ordered(std::iter::once(unready).chain(first));
    let handle = group.start(w.rt()).unwrap();
    assert_eq!(handle.wait().await.unwrap().to_string(), "unready exited with nil");
}

async fn hostile_a_run_that_is_over_takes_nothing_from_the_next<W: Groups>(w: &W) {
    let (kept, log) = (Arc::new(Mutex::new(None::<RunCx>)), Log::new());
    let (keeps, notes) = (kept.clone(), log.clone());
    let member = Member::new("a", move |mut run| {
        let (keeps, log) = (keeps.clone(), notes.clone());
        async move {
            if keeps.lock().unwrap().is_none() {
                *keeps.lock().unwrap() = Some(run);
                return;
            }
            run.ready();
            let signal = run.signal().await;
            log.add(signal.to_string());
        }
    });
    let restart = Restart::always().backoff(Backoff::none()).limit(1, Duration::from_secs(60));
    let (member, signaller) = member.restart(restart).proxy();
    let handle = Group::parallel([member]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let mut old = kept.lock().unwrap().take().unwrap();
    // As one that polls it might.
    let polled = poll_once(old.signal()).await;
    assert!(polled.is_none());
    signaller.signal(USER).unwrap();
    assert_eq!(old.try_signal(), None);
    old.ready();
    assert_eq!(handle.wait().await.unwrap().exits().len(), 1);
    assert_eq!(log.lines(), ["SIGUSR1"]);
}

/// A group that is a member has two ways for signals, and within it there is one.
async fn hostile_a_group_in_a_group_loses_no_signal_in_silence<W: Trees>(w: &W) {
    let (log, gate, shown) = (Log::new(), Gate::new(), Shown::default());
    let (member, signaller) = w.attentive("inner", &log, &gate, &shown).proxy();
    let handle = Group::<W::Kind>::parallel([member]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    let inner = shown.lock().unwrap().take().unwrap();
    let mut events = inner.events(Topic::All).await;
    let member = handle.get("inner").await.unwrap();
    for number in 0..32 {
        member.signal(Signal::new(number)).unwrap();
        signaller.signal(Signal::new(32 + number)).unwrap();
    }
    let (mut told, mut lost) = (0, 0);
    while told + lost < 64 {
        let Some(Notice::Event(event)) = events.next().await else { panic!("{told}, {lost}") };
        match event.what {
            What::Signalled(_) => told += 1,
            What::SignalLost(_) => lost += 1,
            _ => {}
        }
    }
    w.until(|| log.len() == told).await;
    gate.open();
    handle.wait().await.unwrap();
}

async fn hostile_more_who_ask_than_a_mailbox_may_have_handles_are_answered<W: Groups>(w: &W) {
    let log = Log::new();
    let handle = Group::parallel([service("a", &log)]).start(w.rt()).unwrap();
    // With 32-bit words there may be 1020 handles, and 16 of the questions have left theirs.
    let mut waiting = Vec::new();
    for mut asked in (0..1100).map(|_| Box::pin(handle.get("a"))) {
        match poll_once(&mut asked).await {
            Some(member) => assert!(member.is_some()),
            None => waiting.push(asked),
        }
    }
    for asked in waiting {
        assert!(asked.await.is_some());
    }
    handle.signal(TERM).unwrap();
    handle.wait().await.unwrap();
}

on_all! {
    hostile_an_error_whose_text_panics_is_an_error_like_any_other,
    hostile_what_panics_when_it_is_dropped_leaves_the_others_alone,
    hostile_a_run_that_is_over_takes_nothing_from_the_next,
    hostile_a_group_in_a_group_loses_no_signal_in_silence,
    hostile_more_who_ask_than_a_mailbox_may_have_handles_are_answered,
}
