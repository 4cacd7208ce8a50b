//! Schedules, delays, timeouts and deadlines.

use std::future::{Ready, ready};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::herd::{Failure, Fault, Item, Mark, Phase, Trouble, Work};
use droves::retry::{Backoff, Exhausted};
use droves::time::Instant;

use super::help::{Answer, Body, Log, Problem, body, counted, full, gated, herd, ids, marks, rest};
use crate::help::{Gate, Tally};
use crate::tasks::help::Odds;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3_600);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A handler that notes who begins when.
fn stamping<W: World>(
    w: &W,
    log: &Log<(u64, Instant)>,
) -> impl Fn(Item<Body>) -> Ready<Answer> + Send + Sync + use<W> {
    let (log, clock) = (log.clone(), w.clock());
    move |item| {
        log.push((item.id(), clock()));
        ready(Ok(item.number))
    }
}

async fn promise_09_nothing_begins_before_its_time<W: World>(w: &W) {
    let log = Log::new();
    let (herd, mut results) = herd(stamping(w, &log)).size(2).start(w.rt()).unwrap();
    let mut due = Vec::new();
    for (id, delay) in [0, 1, 3, 7, 20, 20, 13, 40, 2].into_iter().enumerate() {
        let (now, id) = (w.now(), id as u64);
        let at = now.saturating_add(millis(delay));
        let (by_time, by_delay) = (Work::new(2 * id, body(0)), Work::new(2 * id + 1, body(0)));
        herd.send_work(by_time.at(at)).await.unwrap();
        herd.send_work(by_delay.after(millis(delay))).await.unwrap();
        due.extend([at, at]);
    }
    // They are done at their time, though it takes no more.
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 18);
    let begun = log.take();
    assert_eq!(begun.len(), 18);
    for (id, at) in begun {
        assert!(at >= due[usize::try_from(id).unwrap()], "{id}: {at:?} of {due:?}");
    }
    assert_eq!((herd.stats().scheduled, herd.stats().retried), (0, 0));
}

async fn promise_09_equal_times_begin_in_order_of_insertion<W: World>(w: &W) {
    let (log, odds) = (Log::new(), Odds::new());
    let (herd, mut results) = w.start_herd_on(herd(stamping(w, &log)).size(1).capacity(200), &odds);
    let now = w.now();
    let times = [2 * HOUR, HOUR, 3 * HOUR].map(|delay| now.saturating_add(delay));
    for id in 0..90 {
        let at = times[usize::try_from(id % 3).unwrap()];
        herd.send_work(Work::new(id, body(0)).at(at)).await.unwrap();
    }
    // And ten whose time has been.
    for id in 90..100 {
        herd.send_work(Work::new(id, body(0)).at(Instant::from_nanos(0))).await.unwrap();
    }
    herd.close();
    odds.rest(w).await;
    assert_eq!((log.len(), herd.stats().scheduled), (10, 90));
    odds.pass(w, 4 * HOUR).await;
    assert_eq!(rest(&mut results).await.len(), 100);
    let of = |first: u64| (0..30).map(move |number| 3 * number + first);
    let wanted: Vec<_> = (90..100).chain(of(1)).chain(of(0)).chain(of(2)).collect();
    assert_eq!(log.take().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), wanted);
}

async fn promise_09_a_time_in_the_past_is_now<W: World>(w: &W) {
    let (herd, mut results) = herd(counted(&Tally::new())).size(1).start(w.rt()).unwrap();
    w.sleep(3).await;
    let before = Instant::from_nanos(w.now().as_nanos() - 1_000_000);
    herd.send_work(Work::new(0, body(0)).at(before)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 0);
    herd.send_work(Work::new(1, body(0)).after(Duration::ZERO)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 1);
    // What is for later takes a place as all others, but no worker.
    for id in 0..10 {
        herd.send_work(Work::new(id, body(0)).after(HOUR)).await.unwrap();
    }
    herd.send(99, body(0)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 99);
    w.until(|| herd.stats().scheduled == 10).await;
    herd.cancel().unwrap();
    assert_eq!(herd.join().await.unwrap().count(), 10);
}

async fn promise_09_durations_that_overflow_are_only_long<W: World>(w: &W) {
    let handler = |item: Item<Body>| async move {
        match item.number {
            0 => Ok(0),
            1 => Err(Fault::Retry(Problem(1))),
            _ => Err(Fault::RetryAfter(Problem(2), Duration::MAX)),
        }
    };
    let builder = herd(handler).size(2).max_retries(u32::MAX).timeout(Duration::MAX);
    let builder = builder.backoff(Backoff::constant(Duration::MAX));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let last = Instant::from_nanos(u64::MAX);
    let long = |id, number| Work::new(id, body(number)).timeout(Duration::MAX).deadline(last);
    herd.send_work(long(0, 0)).await.unwrap();
    assert!(results.next().await.unwrap().outcome.into_result().is_ok());
    herd.send_work(long(1, 0).after(Duration::MAX)).await.unwrap();
    herd.send_work(long(2, 0).at(last)).await.unwrap();
    herd.send(3, body(1)).await.unwrap();
    herd.send(4, body(2)).await.unwrap();
    w.until(|| herd.stats().scheduled == 2 && herd.stats().backing_off == 2).await;
    herd.drain(Duration::MAX).unwrap();
    w.pause().await;
    assert_eq!((herd.phase(), herd.stats().scheduled), (Phase::Draining, 2));
    herd.cancel().unwrap();
    let left = marks(herd.join().await.unwrap());
    let (scheduled, backing_off) = (Mark::Scheduled, Mark::BackingOff);
    assert_eq!(left, [(1, scheduled), (2, scheduled), (3, backing_off), (4, backing_off)]);
}

/// When an attempt began, and by when it must have ended.
type Times = (Instant, Instant);

/// A handler whose attempts wait for ever until that with this number; and notes their times.
fn slow_until<W: World>(
    w: &W,
    good: u32,
    log: &Log<Times>,
) -> impl Fn(Item<Body>) -> super::help::Attempt + Send + Sync + use<W> {
    let (log, clock) = (log.clone(), w.clock());
    move |item| {
        log.push((clock(), item.deadline().expect("it has a timeout")));
        Box::pin(async move {
            if item.attempt() < good {
                std::future::pending::<()>().await;
            }
            Ok(item.attempt())
        })
    }
}

async fn gh_06_a_timeout_is_one_attempts_and_others_follow<W: World>(w: &W) {
    let (log, told) = (Log::new(), Log::new());
    let telling = told.clone();
    let builder = herd(slow_until(w, 3, &log)).size(1).max_retries(5).timeout(millis(10));
    let builder = builder.backoff(Backoff::none()).on_retry(move |about, trouble, delay| {
        telling.push((about.attempts, trouble.clone(), delay));
    });
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let mut before = w.now();
    herd.send(1, body(0)).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.attempts, done.outcome.into_result().unwrap()), (3, 3));
    let times = log.take();
    for pair in times.windows(2) {
        let ((begun, end), (next, _)) = (pair[0], pair[1]);
        // It began after all that came before, and had its whole time.
        assert!(end >= before.saturating_add(millis(10)) && next >= end, "{times:?}");
        before = begun;
    }
    let timed_out = |attempt| (attempt, Trouble::TimedOut, Duration::ZERO);
    assert_eq!(told.take(), [timed_out(1), timed_out(2)]);
    let stats = herd.stats();
    assert_eq!((stats.timed_out, stats.retried, stats.succeeded), (2, 2, 1));
}

async fn gh_06_after_the_last_timeout_it_has_failed<W: World>(w: &W) {
    let log = Log::new();
    let builder = herd(slow_until(w, 9, &log)).size(2).max_retries(1).timeout(millis(5));
    let (herd, mut results) = builder.backoff(Backoff::none()).start(w.rt()).unwrap();
    herd.send(1, body(0)).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.attempts, log.len()), (2, 2));
    let failure = done.outcome.into_result().unwrap_err();
    assert!(matches!(failure, Failure::Exhausted(Trouble::TimedOut, Exhausted::Attempts)));
    assert_eq!(failure.error(), None);
    assert_eq!((herd.stats().timed_out, herd.stats().failed), (2, 1));
}

async fn gh_06_an_item_may_have_a_timeout_of_its_own<W: World>(w: &W) {
    // Shorter than the herd's.
    let log = Log::new();
    let builder = herd(slow_until(w, 9, &log)).timeout(HOUR);
    let (strict, mut results) = builder.start(w.rt()).unwrap();
    strict.send_work(Work::new(1, body(0)).timeout(millis(5))).await.unwrap();
    let failure = results.next().await.unwrap().outcome.into_result().unwrap_err();
    assert!(matches!(failure, Failure::Exhausted(Trouble::TimedOut, _)));
    // And longer.
    let (tally, gate) = (Tally::new(), Gate::new());
    let builder = herd(gated(&tally, &gate)).timeout(millis(1));
    let (mild, mut results) = builder.start(w.rt()).unwrap();
    mild.send_work(Work::new(1, body(7)).timeout(HOUR)).await.unwrap();
    w.until(|| tally.running() == 1).await;
    w.pause().await;
    gate.open();
    assert_eq!(results.next().await.unwrap().outcome.into_result().unwrap(), 7);
    assert_eq!(mild.stats().timed_out, 0);
}

async fn gh_07_an_item_fails_when_its_deadline_passes<W: World>(w: &W) {
    let (tally, gate, failures) = (Tally::new(), Gate::new(), Tally::new());
    let failing = failures.clone();
    let builder = herd(gated(&tally, &gate)).size(1).max_retries(3);
    let builder = builder.backoff(Backoff::none()).on_failure(move |_, failure| {
        assert!(matches!(failure, Failure::Deadline));
        failing.enter().end();
    });
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let soon = w.now().saturating_add(millis(10));
    // While it runs, and while it waits for its turn; and before it was sent.
    herd.send_work(Work::new(0, body(0)).deadline(soon)).await.unwrap();
    w.until(|| tally.begun() == 1 || w.now() >= soon).await;
    herd.send_work(Work::new(1, body(0)).deadline(soon)).await.unwrap();
    herd.send_work(Work::new(2, body(0)).deadline(Instant::from_nanos(0))).await.unwrap();
    for id in 0..3 {
        let done = results.next().await.unwrap();
        assert!(id == 2 || w.now() >= soon);
        assert_eq!(done.id, id);
        assert!(done.attempts <= u32::from(id == 0));
        assert!(matches!(done.outcome.into_result(), Err(Failure::Deadline)));
    }
    assert_eq!((failures.done(), herd.stats().failed, herd.stats().retried), (3, 3, 0));
    // One that has time enough.
    gate.open();
    let later = w.now().saturating_add(HOUR);
    herd.send_work(Work::new(3, body(0)).deadline(later)).await.unwrap();
    assert!(results.next().await.unwrap().outcome.into_result().is_ok());
}

async fn gh_07_an_item_that_would_be_too_late_does_not_back_off<W: World>(w: &W) {
    let again = |_: Item<Body>| ready(Err(Fault::Retry(Problem(0))));
    let builder = herd(again).max_retries(3).backoff(Backoff::constant(HOUR));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let later = w.now().saturating_add(HOUR / 2);
    herd.send_work(Work::new(0, body(0)).deadline(later)).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.attempts, herd.stats().retried), (1, 0));
    assert!(matches!(done.outcome.into_result(), Err(Failure::Deadline)));
}

async fn gh_19_retries_back_off_and_keep_their_place<W: World>(w: &W) {
    const ITEMS: usize = 50;
    let (tally, odds) = (Tally::new(), Odds::new());
    let inside = tally.clone();
    let handler = move |item: Item<Body>| {
        inside.enter().end();
        ready(if item.attempt() < 3 { Err(Fault::Retry(Problem(0))) } else { Ok(0) })
    };
    let builder = herd(handler).size(2).capacity(ITEMS).max_retries(2);
    let (herd, mut results) = w.start_herd_on(builder.backoff(Backoff::constant(HOUR)), &odds);
    for id in 0..ITEMS as u64 {
        herd.send(id, body(0)).await.unwrap();
    }
    for attempt in 1..=3 {
        odds.rest(w).await;
        let stats = herd.stats();
        // No worker waits for a retry, and no item leaves its place.
        assert_eq!((tally.begun(), stats.live, stats.running), (attempt * ITEMS, 2, 0));
        assert_eq!(full(herd.try_send(99, body(9)).unwrap_err()), 9);
        let backing_off = if attempt < 3 { ITEMS } else { 0 };
        assert_eq!((stats.backing_off, stats.unread), (backing_off, ITEMS - backing_off));
        odds.pass(w, HOUR.saturating_sub(millis(10_000))).await;
        assert_eq!(tally.begun(), attempt * ITEMS, "too early");
        odds.jump(millis(10_000));
    }
    herd.close();
    let all = rest(&mut results).await;
    assert!(all.len() == ITEMS && all.iter().all(|done| done.attempts == 3));
    assert_eq!((herd.stats().retried, herd.stats().backing_off), (100, 0));
}

async fn gh_19_a_handler_may_ask_for_more_time<W: World>(w: &W) {
    let log = Log::new();
    let (inside, clock) = (log.clone(), w.clock());
    let handler = move |item: Item<Body>| {
        inside.push((item.id(), clock()));
        ready(match item.attempt() {
            1 => Err(Fault::RetryAfter(Problem(0), millis(30))),
            2 => Err(Fault::RetryAfter(Problem(0), millis(1))),
            _ => Ok(0),
        })
    };
    let backoff = Backoff::exponential(millis(5)).max(millis(6));
    let told = Log::new();
    let telling = told.clone();
    let builder = herd(handler).max_retries(2).backoff(backoff);
    let builder = builder.on_retry(move |_, _, delay| telling.push(delay));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    assert!(results.next().await.unwrap().outcome.into_result().is_ok());
    let begun: Vec<_> = log.take().into_iter().map(|(_, at)| at).collect();
    assert!(begun[1] >= begun[0].saturating_add(millis(30)));
    assert!(begun[2] >= begun[1].saturating_add(millis(6)));
    assert_eq!(told.take(), [millis(30), millis(6)]);
}

async fn gh_07_a_token_of_an_item_cancels_it_alone<W: World>(w: &W) {
    let tally = Tally::new();
    let inside = tally.clone();
    let handler = move |item: Item<Body>| {
        let running = inside.enter();
        async move {
            if item.number > 0 {
                assert!(!item.is_cancelled());
                item.cancelled().await;
                assert!(item.is_cancelled());
            }
            running.end();
            match item.number {
                0 => Ok(0),
                1 => Ok(1),
                2 => Err(Fault::Retry(Problem(2))),
                _ => Err(Fault::Failure(Problem(3))),
            }
        }
    };
    let builder = herd(handler).size(1).max_retries(3).backoff(Backoff::none());
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    for number in 1..=3 {
        let token = CancelToken::new();
        let work = |id, number| Work::new(id, body(number)).cancelled_by(&token);
        herd.send_work(work(0, number)).await.unwrap();
        w.until(|| tally.running() == 1).await;
        herd.send_work(work(1, 0)).await.unwrap();
        herd.send(2, body(0)).await.unwrap();
        token.cancel();
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(results.next().await.unwrap());
        }
        assert_eq!((ids(&all), all[0].attempts, all[1].attempts), (vec![0, 1, 2], 1, 0));
        let mut all = all.into_iter().map(|done| done.outcome.into_result());
        match (number, all.next().unwrap()) {
            // What an attempt that was asked to stop returns counts; but it is not tried again.
            (1, Ok(1)) | (2, Err(Failure::Cancelled)) | (3, Err(Failure::Failed(Problem(3)))) => {}
            (_, other) => panic!("{other:?}"),
        }
        assert!(matches!(all.next().unwrap(), Err(Failure::Cancelled)));
        assert!(matches!(all.next().unwrap(), Ok(0)));
    }
    assert_eq!((herd.phase(), herd.stats().retried), (Phase::Running, 0));
}

on_all! {
    promise_09_nothing_begins_before_its_time,
    promise_09_equal_times_begin_in_order_of_insertion,
    promise_09_a_time_in_the_past_is_now,
    promise_09_durations_that_overflow_are_only_long,
    gh_06_a_timeout_is_one_attempts_and_others_follow,
    gh_06_after_the_last_timeout_it_has_failed,
    gh_06_an_item_may_have_a_timeout_of_its_own,
    gh_07_an_item_fails_when_its_deadline_passes,
    gh_07_an_item_that_would_be_too_late_does_not_back_off,
    gh_19_retries_back_off_and_keep_their_place,
    gh_19_a_handler_may_ask_for_more_time,
    gh_07_a_token_of_an_item_cancels_it_alone,
}
