//! What a herd refuses, at its construction and later, and runtimes that refuse.

use std::time::Duration;

use droves::ConfigError;
use droves::cancel::CancelToken;
use droves::herd::{Fault, Item, Mark, Phase, Refusal, Refused, ResizeError, StartErrorKind, Work};
use droves::retry::Backoff;
use droves::runtime::SpawnError;

use super::help::{
    Body, HerdBuilder, Problem, TheHerd, body, counted, gated, herd, ids, marks, rest,
};
use crate::help::{Court, Gate, Permits, Tally, poll_once};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3_600);

/// The most workers.
const MOST: usize = if cfg!(droves_word32) { 1_004 } else { 261_116 };

/// A builder of which nothing is started.
fn builder() -> HerdBuilder {
    herd(counted(&Tally::new()))
}

/// The error of a herd that can't be, and a builder that is as it was.
fn refused<W: World>(w: &W, builder: HerdBuilder) -> (ConfigError, HerdBuilder) {
    let before = format!("{builder:?}");
    let error = builder.start(w.rt()).unwrap_err();
    let StartErrorKind::Config(config) = error.kind else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.starts_with(&format!("{} is {}, but must be", config.field, config.value)));
    assert_eq!(format!("{:?}", error.builder), before);
    (config, error.builder)
}

async fn promise_11_a_value_out_of_range_is_named_and_the_builder_comes_back<W: World>(w: &W) {
    for size in [MOST + 1, usize::MAX] {
        let (error, _) = refused(w, builder().size(size));
        assert_eq!((error.field, error.value, error.min, error.max), ("size", size, 0, MOST));
    }
    for capacity in [0, usize::MAX, usize::MAX / 256] {
        let (error, _) = refused(w, builder().capacity(capacity));
        assert_eq!((error.field, error.value, error.min), ("capacity", capacity, 1));
    }
}

async fn promise_11_the_builder_that_comes_back_can_be_mended<W: World>(w: &W) {
    let (begun, told) = (Tally::new(), Tally::new());
    let telling = told.clone();
    let builder = herd(counted(&begun)).size(MOST + 1).capacity(7);
    let builder = builder.on_success(move |_, _| telling.enter().end());
    let (_, builder) = refused(w, builder);
    let (_, builder) = refused(w, builder.size(3).capacity(0));
    let (herd, mut results) = builder.capacity(7).start(w.rt()).unwrap();
    assert_eq!((herd.stats().size, herd.capacity()), (3, 7));
    herd.send(1, body(0)).await.unwrap();
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 1);
    assert_eq!((begun.done(), told.done()), (1, 1));
}

async fn promise_11_a_size_out_of_range_changes_nothing<W: World>(w: &W) {
    let (herd, mut results) = builder().size(2).start(w.rt()).unwrap();
    for size in [MOST + 1, usize::MAX] {
        let error = herd.resize(size).unwrap_err();
        assert!(error.to_string().starts_with(&format!("size is {size}, but must be from 0 to")));
        let ResizeError::Config(config) = error else { panic!("{error}") };
        assert_eq!((config.field, config.value, config.max), ("size", size, MOST));
    }
    assert_eq!(herd.stats().size, 2);
    herd.send(1, body(0)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 1);
    herd.cancel().unwrap();
    assert_eq!(herd.resize(1), Err(ResizeError::Stopping));
}

/// Work about which all is special.
fn special(court: &Court, token: &CancelToken) -> Work<Body> {
    let work = Work::new(5, body(55).keeping(court.witness())).cancelled_by(token);
    work.after(Duration::from_millis(1)).timeout(HOUR)
}

/// The work that came back, for this reason.
fn work_of(error: Refused<Work<Body>>, kind: Refusal, court: &Court) -> Work<Body> {
    assert_eq!((error.kind, error.to_string()), (kind, kind.to_string()));
    assert_eq!(
        (error.is_full(), error.is_shutting_down()),
        match kind {
            Refusal::Full => (true, false),
            Refusal::Quiet => (false, false),
            Refusal::ShuttingDown => (false, true),
        }
    );
    let work = error.into_inner();
    assert_eq!((work.id, work.body.number, court.count()), (5, 55, 1));
    work
}

/// All calls that send answer the same, and give back what was to be sent. Returns it.
async fn answers(herd: &TheHerd, kind: Refusal, token: &CancelToken) -> (Court, Work<Body>) {
    let court = Court::new();
    let before = herd.stats().refused;
    let error = herd.try_send(4, body(44).keeping(court.witness())).unwrap_err();
    assert_eq!((error.kind, error.into_inner().number), (kind, 44));
    let many = [(1, body(11).keeping(court.witness()))];
    let many = herd.try_send_many(many).unwrap_err();
    assert_eq!((many.accepted, many.error.kind), (0, kind));
    assert_eq!((court.count(), many.error.into_inner().number), (1, 11));
    let work = work_of(herd.try_send_work(special(&court, token)).unwrap_err(), kind, &court);
    let work = work_of(herd.try_send_for_result(work).unwrap_err(), kind, &court);
    let mut calls = 4;
    let work = if kind == Refusal::Full {
        // These wait.
        assert!(poll_once(Box::pin(herd.send(4, body(4)))).is_pending());
        assert!(poll_once(Box::pin(herd.send_work((4, body(4)).into()))).is_pending());
        assert!(poll_once(Box::pin(herd.send_for_result((4, body(4))))).is_pending());
        work
    } else {
        calls += 3;
        let error = herd.send(4, body(44).keeping(court.witness())).await.unwrap_err();
        assert_eq!((error.kind, error.into_inner().number), (kind, 44));
        let work = work_of(herd.send_work(work).await.unwrap_err(), kind, &court);
        work_of(herd.send_for_result(work).await.unwrap_err(), kind, &court)
    };
    assert_eq!(herd.stats().refused, before + calls);
    (court, work)
}

async fn promise_06_what_is_refused_comes_back_as_it_was<W: World>(w: &W) {
    let (tally, gate, token) = (Tally::new(), Gate::new(), CancelToken::new());
    let builder = herd(gated(&tally, &gate)).size(1).capacity(3);
    let (strict, mut strict_results) = builder.start(w.rt()).unwrap();
    let (mild, mut results) = builder_of_stubborn().start(w.rt()).unwrap();
    // It has kept what is special about it: the time, the token.
    let mut check = async |court: Court, work: Work<Body>| {
        let sent = w.now();
        mild.send_work(work).await.unwrap();
        let done = results.next().await.unwrap();
        assert!(w.now() >= sent.saturating_add(Duration::from_millis(1)));
        assert_eq!((done.id, done.body.number, done.attempts), (5, 55, 1));
        assert_eq!(done.outcome.into_result().unwrap(), 55);
        drop(done.body);
        assert_eq!(court.count(), 0);
    };
    strict.quiet().unwrap();
    let (court, work) = answers(&strict, Refusal::Quiet, &token).await;
    check(court, work).await;
    strict.resume().unwrap();
    for id in 0..3 {
        strict.send(id, body(0)).await.unwrap();
    }
    let (court, work) = answers(&strict, Refusal::Full, &token).await;
    check(court, work).await;
    // Full as it is, and when all are done.
    strict.close();
    let (court, work) = answers(&strict, Refusal::ShuttingDown, &token).await;
    check(court, work).await;
    gate.open();
    assert_eq!(rest(&mut strict_results).await.len(), 3);
    strict.join().await.unwrap();
    let (court, work) = answers(&strict, Refusal::ShuttingDown, &token).await;
    check(court, work).await;
    let (_, work) = answers(&strict, Refusal::ShuttingDown, &token).await;
    token.cancel();
    mild.send_work(work).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.id, done.attempts, done.outcome.into_result().is_err()), (5, 0, true));
    for end in [TheHerd::cancel, TheHerd::abort] {
        let (herd, _results) = builder_of_stubborn().start(w.rt()).unwrap();
        end(&herd).unwrap();
        answers(&herd, Refusal::ShuttingDown, &token).await;
        herd.join().await.unwrap();
        answers(&herd, Refusal::ShuttingDown, &token).await;
    }
}

/// One with a timeout that is too short for what it does.
fn builder_of_stubborn() -> HerdBuilder {
    let handler = |item: Item<Body>| async move {
        futures_lite::future::yield_now().await;
        Ok(item.number)
    };
    herd(handler).timeout(Duration::ZERO)
}

async fn promise_11_a_driver_that_cannot_be_spawned_is_an_error<W: World>(w: &W) {
    let (permits, tally) = (Permits::new(0), Tally::new());
    let builder = herd(counted(&tally)).size(2).capacity(9);
    let error = w.start_herd_limited(builder, &permits).unwrap_err();
    assert_eq!(error.kind, StartErrorKind::Spawn(SpawnError::Limit));
    assert_eq!(error.to_string(), SpawnError::Limit.to_string());
    permits.grant(usize::MAX);
    let (herd, mut results) = w.start_herd_limited(error.builder, &permits).unwrap();
    assert_eq!(herd.capacity(), 9);
    herd.send(0, body(0)).await.unwrap();
    w.until(|| herd.stats().live == 2).await;
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 1);
    herd.join().await.unwrap();
    assert_eq!((tally.done(), herd.stats().lost_workers), (1, 0));
}

async fn promise_01_workers_that_cannot_be_had_are_counted_and_tried_again<W: World>(w: &W) {
    // The driver and one worker.
    let (permits, tally, gate) = (Permits::new(2), Tally::new(), Gate::new());
    let builder = herd(gated(&tally, &gate)).size(4);
    let (herd, mut results) = w.start_herd_limited(builder, &permits).unwrap();
    for id in 0..8 {
        herd.send(id, body(0)).await.unwrap();
    }
    w.until(|| tally.running() == 1 && herd.stats().lost_workers >= 3).await;
    assert_eq!((herd.stats().size, herd.stats().waiting), (4, 7));
    let lost = herd.stats().lost_workers;
    w.until(|| herd.stats().lost_workers > lost).await;
    assert_eq!(tally.running(), 1);
    permits.grant(2);
    w.until(|| tally.running() == 3).await;
    permits.grant(usize::MAX);
    w.until(|| tally.running() == 4).await;
    gate.open();
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 8);
    herd.join().await.unwrap();
    assert_eq!((tally.done(), tally.most(), herd.stats().succeeded), (8, 4, 8));
}

async fn promise_01_without_any_worker_all_is_left_over<W: World>(w: &W) {
    type End = fn(&TheHerd);
    let ends: [End; 3] = [
        // It tries for about a second, and then gives up.
        |herd| assert!(herd.close()),
        |herd| herd.drain(Duration::from_millis(10)).unwrap(),
        |herd| herd.cancel().unwrap(),
    ];
    for end in ends {
        let (permits, tally) = (Permits::new(1), Tally::new());
        let builder = herd(counted(&tally)).size(2);
        let (herd, mut results) = w.start_herd_limited(builder, &permits).unwrap();
        for id in 0..3 {
            herd.send(id, body(0)).await.unwrap();
        }
        herd.send_work(Work::new(3, body(0)).after(HOUR)).await.unwrap();
        w.until(|| herd.stats().lost_workers > 0).await;
        end(&herd);
        let left = marks(herd.join().await.unwrap());
        let waiting = Mark::Waiting;
        assert_eq!(left, [(0, waiting), (1, waiting), (2, waiting), (3, Mark::Scheduled)]);
        assert!(results.next().await.is_none());
        assert_eq!((tally.begun(), herd.phase()), (0, Phase::Stopped));
        assert_eq!((herd.stats().succeeded, herd.stats().failed), (0, 0));
    }
}

async fn promise_01_a_closed_herd_whose_workers_come_late_does_all<W: World>(w: &W) {
    let permits = Permits::new(1);
    let handler = |item: Item<Body>| async move {
        if item.attempt() == 1 { Err(Fault::Retry(Problem(0))) } else { Ok(item.number) }
    };
    let builder = herd(handler).size(2).max_retries(1).backoff(Backoff::none());
    let (herd, mut results) = w.start_herd_limited(builder, &permits).unwrap();
    for id in 0..3 {
        herd.send(id, body(0)).await.unwrap();
    }
    // The last of the driver's tries would be about a second later.
    permits.grant_after(3);
    herd.close();
    let mut all = rest(&mut results).await;
    all.sort_by_key(|done| done.id);
    assert_eq!(ids(&all), [0, 1, 2]);
    assert_eq!(herd.join().await.unwrap().count(), 0);
    assert!(herd.stats().lost_workers >= 3);
}

on_all! {
    promise_11_a_value_out_of_range_is_named_and_the_builder_comes_back,
    promise_11_the_builder_that_comes_back_can_be_mended,
    promise_11_a_size_out_of_range_changes_nothing,
    promise_06_what_is_refused_comes_back_as_it_was,
    promise_11_a_driver_that_cannot_be_spawned_is_an_error,
    promise_01_workers_that_cannot_be_had_are_counted_and_tried_again,
    promise_01_without_any_worker_all_is_left_over,
    promise_01_a_closed_herd_whose_workers_come_late_does_all,
}
