//! Members that do what nobody expects.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::group::{EndError, Group, Member, Restart, RunCx};
use droves::retry::Backoff;

use super::help::{Groups, Log, TERM, USER, ends, service};
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
    let polled = futures_lite::future::poll_once(old.signal()).await;
    assert!(polled.is_none());
    signaller.signal(USER).unwrap();
    assert_eq!(old.try_signal(), None);
    old.ready();
    assert_eq!(handle.wait().await.unwrap().exits().len(), 1);
    assert_eq!(log.lines(), ["SIGUSR1"]);
}

on_all! {
    hostile_an_error_whose_text_panics_is_an_error_like_any_other,
    hostile_what_panics_when_it_is_dropped_leaves_the_others_alone,
    hostile_a_run_that_is_over_takes_nothing_from_the_next,
}
