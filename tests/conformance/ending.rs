//! How a pool ends, and what it leaves over.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use droves::job::{Error, Job};
use droves::pool::{Builder, Phase, Pool, Shared};

use crate::help::{Court, Fault, Gate, Own, Tally, Woken, ended, poll_once};
use crate::world::World;

async fn tr_11_shutdown_waits_for_nobody<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    // It is no future, and the job still waits.
    pool.shutdown().unwrap();
    w.pause().await;
    assert_eq!((tally.running(), tally.done(), pool.is_stopped()), (1, 0, false));
    assert!(!pool.cancel_token().is_cancelled());
    gate.open();
    pool.join().await.unwrap();
    assert!(pool.is_stopped());
}

async fn tr_12_what_was_accepted_before_shutdown_still_runs<W: World>(w: &W) {
    let sizes: [fn(Builder) -> Builder; 5] = [
        |builder| builder.fixed(1),
        |builder| builder.fixed(5),
        |builder| builder.dynamic(0..=1),
        |builder| builder.dynamic(0..=3),
        |builder| builder.dynamic(1..=3).initial(2),
    ];
    for sized in sizes {
        for pause in [false, true] {
            let pool = sized(Pool::builder()).capacity(200).start(w.rt()).unwrap();
            let (tally, open) = (Tally::new(), Gate::new());
            open.open();
            for _ in 0..100 {
                pool.assign(tally.job(&open)).unwrap();
                pool.assign(tally.tick()).unwrap();
            }
            if pause {
                w.sleep(1).await;
            }
            pool.shutdown().unwrap();
            assert_eq!(pool.join().await.unwrap().count(), 0);
            assert_eq!((tally.done(), pool.stats().succeeded), (200, 200));
        }
    }
}

async fn tr_13_join_returns_after_the_last_job_has_returned<W: World>(w: &W) {
    for size in [1, 3] {
        let pool = Pool::builder().fixed(size).capacity(30).start(w.rt()).unwrap();
        let (tally, court) = (Tally::new(), Court::new());
        let gates: [Gate; 3] = Default::default();
        for number in 0..30 {
            let (witness, job) = (court.witness(), tally.job(&gates[number % 3]));
            pool.assign(async move {
                job.await;
                // Some time after the last wait.
                for _ in 0..3 {
                    futures_lite::future::yield_now().await;
                }
                drop(witness);
            })
            .unwrap();
        }
        pool.shutdown().unwrap();
        let mut join = pin!(pool.join());
        for gate in &gates {
            assert!(poll_once(join.as_mut()).is_pending());
            w.pause().await;
            gate.open();
        }
        assert_eq!(join.await.unwrap().count(), 0);
        assert_eq!((tally.done(), tally.running(), court.count()), (30, 0, 0));
        let stats = pool.stats();
        assert_eq!((stats.phase, stats.size, stats.live), (Phase::Stopped, 0, 0));
        assert_eq!((stats.idle, stats.running, stats.waiting), (0, 0, 0));
        assert_eq!(pool.workers().count(), 0);
    }
}

async fn tr_13_join_before_shutdown_locks_nothing<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(0..=3).start(w.rt()).unwrap();
    let woken: Vec<Arc<Woken>> = (0..10).map(|_| Arc::default()).collect();
    let mut joins: Vec<_> = woken.iter().map(|_| Box::pin(pool.join())).collect();
    for (join, woken) in joins.iter_mut().zip(&woken) {
        let waker = Waker::from(woken.clone());
        assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let tally = Tally::new();
    for _ in 0..20 {
        pool.assign(tally.tick()).unwrap();
        assert!(pool.stats().waiting <= 20);
    }
    pool.resize(2).unwrap();
    pool.clone().send(tally.tick()).await.unwrap();
    pool.quiet().unwrap();
    pool.resume().unwrap();
    w.until(|| tally.done() == 21).await;
    // One that is given up takes nobody's wake.
    drop(joins.pop());
    assert!(joins.iter_mut().all(|join| poll_once(join.as_mut()).is_pending()));
    pool.shutdown().unwrap();
    for join in joins {
        join.await.unwrap();
    }
    pool.join().await.unwrap();
}

async fn tr_13_everybody_who_joins_is_woken<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let woken: Vec<Arc<Woken>> = (0..10).map(|_| Arc::default()).collect();
    let mut joins: Vec<_> = woken.iter().map(|_| Box::pin(pool.join())).collect();
    for (join, woken) in joins.iter_mut().zip(&woken) {
        let waker = Waker::from(woken.clone());
        assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(joins.remove(3));
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    let others = woken.iter().enumerate().filter(|(index, _)| *index != 3);
    w.until(|| others.clone().all(|(_, woken)| woken.count() == 1)).await;
    assert!(joins.iter_mut().all(|join| poll_once(join.as_mut()).is_ready()));
}

async fn promise_03_each_call_works_while_others_join<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).capacity(40).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    let joined = Arc::new(AtomicUsize::new(0));
    // Other pools' jobs wait for the end of this one.
    let others = Pool::builder().fixed(3).start(w.rt()).unwrap();
    for _ in 0..3 {
        let (pool, joined) = (pool.clone(), joined.clone());
        others
            .assign(async move {
                if pool.join().await.is_ok() {
                    joined.fetch_add(1, Ordering::SeqCst);
                }
            })
            .unwrap();
    }
    w.until(|| others.stats().running == 3).await;
    for size in [0, 3, 1, 2] {
        pool.resize(size).unwrap();
        w.until(|| pool.stats().live == size.max(tally.running())).await;
        pool.assign(tally.job(&gate)).unwrap();
        w.pause().await;
        assert_eq!(joined.load(Ordering::SeqCst), 0);
    }
    pool.shutdown().unwrap();
    w.until(|| tally.running() == 2).await;
    w.pause().await;
    assert_eq!((tally.running(), joined.load(Ordering::SeqCst)), (2, 0));
    pool.resize(4).unwrap();
    w.until(|| tally.running() == 4).await;
    gate.open();
    w.until(|| joined.load(Ordering::SeqCst) == 3).await;
    others.shutdown().unwrap();
    others.join().await.unwrap();
    assert_eq!(tally.done(), 4);
}

async fn promise_01_what_had_not_begun_is_left_over_and_can_be_run<W: World>(w: &W) {
    for end in [Shared::cancel, Shared::abort] as [fn(&Shared<Error, ()>) -> _; 2] {
        let pool = Pool::builder().fixed(2).capacity(20).start(w.rt()).unwrap();
        let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
        for _ in 0..2 {
            pool.assign(tally.job(&gate)).unwrap();
        }
        w.until(|| tally.running() == 2).await;
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        for number in 0..10 {
            let (order, witness) = (order.clone(), court.witness());
            pool.assign(async move {
                futures_lite::future::yield_now().await;
                order.lock().unwrap().push(number);
                drop(witness);
            })
            .unwrap();
        }
        let token = pool.cancel_token();
        end(&pool).unwrap();
        assert!(token.is_cancelled());
        gate.open();
        let mut left = pool.join().await.unwrap();
        assert_eq!((pool.stats().waiting, court.count()), (10, 10));
        assert_eq!(left.size_hint().1, Some(10));
        // Oldest first; each is given to one who asks.
        left.next().unwrap().run(&mut ()).await.unwrap();
        let mut again = pool.join().await.unwrap();
        again.next().unwrap().run(&mut ()).await.unwrap();
        drop(left.next().unwrap());
        drop((left, again));
        assert_eq!(court.count(), 7);
        let rest: Vec<Job> = pool.join().await.unwrap().collect();
        for job in rest {
            job.run(&mut ()).await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((pool.stats().waiting, court.count()), (0, 0));
    }
}

async fn promise_01_leftovers_that_nobody_takes_are_dropped_with_the_pool<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    for _ in 0..5 {
        let witness = court.witness();
        pool.assign(move || drop(witness)).unwrap();
    }
    pool.cancel().unwrap();
    gate.open();
    drop(pool.join().await.unwrap());
    assert_eq!(court.count(), 5);
    drop(pool);
    w.until(|| court.count() == 0).await;
}

async fn promise_03_cancel_asks_and_abort_drops<W: World>(w: &W) {
    let pool = Pool::builder().fixed(3).start(w.rt()).unwrap();
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    // One that listens, and two that do not.
    let (token, inside) = (pool.cancel_token(), tally.clone());
    pool.assign(async move {
        let running = inside.enter();
        token.cancelled().await;
        running.end();
    })
    .unwrap();
    for _ in 0..2 {
        let (job, witness) = (tally.job(&gate), court.witness());
        pool.assign(async move {
            job.await;
            drop(witness);
        })
        .unwrap();
    }
    w.until(|| tally.running() == 3).await;
    pool.cancel().unwrap();
    w.until(|| tally.done() == 1).await;
    w.pause().await;
    assert_eq!((tally.running(), court.count(), pool.is_stopped()), (2, 2, false));
    pool.abort().unwrap();
    pool.join().await.unwrap();
    assert_eq!((tally.running(), tally.done(), court.count()), (0, 1, 0));
    let stats = pool.stats();
    assert_eq!((stats.succeeded, stats.aborted, stats.lost_workers), (1, 2, 0));
    assert!(!gate.is_open());
}

async fn promise_01_every_job_is_counted_once<W: World>(w: &W) {
    for (end, moment) in [(0, 0), (0, 10), (1, 0), (1, 5), (2, 0), (2, 3), (2, 10)] {
        let (tally, court) = (Tally::new(), Court::new());
        let told = Arc::new(AtomicUsize::new(0));
        let handler = told.clone();
        let pool = Pool::builder().dynamic(0..=3).capacity(50);
        let pool = pool.on_error::<Fault>(move |_, _| _ = handler.fetch_add(1, Ordering::SeqCst));
        let pool = pool.start(w.rt()).unwrap();
        let mut accepted = 0;
        let gate = Gate::new();
        for number in 0..60_u32 {
            let (witness, job) = (court.witness(), tally.job(&gate));
            let job = async move {
                let kept = witness;
                let result = match number % 5 {
                    0 => Ok(()),
                    1 => Err(Fault(number)),
                    2 => panic!("on purpose: {number}"),
                    3 => {
                        futures_lite::future::yield_now().await;
                        Ok(())
                    }
                    _ => {
                        job.await;
                        Ok(())
                    }
                };
                drop(kept);
                result
            };
            accepted += u64::from(pool.assign(job).is_ok());
            if number % 20 == 0 {
                w.sleep(1).await;
            }
        }
        w.sleep(moment).await;
        match end {
            0 => pool.shutdown().unwrap(),
            1 => pool.cancel().unwrap(),
            _ => pool.abort().unwrap(),
        }
        gate.open();
        let left = pool.join().await.unwrap();
        let left: Vec<_> = left.collect();
        assert_eq!(court.count(), left.len());
        let stats = pool.stats();
        assert_eq!(accepted, ended(&stats) + left.len() as u64, "{stats:?}");
        let bad = stats.failed + stats.aborted;
        assert_eq!(told.load(Ordering::SeqCst) as u64, bad);
        assert_eq!((stats.waiting, stats.running, stats.lost_workers), (0, 0, 0));
        if end == 0 {
            assert_eq!(left.len(), 0);
        }
        drop(left);
        assert_eq!(court.count(), 0);
    }
}

/// A pool whose parts are all watched.
fn watched_pool<W: World>(w: &W, court: &Court) -> Pool<Fault, Own> {
    let (state, handler) = (court.witness(), court.witness());
    Pool::builder()
        .fixed(2)
        .state(move || Own { jobs: 0, kept: state.clone(), grenade: None })
        .on_error::<Fault>(move |_, _| {
            let _ = &handler;
        })
        .start(w.rt())
        .unwrap()
}

async fn promise_01_the_last_handle_ends_the_pool_and_its_work_is_done<W: World>(w: &W) {
    // Idle, or not even started.
    for pause in [false, true] {
        let court = Court::new();
        let pool = watched_pool(w, &court);
        if pause {
            w.until(|| pool.stats().idle == 2).await;
        }
        let other = pool.clone();
        drop(pool);
        w.pause().await;
        other.assign(|| ()).unwrap();
        drop(other);
        w.until(|| court.count() == 0).await;
    }
    // Busy.
    let court = Court::new();
    let pool = watched_pool(w, &court);
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..20 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.until(|| tally.running() == 2).await;
    drop(pool);
    w.pause().await;
    assert!(court.count() > 0);
    gate.open();
    w.until(|| court.count() == 0).await;
    assert_eq!((tally.done(), tally.most()), (20, 2));
}

async fn promise_01_the_last_handle_may_be_dropped_by_a_job<W: World>(w: &W) {
    let court = Court::new();
    let pool = watched_pool(w, &court);
    let (tally, gate) = (Tally::new(), Gate::new());
    let (inner, opened, job) = (pool.clone(), gate.clone(), tally.tick());
    pool.assign(async move {
        opened.pass().await;
        inner.assign(job).unwrap();
        drop(inner);
    })
    .unwrap();
    drop(pool);
    w.pause().await;
    assert!(court.count() > 0, "there was a handle yet");
    gate.open();
    w.until(|| court.count() == 0).await;
    assert_eq!(tally.done(), 1);
}

async fn promise_01_a_join_that_outlives_the_handles_ends<W: World>(w: &W) {
    let court = Court::new();
    let pool = watched_pool(w, &court);
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    let join = pool.join();
    drop(pool);
    assert_eq!(join.await.unwrap().count(), 0);
    assert_eq!(tally.done(), 1);
    w.until(|| court.count() == 0).await;
}

on_all! {
    tr_11_shutdown_waits_for_nobody,
    tr_12_what_was_accepted_before_shutdown_still_runs,
    tr_13_join_returns_after_the_last_job_has_returned,
    tr_13_join_before_shutdown_locks_nothing,
    tr_13_everybody_who_joins_is_woken,
    promise_01_what_had_not_begun_is_left_over_and_can_be_run,
    promise_01_leftovers_that_nobody_takes_are_dropped_with_the_pool,
    promise_01_every_job_is_counted_once,
    promise_01_the_last_handle_ends_the_pool_and_its_work_is_done,
    promise_01_the_last_handle_may_be_dropped_by_a_job,
    promise_01_a_join_that_outlives_the_handles_ends,
    promise_03_each_call_works_while_others_join,
    promise_03_cancel_asks_and_abort_drops,
}
