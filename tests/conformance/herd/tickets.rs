//! Results that come by tickets.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_lite::future::zip;

use droves::cancel::CancelToken;
use droves::herd::{Failure, Fault, Item, LeftOver, Mark, Work};
use droves::retry::Backoff;

use super::help::{
    Body, Log, Problem, TheHerd, TheTicket, body, counted, full, gated, herd, ids, marks, rest,
};
use crate::help::{Court, Gate, Tally, Woken, poll_once};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3_600);

async fn gh_02_a_ticket_brings_the_result_of_its_item<W: World>(w: &W) {
    let told = Log::new();
    let (good, bad) = (told.clone(), told.clone());
    let handler = |mut item: Item<Body>| async move {
        item.number += 1;
        match item.id() {
            1 if item.attempt() < 3 => Err(Fault::Retry(Problem(1))),
            0 | 1 => Ok(item.number),
            2 => Err(Fault::Failure(Problem(2))),
            _ => panic!("on purpose"),
        }
    };
    let builder = herd(handler).size(2).max_retries(2).backoff(Backoff::none());
    let builder = builder
        .on_success(move |about, _| good.push(about.id))
        .on_failure(move |about, _| bad.push(about.id));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let mut tickets = Vec::new();
    for id in 0..4 {
        // One without a ticket among them.
        herd.send(0, body(100)).await.unwrap();
        tickets.push((id, herd.send_for_result((id, body(10))).await.unwrap()));
    }
    // In another order than that in which they were sent.
    for (id, ticket) in tickets.into_iter().rev() {
        let done = ticket.await.unwrap();
        let attempts = if id == 1 { 3 } else { 1 };
        assert_eq!((done.id, done.attempts, done.body.number), (id, attempts, 10 + attempts));
        match (id, done.outcome.into_result()) {
            (0 | 1, Ok(number)) => assert_eq!(number, 10 + attempts),
            (2, Err(failure)) => assert_eq!(failure.error(), Some(&Problem(2))),
            (3, Err(failure)) => assert!(matches!(failure, Failure::Panicked(_))),
            (_, other) => panic!("{other:?}"),
        }
    }
    herd.close();
    // The others' come as ever, and none twice.
    let others = rest(&mut results).await;
    assert!(others.iter().all(|done| done.body.number == 101) && others.len() == 4);
    let mut told = told.take();
    told.sort_unstable();
    assert_eq!(told, [0, 0, 0, 0, 0, 1, 2, 3]);
    let stats = herd.stats();
    assert_eq!((stats.submitted, stats.succeeded, stats.failed), (8, 6, 2));
}

async fn promise_07_a_dropped_ticket_lets_the_result_come_with_the_others<W: World>(w: &W) {
    // Before it begins, while it runs, and when it has ended.
    for moment in 0..3 {
        for read in [true, false] {
            let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
            let builder = herd(gated(&tally, &gate)).size(0).capacity(2);
            let (herd, mut results) = builder.start(w.rt()).unwrap();
            let work = Work::new(1, body(7).keeping(court.witness()));
            let mut ticket = herd.try_send_for_result(work).unwrap();
            assert!(poll_once(&mut ticket).is_pending());
            let mut ticket = Some(ticket);
            drop(if moment == 0 { ticket.take() } else { None });
            herd.resize(1).unwrap();
            w.until(|| tally.running() == 1).await;
            drop(if moment == 1 { ticket.take() } else { None });
            gate.open();
            w.until(|| herd.stats().succeeded == 1).await;
            if read {
                drop(ticket);
                let done = results.next().await.unwrap();
                assert_eq!((done.id, done.outcome.into_result().unwrap()), (1, 7));
            } else {
                drop(results);
                drop(ticket);
            }
            // Its place is free again, whoever had the result.
            w.until(|| court.count() == 0).await;
            herd.send(2, body(0)).await.unwrap();
            herd.send(3, body(0)).await.unwrap();
            herd.close();
            let _ = herd.cancel();
            herd.join().await.unwrap();
        }
    }
}

async fn promise_07_a_ticket_can_be_waited_for_again<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let (herd, _results) = herd(gated(&tally, &gate)).size(1).start(w.rt()).unwrap();
    let mut ticket = herd.send_for_result((1, body(7))).await.unwrap();
    let wakers = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    for woken in &wakers {
        let waker = Waker::from(woken.clone());
        let polled = std::pin::Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    w.pause().await;
    assert_eq!((wakers[0].count(), wakers[1].count()), (0, 0));
    gate.open();
    // Who asked last is woken.
    w.until(|| wakers[1].count() > 0).await;
    let done = ticket.await.unwrap();
    assert_eq!(done.outcome.into_result().unwrap(), 7);
}

async fn promise_08_an_unread_ticket_keeps_its_place<W: World>(w: &W) {
    let tally = Tally::new();
    let builder = herd(counted(&tally)).size(1).capacity(2);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let first = herd.try_send_for_result((1, body(1))).unwrap();
    let second = herd.try_send_for_result((2, body(2))).unwrap();
    w.until(|| herd.stats().succeeded == 2).await;
    assert_eq!(full(herd.try_send(3, body(33)).unwrap_err()), 33);
    assert!(herd.try_send_for_result((3, body(3))).unwrap_err().is_full());
    assert!(results.try_next().is_none());
    // Who waits for room is let in when the result is taken.
    let mut send = Box::pin(herd.send(3, body(3)));
    assert!(poll_once(send.as_mut()).is_pending());
    assert_eq!(first.await.unwrap().id, 1);
    send.await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 3);
    // Those who wait for tickets and for room get on together, with fewer places than items.
    assert_eq!(second.await.unwrap().id, 2);
    let mut tickets = std::collections::VecDeque::new();
    for id in 10..40 {
        if tickets.len() == 2 {
            let ticket: TheTicket = tickets.pop_front().unwrap();
            assert_eq!(ticket.await.unwrap().id, id - 2);
        }
        tickets.push_back(herd.send_for_result((id, body(0))).await.unwrap());
    }
    herd.close();
    assert!(results.next().await.is_none());
    // After the end of the herd too.
    herd.join().await.unwrap();
    for (ticket, id) in tickets.into_iter().zip(38..) {
        assert_eq!(ticket.await.unwrap().id, id);
    }
    assert_eq!(tally.done(), 33);
}

/// Waits to be cancelled if the number is not 0, and then answers by it.
async fn listening(item: Item<Body>, inside: Tally) -> super::help::Answer {
    let running = inside.enter();
    if item.number > 0 {
        assert!(!item.is_cancelled());
        item.cancelled().await;
        assert!(item.is_cancelled());
    }
    running.end();
    match item.number {
        2 => Err(Fault::Retry(Problem(2))),
        3 => Err(Fault::Failure(Problem(3))),
        number => Ok(number),
    }
}

async fn gh_07_a_ticket_cancels_its_item_alone<W: World>(w: &W) {
    let tally = Tally::new();
    let inside = tally.clone();
    let handler = move |item: Item<Body>| listening(item, inside.clone());
    let builder = herd(handler).size(1).max_retries(3).backoff(Backoff::none());
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let parent = CancelToken::new();
    for number in 1..=3 {
        let work = |id, number| Work::new(id, body(number)).cancelled_by(&parent);
        let runs = herd.send_for_result(work(0, number)).await.unwrap();
        w.until(|| tally.running() == 1).await;
        let waits = herd.send_for_result(work(1, 0)).await.unwrap();
        let late = herd.send_for_result(work(2, 0).after(HOUR)).await.unwrap();
        let other = herd.send_for_result(work(3, 0)).await.unwrap();
        waits.cancel();
        w.pause().await;
        assert_eq!(tally.running(), 1);
        runs.cancel();
        // What an attempt that was asked to stop returns counts; but it is not tried again.
        let done = runs.await.unwrap();
        assert_eq!(done.attempts, 1);
        match (number, done.outcome.into_result()) {
            (1, Ok(1)) | (2, Err(Failure::Cancelled)) | (3, Err(Failure::Failed(Problem(3)))) => {}
            (_, other) => panic!("{other:?}"),
        }
        let done = waits.await.unwrap();
        assert_eq!((done.id, done.attempts), (1, 0));
        assert!(matches!(done.outcome.into_result(), Err(Failure::Cancelled)));
        assert_eq!(other.await.unwrap().outcome.into_result().unwrap(), 0);
        // One that was cancelled, and whose ticket is dropped then, still ends: here at its time.
        late.cancel();
        drop(late);
    }
    assert!(!parent.is_cancelled());
    // The item's own token cancels it too.
    let work = Work::new(4, body(1)).cancelled_by(&parent);
    let ticket = herd.send_for_result(work).await.unwrap();
    w.until(|| tally.running() == 1).await;
    parent.cancel();
    assert_eq!(ticket.await.unwrap().outcome.into_result().unwrap(), 1);
    assert_eq!((herd.stats().scheduled, herd.stats().retried), (3, 0));
    herd.cancel().unwrap();
    assert_eq!(marks(herd.join().await.unwrap()), [(2, Mark::Scheduled); 3]);
    assert!(results.next().await.is_none());
}

async fn promise_01_a_ticket_learns_that_its_item_is_left_over<W: World>(w: &W) {
    for (number, end) in [TheHerd::cancel, TheHerd::abort].into_iter().enumerate() {
        let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
        let builder = herd(gated(&tally, &gate)).size(1);
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        let work = |id| Work::new(id, body(0).keeping(court.witness()));
        let runs = herd.send_for_result(work(0)).await.unwrap();
        w.until(|| tally.running() == 1).await;
        let mut waits = herd.send_for_result(work(1)).await.unwrap();
        let late = herd.send_for_result(work(2).after(HOUR)).await.unwrap();
        let dropped = herd.send_for_result(work(3)).await.unwrap();
        assert!(poll_once(&mut waits).is_pending());
        end(&herd).unwrap();
        // None is decided before the end.
        if number == 0 {
            assert!(poll_once(&mut waits).is_pending());
        }
        drop(dropped);
        gate.open();
        let ends = zip(waits, late).await;
        assert_eq!((ends.0.unwrap_err(), ends.1.unwrap_err()), (LeftOver, LeftOver));
        assert!(herd.is_stopped());
        let mut wanted = vec![(1, Mark::Waiting), (2, Mark::Scheduled), (3, Mark::Waiting)];
        if number == 0 {
            assert_eq!(runs.await.unwrap().id, 0);
        } else if herd.stats().succeeded == 0 {
            assert_eq!(runs.await.unwrap_err(), LeftOver);
            wanted.insert(0, (0, Mark::Interrupted));
        } else {
            // The gate was faster.
            assert_eq!(runs.await.unwrap().id, 0);
        }
        assert_eq!(marks(herd.join().await.unwrap()), wanted);
        assert!(results.next().await.is_none());
        assert_eq!(court.count(), 0);
    }
}

async fn promise_06_work_that_is_refused_comes_back_untied<W: World>(w: &W) {
    let (tally, token) = (Tally::new(), CancelToken::new());
    let builder = herd(counted(&tally)).size(0).capacity(1);
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    let work = Work::new(1, body(7)).cancelled_by(&token);
    let work = herd.try_send_for_result(work).unwrap_err().into_inner();
    let work = herd.try_send_for_result(work).unwrap_err().into_inner();
    herd.quiet().unwrap();
    let work = herd.send_for_result(work).await.unwrap_err().into_inner();
    herd.resume().unwrap();
    herd.resize(1).unwrap();
    assert_eq!(results.next().await.unwrap().id, 0);
    // Sent without a ticket, its result comes with the others.
    herd.send_work(work).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.id, done.outcome.into_result().unwrap()), (1, 7));
    // A send that is given up has no ticket, and takes its item along.
    herd.resize(0).unwrap();
    herd.send(2, body(0)).await.unwrap();
    let court = Court::new();
    let work = Work::new(3, body(0).keeping(court.witness()));
    let mut send = Box::pin(herd.send_for_result(work));
    assert!(poll_once(send.as_mut()).is_pending());
    drop(send);
    assert_eq!((court.count(), herd.stats().submitted), (0, 3));
    herd.resize(1).unwrap();
    herd.close();
    assert_eq!(ids(&rest(&mut results).await), [2]);
}

async fn gh_03_tickets_need_no_reader<W: World>(w: &W) {
    let tally = Tally::new();
    let (herd, results) = herd(counted(&tally)).size(2).capacity(4).start(w.rt()).unwrap();
    drop(results);
    for number in 0..20 {
        let id = u64::from(number);
        let ticket = herd.send_for_result((id, body(number))).await.unwrap();
        herd.send(id, body(0)).await.unwrap();
        assert_eq!(ticket.await.unwrap().outcome.into_result().unwrap(), number);
    }
    // The last handle may go first.
    let ticket = herd.send_for_result((20, body(20))).await.unwrap();
    drop(herd);
    assert_eq!(ticket.await.unwrap().id, 20);
    assert_eq!(tally.done(), 41);
}

on_all! {
    gh_02_a_ticket_brings_the_result_of_its_item,
    promise_07_a_dropped_ticket_lets_the_result_come_with_the_others,
    promise_07_a_ticket_can_be_waited_for_again,
    promise_08_an_unread_ticket_keeps_its_place,
    gh_07_a_ticket_cancels_its_item_alone,
    promise_01_a_ticket_learns_that_its_item_is_left_over,
    promise_06_work_that_is_refused_comes_back_untied,
    gh_03_tickets_need_no_reader,
}
