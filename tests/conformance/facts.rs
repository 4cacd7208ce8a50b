//! What a pool tells.

use droves::pool::{Phase, Pool};
use droves::time::Instant;

use crate::help::{Gate, Tally, all_idle};
use crate::world::World;

async fn tr_16_each_worker_tells_what_it_does<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).timed().start(w.rt()).unwrap();
    w.until(|| all_idle(&pool, 2)).await;
    let mut indices: Vec<_> = pool.workers().map(|worker| worker.index).collect();
    indices.dedup();
    assert_eq!(indices, [0, 1]);
    for worker in pool.workers() {
        assert!(!worker.busy && !worker.stopping && worker.started == 0);
        assert_eq!((worker.last_started, worker.last_finished), (None, None));
    }
    w.sleep(2).await;
    let before = kept(w.now());
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    let busy: Vec<_> = pool.workers().filter(|worker| worker.busy).collect();
    assert_eq!((busy.len(), busy[0].started, busy[0].last_finished), (1, 1, None));
    let started = busy[0].last_started.unwrap();
    assert!(before <= started && started <= w.now());
    assert_eq!(pool.stats().running, 1);

    w.sleep(5).await;
    pool.shutdown().unwrap();
    assert!(pool.workers().filter(|worker| worker.busy).all(|worker| worker.stopping));
    let opened = kept(w.now());
    gate.open();
    pool.join().await.unwrap();
    assert_eq!((pool.workers().count(), tally.done()), (0, 1));
    assert!(opened >= started);

    // The last of them, and the time between.
    let pool = Pool::builder().fixed(1).timed().start(w.rt()).unwrap();
    for done in 1..=3 {
        let gate = Gate::new();
        let before = kept(w.now());
        pool.assign(tally.job(&gate)).unwrap();
        w.until(|| tally.running() == 1).await;
        w.sleep(2).await;
        let opened = kept(w.now());
        gate.open();
        w.until(|| all_idle(&pool, 1)).await;
        let worker = pool.workers().next().unwrap();
        let (started, finished) = (worker.last_started.unwrap(), worker.last_finished.unwrap());
        assert_eq!((worker.started, worker.busy), (done, false));
        assert!(before <= started && started <= opened && opened <= finished);
        assert!(finished <= w.now());
    }
}

/// A moment as workers keep it.
fn kept(at: Instant) -> Instant {
    let unit = if cfg!(droves_word32) { 1_000_000 } else { 1 };
    Instant::from_nanos(at.as_nanos() / unit * unit)
}

async fn tr_16_an_untimed_worker_looks_at_no_clock<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1 && all_idle(&pool, 1)).await;
    let worker = pool.workers().next().unwrap();
    assert_eq!((worker.started, worker.last_started, worker.last_finished), (1, None, None));
}

async fn tr_16_the_numbers_of_a_pool<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).capacity(10).start(w.rt()).unwrap();
    w.until(|| all_idle(&pool, 2)).await;
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..5 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.until(|| tally.running() == 2).await;
    let stats = pool.stats();
    assert_eq!((stats.phase, stats.size, stats.live, stats.idle), (Phase::Running, 2, 2, 0));
    assert_eq!((stats.waiting, stats.running, stats.succeeded), (3, 2, 0));
    assert!(format!("{pool:?}").contains("waiting: 3"));
    gate.open();
    w.until(|| tally.done() == 5 && all_idle(&pool, 2)).await;
    let stats = pool.stats();
    assert_eq!((stats.waiting, stats.running, stats.succeeded), (0, 0, 5));
    // A worker that leaves its place to another leaves its counts, too.
    for size in [0, 2, 1, 3] {
        pool.resize(size).unwrap();
        // One that leaves counts no more a little before it is gone.
        w.until(|| all_idle(&pool, size) && pool.workers().count() == size).await;
        assert_eq!(pool.stats().succeeded, 5);
    }
}

/// A pool that does nothing costs nothing: nobody is polled, at whatever size, after whatever work.
#[cfg(feature = "sim")]
#[test]
fn tr_15_an_idle_pool_is_left_alone() {
    use droves::sim::Sim;
    for seed in 0..200 {
        let sim = Sim::new(seed);
        let tally = Tally::new();
        let pool = Pool::builder().fixed(4).start(&sim).unwrap();
        for round in 1..5 {
            for _ in 0..round {
                pool.assign(tally.tick()).unwrap();
            }
            sim.run_until_idle();
        }
        assert_eq!(tally.done(), 10);
        let before = sim.steps();
        sim.run_until_idle();
        assert_eq!(sim.steps(), before);
        sim.shut_down();
    }
}

on_all! {
    tr_16_each_worker_tells_what_it_does,
    tr_16_an_untimed_worker_looks_at_no_clock,
    tr_16_the_numbers_of_a_pool,
}
