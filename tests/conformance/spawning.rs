//! Runtimes that refuse.

use droves::pool::{Pool, StartErrorKind};
use droves::runtime::SpawnError;

use crate::help::{Gate, Permits, Tally, all_idle};
use crate::world::World;

async fn promise_11_a_driver_that_cannot_be_spawned_is_an_error<W: World>(w: &W) {
    let permits = Permits::new(0);
    let error = w.start_limited(Pool::builder().fixed(2).capacity(9), &permits).unwrap_err();
    assert_eq!(error.kind, StartErrorKind::Spawn(SpawnError::Limit));
    assert_eq!(error.to_string(), SpawnError::Limit.to_string());
    permits.grant(usize::MAX);
    let pool = w.start_limited(error.builder, &permits).unwrap();
    assert_eq!(pool.capacity(), 9);
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1 && all_idle(&pool, 2)).await;
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(pool.stats().lost_workers, 0);
}

async fn tr_15_workers_that_cannot_be_had_are_counted_and_tried_again<W: World>(w: &W) {
    // The driver and one worker.
    let permits = Permits::new(2);
    let pool = w.start_limited(Pool::builder().fixed(4).capacity(20), &permits).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..8 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.until(|| tally.running() == 1 && pool.stats().lost_workers >= 3).await;
    assert_eq!((pool.stats().size, pool.stats().waiting), (4, 7));
    let lost = pool.stats().lost_workers;
    w.until(|| pool.stats().lost_workers > lost).await;
    assert_eq!(tally.running(), 1);
    permits.grant(2);
    w.until(|| tally.running() == 3).await;
    permits.grant(usize::MAX);
    w.until(|| tally.running() == 4).await;
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((tally.done(), tally.most(), pool.stats().succeeded), (8, 4, 8));
}

async fn promise_01_without_any_worker_all_is_left_over<W: World>(w: &W) {
    for dynamic in [false, true] {
        let permits = Permits::new(1);
        let builder = Pool::builder();
        let builder = if dynamic { builder.dynamic(0..=2) } else { builder.fixed(2) };
        let pool = w.start_limited(builder, &permits).unwrap();
        let tally = Tally::new();
        for _ in 0..3 {
            pool.assign(tally.tick()).unwrap();
        }
        w.until(|| pool.stats().lost_workers > 0).await;
        pool.shutdown().unwrap();
        let left: Vec<_> = pool.join().await.unwrap().collect();
        assert_eq!((left.len(), tally.begun()), (3, 0));
    }
}

on_all! {
    tr_15_workers_that_cannot_be_had_are_counted_and_tried_again,
    promise_01_without_any_worker_all_is_left_over,
    promise_11_a_driver_that_cannot_be_spawned_is_an_error,
}
