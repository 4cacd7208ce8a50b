//! Groups: stops against insertions, ends, restarts, and a runtime that goes away.

use std::sync::Arc as PlainArc;
use std::sync::atomic::{AtomicUsize, Ordering};

use droves::group::{
    Client, EndError, Exit, ExitEvent, Group, Handle, InsertError, InsertErrorKind, Member,
    Restart, RunCx, Signal, Trace,
};
use droves::retry::Backoff;
use shuttle::thread;

use crate::calls::block_on;
use crate::explore::{Run, below, explore, linger};
use crate::runtime::Threads;

/// Members that have begun, and that have ended.
#[derive(Clone, Default)]
struct Count(PlainArc<(AtomicUsize, AtomicUsize)>);

struct Running(Count);

impl Count {
    fn begin(&self) -> Running {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    fn get(&self) -> (usize, usize) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// A member that ends by itself, or with a signal.
fn member(run: &Run, name: &str, count: &Count) -> Member {
    let (count, met) = (count.clone(), run.clone());
    Member::new(name, move |mut run: RunCx| {
        let (running, met) = (count.begin(), met.clone());
        async move {
            run.ready();
            match below(3) {
                0 => met.met("ended by itself"),
                1 => {
                    run.signal().await;
                    met.met("ended with a signal");
                }
                _ => {
                    drop(running);
                    met.met("failed");
                    return Err("broken");
                }
            }
            drop(running);
            Ok(())
        }
    })
}

fn ends(run: &Run, handle: &Handle) -> Trace {
    match block_on(run, "waited for the end", handle.wait()) {
        Ok(trace) => {
            run.met("ended well");
            assert!(!trace.exits().iter().any(ExitEvent::is_error));
            trace
        }
        Err(EndError::Failed(trace)) => {
            run.met("ended with an error");
            assert!(trace.has_failed());
            trace
        }
        Err(EndError::RuntimeGone(trace)) => {
            run.met("runtime gone");
            trace
        }
    }
}

/// Puts two members in, of which one may have another's name. Returns how many were let in.
fn insert(run: &Run, client: &Client, names: [&str; 2], count: &Count) -> usize {
    let mut let_in = 0;
    for name in names {
        linger();
        let inserted = block_on(run, "waited for a place", client.insert(member(run, name, count)));
        run.met(match inserted.map_err(InsertError::discard) {
            Ok(_) => {
                let_in += 1;
                "let in"
            }
            Err(InsertErrorKind::Closed) => "closed",
            Err(InsertErrorKind::Duplicate) => "duplicate",
            Err(InsertErrorKind::Full) => "full",
        });
    }
    let_in
}

fn dynamic(run: &Run, threads: &Threads) -> (usize, (usize, usize)) {
    let (group, client) = Group::dynamic(1 + below(2)).unwrap();
    let group = if below(2) == 0 { group.termination(Signal::HANGUP) } else { group };
    let handle = group.seed(0).start(threads).unwrap();
    let count = Count::default();
    let inserts = [["a", "b"], ["a", "c"]].map(|names| {
        let (run, client, count) = (run.clone(), client.clone(), count.clone());
        thread::spawn(move || insert(&run, &client, names, &count))
    });
    for _ in 0..below(4) {
        linger();
    }
    match below(3) {
        0 => client.close(),
        1 => drop(client),
        _ => {}
    }
    linger();
    handle.signal(Signal::TERMINATE).unwrap();
    let trace = ends(run, &handle);
    let let_in = inserts.map(|inserts| inserts.join().unwrap()).iter().sum();
    let told = trace.exits().len() + usize::try_from(trace.omitted()).unwrap();
    assert!(told <= let_in);
    run.met(if told == let_in { "all told" } else { "not all told" });
    (let_in, count.get())
}

#[test]
fn if_17_a_stop_against_insertions_and_ends() {
    let met = explore(12_000, |run| {
        let (let_in, counts) = dynamic(run, &Threads::new(run));
        assert_eq!(counts, (let_in, let_in), "begun and ended");
    });
    met.all(&["let in", "closed", "duplicate", "waited for a place", "waited for the end"]);
    met.all(&["ended by itself", "ended with a signal", "failed"]);
    met.all(&["ended well", "ended with an error", "all told"]);
    met.none(&["full", "runtime gone", "not all told"]);
}

/// Whoever waits for a place or for the end is answered.
#[test]
fn promise_03_insertions_against_a_runtime_that_goes_away() {
    let met = explore(12_000, |run| {
        let (let_in, (begun, _)) = dynamic(run, &Threads::deadly(run));
        assert!(begun <= let_in);
    });
    met.all(&["a task was dropped", "runtime gone", "let in", "closed", "ended with an error"]);
}

/// Restarts, ends and spawns that are refused, against two signals.
#[test]
fn if_21_a_stop_against_restarts() {
    let met = explore(12_000, |run| {
        let count = Count::default();
        let members = ["a", "b", "c"].map(|name| {
            let restart = Restart::on_error().backoff(Backoff::none());
            member(run, name, &count).restart(restart)
        });
        let group = match below(3) {
            0 => Group::parallel(members),
            1 => Group::ordered(members),
            _ => Group::queue_ordered(members),
        };
        let threads = if below(2) == 0 { Threads::new(run) } else { Threads::full(run) };
        let group = if below(2) == 0 { group.termination(Signal::HANGUP) } else { group };
        let Ok(handle) = group.seed(0).start(&threads) else { return run.met("not started") };
        let signals = [Signal::TERMINATE, Signal::INTERRUPT].map(|signal| {
            let handle = handle.clone();
            thread::spawn(move || {
                linger();
                handle.signal(signal).unwrap();
            })
        });
        run.met(match block_on(run, "waited until it was ready", handle.ready()) {
            Ok(()) => "ready",
            Err(_) => "not ready",
        });
        let trace = ends(run, &handle);
        for signals in signals {
            signals.join().unwrap();
        }
        let (begun, ended) = count.get();
        assert_eq!(begun, ended);
        let mut names: Vec<_> = trace.exits().iter().map(ExitEvent::name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "ended twice: {names:?}");
        let refused = |exit: &ExitEvent| matches!(exit.exit, Exit::Refused(_));
        let runs: usize = trace.exits().iter().map(|exit| 1 + exit.restarts as usize).sum();
        assert!(begun <= runs);
        run.met(match () {
            () if trace.exits().iter().any(refused) => "refused",
            () if begun > names.len() => "restarted",
            () if names.len() < 3 => "skipped",
            () => "each once",
        });
    });
    met.all(&["ready", "not ready", "refused", "restarted", "skipped", "each once"]);
    met.all(&["ended well", "ended with an error", "not started", "waited until it was ready"]);
    met.none(&["runtime gone"]);
}
