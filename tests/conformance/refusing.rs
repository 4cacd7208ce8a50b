//! What a pool refuses, at its construction and later.

use droves::ConfigError;
use droves::job::Error;
use droves::pool::{AlreadyStopping, Builder, Phase, Pool, Refusal, Shared, StartErrorKind};

use crate::help::{Gate, Tally};
use crate::world::World;

/// The error of a pool that can't be, and a builder that is as it was.
fn refused<W: World>(w: &W, builder: Builder) -> (ConfigError, Builder) {
    let before = format!("{builder:?}");
    let error = builder.start(w.rt()).unwrap_err();
    let StartErrorKind::Config(config) = error.kind else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.starts_with(&format!("{} is {}, but must be", config.field, config.value)));
    assert_eq!(format!("{:?}", error.builder), before);
    (config, error.builder)
}

async fn tr_04_a_value_out_of_range_is_named_and_the_builder_comes_back<W: World>(w: &W) {
    const MOST: usize = if cfg!(droves_word32) { 1_004 } else { 261_116 };
    let of = |(error, _): (ConfigError, Builder)| (error.field, error.value, error.min, error.max);
    let builder = Pool::builder;
    assert_eq!(of(refused(w, builder().fixed(0))), ("size", 0, 1, MOST));
    assert_eq!(of(refused(w, builder().fixed(MOST + 1))), ("size", MOST + 1, 1, MOST));
    assert_eq!(of(refused(w, builder().fixed(usize::MAX))), ("size", usize::MAX, 1, MOST));
    assert_eq!(of(refused(w, builder().dynamic(0..=0))), ("max", 0, 1, MOST));
    assert_eq!(of(refused(w, builder().dynamic(0..=usize::MAX))), ("max", usize::MAX, 1, MOST));
    #[allow(clippy::reversed_empty_ranges, reason = "that is the question")]
    let reversed = builder().dynamic(3..=2);
    assert_eq!(of(refused(w, reversed)), ("min", 3, 0, 2));
    assert_eq!(of(refused(w, builder().dynamic(2..=4).initial(1))), ("initial", 1, 2, 4));
    assert_eq!(of(refused(w, builder().dynamic(2..=4).initial(5))), ("initial", 5, 2, 4));
    let huge = usize::MAX;
    assert_eq!(of(refused(w, builder().dynamic(2..=4).initial(huge))), ("initial", huge, 2, 4));
    for capacity in [0, huge, huge / 256] {
        let (error, _) = refused(w, builder().capacity(capacity));
        assert_eq!((error.field, error.value, error.min), ("capacity", capacity, 1));
    }
}

async fn tr_04_the_builder_that_comes_back_can_be_mended<W: World>(w: &W) {
    let tally = Tally::new();
    let count = tally.clone();
    let builder = Pool::builder().dynamic(2..=4).initial(9).capacity(7);
    let builder = builder.on_error::<Error>(move |_, _| count.enter().end());
    let error = builder.start(w.rt()).unwrap_err();
    let pool = error.builder.initial(3).start(w.rt()).unwrap();
    assert_eq!((pool.stats().size, pool.capacity()), (3, 7));
    pool.assign(|| Err("on purpose".into())).unwrap();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 1);
}

async fn tr_05_a_mailbox_of_none_is_one_of_one<W: World>(w: &W) {
    for (mailbox, capacity) in [(0, 3), (1, 3), (2, 6), (100, 300), (usize::MAX, 65_536)] {
        let pool = Pool::builder().fixed(3).mailbox(mailbox).start(w.rt()).unwrap();
        assert_eq!(pool.capacity(), capacity, "with {mailbox}");
        let tally = Tally::new();
        pool.assign(tally.tick()).unwrap();
        pool.shutdown().unwrap();
        pool.join().await.unwrap();
        assert_eq!(tally.done(), 1);
    }
    let pool = Pool::builder().dynamic(0..=1).mailbox(0).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    w.until(|| tally.running() == 1).await;
    pool.assign(tally.job(&gate)).unwrap();
    assert!(pool.assign(tally.job(&gate)).unwrap_err().is_full());
    gate.open();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
    assert_eq!(tally.done(), 2);
}

/// All ways to give it a job answer the same, and give the job back.
async fn answers(pool: &Pool, kind: Refusal) {
    let tally = Tally::new();
    let error = pool.assign(tally.tick()).unwrap_err();
    assert_eq!(error.kind, kind);
    error.into_inner()();
    let error = pool.send(tally.tick()).await.unwrap_err();
    assert_eq!(error.kind, kind);
    error.into_inner()();
    let error = pool.assign_job(droves::job::Job::new(tally.tick())).unwrap_err();
    assert_eq!(error.kind, kind);
    error.into_inner().run_now(&mut ()).unwrap();
    let error = pool.send_job(droves::job::Job::new(tally.tick())).await.unwrap_err();
    assert_eq!(error.kind, kind);
    error.into_inner().run_now(&mut ()).unwrap();
    let error = pool.assign_many([tally.tick()]).unwrap_err();
    assert_eq!((error.accepted, error.error.kind), (0, kind));
    error.error.into_inner()();
    let shared: &Shared<_, _> = pool;
    let error = shared.assign(tally.tick()).unwrap_err();
    assert_eq!(error.kind, kind);
    error.into_inner()();
    let error = shared.assign_many([tally.tick()]).unwrap_err();
    assert_eq!(error.error.discard(), kind);
    assert_eq!(tally.done(), 6);
}

async fn tr_10_after_shutdown_the_answer_is_the_same_in_both_modes<W: World>(w: &W) {
    for builder in [
        Pool::builder().fixed(2).capacity(3),
        Pool::builder().dynamic(0..=2).capacity(3),
        Pool::builder().dynamic(2..=2).capacity(3),
    ] {
        let pool = builder.start(w.rt()).unwrap();
        let (tally, gate) = (Tally::new(), Gate::new());
        for _ in 0..2 {
            pool.assign(tally.job(&gate)).unwrap();
        }
        w.until(|| tally.running() == 2).await;
        for _ in 0..3 {
            pool.assign(tally.tick()).unwrap();
        }
        assert!(pool.assign(tally.tick()).unwrap_err().is_full());
        pool.shutdown().unwrap();
        // Full as it is.
        answers(&pool, Refusal::ShuttingDown).await;
        gate.open();
        answers(&pool, Refusal::ShuttingDown).await;
        pool.join().await.unwrap();
        answers(&pool, Refusal::ShuttingDown).await;
        assert_eq!(tally.done(), 5);
    }
    for end in [Shared::cancel, Shared::abort] as [fn(&Shared<Error, ()>) -> _; 2] {
        let pool = Pool::builder().start(w.rt()).unwrap();
        end(&pool).unwrap();
        answers(&pool, Refusal::ShuttingDown).await;
        pool.join().await.unwrap();
        answers(&pool, Refusal::ShuttingDown).await;
    }
}

async fn tr_09_a_quiet_pool_gives_the_job_back_until_it_resumes<W: World>(w: &W) {
    let pool = Pool::builder().fixed(1).capacity(2).start(w.rt()).unwrap();
    let (tally, gate) = (Tally::new(), Gate::new());
    pool.assign(tally.job(&gate)).unwrap();
    pool.assign(tally.tick()).unwrap();
    pool.quiet().unwrap();
    pool.quiet().unwrap();
    assert_eq!(pool.stats().phase, Phase::Quiet);
    answers(&pool, Refusal::Quiet).await;
    // What was accepted is done.
    gate.open();
    w.until(|| tally.done() == 2).await;
    answers(&pool, Refusal::Quiet).await;
    assert!(!pool.is_stopped());
    pool.resume().unwrap();
    pool.resume().unwrap();
    pool.assign(tally.tick()).unwrap();
    w.until(|| tally.done() == 3).await;
    pool.quiet().unwrap();
    pool.shutdown().unwrap();
    pool.join().await.unwrap();
}

async fn tr_11_a_second_shutdown_is_an_error_and_no_panic<W: World>(w: &W) {
    for builder in [Pool::builder().fixed(1), Pool::builder().dynamic(0..=1)] {
        let pool = builder.start(w.rt()).unwrap();
        let (tally, gate) = (Tally::new(), Gate::new());
        pool.assign(tally.job(&gate)).unwrap();
        w.until(|| tally.running() == 1).await;
        pool.shutdown().unwrap();
        assert_eq!(pool.stats().phase, Phase::Draining);
        for _ in 0..3 {
            assert_eq!(pool.shutdown(), Err(AlreadyStopping));
        }
        assert_eq!((pool.quiet(), pool.resume()), (Err(AlreadyStopping), Err(AlreadyStopping)));
        pool.cancel().unwrap();
        assert_eq!(pool.stats().phase, Phase::Cancelling);
        assert_eq!((pool.shutdown(), pool.cancel()), (Err(AlreadyStopping), Err(AlreadyStopping)));
        // It does not pre-empt.
        w.pause().await;
        assert_eq!(tally.running(), 1);
        gate.open();
        pool.join().await.unwrap();
        assert_eq!(tally.done(), 1);
        let calls: [fn(&Shared<Error, ()>) -> _; 5] =
            [Shared::quiet, Shared::resume, Shared::shutdown, Shared::cancel, Shared::abort];
        for call in calls {
            assert_eq!(call(&pool), Err(AlreadyStopping));
        }
        assert_eq!(pool.stats().phase, Phase::Stopped);
    }
}

on_all! {
    tr_04_a_value_out_of_range_is_named_and_the_builder_comes_back,
    tr_04_the_builder_that_comes_back_can_be_mended,
    tr_05_a_mailbox_of_none_is_one_of_one,
    tr_09_a_quiet_pool_gives_the_job_back_until_it_resumes,
    tr_10_after_shutdown_the_answer_is_the_same_in_both_modes,
    tr_11_a_second_shutdown_is_an_error_and_no_panic,
}
