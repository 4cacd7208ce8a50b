//! Runtimes that end. Not `Threads` nor `Smol`, which never do.

use std::sync::mpsc;
use std::thread;

use futures_lite::future::block_on;

use droves::pool::{JoinError, Phase, Pool, StartErrorKind};
use droves::runtime::SpawnError;

use crate::help::{Court, Fault, Gate, Tally, all_idle, ended, poll_once};
use crate::world::Mortal;

/// What is left of a pool whose runtime is gone.
struct Rest {
    pool: Pool<Fault>,
    tally: Tally,
    jobs: Court,
    parts: Court,
    accepted: u64,
}

fn tr_13_joiners_learn_that_the_runtime_is_gone<W: Mortal>() {
    // Before anything ran; idle; busy.
    for moment in 0..3 {
        let first = async |w: &W| {
            let (tally, gate) = (Tally::new(), Gate::new());
            let (jobs, parts) = (Court::new(), Court::new());
            let handler = parts.witness();
            let pool = Pool::builder().dynamic(1..=3).capacity(10);
            let pool = pool.on_error::<Fault>(move |_, _| _ = &handler).start(w.rt()).unwrap();
            if moment > 0 {
                w.until(|| all_idle(&pool, 1)).await;
            }
            let mut accepted = 0;
            if moment != 1 {
                for _ in 0..8 {
                    let (job, witness) = (tally.job(&gate), jobs.witness());
                    let job = async move {
                        job.await;
                        drop(witness);
                    };
                    pool.assign(job).unwrap();
                    accepted += 1;
                }
            }
            if moment == 2 {
                w.until(|| tally.running() == 3).await;
            }
            Rest { pool, tally, jobs, parts, accepted }
        };
        W::doom(first, |rest| {
            let Rest { pool, tally, jobs, parts, accepted } = rest;
            assert_eq!(block_on(pool.join()).unwrap_err(), JoinError::RuntimeGone);
            assert_eq!(pool.join_blocking().unwrap_err(), JoinError::RuntimeGone);
            assert!(pool.assign(|| ()).unwrap_err().is_shutting_down());
            assert!(block_on(pool.send(|| ())).unwrap_err().is_shutting_down());
            assert!(pool.shutdown().is_err() && pool.resize(2).is_err());
            assert!(pool.is_stopped() && pool.cancel_token().is_cancelled());
            let stats = pool.stats();
            assert_eq!((stats.phase, stats.live, stats.running), (Phase::Stopped, 0, 0));
            assert_eq!((tally.running(), tally.done(), pool.workers().count()), (0, 0, 0));
            // Those that ran were dropped, and those that waited are left over.
            assert_eq!(stats.aborted, tally.begun() as u64);
            assert_eq!(accepted, ended(&stats) + stats.waiting as u64);
            assert_eq!(jobs.count(), stats.waiting);
            let left = pool.leftovers();
            drop(pool);
            drop(left);
            assert_eq!((jobs.count(), parts.count()), (0, 0));
        });
    }
}

fn tr_13_who_joins_already_is_woken_when_the_runtime_goes<W: Mortal>() {
    let first = async |w: &W| {
        let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
        let (tally, gate) = (Tally::new(), Gate::new());
        pool.assign(tally.job(&gate)).unwrap();
        w.until(|| tally.running() == 1).await;
        let (sender, receiver) = mpsc::channel();
        let joiner = thread::spawn(move || {
            let mut join = Box::pin(pool.join());
            assert!(poll_once(join.as_mut()).is_pending());
            sender.send(()).unwrap();
            block_on(join).unwrap_err()
        });
        receiver.recv().unwrap();
        joiner
    };
    W::doom(first, |joiner| assert_eq!(joiner.join().unwrap(), JoinError::RuntimeGone));
}

fn promise_01_leftovers_of_a_runtime_that_is_gone_can_be_run<W: Mortal>() {
    let first = async |w: &W| {
        let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
        let (tally, gate) = (Tally::new(), Gate::new());
        pool.assign(tally.job(&gate)).unwrap();
        w.until(|| tally.running() == 1).await;
        for _ in 0..5 {
            pool.assign(tally.tick()).unwrap();
        }
        (pool, tally)
    };
    W::doom(first, |(pool, tally)| {
        for job in pool.leftovers() {
            job.run_now(&mut ()).unwrap();
        }
        assert_eq!((tally.done(), pool.stats().waiting), (5, 0));
    });
}

fn promise_01_without_handles_a_runtime_takes_all_along<W: Mortal>() {
    let first = async |w: &W| {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (jobs, parts) = (Court::new(), Court::new());
        let (state, handler) = (parts.witness(), parts.witness());
        let pool = Pool::builder().fixed(2).on_error::<Fault>(move |_, _| _ = (&handler, &state));
        let pool = pool.start(w.rt()).unwrap();
        for _ in 0..6 {
            let (job, witness) = (tally.job(&gate), jobs.witness());
            let job = async move {
                job.await;
                drop(witness);
            };
            pool.assign(job).unwrap();
        }
        w.until(|| tally.running() == 2).await;
        assert_eq!(jobs.count(), 6);
        (jobs, parts)
    };
    W::doom(first, |(jobs, parts)| assert_eq!((jobs.count(), parts.count()), (0, 0)));
}

fn promise_11_a_pool_on_a_runtime_that_is_gone<W: Mortal>() {
    W::gone(|rt| {
        let court = Court::new();
        let witness = court.witness();
        let builder = Pool::builder().fixed(2).on_error::<Fault>(move |_, _| _ = &witness);
        match builder.start(rt) {
            // tokio does not tell.
            Ok(pool) => {
                assert_eq!(pool.join_blocking().unwrap_err(), JoinError::RuntimeGone);
                assert!(pool.assign(|| ()).unwrap_err().is_shutting_down());
            }
            Err(error) => {
                assert_eq!(error.kind, StartErrorKind::Spawn(SpawnError::NoRuntime));
                assert_eq!(court.count(), 1);
                assert!(error.builder.start(rt).is_err());
            }
        }
        assert_eq!(court.count(), 0);
    });
}

on_mortal! {
    tr_13_joiners_learn_that_the_runtime_is_gone,
    tr_13_who_joins_already_is_woken_when_the_runtime_goes,
    promise_01_leftovers_of_a_runtime_that_is_gone_can_be_run,
    promise_01_without_handles_a_runtime_takes_all_along,
    promise_11_a_pool_on_a_runtime_that_is_gone,
}
