//! How jobs come to workers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use droves::job::Job;
use droves::pool::{JoinError, Overflow, Pool, Refusal, Shared};

use crate::help::{Court, Gate, Permits, Tally, Woken, all_idle, poll_once, without_spawning};
use crate::world::World;

async fn tr_01_a_job_is_a_closure_or_a_future<W: World>(w: &W) {
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let tally = Tally::new();
    let large = ([7_u64; 40], tally.clone());
    pool.assign(tally.tick()).unwrap();
    pool.assign(move || {
        assert_eq!(large.0.iter().sum::<u64>(), 280);
        large.1.enter().end();
        Ok(())
    })
    .unwrap();
    let open = Gate::new();
    open.open();
    pool.assign(tally.job(&open)).unwrap();
    pool.assign_job(Job::new(tally.tick())).unwrap();
    pool.send(tally.tick()).await.unwrap();
    pool.send_job(Job::new(tally.job(&open))).await.unwrap();
    let shared: &Shared<_, _> = &pool;
    shared.assign(tally.tick()).unwrap();
    shared.assign_job(Job::new(tally.tick())).unwrap();
    pool.shutdown().unwrap();
    assert_eq!(pool.join().await.unwrap().count(), 0);
    assert_eq!((tally.done(), pool.stats().succeeded), (8, 8));
}

async fn tr_07_an_idle_worker_first_then_a_new_one_then_the_queue<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(1..=2).capacity(3).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    w.until(|| all_idle(&pool, 1)).await;

    pool.assign(tally.job(&gate)).unwrap();
    assert_eq!(pool.stats().size, 1, "grew though a worker was idle");
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.job(&gate)).unwrap();
    assert_eq!(pool.stats().size, 2, "did not grow");
    w.until(|| tally.running() == 2).await;
    for _ in 0..3 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.pause().await;
    let stats = pool.stats();
    assert_eq!((stats.size, stats.live, stats.waiting, stats.running), (2, 2, 3, 2));
    let refused = pool.assign(tally.job(&gate)).unwrap_err();
    assert!(refused.is_full());
    w.pause().await;
    assert_eq!((pool.stats().size, pool.stats().live), (2, 2), "grew beyond its greatest size");

    gate.open();
    w.until(|| tally.done() == 5).await;
    pool.send(refused.into_inner()).await.unwrap();
    w.until(|| tally.done() == 6).await;
    assert_eq!(tally.most(), 2);
    assert_eq!(pool.workers().count(), 2, "workers were replaced");
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn tr_07_a_burst_never_runs_on_more_than_the_greatest_size<W: World>(w: &W) {
    let pool = Pool::builder().dynamic(0..=2).capacity(100).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..100 {
        pool.assign(tally.job(&gate)).unwrap();
        assert!(pool.stats().size <= 2);
    }
    w.until(|| tally.running() == 2).await;
    w.pause().await;
    assert_eq!((tally.running(), pool.stats().waiting, pool.stats().live), (2, 98, 2));
    gate.open();
    w.until(|| tally.done() == 100).await;
    assert_eq!(tally.most(), 2);
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn tr_08_fixed_spreads_over_all_workers_and_is_full_only_when_all_are<W: World>(w: &W) {
    let pool = Pool::builder().fixed(4).mailbox(2).start(w.rt()).unwrap();
    assert_eq!(pool.capacity(), 8);
    let (tally, gate) = (Tally::new(), Gate::new());
    for running in 1..=4 {
        pool.assign(tally.job(&gate)).unwrap();
        w.until(|| tally.running() == running).await;
    }
    assert!(pool.workers().all(|worker| worker.busy && worker.started == 1));
    for waiting in 1..=8 {
        pool.assign(tally.job(&gate)).unwrap();
        assert_eq!(pool.stats().waiting, waiting);
    }
    assert_eq!(pool.assign(tally.job(&gate)).unwrap_err().discard(), Refusal::Full);
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((tally.done(), tally.most()), (12, 4));
}

async fn tr_08_nothing_is_refused_while_there_is_room<W: World>(w: &W) {
    for (size, capacity) in [(1, 1), (2, 3), (4, 16)] {
        let pool = Pool::builder().fixed(size).capacity(capacity).start(w.rt()).unwrap();
        let tally = Tally::new();
        for round in 1..=20 {
            for _ in 0..capacity {
                pool.assign(tally.tick()).unwrap();
            }
            w.until(|| tally.done() == round * capacity).await;
        }
        pool.shutdown().unwrap();
        pool.join().await.unwrap();
        assert!(tally.most() <= size);
    }
}

async fn tr_09_a_full_pool_gives_the_job_back<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(1).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.tick()).unwrap();

    // Each is the very closure, large or small.
    let (called, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let inside = called.clone();
    let refused = pool.assign(move || _ = inside.fetch_add(1, Ordering::SeqCst)).unwrap_err();
    assert!(refused.is_full() && !refused.is_shutting_down());
    refused.into_inner()();
    let (inside, ballast) = (count.clone(), [1_usize; 30]);
    let large = move || _ = inside.fetch_add(ballast.iter().sum(), Ordering::SeqCst);
    pool.assign(large).unwrap_err().into_inner()();
    assert_eq!((called.load(Ordering::SeqCst), count.load(Ordering::SeqCst)), (1, 30));
    let refused = pool.assign_job(Job::new(tally.tick())).unwrap_err();
    refused.into_inner().run_now(&mut ()).unwrap();
    assert_eq!(tally.done(), 1);
    let shared: &Shared<_, _> = &pool;
    let again = shared.assign(tally.tick()).unwrap_err().into_inner();

    // The caller decides to try again.
    gate.open();
    w.until(|| tally.done() == 3).await;
    pool.assign(again).unwrap();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 4);
}

async fn promise_06_what_is_refused_in_the_middle_comes_back<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(3).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    let mut jobs = (0..5).map(|_| tally.tick());
    let error = pool.assign_many(&mut jobs).unwrap_err();
    assert_eq!((error.accepted, error.error.kind), (3, Refusal::Full));
    assert_eq!(error.to_string(), "there is no room after 3 were accepted");
    assert_eq!(jobs.len(), 1);
    error.error.into_inner()();
    gate.open();
    w.until(|| tally.done() == 5).await;
    assert_eq!(pool.assign_many(jobs).unwrap(), 1);
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 6);
}

async fn promise_04_assigning_spawns_nothing<W: World>(w: &W) {
    let permits = Permits::new(usize::MAX);
    let pool = w.start_limited(Pool::builder().dynamic(0..=3), &permits).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    for _ in 0..3 {
        without_spawning(|| pool.assign(tally.job(&gate))).unwrap();
    }
    without_spawning(|| pool.resize(2)).unwrap();
    w.until(|| tally.running() >= 2).await;
    gate.open();
    without_spawning(|| pool.shutdown()).unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 3);
    assert!(permits.asked() >= 3 && !permits.spawned_inside());
}

async fn tr_08_overflow_drops_the_oldest_and_counts_it<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(2).overflow(Overflow::DropOldest);
    let pool = pool.start(w.rt()).unwrap();
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for number in 0..5 {
        let (witness, order) = (court.witness(), order.clone());
        pool.assign(move || {
            order.lock().unwrap().push(number);
            drop(witness);
        })
        .unwrap();
    }
    assert_eq!((pool.stats().dropped, pool.stats().waiting, court.count()), (3, 2, 2));
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(*order.lock().unwrap(), [3, 4]);
    assert_eq!((pool.stats().succeeded, court.count()), (3, 0));
}

async fn tr_07_jobs_are_begun_in_the_order_in_which_they_came<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(50).start(w.rt()).unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for number in 0..50 {
        let order = order.clone();
        pool.assign(move || order.lock().unwrap().push(number)).unwrap();
    }
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert!(order.lock().unwrap().iter().copied().eq(0..50));
}

async fn promise_08_send_waits_for_room<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(1).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.tick()).unwrap();
    {
        let mut send = pin!(pool.send(tally.tick()));
        assert!(poll_once(send.as_mut()).is_pending());
        w.pause().await;
        assert!(poll_once(send.as_mut()).is_pending());
        gate.open();
        send.await.unwrap();
    }
    for _ in 0..20 {
        pool.send(tally.tick()).await.unwrap();
    }
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 23);
}

async fn promise_07_a_dropped_send_drops_its_job_only<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(1).start(w.rt()).unwrap();
    let (tally, court) = (Tally::new(), Court::new());
    let gates = [Gate::new(), Gate::new()];
    pool.assign(tally.job(&gates[0])).unwrap();
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.job(&gates[1])).unwrap();

    let witness = court.witness();
    let mut first = Box::pin(pool.send(move || drop(witness)));
    let mut second = Box::pin(pool.send(tally.tick()));
    let mut third = Box::pin(pool.send(tally.tick()));
    let woken: [Arc<Woken>; 3] = Default::default();
    let wakers = woken.clone().map(Waker::from);
    assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
    assert!(third.as_mut().poll(&mut Context::from_waker(&wakers[2])).is_pending());
    let told = || woken.each_ref().map(|woken| woken.count());
    // One that nobody chose.
    drop(third);
    // One job begins: there is room for one, and one of the two is told.
    gates[0].open();
    w.until(|| told() != [0; 3]).await;
    if told()[0] > 0 {
        drop(first);
        assert_eq!(court.count(), 0);
        // It was chosen, and passes its wake on.
        w.until(|| told()[1] > 0).await;
        second.await.unwrap();
    } else {
        drop(second);
        w.until(|| told()[0] > 0).await;
        first.await.unwrap();
    }
    gates[1].open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!((pool.stats().succeeded, court.count()), (3, 0));
}

async fn promise_07_a_send_that_waits_is_refused_at_the_end<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(1).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.tick()).unwrap();
    let mut send = Box::pin(pool.send(tally.tick()));
    assert!(poll_once(send.as_mut()).is_pending());
    pool.shutdown().unwrap();
    let refused = send.await.unwrap_err();
    assert!(refused.is_shutting_down());
    refused.into_inner()();
    gate.open();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 3);
}

async fn tr_06_all_that_a_pool_offers_works_inside_a_job<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(2).start(w.rt()).unwrap();
    let (tally, inner) = (Tally::new(), pool.clone());
    let answers = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (told, count) = (answers.clone(), tally.clone());
    pool.assign(async move {
        let mut answers = Vec::new();
        answers.push(inner.assign(count.tick()).is_ok());
        answers.push(inner.send(count.tick()).await.is_ok());
        answers.push(inner.assign(count.tick()).unwrap_err().is_full());
        // Waiting for itself would be for ever.
        let refused = inner.send(count.tick()).await.unwrap_err();
        answers.push(refused.is_full());
        refused.into_inner()();
        answers.push(inner.send_job(Job::new(|| ())).await.unwrap_err().is_full());
        answers.push(inner.send_blocking(|| ()).unwrap_err().is_full());
        answers.push(inner.join().await.unwrap_err() == JoinError::Inside);
        answers.push(inner.join_blocking().unwrap_err() == JoinError::Inside);
        answers.push(inner.stats().running == 1);
        answers.push(inner.workers().next().is_some_and(|worker| worker.busy));
        answers.push(inner.quiet().is_ok());
        answers.push(inner.assign(|| ()).unwrap_err().discard() == Refusal::Quiet);
        answers.push(inner.resume().is_ok());
        answers.push(inner.resize(0).is_ok());
        answers.push(inner.resize(3).is_ok());
        answers.push(!inner.is_stopped());
        answers.push(inner.shutdown().is_ok());
        answers.push(inner.assign(|| ()).unwrap_err().is_shutting_down());
        answers.push(inner.resize(2).is_ok());
        *told.lock().unwrap() = answers;
    })
    .unwrap();
    pool.join().await.unwrap();
    let answers = answers.lock().unwrap();
    assert_eq!(answers.len(), 19);
    assert!(answers.iter().all(|&answer| answer), "{answers:?}");
    assert_eq!(tally.done(), 3);
}

on_all! {
    tr_01_a_job_is_a_closure_or_a_future,
    tr_06_all_that_a_pool_offers_works_inside_a_job,
    tr_07_an_idle_worker_first_then_a_new_one_then_the_queue,
    tr_07_a_burst_never_runs_on_more_than_the_greatest_size,
    tr_07_jobs_are_begun_in_the_order_in_which_they_came,
    tr_08_fixed_spreads_over_all_workers_and_is_full_only_when_all_are,
    tr_08_nothing_is_refused_while_there_is_room,
    tr_08_overflow_drops_the_oldest_and_counts_it,
    tr_09_a_full_pool_gives_the_job_back,
    promise_04_assigning_spawns_nothing,
    promise_06_what_is_refused_in_the_middle_comes_back,
    promise_07_a_dropped_send_drops_its_job_only,
    promise_07_a_send_that_waits_is_refused_at_the_end,
    promise_08_send_waits_for_room,
}
