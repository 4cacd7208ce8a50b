//! Pools: each end of them against each use of them.

use std::time::Duration;

use droves::pool::{JoinError, Pool, Refusal, Refused};
use shuttle::thread;

use crate::calls::block_on;
use crate::explore::{Run, below, explore, linger};
use crate::runtime::Threads;

fn job(run: &Run, from: usize) -> (usize, impl FnOnce() + Send + 'static) {
    let message = run.message(from);
    let number = message.number;
    let work = move || message.ledger.fate(number, |fate| fate.received = true);
    (number, work)
}

fn note(run: &Run, number: usize, result: Result<(), Refusal>) {
    match result {
        Ok(()) => run.ledger.fate(number, |fate| fate.accepted = true),
        Err(Refusal::Full) => run.met("full"),
        Err(Refusal::Quiet) => run.met("quiet"),
        Err(Refusal::ShuttingDown) => run.met("refused"),
    }
}

fn assign(run: &Run, pool: &Pool, from: usize) {
    let (number, work) = job(run, from);
    note(run, number, pool.assign(work).map_err(Refused::discard));
}

fn send(run: &Run, pool: &Pool, from: usize) {
    let (number, work) = job(run, from);
    let sent = block_on(run, "waited for room", pool.send(work));
    note(run, number, sent.map_err(Refused::discard));
}

/// How many jobs are left over, and how many have been done.
fn join(run: &Run, pool: &Pool) -> usize {
    let left = block_on(run, "waited for the end", pool.join()).unwrap().count();
    assert!(pool.is_stopped());
    assert_eq!(pool.workers().count(), 0);
    let stats = pool.stats();
    let done = run.ledger.fates.lock().unwrap().iter().filter(|fate| fate.received).count();
    assert_eq!((stats.succeeded, stats.running, stats.live), (done as u64, 0, 0), "{stats:?}");
    left
}

fn beside(
    run: &Run,
    pool: &Pool,
    work: impl FnOnce(&Run, &Pool) + Send + 'static,
) -> thread::JoinHandle<()> {
    let (run, pool) = (run.clone(), pool.clone());
    thread::spawn(move || work(&run, &pool))
}

#[test]
fn promise_01_assign_against_shutdown() {
    let met = explore(12_000, |run| {
        let pool = Pool::builder().fixed(2).capacity(2).start(&Threads::new(run)).unwrap();
        let assigns = beside(run, &pool, |run, pool| (0..3).for_each(|_| assign(run, pool, 0)));
        let shuts = beside(run, &pool, |_, pool| pool.shutdown().unwrap());
        assert_eq!(join(run, &pool), 0);
        assigns.join().unwrap();
        shuts.join().unwrap();
    });
    met.all(&["received", "refused", "full", "waited for the end"]);
    met.none(&["left in the mailbox"]);
}

/// As for a fixed size, where workers come only when there is work.
#[test]
fn promise_01_growth_against_shutdown() {
    let met = explore(12_000, |run| {
        let builder = Pool::builder().dynamic(0..=2).capacity(2).idle_timeout(Duration::ZERO);
        let pool = builder.start(&Threads::new(run)).unwrap();
        let assigns = beside(run, &pool, |run, pool| {
            assign(run, pool, 0);
            linger();
            assign(run, pool, 0);
        });
        let shuts = beside(run, &pool, |_, pool| {
            linger();
            pool.shutdown().unwrap();
        });
        if join(run, &pool) > 0 {
            run.met("left over after a shutdown");
        }
        assigns.join().unwrap();
        shuts.join().unwrap();
    });
    met.all(&["received", "refused", "waited for the end"]);
    met.none(&["left in the mailbox"]);
}

/// A worker that goes idle while the size shrinks is not left behind.
#[test]
fn promise_02_resize_down_against_idle_workers() {
    let met = explore(8_000, |run| {
        let pool = Pool::builder().fixed(2).capacity(2).start(&Threads::new(run)).unwrap();
        let assigns = beside(run, &pool, |run, pool| (0..2).for_each(|_| assign(run, pool, 0)));
        linger();
        let before = pool.stats();
        run.met(if before.idle == 0 { "nobody was idle" } else { "somebody was idle" });
        pool.resize(1).unwrap();
        assigns.join().unwrap();
        while pool.stats().live != 1 || pool.stats().waiting > 0 {
            thread::yield_now();
        }
        run.met("as many as there should be");
        pool.shutdown().unwrap();
        assert_eq!(join(run, &pool), 0);
    });
    met.all(&["received", "nobody was idle", "somebody was idle", "as many as there should be"]);
    met.none(&["left in the mailbox"]);
}

#[test]
fn promise_01_the_last_handle_against_assign() {
    let met = explore(12_000, |run| {
        let pool = Pool::builder().fixed(1).capacity(2).start(&Threads::new(run)).unwrap();
        let assigns = beside(run, &pool, |run, pool| assign(run, pool, 0));
        let sends = beside(run, &pool, |run, pool| send(run, pool, 1));
        let ends = pool.join();
        drop(pool);
        assert_eq!(block_on(run, "waited for the end", ends).unwrap().count(), 0);
        assigns.join().unwrap();
        sends.join().unwrap();
    });
    met.all(&["received", "waited for the end"]);
    met.none(&["refused", "left in the mailbox", "not sent"]);
}

#[test]
fn promise_01_cancel_against_send() {
    let met = explore(12_000, |run| {
        let pool = Pool::builder().fixed(1).capacity(1).start(&Threads::new(run)).unwrap();
        let sends = beside(run, &pool, |run, pool| (0..3).for_each(|_| send(run, pool, 0)));
        let cancels = beside(run, &pool, |_, pool| {
            linger();
            if below(2) == 0 { pool.cancel().unwrap() } else { pool.abort().unwrap() }
        });
        if join(run, &pool) > 0 {
            run.met("left over");
        }
        sends.join().unwrap();
        cancels.join().unwrap();
        assert_eq!(join(run, &pool), 0, "something came after the end");
    });
    met.all(&["received", "refused", "waited for room", "left over"]);
    met.none(&["full"]);
}

/// No job is left without a worker by workers that are retired.
#[test]
fn promise_07_growth_against_retirement() {
    let met = explore(6_000, |run| {
        let builder = Pool::builder().dynamic(0..=2).capacity(2).idle_timeout(Duration::ZERO);
        let pool = builder.start(&Threads::full(run)).unwrap_or_else(|error| {
            run.met("the driver was refused");
            error.builder.start(&Threads::new(run)).unwrap()
        });
        let assigns = beside(run, &pool, |run, pool| {
            assign(run, pool, 0);
            linger();
            assign(run, pool, 0);
        });
        linger();
        send(run, &pool, 1);
        assigns.join().unwrap();
        while pool.stats().succeeded < 2 || pool.stats().waiting > 0 {
            thread::yield_now();
        }
        if below(2) == 0 {
            while pool.stats().size > 0 {
                thread::yield_now();
            }
            run.met("all were retired");
        }
        pool.shutdown().unwrap();
        assert_eq!(join(run, &pool), 0);
    });
    met.all(&["received", "a spawn was refused", "all were retired", "the driver was refused"]);
    met.none(&["left in the mailbox"]);
}

/// Whatever is dropped: everybody who waits is told, and no job is lost.
#[test]
fn promise_03_dropped_tasks_against_everything() {
    let met = explore(12_000, |run| {
        let pool = Pool::builder().fixed(2).capacity(2).start(&Threads::deadly(run)).unwrap();
        let sends = beside(run, &pool, |run, pool| (0..2).for_each(|_| send(run, pool, 0)));
        let resizes = beside(run, &pool, |run, pool| {
            let resized = pool.resize(1).and_then(|()| pool.resize(2));
            run.met(if resized.is_ok() { "resized" } else { "not resized" });
            linger();
            run.met(if pool.shutdown().is_ok() { "shut down" } else { "too late" });
        });
        match block_on(run, "waited for the end", pool.join()) {
            Ok(_) => run.met("ended"),
            Err(JoinError::RuntimeGone) => run.met("runtime gone"),
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(pool.workers().count(), 0);
        sends.join().unwrap();
        resizes.join().unwrap();
        pool.leftovers().for_each(drop);
    });
    met.all(&["a task was dropped", "ended", "runtime gone", "resized", "not resized"]);
    met.all(&["received", "left in the mailbox", "not sent", "refused", "shut down", "too late"]);
}
