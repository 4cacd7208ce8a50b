//! A herd's sender that is stopped before each of its steps, while the herd is closed and its tasks run: the item ends,
//! or comes back, and the herd ends either way.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use droves::herd::{Fault, Item, Results, Work};
use droves::retry::Backoff;
use droves::sim::Sim;
use droves::stall::observe;

use crate::operations::act;
use crate::victim::Victim;

pub type Herd = droves::herd::Herd<u32, (), &'static str>;
pub type HerdResults = Results<u32, (), &'static str>;
type Answer = Result<(), Fault<&'static str>>;

pub const MS: Duration = Duration::from_millis(1);

/// A herd that has nothing to do yet.
struct Scene {
    size: usize,
    sim: Sim,
    herd: Herd,
    results: HerdResults,
}

impl Scene {
    /// With so many workers, which do an item at the first attempt, or after a retry with such a delay.
    fn new(size: usize, retry: Option<Duration>) -> Self {
        let handler = move |item: Item<u32>| -> Ready<Answer> {
            let again = retry.is_some() && item.attempt() == 1;
            ready(if again { Err(Fault::Retry("once")) } else { Ok(()) })
        };
        let builder = droves::herd::Herd::builder(handler).size(size).capacity(2).max_retries(1);
        let builder = builder.backoff(Backoff::constant(retry.unwrap_or_default()));
        let sim = Sim::new(1);
        let (herd, results) = builder.start(&sim).unwrap();
        sim.run_until_idle();
        Self { size, sim, herd, results }
    }

    /// Fails unless the herd ends, and an item that was accepted has then ended once.
    fn end(mut self, sent: bool, when: &str) {
        if self.size == 0 {
            // Nobody could do it so far; nor was it given up.
            self.sim.block_on(self.sim.sleep(1_000 * MS));
            assert_eq!(self.herd.is_stopped(), !sent, "{when}: an item waits, or does not");
            let _ = self.herd.resize(1);
        }
        self.sim.block_on(self.sim.sleep(1_000 * MS));
        let done = std::iter::from_fn(|| self.results.try_next()).count();
        let (left, stats) = (self.herd.leftovers().count(), self.herd.stats());
        assert!(self.herd.is_stopped(), "{when}, sent: {sent}: it does not end: {stats:?}");
        assert_eq!((done, left), (usize::from(sent), 0), "{when}, sent: {sent}: {stats:?}");
        assert_eq!(stats.submitted, u64::from(sent), "{when}: {stats:?}");
        self.sim.shut_down();
    }
}

/// Runs `f`, and `other` once before its step `step` (from 0). Tells whether it has as many.
pub fn interrupted<R>(
    step: usize,
    other: impl FnOnce() + 'static,
    f: impl FnOnce() -> R,
) -> (R, bool) {
    let other = Rc::new(Cell::new(Some(other)));
    let (mut steps, hooked) = (0, other.clone());
    let hook = move || {
        if steps == step {
            hooked.take().expect("there is one such step")();
        }
        steps += 1;
    };
    let result = observe(hook, f);
    (result, other.take().is_none())
}

/// Stops a sender before each of its steps, closes the herd, and lets the sender go on before each step that the tasks
/// of the herd take then. Tells how many such pairs of steps there were for an item that was refused, and for one that
/// was sent.
fn send_against_end(
    size: usize,
    retry: Option<Duration>,
    work: fn() -> Work<u32>,
) -> BTreeMap<bool, usize> {
    let mut ends = BTreeMap::new();
    for step in 0.. {
        for driver_step in 0.. {
            let scene = Scene::new(size, retry);
            let accepted = Arc::new(AtomicBool::new(false));
            let (sender, accepts) = (scene.herd.clone(), accepted.clone());
            let victim = Victim::stop(
                step,
                act(move || {
                    accepts.store(sender.try_send_work(work()).is_ok(), Ordering::SeqCst);
                    sender
                }),
            );
            if !victim.is_stopped() {
                assert!(driver_step == 0 && step > 5, "a send has {step} steps");
                victim.end();
                return ends;
            }
            scene.herd.close();
            let victim = Rc::new(RefCell::new(Some(victim)));
            let stopped = victim.clone();
            let go_on = move || drop(stopped.take().expect("it goes on once").end());
            let ((), reached) = interrupted(driver_step, go_on, || scene.sim.run_until_idle());
            if let Some(victim) = victim.take() {
                victim.end();
            }
            let sent = accepted.load(Ordering::SeqCst);
            scene.end(sent, &format!("the sender's step {step}, the herd's {driver_step}"));
            *ends.entry(sent).or_insert(0) += 1;
            if !reached {
                assert!(driver_step > 0, "the tasks of the herd do nothing when it is closed");
                break;
            }
        }
    }
    unreachable!("it goes on until the send has no such step")
}

/// Both ends were reached, at as many steps as must be there.
fn check(ends: &BTreeMap<bool, usize>) {
    assert!(ends.len() == 2 && ends.values().all(|&runs| runs > 50), "refused, sent: {ends:?}");
}

fn at_once() -> Work<u32> {
    Work::new(1, 1)
}

fn later() -> Work<u32> {
    at_once().after(MS)
}

#[test]
fn promise_01_a_sender_that_is_stopped_while_its_herd_ends_loses_no_item() {
    check(&send_against_end(1, None, at_once));
}

#[test]
fn promise_01_nor_one_that_is_retried_at_once() {
    check(&send_against_end(1, Some(Duration::ZERO), at_once));
}

#[test]
fn promise_01_nor_one_that_is_retried_later() {
    check(&send_against_end(1, Some(MS), at_once));
}

#[test]
fn promise_01_nor_one_for_which_there_is_no_worker_yet() {
    check(&send_against_end(0, None, at_once));
}

#[test]
fn promise_01_nor_one_for_later() {
    check(&send_against_end(1, None, later));
}

/// Whoever takes back an item that he had counted already tells the driver, which may have waited for its end.
#[test]
fn promise_03_a_send_that_is_refused_late_does_not_keep_its_herd_from_ending() {
    let mut ends = BTreeMap::new();
    for work in [at_once, || at_once().after(Duration::ZERO), later] {
        'send: for close in 0.. {
            for run in close.. {
                let scene = Scene::new(1, None);
                let (herd, sim, again) = (scene.herd.clone(), scene.sim.clone(), scene.sim.clone());
                let reached = Rc::new(Cell::new((false, false)));
                let (at, mut steps) = (reached.clone(), 0);
                let hook = move || {
                    if steps == close {
                        herd.close();
                        sim.run_until_idle();
                        at.set((true, false));
                    } else if steps == run {
                        again.run_until_idle();
                        at.set((true, true));
                    }
                    steps += 1;
                };
                let sent = observe(hook, || scene.herd.try_send_work(work()).is_ok());
                let (closed, ran) = reached.get();
                if !closed {
                    assert!(close > 5, "a send has {close} steps");
                    scene.sim.shut_down();
                    break 'send;
                }
                scene.end(sent, &format!("closed before step {close}, tasks run before {run}"));
                *ends.entry(sent).or_insert(0) += 1;
                if !ran && run > close {
                    break;
                }
            }
        }
    }
    check(&ends);
}
