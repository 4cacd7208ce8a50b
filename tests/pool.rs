//! What pools on threads have been wrong about, or might be.
#![cfg(all(feature = "threads", not(any(droves_loom, droves_shuttle))))]
#![allow(missing_docs, reason = "tests")]

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use droves::job::{Error, JobError};
use droves::mailbox::channel;
use droves::pool::{JoinError, Pool, StartErrorKind};
use droves::threads::{Threads, block_on};
use futures_lite::future::zip;

/// The result of `f`, which must come in a minute.
fn in_time<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || sender.send(f()));
    result.recv_timeout(Duration::from_secs(60)).expect("it hangs, or has panicked")
}

/// Whatever else parks the thread takes the thread's token, but not the wake.
#[test]
fn promise_07_a_future_that_parks_its_thread_loses_no_wake() {
    let received = in_time(|| {
        let (mut first, mut one) = channel::<u8>(1).unwrap();
        let (mut second, mut two) = channel::<u8>(1).unwrap();
        let (third, three) = mpsc::channel();
        let sends = thread::spawn(move || {
            for step in 0..3 {
                thread::sleep(Duration::from_millis(50));
                match step {
                    0 => first.try_send(1).unwrap(),
                    1 => second.try_send(2).unwrap(),
                    _ => third.send(3).unwrap(),
                }
            }
            // Nobody is woken by a close.
            (first, second)
        });
        let blocks = async { (two.recv_blocking(), three.recv()) };
        let received = block_on(zip(one.recv(), blocks));
        drop(sends.join());
        received
    });
    assert_eq!(received, (Some(1), (Some(2), Ok(3))));
}

#[test]
fn promise_03_a_size_that_comes_after_the_end_does_not_make_it_a_failure() {
    let mut refused = 0;
    for _ in 0..100 {
        let pool = Pool::builder().fixed(4).start(&Threads::new()).unwrap();
        pool.assign(|| ()).unwrap();
        let other = pool.clone();
        let resizes = thread::spawn(move || while other.resize(4).is_ok() {});
        pool.shutdown().unwrap();
        assert_eq!(pool.join_blocking().map(Iterator::count), Ok(0));
        refused += usize::from(resizes.join().is_ok());
    }
    assert_eq!(refused, 100);
}

#[test]
fn promise_01_what_comes_while_the_idle_go_is_done() {
    for round in 1..=500_u64 {
        let builder = Pool::builder().dynamic(0..=8).initial(8);
        let pool = builder.idle_timeout(Duration::from_millis(1)).start(&Threads::new()).unwrap();
        let wait = Instant::now() + Duration::from_micros(800 + round * 977 % 1_800);
        while Instant::now() < wait {
            std::hint::spin_loop();
        }
        pool.assign(|| ()).unwrap();
        pool.shutdown().unwrap();
        assert_eq!(pool.join_blocking().unwrap().count(), 0);
        assert_eq!(pool.stats().succeeded, 1, "round {round}");
    }
}

type Place = Arc<OnceLock<Pool<Error, JoinsWhenDropped>>>;

struct JoinsWhenDropped(Place, mpsc::Sender<Option<JoinError>>);

impl Drop for JoinsWhenDropped {
    fn drop(&mut self) {
        self.1.send(self.0.get().unwrap().join_blocking().err()).unwrap();
    }
}

#[test]
fn promise_03_a_worker_that_waits_for_itself_as_it_goes_is_told() {
    let joined = in_time(|| {
        let (sender, joined) = mpsc::channel();
        let place = Place::default();
        let inside = place.clone();
        let builder = Pool::builder().fixed(1);
        let builder = builder.state(move || JoinsWhenDropped(inside.clone(), sender.clone()));
        let pool = builder.start(&Threads::new()).unwrap();
        place.set(pool.clone()).unwrap();
        pool.assign(|| ()).unwrap();
        pool.shutdown().unwrap();
        pool.join_blocking().unwrap();
        joined.try_recv().unwrap()
    });
    assert_eq!(joined, Some(JoinError::Inside));
}

#[test]
fn promise_01_a_worker_that_is_lost_at_the_end_is_replaced() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let make = move || {
        thread::sleep(Duration::from_millis(30));
        assert_ne!(counted.fetch_add(1, Ordering::Relaxed), 0, "on purpose: the first state");
    };
    let pool = Pool::builder().fixed(1).state(make).start(&Threads::new()).unwrap();
    for _ in 0..10 {
        pool.assign(|| ()).unwrap();
    }
    pool.shutdown().unwrap();
    assert_eq!(pool.join_blocking().unwrap().count(), 0);
    let stats = pool.stats();
    assert_eq!((stats.succeeded, stats.lost_workers, tries.load(Ordering::Relaxed)), (10, 1, 2));
}

/// Panics when it is dropped, with something that panics when it is dropped.
struct Grenade;

struct Splinter;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic_any(Splinter);
    }
}

impl Drop for Splinter {
    fn drop(&mut self) {
        assert!(thread::panicking(), "on purpose: a payload");
    }
}

#[test]
fn promise_10_not_even_what_a_panic_carries_takes_a_worker_with_it() {
    let stats = in_time(|| {
        let builder = Pool::builder().fixed(1).state(|| Grenade);
        let builder = builder.on_error(|error: JobError<Error>, _| match error {
            JobError::Panicked(panic) => drop(panic),
            error => panic!("{error}"),
        });
        let pool = builder.start(&Threads::new()).unwrap();
        pool.assign(|| panic_any(Splinter)).unwrap();
        pool.assign(|| ()).unwrap();
        pool.shutdown().unwrap();
        assert_eq!(pool.join_blocking().unwrap().count(), 0);
        pool.stats()
    });
    assert_eq!((stats.panicked, stats.succeeded, stats.handler_panics), (1, 1, 1));
}

#[test]
fn promise_11_an_error_handler_that_would_be_forgotten_is_an_error() {
    let builder = Pool::builder().on_error(|_: JobError<Error>, _| {}).state(|| 1);
    let error = builder.start(&Threads::new()).unwrap_err();
    assert_eq!(error.kind, StartErrorKind::HandlerBeforeState);
    assert_eq!(error.to_string(), "`on_error` was called before `state`");
}

#[test]
fn the_order_of_initial_and_dynamic_does_not_matter() {
    let builder = Pool::builder().initial(3).dynamic(1..=4);
    let pool = builder.start(&Threads::new()).unwrap();
    assert_eq!(pool.stats().size, 3);
}

#[test]
fn a_job_cannot_cancel_its_pool_by_its_token() {
    let pool = Pool::builder().fixed(1).start(&Threads::new()).unwrap();
    let (mine, other) = (pool.cancel_token(), pool.cancel_token());
    assert!(mine.cancel());
    assert!(!other.is_cancelled() && pool.assign(|| ()).is_ok());
    let waits = pool.cancel_token();
    let told = thread::spawn(move || block_on(waits.cancelled()));
    pool.cancel().unwrap();
    assert!(other.is_cancelled());
    told.join().unwrap();
}

#[test]
fn handles_can_be_shared_and_sent() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe>() {}
    check::<Pool>();
    check::<Pool<Error, std::cell::Cell<u8>>>();
}
