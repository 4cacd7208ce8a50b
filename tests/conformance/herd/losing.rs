//! Runtimes that end before their herds. Not `Threads` nor `Smol`, which never do.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;

use droves::herd::{
    AlreadyStopping, Fault, Item, JoinError, LeftOver, Mark, Phase, ResizeError, StartErrorKind,
    Work,
};
use droves::retry::Backoff;
use droves::runtime::SpawnError;

use super::ending::marked;
use super::help::{
    Answer, Body, Log, Problem, TheHerd, TheResults, TheTicket, body, counted, gated, herd, ids,
    marks, rest, shut,
};
use crate::help::{Court, Gate, Tally, poll_once};
use crate::world::Mortal;

const HOUR: Duration = Duration::from_secs(3_600);

/// What a herd says whose runtime is gone.
fn all_is_over(herd: &TheHerd) {
    assert_eq!(block_on(herd.join()).unwrap_err(), JoinError::RuntimeGone);
    assert_eq!(herd.join_blocking().unwrap_err(), JoinError::RuntimeGone);
    nothing_is_possible(herd);
}

/// What it says, whether or not it had ended before.
fn nothing_is_possible(herd: &TheHerd) {
    assert!(herd.is_stopped() && herd.cancel_token().is_cancelled());
    let stats = herd.stats();
    assert_eq!((stats.phase, stats.live, stats.running), (Phase::Stopped, 0, 0));
    assert_eq!(shut(herd.try_send(9, body(99)).unwrap_err()), 99);
    assert_eq!(shut(block_on(herd.send(9, body(99))).unwrap_err()), 99);
    let refused = block_on(herd.send_for_result((9, body(99)))).unwrap_err();
    assert_eq!(refused.into_inner().body.number, 99);
    assert_eq!((herd.cancel(), herd.abort()), (Err(AlreadyStopping), Err(AlreadyStopping)));
    assert_eq!((herd.drain(HOUR), herd.close()), (Err(AlreadyStopping), false));
    assert_eq!(herd.resize(1), Err(ResizeError::Stopping));
}

fn promise_01_what_was_not_done_is_left_over_with_its_mark<W: Mortal>() {
    let first = async |w: &W| {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (herd, results) = marked(w, &tally, &gate, || Ok(7)).await;
        (herd, results, tally)
    };
    W::doom(first, |(herd, mut results, tally)| {
        all_is_over(&herd);
        assert_eq!((tally.running(), tally.done()), (0, 0));
        let mut left: Vec<_> = herd.leftovers().collect();
        left.sort_by_key(|left| left.id);
        let seen: Vec<_> =
            left.iter().map(|it| (it.id, it.mark, it.attempts, it.body.number)).collect();
        let wanted = [
            (0, Mark::Interrupted, 1, 100),
            (1, Mark::Waiting, 0, 1),
            (2, Mark::BackingOff, 1, 102),
            (3, Mark::Scheduled, 0, 3),
        ];
        assert_eq!(seen, wanted);
        assert!(left.iter().all(|left| left.due.is_some() == (left.id > 1)));
        let stats = herd.stats();
        assert_eq!((stats.submitted, stats.aborted, stats.waiting), (4, 1, 0));
        assert_eq!((stats.scheduled, stats.backing_off), (0, 0));
        assert_eq!(stats.succeeded + stats.failed, 0);
        assert!(block_on(results.next()).is_none());
        assert_eq!(herd.leftovers().count(), 0, "they were taken once");
    });
}

/// What is left of a herd whose runtime is gone.
struct Rest {
    herd: TheHerd,
    results: TheResults,
    tally: Tally,
    bodies: Court,
    parts: Court,
    accepted: u64,
}

fn promise_01_every_item_is_accounted_for_at_any_moment<W: Mortal>() {
    // Before anything ran, and later and later; and when it was closed or cancelled.
    for (moment, end) in [(None, 0), (Some(0), 0), (Some(2), 0), (Some(4), 1), (Some(2), 2)] {
        let first = async |w: &W| {
            let (tally, gate) = (Tally::new(), Gate::new());
            let (bodies, parts) = (Court::new(), Court::new());
            let (inside, closed, part) = (tally.clone(), gate.clone(), parts.witness());
            let handler = move |item: Item<Body>| {
                let (running, pass, kept) = (inside.enter(), closed.pass(), part.clone());
                async move {
                    match item.number {
                        0 => futures_lite::future::yield_now().await,
                        1 => pass.await,
                        _ => {}
                    }
                    running.end();
                    drop(kept);
                    if item.attempt() < item.number { Err(Fault::Retry(Problem(0))) } else { Ok(0) }
                }
            };
            let part = parts.witness();
            let builder = herd(handler).size(3).capacity(40).max_retries(3);
            let builder = builder.backoff(Backoff::constant(Duration::from_millis(1)));
            let builder = builder.on_success(move |_, _| _ = &part);
            let (herd, results) = builder.start(w.rt()).unwrap();
            for id in 0..40 {
                let number = u32::try_from(id % 4).unwrap();
                // One worker is kept for good.
                let number = if number == 1 && id > 1 { 0 } else { number };
                let work = Work::new(id, body(number).keeping(bodies.witness()));
                let work = match id % 5 {
                    3 => work.after(Duration::from_millis(2)),
                    4 => work.after(HOUR),
                    _ => work,
                };
                herd.try_send_work(work).unwrap();
            }
            if let Some(moment) = moment {
                w.sleep(moment).await;
            }
            match end {
                0 => {}
                1 => assert!(herd.close()),
                _ => herd.cancel().unwrap(),
            }
            Rest { herd, results, tally, bodies, parts, accepted: 40 }
        };
        W::doom(first, |it| {
            let Rest { herd, mut results, tally, bodies, parts, accepted } = it;
            // A herd that was cancelled has ended when its last worker is dropped, if that comes before the driver is.
            let joined = block_on(herd.join()).map(drop);
            assert!(joined == Err(JoinError::RuntimeGone) || end == 2, "{joined:?}");
            nothing_is_possible(&herd);
            let stats = herd.stats();
            let done = block_on(rest(&mut results));
            let left = marks(herd.leftovers());
            assert_eq!(bodies.count(), done.len());
            assert_eq!(stats.submitted, accepted);
            assert_eq!((done.len() + left.len()) as u64, accepted);
            assert_eq!(stats.succeeded + stats.failed, done.len() as u64);
            let mut seen = ids(&done);
            seen.extend(left.iter().map(|(id, _)| *id));
            seen.sort_unstable();
            assert_eq!(seen, (0..accepted).collect::<Vec<_>>());
            let begun = stats.succeeded + stats.failed + stats.retried + stats.aborted;
            assert_eq!((tally.begun() as u64, tally.running()), (begun, 0));
            drop((herd, results, done));
            assert_eq!((bodies.count(), parts.count()), (0, 0));
        });
    }
}

fn promise_01_an_escaped_guard_leaves_its_item_over_when_it_comes_back<W: Mortal>() {
    // The handler has returned, or waits yet.
    for returns in [true, false] {
        let first = async |w: &W| {
            let kept = Log::new();
            let escape = kept.clone();
            let handler = move |mut item: Item<Body>| {
                item.number += 1;
                escape.push(item);
                async move { if returns { Ok(5) } else { std::future::pending::<Answer>().await } }
            };
            let (herd, results) = herd(handler).size(1).start(w.rt()).unwrap();
            herd.send(1, body(0)).await.unwrap();
            herd.send(2, body(0)).await.unwrap();
            w.until(|| kept.len() == 1).await;
            w.pause().await;
            (herd, results, kept)
        };
        W::doom(first, |(herd, mut results, kept)| {
            // It is over, though the guard is out.
            all_is_over(&herd);
            assert!(block_on(results.next()).is_none());
            assert_eq!(marks(herd.leftovers()), [(2, Mark::Waiting)]);
            let mut item = kept.take().pop().unwrap();
            assert!(item.is_cancelled());
            item.number += 10;
            drop(item);
            let left: Vec<_> = herd.leftovers().collect();
            assert_eq!(left.len(), 1);
            let left = &left[0];
            assert_eq!((left.id, left.mark, left.attempts), (1, Mark::Interrupted, 1));
            assert_eq!((left.body.number, herd.stats().succeeded), (11, 0));
            // One that comes back after all else is gone.
            drop((herd, results));
        });
    }
}

fn promise_10_a_guard_may_outlive_runtime_and_herd<W: Mortal>() {
    let first = async |w: &W| {
        let (kept, court) = (Log::new(), Court::new());
        let escape = kept.clone();
        let handler = move |item: Item<Body>| {
            escape.push(item);
            std::future::ready(Ok(5))
        };
        let (herd, _results) = herd(handler).size(1).start(w.rt()).unwrap();
        herd.send(1, body(7).keeping(court.witness())).await.unwrap();
        w.until(|| kept.len() == 1).await;
        (kept, court)
    };
    W::doom(first, |(kept, court)| {
        let item = kept.take().pop().unwrap();
        assert_eq!((item.number, item.id(), court.count()), (7, 1, 1));
        drop(item);
        assert_eq!(court.count(), 0);
    });
}

fn promise_03_joiners_readers_and_senders_are_woken<W: Mortal>() {
    let first = async |w: &W| {
        let (tally, gate) = (Tally::new(), Gate::new());
        let builder = herd(gated(&tally, &gate)).size(1).capacity(2);
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        herd.send(0, body(0)).await.unwrap();
        herd.send(1, body(0)).await.unwrap();
        w.until(|| tally.running() == 1).await;
        let (sender, receiver) = mpsc::channel();
        let (joins, sends, reads) = (sender.clone(), sender.clone(), sender);
        let other = herd.clone();
        let joiner = thread::spawn(move || {
            let mut join = Box::pin(other.join());
            assert!(poll_once(join.as_mut()).is_pending());
            joins.send(()).unwrap();
            block_on(join).unwrap_err()
        });
        let sending = thread::spawn(move || {
            let mut send = Box::pin(herd.send(2, body(22)));
            assert!(poll_once(send.as_mut()).is_pending());
            sends.send(()).unwrap();
            shut(block_on(send).unwrap_err())
        });
        let reader = thread::spawn(move || {
            let mut next = Box::pin(results.next());
            assert!(poll_once(next.as_mut()).is_pending());
            reads.send(()).unwrap();
            block_on(next).is_none()
        });
        assert_eq!(receiver.iter().take(3).count(), 3);
        (joiner, sending, reader)
    };
    W::doom(first, |(joiner, sending, reader)| {
        assert_eq!(joiner.join().unwrap(), JoinError::RuntimeGone);
        assert_eq!(sending.join().unwrap(), 22);
        assert!(reader.join().unwrap());
    });
}

fn promise_03_tickets_end<W: Mortal>() {
    let first = async |w: &W| {
        let (tally, gate) = (Tally::new(), Gate::new());
        let builder = herd(gated(&tally, &gate)).size(1);
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        let ended = herd.send_for_result((0, body(7))).await.unwrap();
        gate.open();
        w.until(|| herd.stats().succeeded == 1).await;
        assert!(results.try_next().is_none());
        drop(herd);
        let (herd, results) = herd_that_waits(w);
        let runs = herd.send_for_result((1, body(0))).await.unwrap();
        w.until(|| herd.stats().running == 1).await;
        let waits = herd.send_for_result((2, body(0))).await.unwrap();
        let late = herd.send_for_result(Work::new(3, body(0)).after(HOUR)).await.unwrap();
        let mut asked: TheTicket = herd.send_for_result((4, body(0))).await.unwrap();
        assert!(poll_once(&mut asked).is_pending());
        (ended, [runs, waits, late, asked], herd, results)
    };
    W::doom(first, |(ended, left_over, herd, mut results)| {
        assert_eq!(block_on(ended).unwrap().outcome.into_result().unwrap(), 7);
        for ticket in left_over {
            assert_eq!(block_on(ticket).unwrap_err(), LeftOver);
        }
        let waiting = Mark::Waiting;
        let wanted = [(1, Mark::Interrupted), (2, waiting), (3, Mark::Scheduled), (4, waiting)];
        assert_eq!(marks(herd.leftovers()), wanted);
        assert!(block_on(results.next()).is_none());
    });
}

/// One whose handler never returns.
fn herd_that_waits<W: Mortal>(w: &W) -> (TheHerd, TheResults) {
    herd(gated(&Tally::new(), &Gate::new())).size(1).start(w.rt()).unwrap()
}

fn promise_01_without_handles_a_runtime_takes_all_along<W: Mortal>() {
    let first = async |w: &W| {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (bodies, parts) = (Court::new(), Court::new());
        let (inside, kept) = (gated(&tally, &gate), parts.witness());
        let handler = move |item: Item<Body>| {
            let _ = &kept;
            inside(item)
        };
        let told = parts.witness();
        let builder = herd(handler).size(2).on_failure(move |_, _| _ = &told);
        let (herd, results) = builder.start(w.rt()).unwrap();
        for id in 0..6 {
            let work = Work::new(id, body(0).keeping(bodies.witness()));
            let work = if id == 5 { work.after(HOUR) } else { work };
            herd.send_work(work).await.unwrap();
        }
        w.until(|| tally.running() == 2).await;
        drop((herd, results));
        w.pause().await;
        assert_eq!((bodies.count(), parts.count()), (6, 2));
        (bodies, parts)
    };
    W::doom(first, |(bodies, parts)| assert_eq!((bodies.count(), parts.count()), (0, 0)));
}

fn promise_11_a_herd_on_a_runtime_that_is_gone<W: Mortal>() {
    W::gone(|rt| {
        let court = Court::new();
        let witness = court.witness();
        let builder = herd(counted(&Tally::new())).on_success(move |_, _| _ = &witness);
        match builder.start(rt) {
            // tokio does not tell.
            Ok((herd, mut results)) => {
                all_is_over(&herd);
                assert!(block_on(results.next()).is_none());
                assert_eq!(herd.leftovers().count(), 0);
            }
            Err(error) => {
                assert_eq!(error.kind, StartErrorKind::Spawn(SpawnError::NoRuntime));
                assert_eq!(court.count(), 1);
                assert!(error.builder.start(rt).is_err());
            }
        }
        assert_eq!(court.count(), 0);
    });
}

on_mortal! {
    promise_01_what_was_not_done_is_left_over_with_its_mark,
    promise_01_every_item_is_accounted_for_at_any_moment,
    promise_01_an_escaped_guard_leaves_its_item_over_when_it_comes_back,
    promise_10_a_guard_may_outlive_runtime_and_herd,
    promise_03_joiners_readers_and_senders_are_woken,
    promise_03_tickets_end,
    promise_01_without_handles_a_runtime_takes_all_along,
    promise_11_a_herd_on_a_runtime_that_is_gone,
}
