//! Each operation on a herd, stopped before each of its steps while another is done and the herd's tasks run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::herd::{Fault, Item, Ticket, Work};
use droves::retry::Backoff;
use droves::sim::Sim;

use crate::herds::{Herd, HerdResults, MS, interrupted};

type HerdTicket = Ticket<u32, (), &'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Send,
    SendForLater,
    SendForResult,
    Close,
    Drain,
    Cancel,
    Abort,
    Quiet,
    Grow,
    Shrink,
    DropResults,
    DropTicket,
    PollTicket,
    DropGuards,
    Read,
    Run,
}
use Operation::*;

const OPERATIONS: [Operation; 16] = [
    Send,
    SendForLater,
    SendForResult,
    Close,
    Drain,
    Cancel,
    Abort,
    Quiet,
    Grow,
    Shrink,
    DropResults,
    DropTicket,
    PollTicket,
    DropGuards,
    Read,
    Run,
];

/// What handlers do at the first attempt; a second one succeeds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Succeeds,
    FailsAtOnce,
    FailsLater,
    /// The guard is kept by somebody else.
    KeepsGuard,
}

/// A herd with an item, and with another that has a ticket.
#[derive(Clone)]
struct Scene {
    sim: Sim,
    herd: Herd,
    results: Rc<RefCell<Option<HerdResults>>>,
    ticket: Rc<RefCell<Option<HerdTicket>>>,
    guards: Rc<RefCell<Vec<Item<u32>>>>,
    /// How many results were read, by ticket or otherwise.
    read: Rc<Cell<u64>>,
}

impl Scene {
    fn new(first: First, run: bool) -> Self {
        let sim = Sim::new(1);
        let guards: Rc<RefCell<Vec<Item<u32>>>> = Rc::default();
        let (rt, kept) = (sim.clone(), guards.clone());
        let handler = move |item: Item<u32>| {
            let fails = item.attempt() == 1 && first != First::Succeeds;
            let sleep = (first == First::FailsLater).then(|| rt.sleep(MS));
            let mut item = Some(item);
            if first == First::KeepsGuard && fails {
                kept.borrow_mut().extend(item.take());
            }
            async move {
                if let Some(sleep) = sleep {
                    sleep.await;
                }
                drop(item);
                if fails { Err(Fault::Retry("once")) } else { Ok(()) }
            }
        };
        let delay = if first == First::FailsAtOnce { Duration::ZERO } else { MS };
        let builder = droves::herd::Herd::builder(handler).size(1).capacity(4).max_retries(1);
        let (herd, results) = builder.backoff(Backoff::constant(delay)).start(&sim).unwrap();
        sim.run_until_idle();
        herd.try_send(100, 0).unwrap();
        let ticket = herd.try_send_for_result((101, 0)).unwrap();
        if run {
            sim.run_until_idle();
        }
        let (results, ticket) =
            (RefCell::new(Some(results)).into(), RefCell::new(Some(ticket)).into());
        Self { sim, herd, results, ticket, guards, read: Rc::default() }
    }

    /// What is refused, or comes too late, is as good here.
    fn run(&self, operation: Operation) {
        let Self { sim, herd, .. } = self;
        match operation {
            Send => drop(herd.try_send(1, 0)),
            SendForLater => drop(herd.try_send_work(Work::new(2, 0).after(MS))),
            SendForResult => drop(herd.try_send_for_result((3, 0))),
            Close => drop(herd.close()),
            Drain => drop(herd.drain(2 * MS)),
            Cancel => drop(herd.cancel()),
            Abort => drop(herd.abort()),
            Quiet => drop(herd.quiet()),
            Grow => drop(herd.resize(2)),
            Shrink => drop(herd.resize(0)),
            DropResults => drop(self.results.take()),
            DropTicket => drop(self.ticket.take()),
            PollTicket => self.poll_ticket(),
            DropGuards => drop(self.guards.take()),
            Read => {
                let results = self.results.take();
                if let Some(mut results) = results {
                    self.count(results.try_next().is_some());
                    *self.results.borrow_mut() = Some(results);
                }
            }
            Run => sim.run_until_idle(),
        }
    }

    fn poll_ticket(&self) {
        let Some(mut ticket) = self.ticket.take() else {
            return;
        };
        match Pin::new(&mut ticket).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => self.count(done.is_ok()),
            Poll::Pending => *self.ticket.borrow_mut() = Some(ticket),
        }
    }

    fn count(&self, read: bool) {
        self.read.set(self.read.get() + u64::from(read));
    }

    /// Ends the herd. Fails unless each item that was accepted has ended, or is left over.
    fn end(self, pair: [Operation; 2], when: &str) -> BTreeSet<Outcome> {
        let any = |operations: &[Operation]| pair.iter().any(|one| operations.contains(one));
        let _ = self.herd.resize(1);
        self.herd.close();
        for _ in 0..4 {
            self.run(DropGuards);
            self.sim.block_on(self.sim.sleep(1_000 * MS));
        }
        let left = self.herd.leftovers().count() as u64;
        self.poll_ticket();
        let reads = self.results.borrow().is_some();
        while let Some(Some(_)) = self.results.borrow_mut().as_mut().map(HerdResults::try_next) {
            self.count(true);
        }
        let (read, stats) = (self.read.get(), self.herd.stats());
        assert!(self.herd.is_stopped(), "{when}: it does not end: {stats:?}");
        let ended = stats.succeeded + stats.failed;
        assert_eq!(stats.submitted, ended + left, "{when}: items were lost: {stats:?}");
        assert!(left == 0 || any(&[Drain, Cancel, Abort]), "{when}: {left} left over: {stats:?}");
        assert_eq!((stats.running, stats.unread), (0, 0), "{when}: {stats:?}");
        if reads {
            // A ticket that is dropped after the end drops its result.
            let may_lack = u64::from(any(&[DropTicket, SendForResult]));
            assert!(
                (ended.saturating_sub(may_lack)..=ended).contains(&read),
                "{when}: {read} read: {stats:?}"
            );
        }
        self.sim.shut_down();
        let outcomes = [
            (Outcome::Refused, stats.refused > 0),
            (Outcome::LeftOver, left > 0),
            (Outcome::Unread, read < ended),
            (Outcome::AllDone, read == stats.submitted),
            (Outcome::Aborted, stats.aborted > 0),
        ];
        outcomes.into_iter().filter_map(|(outcome, reached)| reached.then_some(outcome)).collect()
    }
}

/// What must have come about in some run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Refused,
    LeftOver,
    Unread,
    AllDone,
    Aborted,
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Refused, Self::LeftOver, Self::Unread, Self::AllDone, Self::Aborted];
}

/// The outcomes of all runs in which one operation is stopped.
fn stop_each(stopped: Operation, first: First, run: bool) -> BTreeSet<Outcome> {
    let mut outcomes = BTreeSet::new();
    for other in OPERATIONS {
        for step in 0.. {
            let scene = Scene::new(first, run);
            let acts = scene.clone();
            let others = move || {
                // The simulator does not run inside itself.
                if stopped != Run {
                    acts.run(other);
                    acts.run(Run);
                } else if other != Run {
                    acts.run(other);
                }
            };
            let ((), reached) = interrupted(step, others, || scene.run(stopped));
            let when =
                format!("{stopped:?}, at step {step}: {other:?}; {first:?}, run before: {run}");
            outcomes.extend(scene.end([stopped, other], &when));
            if !reached {
                assert!(step > 0, "{when}: it takes no steps");
                break;
            }
        }
    }
    outcomes
}

#[test]
fn promise_01_whatever_happens_at_a_step_of_an_operation_loses_no_item() {
    let mut outcomes = BTreeSet::new();
    for first in [First::Succeeds, First::FailsAtOnce, First::FailsLater, First::KeepsGuard] {
        for run in [false, true] {
            for stopped in OPERATIONS {
                // Who drops a guard and stops while he wakes the worker lets it ask again and again: here for ever. And
                // but for those there are none to drop.
                if stopped != DropGuards {
                    outcomes.extend(stop_each(stopped, first, run));
                }
            }
        }
    }
    assert_eq!(outcomes, Outcome::ALL.into());
}
