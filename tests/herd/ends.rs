//! How it ends, and what is dropped then.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use droves::herd::{Failure, Fault, Herd, Item, Mark, Outcome, Work};
use droves::retry::Backoff;
use droves::runtime::Clock;
use droves::sim::Sim;

use crate::{Answer, at_once, ms, pass, poll, quick};

#[test]
fn promise_01_the_result_of_a_ticket_that_is_dropped_comes_with_the_others() {
    for ended in [false, true] {
        let sim = Sim::new(1);
        let (herd, mut results) = quick(&sim, 4);
        let ticket = herd.try_send_for_result((1, 1)).unwrap();
        if ended {
            sim.run_until_idle();
            assert_eq!(herd.stats().succeeded, 1);
        }
        drop(ticket);
        sim.run_until_idle();
        assert_eq!(results.try_next().map(|done| done.id), Some(1), "ended before: {ended}");
    }
}

#[test]
fn promise_01_a_ticket_that_is_dropped_after_the_end_drops_its_result_and_no_other() {
    let sim = Sim::new(1);
    let body = Rc::new(());
    let handler = |_: Item<Rc<()>>| ready(Ok::<_, Fault<()>>(()));
    let (herd, mut results) = Herd::builder(handler).start(&sim).unwrap();
    let ticket = herd.try_send_for_result((1, body.clone())).unwrap();
    herd.try_send(2, body.clone()).unwrap();
    herd.close();
    sim.run_until_idle();
    assert!(herd.is_stopped());
    assert_eq!(Rc::strong_count(&body), 3);
    drop(ticket);
    assert_eq!(Rc::strong_count(&body), 2, "its result is kept, and nobody can have it");
    assert_eq!(results.try_next().map(|done| done.id), Some(2));
    assert!(results.try_next().is_none());
    assert_eq!((herd.stats().succeeded, herd.leftovers().count()), (2, 0));
}

#[test]
fn promise_01_a_ticket_that_outlives_the_herd_still_has_its_result() {
    let sim = Sim::new(1);
    let (herd, mut results) = quick(&sim, 4);
    let ticket = herd.try_send_for_result((1, 1)).unwrap();
    herd.close();
    sim.run_until_idle();
    assert!(herd.is_stopped());
    assert!(results.try_next().is_none());
    assert_eq!(sim.block_on(ticket).unwrap().id, 1);
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose: an error");
    }
}

#[test]
fn promise_10_an_error_that_panics_when_it_is_dropped_takes_no_item_with_it() {
    let sim = Sim::new(1);
    let handler = |_: Item<u32>| ready(Err::<(), _>(Fault::Retry(Nasty)));
    let builder = Herd::builder(handler).max_retries(9).backoff(Backoff::constant(ms(1_000)));
    let (herd, mut results) = builder.start(&sim).unwrap();
    // The next attempt would begin too late, and so its error is dropped.
    let deadline = sim.now().saturating_add(ms(10));
    herd.try_send_work(Work::new(1, 1).deadline(deadline)).unwrap();
    herd.close();
    pass(&sim, ms(2_000));
    assert!(herd.is_stopped(), "{:?}", herd.stats());
    let done = results.try_next().expect("it has ended");
    assert!(matches!(done.outcome, Outcome::Failure(Failure::Deadline)), "{done:?}");
    assert_eq!((herd.stats().failed, herd.stats().lost_workers), (1, 0));
}

#[test]
fn promise_03_a_closed_herd_whose_workers_cannot_be_had_any_more_ends() {
    let (sim, workers) = (Sim::new(1), Sim::new(2));
    let (herd, mut results) = Herd::builder(at_once).start_with(&sim, &workers).unwrap();
    herd.try_send(1, 1).unwrap();
    workers.shut_down();
    herd.close();
    pass(&sim, ms(60_000));
    assert!(herd.is_stopped(), "{:?}", herd.stats());
    assert!(results.try_next().is_none());
    let left: Vec<_> = herd.leftovers().map(|left| (left.id, left.mark)).collect();
    assert_eq!(left, [(1, Mark::Waiting)]);
}

#[test]
fn promise_07_a_guard_that_comes_back_after_its_worker_went_is_heard_of() {
    let (sim, workers) = (Sim::new(1), Sim::new(2));
    let kept: Rc<RefCell<Vec<Item<u32>>>> = Rc::default();
    let keep = kept.clone();
    let handler = move |item: Item<u32>| {
        keep.borrow_mut().push(item);
        pending::<Answer>()
    };
    let (herd, _results) = Herd::builder(handler).size(1).start_with(&sim, &workers).unwrap();
    herd.try_send(1, 1).unwrap();
    sim.run_until_idle();
    workers.run_until_idle();
    assert_eq!(kept.borrow().len(), 1);
    // Nobody is to replace the worker, and so nobody else rings for the driver.
    herd.resize(0).unwrap();
    workers.shut_down();
    pass(&sim, ms(1_000));
    let stats = herd.stats();
    assert_eq!((stats.waiting, stats.backing_off, stats.live), (0, 0, 0), "{stats:?}");
    kept.borrow_mut().clear();
    sim.run_until_idle();
    let stats = herd.stats();
    assert_eq!((stats.waiting, stats.backing_off), (1, 0), "it lies where nobody looks: {stats:?}");
    herd.cancel().unwrap();
    pass(&sim, ms(1_000));
    let left: Vec<_> = herd.leftovers().map(|left| (left.id, left.mark)).collect();
    assert_eq!(left, [(1, Mark::Interrupted)]);
}

#[test]
fn what_is_left_over_is_not_counted_as_waiting_for_its_time() {
    let sim = Sim::new(1);
    let handler = |item: Item<u32>| ready(if *item == 0 { Ok(()) } else { Err(Fault::Retry("x")) });
    let builder = Herd::builder(handler).max_retries(3).backoff(Backoff::constant(ms(1_000)));
    let (herd, _results) = builder.start(&sim).unwrap();
    herd.try_send_work(Work::new(1, 0).after(ms(1_000))).unwrap();
    herd.try_send(2, 1).unwrap();
    sim.run_until_idle();
    assert_eq!((herd.stats().scheduled, herd.stats().backing_off), (1, 1));
    herd.cancel().unwrap();
    sim.run_until_idle();
    assert!(herd.is_stopped());
    let mut left: Vec<_> = herd.leftovers().map(|left| (left.id, left.mark)).collect();
    left.sort_by_key(|&(id, _)| id);
    assert_eq!(left, [(1, Mark::Scheduled), (2, Mark::BackingOff)]);
    assert_eq!((herd.stats().scheduled, herd.stats().backing_off), (0, 0));
}

#[test]
fn promise_10_an_outcome_that_nobody_reads_and_that_panics_takes_no_worker_with_it() {
    let sim = Sim::new(1);
    let handler = |item: Item<u32>| match *item {
        0 => ready(Ok::<_, Fault<Nasty>>(())),
        1 => ready(Err(Fault::Failure(Nasty))),
        _ => panic!("on purpose: a handler"),
    };
    let (herd, results) = Herd::builder(handler).start(&sim).unwrap();
    drop(results);
    for body in 0..3 {
        herd.try_send(u64::from(body), body).unwrap();
    }
    herd.close();
    // Nobody reads, and so the outcomes are dropped where they come about.
    let ended = catch_unwind(AssertUnwindSafe(|| pass(&sim, ms(1_000))));
    assert!(ended.is_ok(), "a task of the herd panicked");
    assert!(herd.is_stopped());
    let stats = herd.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.panicked), (1, 2, 1));
    assert_eq!(stats.lost_workers, 0);
}

#[cfg(feature = "threads")]
mod on_threads {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use droves::threads::Threads;

    /// Takes its time to be dropped.
    struct Slow(Arc<AtomicBool>);

    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(ms(100));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn promise_03_what_the_handler_holds_is_dropped_before_join_returns() {
        let dropped = Arc::new(AtomicBool::new(false));
        let slow = Slow(dropped.clone());
        let handler = move |_: &mut Item<u32>| {
            assert!(!slow.0.load(Ordering::SeqCst));
            Ok::<_, Fault<()>>(())
        };
        let (herd, _results) = Herd::blocking_builder(handler).start(&Threads::new()).unwrap();
        herd.send_blocking(1, 1).unwrap();
        herd.close();
        herd.join_blocking().unwrap();
        assert!(dropped.load(Ordering::SeqCst));
        assert_eq!(herd.stats().succeeded, 1);
    }
}

#[test]
fn promise_09_what_is_cancelled_before_the_driver_knew_of_it_is_left_over_with_its_moment() {
    let sim = Sim::new(1);
    let (herd, _results) = quick(&sim, 4);
    herd.try_send_work(Work::new(1, 1).after(ms(50))).unwrap();
    herd.cancel().unwrap();
    sim.run_until_idle();
    let left: Vec<_> = herd.leftovers().map(|left| (left.id, left.mark, left.due)).collect();
    let due = sim.now().saturating_add(ms(50));
    assert_eq!(left, [(1, Mark::Scheduled, Some(due))]);
}

/// More sends wait than a lane has handles, with words of 32 bits: those who give places back have theirs all the same.
#[test]
fn promise_03_more_sends_wait_than_there_can_be_handles() {
    let sim = Sim::new(1);
    let rt = sim.clone();
    let handler = move |_: Item<u32>| {
        let wait = rt.sleep(ms(1));
        async move {
            wait.await;
            Ok::<(), Fault<()>>(())
        }
    };
    let (herd, results) = Herd::builder(handler).size(1).capacity(1).start(&sim).unwrap();
    drop(results);
    let mut sends: Vec<_> = (0..1100).map(|id| Box::pin(herd.send(id, 0))).collect();
    // All are in line before the first item ends.
    let mut open: Vec<_> = sends.iter_mut().collect();
    open.retain_mut(|send| poll(send.as_mut()).is_pending());
    assert_eq!(open.len(), 1099);
    for _ in 0..5_000 {
        pass(&sim, ms(1));
        open.retain_mut(|send| poll(send.as_mut()).is_pending());
    }
    assert!(open.is_empty(), "{} wait still", open.len());
    drop(sends);
    herd.close();
    sim.block_on(herd.join()).unwrap();
    assert_eq!(herd.stats().succeeded, 1100);
}
