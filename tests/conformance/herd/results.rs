//! Room for items, and the results that keep it until somebody takes them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::herd::{AlreadyStopping, Fault, Item, Phase, Work};
use droves::retry::Backoff;

use super::help::{Body, Problem, TheHerd, body, counted, full, gated, herd, ids, rest, shut};
use crate::help::{Court, Gate, Tally, Woken, poll_once};
use crate::world::World;

async fn gh_03_send_waits_until_there_is_room<W: World>(w: &W) {
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    let builder = herd(gated(&tally, &gate)).size(1).capacity(2);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    assert_eq!(herd.capacity(), 2);
    herd.send(0, body(0)).await.unwrap();
    herd.send(1, body(1)).await.unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut send = Box::pin(herd.send(2, body(2).keeping(court.witness())));
    assert!(send.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // What is refused comes back.
    assert_eq!(full(herd.try_send(3, body(3)).unwrap_err()), 3);
    let error = herd.try_send_work(Work::new(4, body(4))).unwrap_err();
    assert!(error.is_full());
    let work = error.into_inner();
    assert_eq!((work.id, work.body.number), (4, 4));
    w.until(|| tally.running() == 1).await;
    w.pause().await;
    assert_eq!((woken.count(), tally.running(), court.count()), (0, 1, 1));
    // A result that nobody has taken keeps its item's place.
    gate.open();
    w.until(|| herd.stats().unread == 2).await;
    w.pause().await;
    assert_eq!(woken.count(), 0);
    assert_eq!(full(herd.try_send(3, body(3)).unwrap_err()), 3);
    assert_eq!(results.next().await.unwrap().id, 0);
    w.until(|| woken.count() == 1).await;
    send.await.unwrap();
    assert_eq!(herd.stats().refused, 3);
    herd.close();
    assert_eq!(ids(&rest(&mut results).await), [1, 2]);
    assert_eq!((tally.done(), court.count()), (3, 0));
}

async fn promise_06_of_many_the_first_that_is_refused_comes_back<W: World>(w: &W) {
    let builder = herd(counted(&Tally::new())).size(0).capacity(3);
    let (herd, results) = builder.start(w.rt()).unwrap();
    let mut items = (0..6).map(|number| (u64::from(number), body(number)));
    let error = herd.try_send_many(&mut items).unwrap_err();
    assert_eq!((error.accepted, full(error.error)), (3, 3));
    assert_eq!(items.next().unwrap().0, 4);
    assert_eq!(herd.try_send_many([]).unwrap(), 0);
    drop(results);
    herd.resize(1).unwrap();
    w.until(|| herd.stats().succeeded == 3).await;
    // A place is free a little after its item was counted.
    w.until(|| herd.try_send_many([(5, body(5))]).is_ok_and(|sent| sent == 1)).await;
    herd.close();
    let error = herd.try_send_many([(9, body(9))]).unwrap_err();
    assert_eq!((error.accepted, shut(error.error)), (0, 9));
}

async fn promise_07_a_dropped_send_drops_its_own_item_and_no_other<W: World>(w: &W) {
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    let builder = herd(gated(&tally, &gate)).size(1).capacity(1);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    let mut sends: Vec<_> =
        (1..=3).map(|id| Box::pin(herd.send(id, body(0).keeping(court.witness())))).collect();
    assert!(sends.iter_mut().all(|send| poll_once(send.as_mut()).is_pending()));
    gate.open();
    drop(sends.remove(0));
    assert_eq!(court.count(), 2);
    // The place that comes free wakes somebody, and he goes away: the other must learn of it.
    assert_eq!(results.next().await.unwrap().id, 0);
    drop(sends.remove(0));
    sends.pop().unwrap().await.unwrap();
    // One that was never polled has sent nothing.
    drop(herd.send(9, body(9)));
    herd.close();
    assert_eq!(ids(&rest(&mut results).await), [3]);
    assert_eq!((herd.stats().submitted, court.count()), (2, 0));
}

async fn promise_07_a_wait_for_a_result_that_is_given_up_loses_none<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let builder = herd(gated(&tally, &gate)).size(2).capacity(8);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    assert!(results.try_next().is_none());
    for id in 0..4 {
        herd.send(id, body(0)).await.unwrap();
    }
    for _ in 0..3 {
        let mut next = Box::pin(results.next());
        assert!(poll_once(next.as_mut()).is_pending());
    }
    gate.open();
    // One that is woken and goes away.
    let mut seen = match poll_once(pin!(results.next())) {
        Poll::Ready(done) => ids(&[done.unwrap()]),
        Poll::Pending => Vec::new(),
    };
    w.until(|| herd.stats().succeeded == 4).await;
    herd.close();
    seen.extend(ids(&rest(&mut results).await));
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
    assert!(results.try_next().is_none());
    assert!(results.next().await.is_none(), "it stays at its end");
}

async fn gh_05_results_end_after_the_last<W: World>(w: &W) {
    for (size, items) in [(1, 0), (1, 1), (1, 20), (3, 0), (3, 2), (3, 20)] {
        for pause in [false, true] {
            let builder = herd(counted(&Tally::new())).size(size).capacity(30);
            let (herd, mut results) = builder.start(w.rt()).unwrap();
            for id in 0..items {
                herd.send(id, body(0)).await.unwrap();
            }
            if pause {
                w.sleep(1).await;
            }
            herd.close();
            let mut seen = ids(&rest(&mut results).await);
            seen.sort_unstable();
            assert_eq!(seen, (0..items).collect::<Vec<_>>());
            // The end is that of the herd, or comes right before it.
            assert_eq!(herd.join().await.unwrap().count(), 0);
        }
    }
}

async fn gh_05_closed_at_size_0_it_waits_to_be_resized_and_ends<W: World>(w: &W) {
    let builder = herd(counted(&Tally::new())).size(0).capacity(10);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    for id in 0..10 {
        herd.send(id, body(0)).await.unwrap();
    }
    assert!(herd.close());
    w.pause().await;
    assert!(poll_once(pin!(results.next())).is_pending());
    assert!(poll_once(pin!(herd.join())).is_pending());
    assert_eq!((herd.phase(), herd.stats().waiting), (Phase::Draining, 10));
    herd.resize(2).unwrap();
    assert_eq!(rest(&mut results).await.len(), 10);
    herd.join().await.unwrap();

    // And one that had other sizes before.
    let builder = herd_of(&Tally::new());
    let (herd, mut results) = builder.size(2).capacity(10).start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 0);
    herd.resize(0).unwrap();
    herd.send(1, body(0)).await.unwrap();
    herd.close();
    w.pause().await;
    assert!(poll_once(pin!(results.next())).is_pending());
    herd.resize(1).unwrap();
    assert_eq!(ids(&rest(&mut results).await), [1]);
}

/// As `herd`, where a herd has that name.
fn herd_of(tally: &Tally) -> super::help::HerdBuilder {
    herd(counted(tally))
}

async fn gh_05_closed_at_size_0_with_nothing_to_do_it_ends_at_once<W: World>(w: &W) {
    // At once, and after a size of 0 was come to.
    for size in [0, 2] {
        let (herd, mut results) = herd_of(&Tally::new()).size(size).start(w.rt()).unwrap();
        if size > 0 {
            herd.send(0, body(0)).await.unwrap();
            assert_eq!(results.next().await.unwrap().id, 0);
            herd.resize(0).unwrap();
            w.until(|| herd.stats().live == 0).await;
        }
        assert!(herd.close());
        assert!(results.next().await.is_none());
        assert_eq!(herd.join().await.unwrap().count(), 0);
        assert_eq!(herd.phase(), Phase::Stopped);
    }
    let (herd, mut results) = herd_of(&Tally::new()).size(0).start(w.rt()).unwrap();
    drop(herd);
    assert!(results.next().await.is_none());
}

/// A herd all whose places are taken by results that nobody reads.
async fn stalled<W: World>(w: &W) -> (TheHerd, super::help::TheResults) {
    let builder = herd(counted(&Tally::new())).size(2).capacity(3);
    let (herd, results) = builder.start(w.rt()).unwrap();
    for id in 0..3 {
        herd.send(id, body(0)).await.unwrap();
    }
    w.until(|| herd.stats().unread == 3).await;
    (herd, results)
}

async fn promise_03_a_reader_that_stalls_hinders_senders_and_nobody_else<W: World>(w: &W) {
    type End = fn(&TheHerd) -> Result<(), AlreadyStopping>;
    let close: End = |herd| if herd.close() { Ok(()) } else { Err(AlreadyStopping) };
    let drain: End = |herd| herd.drain(Duration::from_secs(3_600));
    let drained: End = |herd| herd.drain(Duration::ZERO);
    for end in [close, drain, drained, TheHerd::cancel, TheHerd::abort] {
        let (herd, mut results) = stalled(w).await;
        let mut send = Box::pin(herd.send(3, body(33)));
        assert!(poll_once(send.as_mut()).is_pending());
        for size in [0, 4, 1] {
            herd.resize(size).unwrap();
            w.until(|| herd.stats().live == size).await;
        }
        herd.quiet().unwrap();
        herd.resume().unwrap();
        end(&herd).unwrap();
        assert_eq!(shut(send.await.unwrap_err()), 33);
        assert_eq!(herd.join().await.unwrap().count(), 0);
        // What has ended can be read yet.
        assert_eq!(herd.stats().unread, 3);
        assert_eq!(rest(&mut results).await.len(), 3);
        let stats = herd.stats();
        assert_eq!((stats.submitted, stats.succeeded, stats.unread), (3, 3, 0));
    }
}

async fn gh_03_a_reader_that_goes_away_lets_all_be_done<W: World>(w: &W) {
    let court = Court::new();
    for moment in 0..3 {
        let (tally, gate) = (Tally::new(), Gate::new());
        let builder = herd(gated(&tally, &gate)).size(2).capacity(2);
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        let send = |id| herd.send(id, body(0).keeping(court.witness()));
        send(0).await.unwrap();
        send(1).await.unwrap();
        let mut waiting = Box::pin(send(2));
        assert!(poll_once(waiting.as_mut()).is_pending());
        if moment == 0 {
            drop(results);
            gate.open();
        } else {
            gate.open();
            w.until(|| herd.stats().unread == 2).await;
            if moment == 2 {
                assert!(results.next().await.is_some());
            }
            drop(results);
        }
        waiting.await.unwrap();
        for id in 3..20 {
            send(id).await.unwrap();
        }
        herd.close();
        assert_eq!(herd.join().await.unwrap().count(), 0);
        let stats = herd.stats();
        assert_eq!((tally.done(), stats.succeeded, stats.unread), (20, 20, 0));
        assert_eq!(court.count(), 0);
    }
}

async fn promise_08_what_is_in_the_herd_never_exceeds_the_capacity<W: World>(w: &W) {
    let handler = |item: Item<Body>| async move {
        futures_lite::future::yield_now().await;
        if item.attempt() <= item.number { Err(Fault::Retry(Problem(0))) } else { Ok(0) }
    };
    let builder = herd(handler).size(2).capacity(5).max_retries(4);
    let builder = builder.backoff(Backoff::constant(Duration::from_millis(1)));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let court = Court::new();
    let (mut accepted, mut taken) = (0, 0);
    for id in 0..200 {
        let number = u32::try_from(id % 4).unwrap();
        accepted += u64::from(herd.try_send(id, body(number).keeping(court.witness())).is_ok());
        assert!(court.count() <= 5);
        if id % 3 == 0 {
            w.sleep(1).await;
            taken += u64::from(results.try_next().is_some());
        }
    }
    herd.close();
    taken += rest(&mut results).await.len() as u64;
    assert_eq!((taken, herd.stats().succeeded, court.count()), (accepted, accepted, 0));
    assert_eq!(herd.stats().refused, 200 - accepted);
    assert!(accepted >= 5);
}

async fn gh_05_results_are_a_stream<W: World>(w: &W) {
    let (herd, results) = herd_of(&Tally::new()).size(1).start(w.rt()).unwrap();
    for id in 0..5 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.close();
    let seen: Vec<_> = futures_lite::StreamExt::collect(results).await;
    assert_eq!(ids(&seen), [0, 1, 2, 3, 4]);
}

on_all! {
    gh_03_send_waits_until_there_is_room,
    promise_06_of_many_the_first_that_is_refused_comes_back,
    promise_07_a_dropped_send_drops_its_own_item_and_no_other,
    promise_07_a_wait_for_a_result_that_is_given_up_loses_none,
    gh_05_results_end_after_the_last,
    gh_05_closed_at_size_0_it_waits_to_be_resized_and_ends,
    gh_05_closed_at_size_0_with_nothing_to_do_it_ends_at_once,
    promise_03_a_reader_that_stalls_hinders_senders_and_nobody_else,
    gh_03_a_reader_that_goes_away_lets_all_be_done,
    promise_08_what_is_in_the_herd_never_exceeds_the_capacity,
    gh_05_results_are_a_stream,
}
