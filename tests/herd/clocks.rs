//! Which clock it goes by, and what it does with the time.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{pending, ready};
use std::rc::Rc;

use droves::herd::{Failure, Fault, Herd, Item, Outcome, Work};
use droves::retry::Backoff;
use droves::runtime::Clock;
use droves::sim::Sim;
use droves::time::Instant;

use crate::{Answer, at_once, ms, pass};

#[test]
fn promise_01_a_retry_comes_after_its_delay_whatever_time_the_workers_have() {
    for [driver_ahead, workers_ahead] in [[0, 60_000], [60_000, 0]] {
        let (sim, workers) = (Sim::new(1), Sim::new(2));
        pass(&sim, ms(driver_ahead));
        pass(&workers, ms(workers_ahead));
        let handler = |item: Item<u32>| {
            ready(if item.attempt() == 1 { Err(Fault::Retry(())) } else { Ok(()) })
        };
        let builder = Herd::builder(handler).max_retries(1).backoff(Backoff::constant(ms(10)));
        let (herd, mut results) = builder.start_with(&sim, &workers).unwrap();
        herd.try_send(1, 1).unwrap();
        let run = |time| {
            pass(&sim, time);
            sim.run_until_idle();
            workers.run_until_idle();
            sim.run_until_idle();
        };
        run(ms(0));
        assert_eq!((herd.stats().retried, herd.stats().backing_off), (1, 1));
        run(ms(9));
        assert_eq!(herd.stats().backing_off, 1, "too early");
        run(ms(1));
        let done = results.try_next().expect("too late");
        assert_eq!((done.attempts, herd.stats().succeeded), (2, 1));
    }
}

#[test]
fn a_deadline_that_passes_in_an_attempt_is_why_it_failed() {
    let sim = Sim::new(1);
    let handler = |_: Item<u32>| pending::<Answer>();
    let (herd, mut results) = Herd::builder(handler).max_retries(3).start(&sim).unwrap();
    let deadline = sim.now().saturating_add(ms(5));
    herd.try_send_work(Work::new(1, 1).deadline(deadline)).unwrap();
    let done = sim.block_on(results.next()).unwrap();
    assert_eq!((sim.now(), done.attempts), (deadline, 1));
    assert!(matches!(done.outcome, Outcome::Failure(Failure::Deadline)), "{done:?}");
}

#[test]
fn a_worker_in_the_place_of_another_has_jitter_of_its_own() {
    let sim = Sim::new(1);
    let begun: Rc<RefCell<Vec<Instant>>> = Rc::default();
    let (begins, rt) = (begun.clone(), sim.clone());
    let handler = move |item: Item<u32>| {
        begins.borrow_mut().push(rt.now());
        ready(if item.attempt() == 1 { Err(Fault::Retry(())) } else { Ok(()) })
    };
    let builder = Herd::builder(handler).size(1).seed(7).max_retries(1);
    let builder = builder.backoff(Backoff::constant(ms(1_000)).full_jitter());
    let (herd, mut results) = builder.start(&sim).unwrap();
    for id in 0..8 {
        herd.try_send(id, 0).unwrap();
        sim.block_on(results.next()).unwrap();
        for size in [0, 1] {
            herd.resize(size).unwrap();
            sim.run_until_idle();
            assert_eq!(herd.stats().live, size);
        }
    }
    let begun = begun.borrow();
    let delays: Vec<_> = begun.chunks(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    assert_eq!(delays.iter().collect::<BTreeSet<_>>().len(), 8, "some are the same: {delays:?}");
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }
}

/// Whichever of the workers makes room for its times first.
#[test]
fn the_times_of_each_worker_are_told() {
    for seed in 0..100 {
        let sim = Sim::new(seed);
        let builder = Herd::builder(at_once).size(8).measured(Still);
        let (herd, _results) = builder.start(&sim).unwrap();
        herd.try_send(1, 1).unwrap();
        sim.run_until_idle();
        assert_eq!(herd.stats().succeeded, 1);
        let times = herd.times().unwrap();
        assert_eq!((times.waiting.count(), times.running.count()), (1, 1), "seed {seed}");
        sim.shut_down();
    }
}

#[cfg(all(feature = "threads", feature = "tokio"))]
#[test]
fn promise_11_a_workers_runtime_that_cannot_sleep_is_a_panic_of_who_starts() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let timeless = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let workers = droves::tokio::Tokio::new(timeless.handle().clone());
    let builder = Herd::builder(|_: Item<u32>| ready(Ok::<_, Fault<()>>(())));
    let start = || builder.start_with(&droves::threads::Threads::new(), &workers).is_ok();
    let started = catch_unwind(AssertUnwindSafe(start));
    let panic = started.expect_err("it would lose a worker with each attempt that has a timeout");
    let panic = panic.downcast_ref::<String>().map(String::as_str);
    assert!(panic.is_some_and(|panic| panic.contains("timers are disabled")), "{panic:?}");
}
