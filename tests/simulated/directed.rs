//! Single situations that were wrong once, or nearly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use droves::pool::Pool;
use droves::sim::Sim;

/// A driver that could not have a worker tries again, but not once nobody is missing any more.
#[test]
fn a_driver_that_misses_nobody_does_not_try_again() {
    let sim = Sim::new(0);
    sim.block_on(async {
        let pool = Pool::builder().fixed(1).start(&sim).unwrap();
        sim.limit_tasks(Some(1));
        sim.sleep(Duration::from_millis(1)).await;
        assert_eq!(pool.stats().lost_workers, 1);
        pool.resize(0).unwrap();
        sim.sleep(Duration::from_secs(1)).await;
        // It was a loop in a single poll.
        assert!(sim.steps() < 100, "{}", sim.steps());
        pool.shutdown().unwrap();
        assert_eq!(pool.join().await.unwrap().count(), 0);
    });
}

/// A worker that lets others have the thread holds no job that has not begun.
#[test]
fn promise_02_no_job_begins_after_a_resize_to_0() {
    let sim = Sim::new(0);
    let begun = Arc::new(AtomicU64::new(0));
    sim.block_on(async {
        let pool = Pool::builder().fixed(1).capacity(1_000).start(&sim).unwrap();
        for _ in 0..1_000 {
            let begun = begun.clone();
            let job = move || {
                begun.fetch_add(1, Ordering::Relaxed);
            };
            pool.assign(job).unwrap();
        }
        while begun.load(Ordering::Relaxed) == 0 {
            sim.yield_now().await;
        }
        let before = begun.load(Ordering::Relaxed);
        assert!(before < 1_000, "the worker did not let others have the thread");
        assert_eq!(pool.stats().running, 0);
        pool.resize(0).unwrap();
        sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(begun.load(Ordering::Relaxed), before);
        pool.shutdown().unwrap();
        let left = pool.join().await.unwrap().count() as u64;
        assert_eq!(before + left, 1_000);
    });
}
