//! What each worker has of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use droves::pool::Pool;

use crate::help::{Court, Fault, Gate, Grenade, Own, Tally, all_idle};
use crate::world::World;

async fn tr_01_a_closure_is_given_its_workers_own_state<W: World>(w: &W) {
    let (court, made) = (Court::new(), Arc::new(AtomicUsize::new(0)));
    let (witness, counted) = (court.witness(), made.clone());
    let pool = Pool::builder().fixed(3).capacity(40).state(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Own { jobs: 0, kept: witness.clone(), grenade: None }
    });
    let pool = pool.start(w.rt()).unwrap();
    w.until(|| all_idle(&pool, 3)).await;
    // One for the factory, and one for each worker.
    assert_eq!((made.load(Ordering::SeqCst), court.count()), (3, 4));
    let told = Arc::new(Mutex::new(0));
    for _ in 0..30 {
        let told = told.clone();
        pool.assign(move |own: &mut Own| {
            own.jobs += 1;
            *told.lock().unwrap() += 1;
        })
        .unwrap();
    }
    w.until(|| *told.lock().unwrap() == 30).await;
    // It goes with its worker.
    pool.resize(1).unwrap();
    w.until(|| court.count() == 2).await;
    pool.resize(2).unwrap();
    w.until(|| court.count() == 3).await;
    assert_eq!(made.load(Ordering::SeqCst), 4);
    let seen = Arc::new(AtomicUsize::new(usize::MAX));
    let refused = {
        pool.quiet().unwrap();
        let seen = seen.clone();
        pool.assign(move |own: &mut Own| seen.store(own.jobs as usize, Ordering::SeqCst))
            .unwrap_err()
    };
    let mut own = Own { jobs: 7, kept: court.witness(), grenade: None };
    refused.into_inner()(&mut own);
    assert_eq!(seen.load(Ordering::SeqCst), 7);
    drop(own);
    pool.resume().unwrap();
    pool.cancel().unwrap();
    pool.join().await.unwrap();
    assert_eq!(court.count(), 1);
}

async fn promise_10_a_worker_whose_state_cannot_be_made_is_replaced<W: World>(w: &W) {
    let made = Arc::new(AtomicUsize::new(0));
    let (counted, court) = (made.clone(), Court::new());
    let witness = court.witness();
    let pool = Pool::builder().fixed(2).state(move || {
        assert!(counted.fetch_add(1, Ordering::SeqCst) >= 3, "on purpose: state");
        Own { jobs: 0, kept: witness.clone(), grenade: None }
    });
    let pool = pool.start(w.rt()).unwrap();
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 1 && all_idle(&pool, 2)).await;
    assert_eq!((pool.stats().lost_workers, made.load(Ordering::SeqCst)), (3, 5));
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(pool.stats().succeeded, 1);
}

async fn promise_10_a_pool_whose_state_can_never_be_made_can_end<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).state(|| -> Own { panic!("on purpose: state") });
    let pool = pool.start(w.rt()).unwrap();
    let tally = Tally::new();
    pool.assign(tally.tick()).unwrap();
    w.until(|| pool.stats().lost_workers >= 2).await;
    pool.shutdown().unwrap();
    let left: Vec<_> = pool.join().await.unwrap().collect();
    assert_eq!((left.len(), tally.begun()), (1, 0));
}

async fn promise_10_a_state_that_panics_when_it_is_dropped<W: World>(w: &W) {
    let court = Court::new();
    let witness = court.witness();
    let pool = Pool::builder()
        .fixed(2)
        .state(move || Own { jobs: 0, kept: witness.clone(), grenade: Some(Grenade) })
        .on_error::<Fault>(|_, _| ());
    let pool = pool.start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    w.until(|| all_idle(&pool, 2)).await;
    pool.resize(1).unwrap();
    w.until(|| all_idle(&pool, 1)).await;
    pool.assign(tally.job(&gate)).unwrap();
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((tally.done(), pool.stats().lost_workers), (1, 0));
    drop(pool);
    w.until(|| court.count() == 0).await;
}

on_all! {
    tr_01_a_closure_is_given_its_workers_own_state,
    promise_10_a_worker_whose_state_cannot_be_made_is_replaced,
    promise_10_a_pool_whose_state_can_never_be_made_can_end,
    promise_10_a_state_that_panics_when_it_is_dropped,
}
