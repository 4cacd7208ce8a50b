//! Errors and panics of jobs, and of what belongs to them.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use droves::job::{Error, JobError};
use droves::pool::{Overflow, Pool, Refused, Shared};

use crate::help::{Court, Fault, Gate, Grenade, Tally};
use crate::world::World;

async fn tr_01_the_error_handler_is_called_on_errors_only<W: World>(w: &W) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let handler = told.clone();
    let pool = Pool::builder().fixed(1).on_error::<Fault>(move |error, pool: &Shared<_, _>| {
        assert_eq!(pool.stats().running, 1);
        handler.lock().unwrap().push(short(&error));
    });
    let pool = pool.start(w.rt()).unwrap();
    pool.assign(|| ()).unwrap();
    pool.assign(|| Ok(())).unwrap();
    pool.assign(|| Err(Fault(1))).unwrap();
    pool.assign(async { Ok(()) }).unwrap();
    pool.assign(async { Err(Fault(2)) }).unwrap();
    pool.assign(|| -> Result<(), Fault> { panic!("on purpose: 3") }).unwrap();
    pool.assign(|| ()).unwrap();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["fault 1", "fault 2", "panicked: on purpose: 3"]);
    let stats = pool.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.panicked), (4, 3, 1));
    assert_eq!((stats.aborted, stats.handler_panics, stats.lost_workers), (0, 0, 0));
}

fn short(error: &JobError<Fault>) -> String {
    match error {
        JobError::Failed(Fault(number)) => format!("fault {number}"),
        JobError::Panicked(panic) => panic.to_string(),
        JobError::Aborted => "aborted".into(),
    }
}

async fn tr_01_the_error_handler_is_optional<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    pool.assign(|| Err::<(), Error>("on purpose".into())).unwrap();
    pool.assign(async { Err::<(), Error>("on purpose".into()) }).unwrap();
    pool.assign(|| -> Result<(), Error> { panic!("on purpose") }).unwrap();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((pool.stats().failed, pool.stats().panicked), (3, 1));
}

/// Fails three times.
fn again(index: u32, tries: Arc<AtomicU32>) -> impl FnOnce() -> Result<(), Fault> + Send + 'static {
    move || if tries.fetch_add(1, Ordering::SeqCst) < 3 { Err(Fault(index)) } else { Ok(()) }
}

async fn tr_14_the_error_handler_may_assign_again<W: World>(w: &W) {
    let jobs: Arc<Mutex<Vec<Arc<AtomicU32>>>> = Arc::default();
    let list = jobs.clone();
    let refused = Arc::new(AtomicUsize::new(0));
    let count = refused.clone();
    let pool = Pool::builder().fixed(2).capacity(64).on_error::<Fault>(
        move |error, pool: &Shared<Fault, ()>| {
            let JobError::Failed(Fault(index)) = error else { panic!("{error:?}") };
            let tries = list.lock().unwrap()[index as usize].clone();
            if pool.assign(again(index, tries)).is_err() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        },
    );
    let pool = pool.start(w.rt()).unwrap();
    for index in 0..20 {
        let tries = Arc::new(AtomicU32::new(0));
        jobs.lock().unwrap().push(tries.clone());
        pool.assign(again(index, tries)).unwrap();
    }
    // A job that has failed counts when its handler, which assigns it again, has returned.
    w.until(|| pool.stats().succeeded == 20 && pool.stats().running == 0).await;
    assert_eq!((pool.stats().failed, refused.load(Ordering::SeqCst)), (60, 0));
    // Once it is shut down, the job comes back to the handler, and join ends all the same.
    let gate = Gate::new();
    let tries = Arc::new(AtomicU32::new(0));
    jobs.lock().unwrap().push(tries.clone());
    let (opened, job) = (gate.clone(), again(20, tries.clone()));
    pool.assign(async move {
        opened.pass().await;
        job()
    })
    .unwrap();
    pool.shutdown().unwrap();
    gate.open();
    pool.join().await.unwrap();
    assert_eq!((refused.load(Ordering::SeqCst), tries.load(Ordering::SeqCst)), (1, 1));
    assert_eq!((pool.stats().failed, pool.stats().handler_panics), (61, 0));
}

async fn tr_14_the_error_handler_of_a_full_pool_gets_the_job_back<W: World>(w: &W) {
    let tally = Tally::new();
    let (full, count) = (Arc::new(AtomicUsize::new(0)), tally.clone());
    let told = full.clone();
    let pool = Pool::builder().fixed(1).capacity(2).on_error::<Fault>(
        move |_, pool: &Shared<Fault, ()>| {
            let refused = (0..3).filter_map(|_| pool.assign(count.tick()).err());
            told.fetch_add(refused.filter(Refused::is_full).count(), Ordering::SeqCst);
            assert_eq!(pool.stats().waiting, 2);
            // All else that it may do with the pool.
            pool.resize(2).unwrap();
            pool.quiet().unwrap();
            pool.resume().unwrap();
            pool.shutdown().unwrap();
        },
    );
    let pool = pool.start(w.rt()).unwrap();
    let gate = Gate::new();
    let opened = gate.clone();
    pool.assign(async move {
        opened.pass().await;
        Err(Fault(0))
    })
    .unwrap();
    gate.open();
    pool.join().await.unwrap();
    assert_eq!((full.load(Ordering::SeqCst), tally.done()), (1, 2));
    assert_eq!(pool.stats().handler_panics, 0);
}

async fn tr_19_a_panicking_job_is_an_error_of_that_job<W: World>(w: &W) {
    let panics = Arc::new(AtomicUsize::new(0));
    let handler = panics.clone();
    let pool = Pool::builder().fixed(2).capacity(100).on_error::<Fault>(move |error, _| {
        assert!(matches!(error, JobError::Panicked(_)));
        handler.fetch_add(1, Ordering::SeqCst);
    });
    let pool = pool.start(w.rt()).unwrap();
    let (tally, court) = (Tally::new(), Court::new());
    for number in 0..60 {
        let witness = court.witness();
        match number % 3 {
            0 => pool.assign(tally.tick()).unwrap(),
            1 => pool
                .assign(move || {
                    let _ = &witness;
                    panic!("on purpose: {number}")
                })
                .unwrap(),
            _ => pool
                .assign(async move {
                    futures_lite::future::yield_now().await;
                    let _ = &witness;
                    panic!("on purpose: {number}");
                })
                .unwrap(),
        }
    }
    // The workers go on.
    w.until(|| tally.done() == 20 && panics.load(Ordering::SeqCst) == 40).await;
    assert_eq!((pool.stats().live, pool.stats().lost_workers, court.count()), (2, 0, 0));
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((pool.stats().panicked, pool.stats().handler_panics), (40, 0));
}

async fn promise_10_a_panic_of_the_error_handler_takes_nobody_along<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1);
    let pool = pool.on_error::<Fault>(|_, _| panic!("on purpose: handler"));
    let pool = pool.start(w.rt()).unwrap();
    let tally = Tally::new();
    for _ in 0..5 {
        pool.assign(|| Err(Fault(0))).unwrap();
        pool.assign(|| -> Result<(), Fault> { panic!("on purpose") }).unwrap();
        pool.assign(tally.tick()).unwrap();
    }
    let gate = Gate::new();
    w.until(|| tally.done() == 5).await;
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    // Told of what is aborted, too.
    pool.abort().unwrap();
    pool.join().await.unwrap();
    let stats = pool.stats();
    assert_eq!((stats.failed, stats.panicked, stats.aborted), (10, 5, 1));
    assert_eq!((stats.handler_panics, stats.lost_workers), (11, 0));
}

async fn promise_10_a_panic_of_what_a_job_holds_is_the_jobs<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(3).overflow(Overflow::DropOldest);
    let pool = pool.start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    // Dropped at its end.
    let grenade = Grenade;
    pool.assign(move || drop(grenade)).unwrap();
    let grenade = Grenade;
    pool.assign(async move {
        futures_lite::future::yield_now().await;
        let _ = &grenade;
    })
    .unwrap();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1).await;
    assert_eq!(pool.stats().panicked, 2);
    // Dropped for another.
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    let grenade = Grenade;
    pool.assign(move || drop(grenade)).unwrap();
    for _ in 0..3 {
        pool.assign(tally.tick()).unwrap();
    }
    assert_eq!(pool.stats().dropped, 1);
    gate.open();
    w.until(|| tally.done() == 5).await;
    // Dropped where it waits.
    let (gate, grenade) = (Gate::new(), Grenade);
    let job = tally.job(&gate);
    pool.assign(async move {
        job.await;
        drop(grenade);
    })
    .unwrap();
    w.until(|| tally.running() == 1).await;
    pool.abort().unwrap();
    pool.join().await.unwrap();
    let stats = pool.stats();
    assert_eq!((stats.panicked, stats.aborted, stats.dropped), (2, 1, 1));
    assert_eq!((stats.succeeded, stats.lost_workers), (5, 0));
}

async fn promise_10_a_panic_of_an_error_that_nobody_takes<W: World>(w: &W) {
    struct Loud(#[allow(dead_code, reason = "it is dropped")] Grenade);
    impl std::fmt::Debug for Loud {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Loud")
        }
    }
    impl std::fmt::Display for Loud {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("loud")
        }
    }
    impl std::error::Error for Loud {}
    let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
    let tally = Tally::new();
    pool.assign(|| Err::<(), Error>(Box::new(Loud(Grenade)))).unwrap();
    // A panic's payload may panic as well.
    pool.assign(|| std::panic::panic_any(Grenade)).unwrap();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1).await;
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((pool.stats().failed, pool.stats().lost_workers), (2, 0));
}

on_all! {
    tr_01_the_error_handler_is_called_on_errors_only,
    tr_01_the_error_handler_is_optional,
    tr_14_the_error_handler_may_assign_again,
    tr_14_the_error_handler_of_a_full_pool_gets_the_job_back,
    tr_19_a_panicking_job_is_an_error_of_that_job,
    promise_10_a_panic_of_the_error_handler_takes_nobody_along,
    promise_10_a_panic_of_what_a_job_holds_is_the_jobs,
    promise_10_a_panic_of_an_error_that_nobody_takes,
}
