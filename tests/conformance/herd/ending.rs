//! How a herd ends, and what it leaves over.

use std::time::Duration;

use futures_lite::future::{or, yield_now};

use droves::herd::{
    AlreadyStopping, Fault, Item, JoinError, Mark, Outcome, Phase, Refusal, ResizeError, Stats,
    Work,
};
use droves::retry::Backoff;

use super::help::{
    Body, HerdBuilder, Inner, Log, Problem, TheHerd, body, counted, full, gated, herd, ids, marks,
    rest, shut,
};
use crate::help::{Court, Gate, Tally, poll_once};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3_600);

async fn gh_04_closing_is_idempotent_and_sending_after_it_an_error<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let (herd, mut results) = herd(gated(&tally, &gate)).size(1).start(w.rt()).unwrap();
    let other = herd.clone();
    herd.send(0, body(0)).await.unwrap();
    assert!(herd.close());
    assert!(!herd.close() && !other.close());
    for ended in [false, true] {
        for herd in [&herd, &other] {
            assert_eq!(shut(herd.try_send(1, body(11)).unwrap_err()), 11);
            assert_eq!(shut(herd.send(2, body(22)).await.unwrap_err()), 22);
            let many = herd.try_send_many([(3, body(33))]).unwrap_err();
            assert_eq!((many.accepted, shut(many.error)), (0, 33));
            let later = || Work::new(4, body(44)).after(HOUR);
            for error in [
                herd.try_send_work(later()).unwrap_err(),
                herd.send_work(later()).await.unwrap_err(),
                herd.try_send_for_result(later()).unwrap_err(),
                herd.send_for_result(later()).await.unwrap_err(),
            ] {
                assert_eq!(error.to_string(), Refusal::ShuttingDown.to_string());
                let work = error.into_inner();
                assert_eq!((work.id, work.body.number), (4, 44));
            }
            assert_eq!(herd.try_send(1, body(1)).unwrap_err().discard(), Refusal::ShuttingDown);
        }
        assert_eq!(herd.stats().refused, if ended { 32 } else { 16 });
        if !ended {
            assert_eq!(herd.phase(), Phase::Draining);
            assert_eq!((herd.quiet(), herd.resume()), (Err(AlreadyStopping), Err(AlreadyStopping)));
            gate.open();
            assert_eq!(ids(&rest(&mut results).await), [0]);
            herd.join().await.unwrap();
            // It is over, and every call says so.
            assert_eq!(
                (herd.phase(), herd.is_stopped(), herd.close()),
                (Phase::Stopped, true, false)
            );
            assert_eq!((herd.cancel(), herd.abort()), (Err(AlreadyStopping), Err(AlreadyStopping)));
            assert_eq!((herd.quiet(), herd.resume()), (Err(AlreadyStopping), Err(AlreadyStopping)));
            assert_eq!(herd.drain(HOUR), Err(AlreadyStopping));
            assert_eq!(herd.resize(2), Err(ResizeError::Stopping));
        }
    }
}

/// What there is of each kind: how one handler answers, in order of the body's number.
fn mixed(tally: &Tally, gate: &Gate) -> HerdBuilder {
    let (tally, gate) = (tally.clone(), gate.clone());
    herd(move |item: Item<Body>| {
        let (running, pass) = (tally.enter(), gate.pass());
        async move {
            let answer = match item.number {
                0 => Ok(0),
                1 => Err(Fault::Failure(Problem(1))),
                2 => panic!("on purpose"),
                3 if item.attempt() == 1 => Err(Fault::Retry(Problem(3))),
                3 => Ok(3),
                // One that ignores cancellation, and one that does not.
                4 => {
                    pass.await;
                    Ok(4)
                }
                _ => {
                    or(item.cancelled(), pass).await;
                    Err(Fault::Retry(Problem(5)))
                }
            };
            running.end();
            answer
        }
    })
}

async fn promise_01_every_item_is_accounted_for_once<W: World>(w: &W) {
    for (end, moment) in [(0, 0), (0, 5), (1, 0), (1, 5), (2, 0), (2, 3), (3, 0), (3, 5), (4, 5)] {
        let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
        let told = Tally::new();
        let (good, bad) = (told.clone(), told.clone());
        let builder = mixed(&tally, &gate).size(3).capacity(40).max_retries(2);
        let builder = builder.backoff(Backoff::constant(Duration::from_millis(1)));
        let builder = builder
            .on_success(move |_, _| good.enter().end())
            .on_failure(move |_, _| bad.enter().end());
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        let mut accepted = Vec::new();
        for id in 0..60 {
            let body = body(u32::try_from(id % 6).unwrap()).keeping(court.witness());
            let work = Work::new(id, body);
            let work = match id % 7 {
                0 => work.after(Duration::from_millis(2)),
                1 if end != 0 => work.after(HOUR),
                _ => work,
            };
            if herd.try_send_work(work).is_ok() {
                accepted.push(id);
            }
            if id % 20 == 0 {
                w.sleep(1).await;
            }
        }
        assert_eq!(court.count(), accepted.len());
        w.sleep(moment).await;
        match end {
            0 => assert!(herd.close()),
            1 => herd.cancel().unwrap(),
            2 => herd.abort().unwrap(),
            3 => herd.drain(Duration::ZERO).unwrap(),
            _ => herd.drain(Duration::from_millis(5)).unwrap(),
        }
        gate.open();
        let left: Vec<_> = herd.join().await.unwrap().collect();
        let stats = herd.stats();
        let done = rest(&mut results).await;
        let (left_over, ended) = (left.len() as u64, done.len() as u64);
        assert_eq!(stats.submitted, accepted.len() as u64);
        assert_eq!(stats.submitted, stats.succeeded + stats.failed + left_over, "{stats:?}");
        assert_eq!((stats.succeeded + stats.failed, told.done() as u64), (ended, ended));
        let good = |done: &&super::help::TheDone| matches!(done.outcome, Outcome::Success(_));
        assert_eq!(stats.succeeded, done.iter().filter(good).count() as u64);
        let mut seen = ids(&done);
        seen.extend(left.iter().map(|left| left.id));
        seen.sort_unstable();
        assert_eq!(seen, accepted);
        let (begun, most) = (tally.begun() as u64, tally.most());
        assert_eq!(begun, stats.succeeded + stats.failed + stats.retried + stats.aborted);
        assert!(most <= 3);
        let interrupted = left.iter().filter(|left| left.mark == Mark::Interrupted).count();
        assert!(interrupted as u64 <= stats.aborted && (end == 2 || stats.aborted == 0));
        assert_eq!((stats.running, stats.live, stats.lost_workers), (0, 0, 0));
        if end == 0 {
            assert_eq!(left.len(), 0);
        }
        assert_eq!(court.count(), done.len() + left.len());
        drop((left, done));
        assert_eq!(court.count(), 0);
    }
}

/// A herd with one item of each mark: 0 runs, 1 waits, 2 backs off, and 3 is scheduled.
pub async fn marked<W: World>(
    w: &W,
    tally: &Tally,
    gate: &Gate,
    last: fn() -> super::help::Answer,
) -> (TheHerd, super::help::TheResults) {
    let (inside, opened) = (tally.clone(), gate.clone());
    let handler = move |mut item: Item<Body>| {
        let job = inside.job(&opened);
        item.number += 100;
        async move {
            if item.id() == 2 {
                return Err(Fault::Retry(Problem(2)));
            }
            job.await;
            last()
        }
    };
    let builder = herd(handler).size(1).max_retries(3).backoff(Backoff::constant(HOUR));
    let (herd, results) = builder.start(w.rt()).unwrap();
    herd.send(2, body(2)).await.unwrap();
    w.until(|| herd.stats().backing_off == 1).await;
    herd.send_work(Work::new(3, body(3)).after(HOUR)).await.unwrap();
    herd.send(0, body(0)).await.unwrap();
    w.until(|| tally.running() == 1).await;
    herd.send(1, body(1)).await.unwrap();
    w.until(|| herd.stats().scheduled == 1).await;
    let stats = herd.stats();
    assert_eq!((stats.running, stats.waiting, stats.unread), (1, 1, 0));
    (herd, results)
}

async fn promise_01_what_is_left_over_tells_where_it_was<W: World>(w: &W) {
    let cancel: fn(&TheHerd) = |herd| herd.cancel().unwrap();
    let drain: fn(&TheHerd) = |herd| herd.drain(Duration::ZERO).unwrap();
    let abort: fn(&TheHerd) = |herd| herd.abort().unwrap();
    let good: fn() -> super::help::Answer = || Ok(7);
    let again: fn() -> super::help::Answer = || Err(Fault::Retry(Problem(7)));
    let rounds = [
        (cancel, good, None),
        (cancel, again, Some(Mark::BackingOff)),
        (drain, good, None),
        (drain, again, Some(Mark::BackingOff)),
        (abort, good, Some(Mark::Interrupted)),
    ];
    for (end, last, mark) in rounds {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (herd, mut results) = marked(w, &tally, &gate, last).await;
        assert_eq!(herd.leftovers().count(), 0, "they may all be done yet");
        end(&herd);
        let aborted = mark == Some(Mark::Interrupted);
        if !aborted {
            let cancelling = || herd.phase() == Phase::Cancelling;
            w.until(cancelling).await;
            gate.open();
        }
        let mut left: Vec<_> = herd.join().await.unwrap().collect();
        assert_eq!(tally.running(), 0);
        left.sort_by_key(|left| left.id);
        let seen: Vec<_> =
            left.iter().map(|it| (it.id, it.mark, it.attempts, it.body.number)).collect();
        let mut wanted = vec![
            (1, Mark::Waiting, 0, 1),
            (2, Mark::BackingOff, 1, 102),
            (3, Mark::Scheduled, 0, 3),
        ];
        wanted.splice(..0, mark.map(|mark| (0, mark, 1, 100)));
        assert_eq!(seen, wanted);
        let done = rest(&mut results).await;
        assert_eq!(ids(&done), if mark.is_none() { vec![0] } else { vec![] });
        let stats = herd.stats();
        assert_eq!((stats.succeeded, stats.failed), (u64::from(mark.is_none()), 0));
        assert_eq!((stats.aborted, stats.waiting), (u64::from(aborted), 0));
        assert_eq!((stats.scheduled, stats.backing_off), (0, 0));
        // They were taken once.
        assert_eq!(herd.leftovers().count(), 0);
    }
}

async fn promise_01_leftovers_that_nobody_takes_are_dropped_with_the_herd<W: World>(w: &W) {
    let court = Court::new();
    let (herd, results) = herd(counted(&Tally::new())).size(0).start(w.rt()).unwrap();
    for id in 0..6 {
        let work = Work::new(id, body(0).keeping(court.witness()));
        let work = if id % 2 == 0 { work } else { work.after(HOUR) };
        herd.send_work(work).await.unwrap();
    }
    herd.cancel().unwrap();
    let mut left = herd.join().await.unwrap();
    assert_eq!(left.size_hint().1, Some(6));
    drop(left.next().unwrap());
    drop(left);
    assert_eq!(court.count(), 5);
    drop((herd, results));
    w.until(|| court.count() == 0).await;
}

async fn promise_03_cancel_asks_and_abort_drops<W: World>(w: &W) {
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    let (herd, mut results) = mixed(&tally, &gate).size(3).start(w.rt()).unwrap();
    for number in [4, 4, 5] {
        herd.send(u64::from(number), body(number).keeping(court.witness())).await.unwrap();
    }
    w.until(|| tally.running() == 3).await;
    let token = herd.cancel_token();
    herd.cancel().unwrap();
    assert!(token.is_cancelled());
    assert_eq!(herd.cancel(), Err(AlreadyStopping));
    w.until(|| tally.done() == 1).await;
    w.pause().await;
    assert_eq!((tally.running(), herd.is_stopped()), (2, false));
    herd.abort().unwrap();
    let left = marks(herd.join().await.unwrap());
    assert_eq!((tally.running(), tally.done(), gate.is_open()), (0, 1, false));
    assert_eq!(left, [(4, Mark::Interrupted), (4, Mark::Interrupted)]);
    // That which listened wanted another attempt, of which there may be none.
    assert_eq!(ids(&rest(&mut results).await), [5]);
    assert_eq!(court.count(), 0);
    assert_eq!((herd.stats().aborted, herd.stats().failed), (2, 1));
}

async fn promise_01_quiet_refuses_and_resume_accepts<W: World>(w: &W) {
    let (herd, mut results) = herd(counted(&Tally::new())).size(1).start(w.rt()).unwrap();
    let soon = Duration::from_millis(15);
    herd.send(0, body(0)).await.unwrap();
    herd.send_work(Work::new(1, body(0)).after(soon)).await.unwrap();
    herd.quiet().unwrap();
    assert_eq!(herd.phase(), Phase::Quiet);
    let refused = herd.try_send(2, body(22)).unwrap_err();
    assert_eq!((refused.kind, refused.into_inner().number), (Refusal::Quiet, 22));
    let refused = herd.send(2, body(22)).await.unwrap_err();
    assert_eq!((refused.kind, refused.into_inner().number), (Refusal::Quiet, 22));
    // What was accepted is done, at its time too.
    assert_eq!(results.next().await.unwrap().id, 0);
    assert_eq!(results.next().await.unwrap().id, 1);
    herd.resume().unwrap();
    herd.send(3, body(0)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 3);
    herd.quiet().unwrap();
    herd.close();
    assert!(results.next().await.is_none());
}

async fn promise_01_the_last_handle_closes_the_herd_and_all_is_done<W: World>(w: &W) {
    let court = Court::new();
    for read in [false, true] {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (herd, mut results) = herd(gated(&tally, &gate)).size(2).start(w.rt()).unwrap();
        let other = herd.clone();
        for id in 0..10 {
            let work = Work::new(id, body(0).keeping(court.witness()));
            let work = if id == 3 { work.after(Duration::from_millis(5)) } else { work };
            herd.send_work(work).await.unwrap();
        }
        drop(herd);
        w.pause().await;
        other.send(10, body(0)).await.unwrap();
        let join = other.join();
        drop(other);
        gate.open();
        if read {
            assert_eq!(rest(&mut results).await.len(), 11);
        } else {
            drop(results);
        }
        assert_eq!(join.await.unwrap().count(), 0);
        assert_eq!(tally.done(), 11);
        w.until(|| court.count() == 0).await;
    }
}

async fn promise_03_a_handler_may_stop_its_own_herd<W: World>(w: &W) {
    type Stop = fn(&TheHerd);
    let stops: [Stop; 5] = [
        |herd| _ = herd.close(),
        |herd| herd.drain(HOUR).unwrap(),
        |herd| herd.cancel().unwrap(),
        |herd| herd.abort().unwrap(),
        |herd| herd.resize(0).unwrap(),
    ];
    for (number, stop) in stops.into_iter().enumerate() {
        for wait in [false, true] {
            let inner = Inner::new();
            let known = inner.clone();
            let handler = move |item: Item<Body>| {
                let herd = known.get();
                async move {
                    if item.number == 0 {
                        stop(&herd);
                        if wait {
                            yield_now().await;
                        }
                    }
                    Ok(item.number)
                }
            };
            let (herd, mut results) = herd(handler).size(0).start(w.rt()).unwrap();
            inner.set(&herd);
            for number in 0..4 {
                herd.send(u64::from(number), body(number)).await.unwrap();
            }
            herd.resize(1).unwrap();
            if number == 4 {
                // Both at one moment: before there is a worker, none lives either.
                let is_left = |stats: Stats| (stats.size, stats.live) == (0, 0);
                w.until(|| is_left(herd.stats())).await;
                assert_eq!((herd.stats().waiting, herd.stats().unread), (3, 1));
                herd.resize(1).unwrap();
                herd.close();
            }
            let left = marks(herd.join().await.unwrap());
            let done = ids(&rest(&mut results).await);
            let waiting = [1, 2, 3].map(|id| (id, Mark::Waiting));
            match (number, wait) {
                (2, _) | (3, false) => assert_eq!((left.as_slice(), done), (&waiting[..], vec![0])),
                (3, true) => {
                    assert_eq!(left[0], (0, Mark::Interrupted));
                    assert_eq!((&left[1..], done), (&waiting[..], vec![]));
                }
                _ => assert_eq!((left, done), (vec![], vec![0, 1, 2, 3])),
            }
            inner.forget();
        }
    }
}

async fn promise_03_a_join_inside_is_an_error<W: World>(w: &W) {
    let (inner, log) = (Inner::new(), Log::new());
    let (known, answers) = (inner.clone(), log.clone());
    let handler = move |item: Item<Body>| {
        let (herd, answers) = (known.get(), answers.clone());
        async move {
            answers.push(herd.join().await.unwrap_err());
            yield_now().await;
            answers.push(herd.join().await.unwrap_err());
            Ok(item.number)
        }
    };
    let (herd, mut results) = herd(handler).size(1).start(w.rt()).unwrap();
    inner.set(&herd);
    herd.send(0, body(0)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 0);
    assert_eq!(log.take(), [JoinError::Inside, JoinError::Inside]);
    inner.forget();
    herd.close();
    herd.join().await.unwrap();
}

async fn promise_06_a_send_inside_does_not_wait_when_it_is_full<W: World>(w: &W) {
    let (inner, log) = (Inner::new(), Log::new());
    let (known, answers) = (inner.clone(), log.clone());
    let handler = move |item: Item<Body>| {
        let (herd, answers) = (known.get(), answers.clone());
        async move {
            if item.number == 0 {
                // There is room for one.
                herd.send(10, body(10)).await.unwrap();
                answers.push(full(herd.send(11, body(11)).await.unwrap_err()));
                let work = herd.send_work(Work::new(12, body(12))).await.unwrap_err();
                answers.push(work.into_inner().body.number);
                yield_now().await;
                answers.push(full(herd.send(13, body(13)).await.unwrap_err()));
                let ticket = herd.send_for_result((14, body(14))).await.unwrap_err();
                answers.push(ticket.into_inner().body.number);
            }
            Ok(item.number)
        }
    };
    let (herd, mut results) = herd(handler).size(0).capacity(3).start(w.rt()).unwrap();
    inner.set(&herd);
    herd.send(0, body(0)).await.unwrap();
    herd.send(1, body(1)).await.unwrap();
    herd.resize(1).unwrap();
    w.until(|| herd.stats().unread == 3).await;
    assert_eq!(log.take(), [11, 12, 13, 14]);
    inner.forget();
    herd.close();
    assert_eq!(ids(&rest(&mut results).await), [0, 1, 10]);
}

async fn promise_03_joins_lock_nothing_and_all_are_woken<W: World>(w: &W) {
    let (herd, mut results) = herd(counted(&Tally::new())).size(2).start(w.rt()).unwrap();
    let mut joins: Vec<_> = (0..10).map(|_| Box::pin(herd.join())).collect();
    assert!(joins.iter_mut().all(|join| poll_once(join.as_mut()).is_pending()));
    for id in 0..20 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.resize(1).unwrap();
    herd.quiet().unwrap();
    herd.resume().unwrap();
    for _ in 0..20 {
        assert!(results.next().await.is_some());
    }
    // One that is given up takes nobody's wake.
    drop(joins.pop());
    herd.close();
    for join in joins {
        assert_eq!(join.await.unwrap().count(), 0);
    }
    assert!(results.next().await.is_none());
}

async fn promise_01_a_drain_in_time_does_all_and_a_late_one_leaves_over<W: World>(w: &W) {
    // In time.
    let tally = Tally::new();
    let (quick, mut results) = herd(counted(&tally)).size(2).start(w.rt()).unwrap();
    for id in 0..10 {
        let work = Work::new(id, body(0)).after(Duration::from_millis(id));
        quick.send_work(work).await.unwrap();
    }
    quick.drain(HOUR).unwrap();
    assert_eq!(quick.phase(), Phase::Draining);
    assert_eq!(rest(&mut results).await.len(), 10);
    assert_eq!(quick.join().await.unwrap().count(), 0);
    // Too late for what is scheduled, and for one that never ends but listens.
    let (tally, gate) = (Tally::new(), Gate::new());
    let (slow, mut results) = mixed(&tally, &gate).size(1).start(w.rt()).unwrap();
    slow.send(5, body(5)).await.unwrap();
    slow.send(0, body(0)).await.unwrap();
    slow.send_work(Work::new(1, body(0)).after(HOUR)).await.unwrap();
    w.until(|| tally.running() == 1).await;
    slow.drain(HOUR).unwrap();
    w.pause().await;
    assert_eq!((slow.phase(), tally.running()), (Phase::Draining, 1));
    // A later call can make the time shorter, and none makes it longer.
    let (asked, short) = (w.now(), Duration::from_millis(30));
    slow.drain(short).unwrap();
    slow.drain(HOUR).unwrap();
    let left = marks(slow.join().await.unwrap());
    assert!(w.now() >= asked.saturating_add(short));
    assert_eq!(left, [(0, Mark::Waiting), (1, Mark::Scheduled)]);
    assert_eq!(ids(&rest(&mut results).await), [5]);
}

on_all! {
    gh_04_closing_is_idempotent_and_sending_after_it_an_error,
    promise_01_every_item_is_accounted_for_once,
    promise_01_what_is_left_over_tells_where_it_was,
    promise_01_leftovers_that_nobody_takes_are_dropped_with_the_herd,
    promise_03_cancel_asks_and_abort_drops,
    promise_01_quiet_refuses_and_resume_accepts,
    promise_01_the_last_handle_closes_the_herd_and_all_is_done,
    promise_03_a_handler_may_stop_its_own_herd,
    promise_03_a_join_inside_is_an_error,
    promise_06_a_send_inside_does_not_wait_when_it_is_full,
    promise_03_joins_lock_nothing_and_all_are_woken,
    promise_01_a_drain_in_time_does_all_and_a_late_one_leaves_over,
}
