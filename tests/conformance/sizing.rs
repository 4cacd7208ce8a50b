//! How many workers there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use droves::pool::{Pool, ResizeError};

use crate::help::{Gate, Tally, all_idle};
use crate::world::World;

async fn tr_02_a_pool_is_fixed_or_dynamic<W: World>(w: &W) {
    let fixed = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let dynamic = Pool::builder().dynamic(0..=2).start(w.rt()).unwrap();
    assert_eq!((fixed.stats().size, dynamic.stats().size), (2, 0));
    let (tally, gate) = (Tally::new(), Gate::new());
    for pool in [&fixed, &dynamic] {
        for _ in 0..2 {
            pool.assign(tally.job(&gate)).unwrap();
        }
    }
    w.until(|| tally.running() == 4).await;
    gate.open();
    for pool in [fixed, dynamic] {
        pool.shutdown().unwrap();
        pool.join().await.unwrap();
        assert_eq!(pool.stats().succeeded, 2);
    }
    // The last word counts.
    let pool = Pool::builder().dynamic(0..=2).initial(1).fixed(3).start(w.rt()).unwrap();
    assert_eq!(pool.stats().size, 3);
}

async fn tr_03_fixed_starts_all_at_once_and_ignores_the_rest<W: World>(w: &W) {
    for pool in [
        Pool::builder().fixed(5).initial(2),
        Pool::builder().initial(9).fixed(5),
        Pool::builder().dynamic(1..=2).initial(1).fixed(5),
        Pool::builder().fixed(5).idle_timeout(Duration::from_millis(1)),
    ] {
        let pool = pool.start(w.rt()).unwrap();
        w.until(|| all_idle(&pool, 5)).await;
        w.pause().await;
        assert!(all_idle(&pool, 5), "a fixed pool shrank");
        pool.shutdown().unwrap();
        pool.join().await.unwrap();
    }
}

async fn tr_15_a_dynamic_pool_keeps_to_least_first_and_greatest<W: World>(w: &W) {
    let timeout = 20;
    let first = Pool::builder().dynamic(1..=6).initial(3);
    let first = first.idle_timeout(Duration::from_secs(3_600)).start(w.rt()).unwrap();
    w.until(|| all_idle(&first, 3)).await;
    assert_eq!(first.stats().size, 3);
    let pool = Pool::builder().dynamic(1..=6).initial(3);
    let pool = pool.idle_timeout(Duration::from_millis(timeout)).start(w.rt()).unwrap();

    // It grows under load, and not beyond.
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..20 {
        pool.assign(tally.job(&gate)).unwrap();
        assert!(pool.stats().size <= 6);
    }
    w.until(|| tally.running() == 6).await;
    // Nobody is idle, and nobody goes.
    w.sleep(3 * timeout).await;
    assert_eq!((tally.running(), pool.stats().size), (6, 6));
    gate.open();
    w.until(|| tally.done() == 20).await;
    assert_eq!(tally.most(), 6);

    // It shrinks when idle, and not below.
    w.until(|| all_idle(&pool, 1)).await;
    w.sleep(4 * timeout).await;
    assert_eq!((pool.stats().size, pool.stats().live), (1, 1));

    // And grows again.
    let gate = Gate::new();
    for _ in 0..4 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.until(|| tally.running() == 4).await;
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((tally.done(), pool.stats().lost_workers), (24, 0));
}

async fn tr_15_a_worker_stays_at_least_the_idle_timeout<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(0..=2).initial(2);
    let timeout = Duration::from_millis(60);
    let started = w.now();
    let pool = pool.idle_timeout(timeout).start(w.rt()).unwrap();
    w.until(|| pool.stats().size < 2).await;
    let idle = w.now().saturating_since(started);
    assert!(idle >= timeout, "{idle:?}");
    w.until(|| pool.stats().live == 0).await;
    // From nothing.
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1).await;
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn tr_15_a_trickle_keeps_few_workers<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(0..=4).idle_timeout(Duration::from_secs(60));
    let pool = pool.start(w.rt()).unwrap();
    let tally = Tally::new();
    for done in 1..=30 {
        pool.assign(tally.tick()).unwrap();
        w.until(|| tally.done() == done && all_idle(&pool, 1)).await;
    }
    assert_eq!(pool.stats().size, 1, "grew though a worker was idle");
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn promise_02_after_a_shrink_the_excess_finishes_first<W: World>(w: &W) {
    let pool = Pool::builder().fixed(4).start(w.rt()).unwrap();
    let (tally, after) = (Tally::new(), Tally::new());
    let gates: [Gate; 4] = Default::default();
    for gate in &gates {
        pool.assign(tally.job(gate)).unwrap();
    }
    w.until(|| tally.running() == 4).await;
    pool.resize(1).unwrap();
    pool.assign(after.tick()).unwrap();
    for (open, gate) in gates.iter().enumerate() {
        w.pause().await;
        assert_eq!((tally.running(), after.begun()), (4 - open, 0));
        gate.open();
        w.until(|| tally.running() == 3 - open).await;
    }
    w.until(|| after.done() == 1).await;
    w.until(|| all_idle(&pool, 1) && pool.workers().count() == 1).await;
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn promise_02_resized_to_nothing_and_back<W: World>(w: &W) {
    let pool = Pool::builder().fixed(3).capacity(40).start(w.rt()).unwrap();
    let tally = Tally::new();
    w.until(|| all_idle(&pool, 3)).await;
    pool.resize(0).unwrap();
    w.until(|| pool.stats().live == 0 && pool.workers().count() == 0).await;
    for _ in 0..20 {
        pool.assign(tally.tick()).unwrap();
    }
    w.pause().await;
    assert_eq!((tally.begun(), pool.stats().waiting), (0, 20));
    pool.resize(2).unwrap();
    w.until(|| tally.done() == 20).await;
    assert!(tally.most() <= 2);
    // Of no worker, nothing can be done at the end.
    pool.resize(0).unwrap();
    w.until(|| pool.stats().live == 0).await;
    pool.assign(tally.tick()).unwrap();
    pool.shutdown().unwrap();
    let left: Vec<_> = pool.join().await.unwrap().collect();
    assert_eq!(left.len(), 1);
    for job in left {
        job.run_now(&mut ()).unwrap();
    }
    assert_eq!(tally.done(), 21);
}

async fn promise_02_never_more_than_the_size_at_once<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(64).start(w.rt()).unwrap();
    let tally = Tally::new();
    let mut assigned = 0;
    for size in [1, 4, 2, 8, 0, 3, 1, 0, 0, 5, 2, 7, 7, 1] {
        pool.resize(size).unwrap();
        // Those that are too many go.
        w.until(|| pool.stats().live <= size && tally.running() <= size).await;
        tally.forget_most();
        for _ in 0..10 {
            let gate = Gate::new();
            if pool.assign(tally.job(&gate)).is_ok() {
                assigned += 1;
            }
            gate.open();
        }
        assert!(tally.most() <= size, "{} at once with {size}", tally.most());
        w.until(|| size == 0 || tally.done() == assigned).await;
        assert!(tally.most() <= size, "{} at once with {size}", tally.most());
    }
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), assigned);
}

async fn promise_02_resized_while_busy<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).capacity(400).start(w.rt()).unwrap();
    let tally = Tally::new();
    let failed = Arc::new(AtomicUsize::new(0));
    for number in 0..300_usize {
        let (count, inner) = (tally.clone(), pool.clone());
        let failed = failed.clone();
        pool.assign(async move {
            let running = count.enter();
            // Some of them change the size themselves.
            if number % 7 == 0 && inner.resize(1 + number % 4).is_err() {
                failed.fetch_add(1, Ordering::SeqCst);
            }
            futures_lite::future::yield_now().await;
            running.end();
        })
        .unwrap();
        if number % 50 == 0 {
            pool.resize(number / 50).unwrap();
            w.sleep(1).await;
        }
    }
    pool.resize(3).unwrap();
    pool.shutdown().unwrap();
    assert_eq!(pool.join().await.unwrap().count(), 0);
    assert_eq!((tally.done(), failed.load(Ordering::SeqCst)), (300, 0));
    assert!(tally.most() <= 5, "{}", tally.most());
}

async fn tr_04_a_size_out_of_range_changes_nothing<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(1..=3).start(w.rt()).unwrap();
    for size in [0, 4, usize::MAX] {
        let Err(ResizeError::Config(error)) = pool.resize(size) else { panic!("{size}") };
        assert_eq!((error.field, error.value, error.min, error.max), ("size", size, 1, 3));
    }
    assert_eq!(pool.stats().size, 1);
    pool.resize(3).unwrap();
    assert_eq!(pool.stats().size, 3);
    let fixed = Pool::builder().fixed(1).start(w.rt()).unwrap();
    for size in [1 << 24, u32::MAX as usize + 2, usize::MAX] {
        let Err(ResizeError::Config(error)) = fixed.resize(size) else { panic!("{size}") };
        assert_eq!((error.field, error.value, error.min), ("size", size, 0));
    }
    assert_eq!(fixed.stats().size, 1);
    for pool in [pool, fixed] {
        pool.cancel().unwrap();
        assert_eq!(pool.resize(2), Err(ResizeError::Stopping));
        pool.join().await.unwrap();
        assert_eq!(pool.resize(2), Err(ResizeError::Stopping));
        assert_eq!((pool.stats().size, pool.stats().live), (0, 0));
    }
}

async fn tr_15_no_job_is_left_lying_when_its_worker_goes<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(0..=2).idle_timeout(Duration::from_millis(1));
    let pool = pool.start(w.rt()).unwrap();
    let tally = Tally::new();
    for number in 1..=60 {
        pool.assign(tally.tick()).unwrap();
        if number % 3 == 0 {
            pool.assign(|| ()).unwrap();
        }
        // Nothing else happens that would bring another worker to it.
        w.until(|| tally.done() == number).await;
        // Some are assigned while the worker is about to go.
        w.sleep(number as u64 % 4).await;
    }
    let fixed = Pool::builder().fixed(2).start(w.rt()).unwrap();
    for number in 1..=60 {
        if number % 2 == 0 {
            fixed.resize(1).unwrap();
            fixed.assign(tally.tick()).unwrap();
        } else {
            fixed.assign(tally.tick()).unwrap();
            fixed.resize(2).unwrap();
        }
        w.until(|| tally.done() == 60 + number).await;
    }
    for pool in [pool, fixed] {
        pool.shutdown().unwrap();
        assert_eq!(pool.join().await.unwrap().count(), 0);
        assert_eq!(pool.stats().lost_workers, 0);
    }
}

/// In the simulator nothing happens between a job's start and its look at the size.
#[cfg(feature = "sim")]
#[test]
fn promise_02_a_job_starts_only_while_fewer_than_the_size_run() {
    use droves::sim::Sim;
    for seed in 0..200 {
        let sim = Sim::new(seed);
        let pool = Pool::builder().fixed(3).capacity(100).start(&sim).unwrap();
        let (tally, wrong) = (Tally::new(), Arc::new(AtomicUsize::new(0)));
        sim.block_on(async {
            for _ in 0..100 {
                let (job, running, wrong) = (Gate::new(), tally.clone(), wrong.clone());
                let (inner, yields) = (pool.clone(), sim.random(4));
                pool.assign(async move {
                    let entered = running.enter();
                    if running.running() > inner.stats().size {
                        wrong.fetch_add(1, Ordering::SeqCst);
                    }
                    job.open();
                    for _ in 0..yields {
                        futures_lite::future::yield_now().await;
                    }
                    job.pass().await;
                    entered.end();
                })
                .unwrap();
                if sim.random(3) == 0 {
                    pool.resize(usize::try_from(sim.random(6)).unwrap()).unwrap();
                }
                for _ in 0..sim.random(6) {
                    sim.yield_now().await;
                }
            }
            pool.resize(2).unwrap();
            pool.shutdown().unwrap();
            assert_eq!(pool.join().await.unwrap().count(), 0);
        });
        assert_eq!((tally.done(), wrong.load(Ordering::SeqCst)), (100, 0), "seed {seed}");
        sim.shut_down();
    }
}

on_all! {
    tr_15_no_job_is_left_lying_when_its_worker_goes,
    tr_02_a_pool_is_fixed_or_dynamic,
    tr_03_fixed_starts_all_at_once_and_ignores_the_rest,
    tr_04_a_size_out_of_range_changes_nothing,
    tr_15_a_dynamic_pool_keeps_to_least_first_and_greatest,
    tr_15_a_worker_stays_at_least_the_idle_timeout,
    tr_15_a_trickle_keeps_few_workers,
    promise_02_after_a_shrink_the_excess_finishes_first,
    promise_02_resized_to_nothing_and_back,
    promise_02_never_more_than_the_size_at_once,
    promise_02_resized_while_busy,
}
