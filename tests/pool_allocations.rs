//! A pool allocates nothing for a job of up to 64 bytes, and a herd nothing for an item, once they have worked for a while.
#![cfg(all(any(feature = "threads", feature = "tokio"), not(any(droves_loom, droves_shuttle))))]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use droves::herd::{Fault, Herd, Item, Results};
use droves::job::INLINE;
use droves::pool::Pool;
use droves::retry::Backoff;

/// Counts what all threads allocate.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Of one measurement.
const ROUNDS: usize = 200;
const BATCH: usize = 16;

static DONE: AtomicUsize = AtomicUsize::new(0);

fn done() -> usize {
    DONE.load(Ordering::SeqCst)
}

/// Gives the pool a closure without captures, one that fills the place, and a future that waits once.
fn assign(pool: &Pool, number: u64) {
    match number % 3 {
        0 => pool.assign(|| _ = DONE.fetch_add(1, Ordering::SeqCst)).unwrap(),
        1 => {
            let large = [number; INLINE / 8];
            let job = move || {
                assert!(large.iter().all(|&part| part == large[0]));
                DONE.fetch_add(1, Ordering::SeqCst);
            };
            assert_eq!(size_of_val(&job), INLINE);
            pool.assign(job).unwrap();
        }
        _ => pool
            .assign(async {
                futures_lite::future::yield_now().await;
                DONE.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap(),
    }
}

/// What every third item does at once, after a wait, and only when it is tried again.
async fn handle(item: Item<u64>) -> Result<u64, Fault<()>> {
    match *item % 3 {
        0 => Ok(*item),
        1 => {
            futures_lite::future::yield_now().await;
            Ok(*item)
        }
        _ if item.attempt() == 1 => Err(Fault::Retry(())),
        _ => Ok(*item),
    }
}

/// Sends a batch, and takes its results.
async fn pass(herd: &Herd<u64, u64, ()>, results: &mut Results<u64, u64, ()>) {
    for number in 0..BATCH as u64 {
        herd.send(number, number).await.unwrap();
    }
    for _ in 0..BATCH {
        let done = results.next().await.unwrap();
        assert_eq!(done.outcome.into_result().unwrap(), done.body);
    }
}

/// The least that was allocated for many items.
async fn least(herd: &Herd<u64, u64, ()>, results: &mut Results<u64, u64, ()>) -> usize {
    let mut quietest = usize::MAX;
    for _ in 0..5 {
        let before = COUNT.load(Ordering::SeqCst);
        for _ in 0..ROUNDS {
            pass(herd, results).await;
        }
        quietest = quietest.min(COUNT.load(Ordering::SeqCst) - before);
    }
    quietest
}

/// The counter is everybody's, so one test runs all. The quietest of several measurements counts: the first
/// warms up, as threads get their wakers and queues their lengths, and the test's harness may allocate in between.
#[test]
fn promise_05_no_allocation_for_a_job_or_an_item() {
    #[cfg(feature = "threads")]
    threads();
    #[cfg(feature = "tokio")]
    tokio(1);
    #[cfg(feature = "tokio")]
    tokio(2);
}

#[cfg(feature = "threads")]
fn threads() {
    use std::time::Duration;
    for workers in [1, 3] {
        let pool =
            Pool::builder().fixed(workers).capacity(BATCH).start(&droves::threads::Threads::new());
        let pool = pool.unwrap();
        let measure = || {
            let before = COUNT.load(Ordering::SeqCst);
            for round in 0..ROUNDS {
                let target = done() + BATCH;
                (0..BATCH).for_each(|number| assign(&pool, number as u64));
                while done() < target {
                    // Idle workers, too: now and then they get the time to park.
                    std::thread::sleep(Duration::from_micros(if round % 10 == 0 {
                        500
                    } else {
                        20
                    }));
                }
            }
            COUNT.load(Ordering::SeqCst) - before
        };
        let allocated = (0..5).map(|_| measure()).min();
        assert_eq!(allocated, Some(0), "for {} jobs on {workers} threads", ROUNDS * BATCH);
        pool.shutdown().unwrap();
        pool.join_blocking().unwrap();

        let builder = Herd::builder(handle).size(workers).max_retries(1).backoff(Backoff::none());
        let (herd, mut results) = builder.start(&droves::threads::Threads::new()).unwrap();
        let allocated = droves::threads::block_on(least(&herd, &mut results));
        assert_eq!(allocated, 0, "for {} items on {workers} threads", ROUNDS * BATCH);
    }
}

#[cfg(feature = "tokio")]
fn tokio(threads: usize) {
    use ::tokio::runtime::Builder;
    let upstream = match threads {
        1 => Builder::new_current_thread().enable_time().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_time().build(),
    }
    .unwrap();
    let tokio = droves::tokio::Tokio::new(upstream.handle().clone());
    let pool = Pool::builder().fixed(3).capacity(BATCH).start(&tokio).unwrap();
    // In one call, as each call of `block_on` allocates.
    let allocated = upstream.block_on(async {
        let mut quietest = usize::MAX;
        for _ in 0..5 {
            let before = COUNT.load(Ordering::SeqCst);
            for _ in 0..ROUNDS {
                let target = done() + BATCH;
                (0..BATCH).for_each(|number| assign(&pool, number as u64));
                while done() < target {
                    ::tokio::task::yield_now().await;
                }
            }
            quietest = quietest.min(COUNT.load(Ordering::SeqCst) - before);
        }
        quietest
    });
    assert_eq!(allocated, 0, "for {} jobs on {threads} threads of tokio", ROUNDS * BATCH);
    pool.shutdown().unwrap();
    upstream.block_on(pool.join()).unwrap();

    let builder = Herd::builder(handle).size(3).max_retries(1).backoff(Backoff::none());
    let (herd, mut results) = builder.start(&tokio).unwrap();
    let allocated = upstream.block_on(least(&herd, &mut results));
    assert_eq!(allocated, 0, "for {} items on {threads} threads of tokio", ROUNDS * BATCH);
}
