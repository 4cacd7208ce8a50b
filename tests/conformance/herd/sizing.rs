//! How many items are worked on at a time.

use std::time::Duration;

use droves::herd::{Fault, Item, Mark, Outcome, Phase};
use droves::retry::Backoff;

use super::help::{
    Answer, Body, Log, Problem, TheHerd, body, counted, gated, herd, ids, marks, rest,
};
use crate::help::{Gate, Tally, poll_once};
use crate::world::World;

/// Whether so many workers are idle, and there are no others.
fn all_idle(herd: &TheHerd, size: usize) -> bool {
    let stats = herd.stats();
    (stats.size, stats.live, stats.idle, stats.running) == (size, size, size, 0)
}

async fn gh_15_it_starts_with_size_0_and_works_to_the_end<W: World>(w: &W) {
    let tally = Tally::new();
    let (herd, mut results) = herd(counted(&tally)).size(0).start(w.rt()).unwrap();
    for id in 0..30 {
        herd.send(id, body(0)).await.unwrap();
    }
    w.pause().await;
    let stats = herd.stats();
    assert_eq!((tally.begun(), stats.size, stats.live, stats.waiting), (0, 0, 0, 30));
    herd.resize(3).unwrap();
    w.until(|| tally.done() == 30).await;
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 30);
    assert!((1..=3).contains(&tally.most()));
    herd.join().await.unwrap();
}

async fn gh_15_it_shrinks_while_it_is_busy<W: World>(w: &W) {
    for smaller in [0, 1] {
        let (tally, gate) = (Tally::new(), Gate::new());
        let (herd, mut results) = herd(gated(&tally, &gate)).size(3).start(w.rt()).unwrap();
        for id in 0..10 {
            herd.send(id, body(0)).await.unwrap();
        }
        w.until(|| tally.running() == 3).await;
        // It answers at once, and takes effect when handlers have returned.
        herd.resize(smaller).unwrap();
        w.pause().await;
        let stats = herd.stats();
        assert_eq!((stats.size, stats.live, tally.running()), (smaller, 3, 3));
        tally.forget_most();
        gate.open();
        if smaller == 0 {
            w.until(|| herd.stats().live == 0).await;
            assert_eq!((tally.begun(), herd.stats().waiting), (3, 7));
            herd.resize(1).unwrap();
        }
        w.until(|| tally.done() == 10 && all_idle(&herd, 1)).await;
        assert_eq!(tally.most(), 1);
        herd.close();
        assert_eq!(rest(&mut results).await.len(), 10);
    }
}

async fn gh_15_it_shrinks_while_idle_when_all_is_done_and_while_results_are_unread<W: World>(
    w: &W,
) {
    let tally = Tally::new();
    let (herd, mut results) = herd(counted(&tally)).size(4).capacity(4).start(w.rt()).unwrap();
    w.until(|| all_idle(&herd, 4)).await;
    herd.resize(2).unwrap();
    w.until(|| all_idle(&herd, 2)).await;
    for id in 0..4 {
        herd.send(id, body(0)).await.unwrap();
    }
    w.until(|| herd.stats().unread == 4).await;
    for size in [1, 0, 3, 0, 2] {
        herd.resize(size).unwrap();
        w.until(|| all_idle(&herd, size)).await;
    }
    assert_eq!(herd.stats().unread, 4);
    for _ in 0..4 {
        assert!(results.next().await.is_some());
    }
    herd.resize(0).unwrap();
    w.until(|| all_idle(&herd, 0)).await;
    herd.send(9, body(0)).await.unwrap();
    w.pause().await;
    assert_eq!(tally.done(), 4);
    herd.resize(1).unwrap();
    assert_eq!(results.next().await.unwrap().id, 9);
    herd.close();
    assert!(results.next().await.is_none());
    assert_eq!(herd.stats().lost_workers, 0);
}

async fn gh_15_sizes_that_change_all_the_time_lose_nothing<W: World>(w: &W) {
    let tally = Tally::new();
    let (herd, mut results) = herd(counted(&tally)).size(1).capacity(16).start(w.rt()).unwrap();
    let sends = async {
        for id in 0..200 {
            herd.send(id, body(0)).await.unwrap();
            herd.resize(usize::try_from(id * 7 % 5).unwrap()).unwrap();
        }
        herd.resize(2).unwrap();
        herd.close();
    };
    let grows = async {
        // A size of 0 may be the last for a while, and then nobody makes room.
        while herd.stats().submitted < 200 {
            herd.resize(1).unwrap();
            w.sleep(1).await;
        }
    };
    let reads = rest(&mut results);
    let ((), (mut all, ())) =
        futures_lite::future::zip(sends, futures_lite::future::zip(reads, grows)).await;
    all.sort_by_key(|done| done.id);
    assert_eq!(ids(&all), (0..200).collect::<Vec<_>>());
    assert!(tally.most() <= 4 && tally.begun() == 200);
    herd.join().await.unwrap();
    assert_eq!((herd.stats().live, herd.stats().lost_workers), (0, 0));
}

async fn gh_16_after_a_shrink_the_excess_finishes_first<W: World>(w: &W) {
    let (tally, gates) = (Tally::new(), std::array::from_fn::<_, 5, _>(|_| Gate::new()));
    let (inside, opened) = (tally.clone(), gates.clone());
    let handler = move |item: Item<Body>| {
        let job = inside.job(&opened[item.number.min(4) as usize]);
        async move {
            job.await;
            Ok(0)
        }
    };
    let (herd, mut results) = herd(handler).size(4).start(w.rt()).unwrap();
    for number in 0..4 {
        herd.send(u64::from(number), body(number)).await.unwrap();
    }
    w.until(|| tally.running() == 4).await;
    herd.resize(1).unwrap();
    for number in 4..7 {
        herd.send(u64::from(number), body(number)).await.unwrap();
    }
    for (opened, gate) in gates[..3].iter().enumerate() {
        gate.open();
        w.until(|| tally.running() == 3 - opened).await;
        w.pause().await;
        assert_eq!((tally.begun(), herd.stats().waiting), (4, 3));
    }
    gates[3].open();
    w.until(|| tally.begun() == 5).await;
    w.pause().await;
    assert_eq!((tally.begun(), tally.running()), (5, 1));
    herd.resize(2).unwrap();
    w.until(|| tally.running() == 2).await;
    gates[4].open();
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 7);
}

async fn promise_02_no_more_run_than_the_size<W: World>(w: &W) {
    let tally = Tally::new();
    let inside = tally.clone();
    let handler = move |item: Item<Body>| {
        let inside = inside.clone();
        async move {
            let running = inside.enter();
            for _ in 0..item.number {
                futures_lite::future::yield_now().await;
            }
            running.end();
            if item.attempt() == 1 { Err(Fault::Retry(Problem(0))) } else { Ok(0) }
        }
    };
    let builder = herd(handler).size(0).capacity(20).max_retries(1).backoff(Backoff::none());
    let (herd, results) = builder.start(w.rt()).unwrap();
    drop(results);
    for size in [3, 1, 4, 0, 2, 8, 1] {
        herd.resize(size).unwrap();
        w.until(|| herd.stats().live == size).await;
        tally.forget_most();
        for id in 0..40 {
            let _ = herd.try_send(id, body(u32::try_from(id % 5).unwrap()));
            if id % 10 == 0 {
                w.sleep(1).await;
            }
        }
        assert!(tally.most() <= size, "{} at once, with size {size}", tally.most());
    }
    herd.close();
    herd.join().await.unwrap();
    assert!(tally.most() <= 1);
    assert_eq!(tally.done() as u64, 2 * herd.stats().succeeded);
}

/// A handler that lets its guard escape, and then answers as it should.
fn escaping(
    kept: &Log<Item<Body>>,
    tally: &Tally,
    answer: impl Fn() -> Answer + Send + Sync + 'static,
) -> impl Fn(Item<Body>) -> std::future::Ready<Answer> + Send + Sync + 'static {
    let (kept, tally) = (kept.clone(), tally.clone());
    move |item| {
        tally.enter().end();
        if item.number == 0 && item.attempt() == 1 {
            kept.push(item);
            return std::future::ready(answer());
        }
        std::future::ready(Ok(item.number))
    }
}

async fn gh_16_an_escaped_guard_keeps_its_worker<W: World>(w: &W) {
    type How = fn() -> Answer;
    let answers: [How; 4] = [
        || Ok(5),
        || Err(Fault::Failure(Problem(5))),
        || Err(Fault::Retry(Problem(5))),
        || panic!("on purpose"),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (kept, tally) = (Log::new(), Tally::new());
        let builder = herd(escaping(&kept, &tally, answer)).size(1);
        let builder = builder.max_retries(1).backoff(Backoff::none());
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        herd.send(7, body(0)).await.unwrap();
        herd.send(8, body(1)).await.unwrap();
        w.until(|| kept.len() == 1 && tally.done() == 1).await;
        w.pause().await;
        assert!(results.try_next().is_none());
        assert_eq!((tally.begun(), herd.stats().running), (1, 1));
        let mut item = kept.take().pop().unwrap();
        assert_eq!((item.id(), item.attempt(), item.number), (7, 1, 0));
        item.number = 77;
        drop(item);
        herd.close();
        let mut all = rest(&mut results).await;
        all.sort_by_key(|done| done.id);
        assert_eq!(ids(&all), [7, 8]);
        assert_eq!((all[0].body.number, all[0].attempts), (77, 1 + u32::from(number == 2)));
        match &all[0].outcome {
            Outcome::Success(result) => assert_eq!(*result, [5, 0, 77, 0][number]),
            Outcome::Failure(_) => assert!(number == 1 || number == 3),
        }
        assert_eq!(herd.stats().panicked, u64::from(number == 3));
    }
}

async fn gh_16_an_escaped_guard_is_within_the_size<W: World>(w: &W) {
    let (kept, tally) = (Log::new(), Tally::new());
    let (herd, mut results) =
        herd(escaping(&kept, &tally, || Ok(5))).size(2).start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    w.until(|| kept.len() == 1).await;
    // Others work on.
    herd.send(1, body(1)).await.unwrap();
    assert_eq!(results.next().await.unwrap().id, 1);
    // Until it would be one too many.
    herd.resize(1).unwrap();
    w.until(|| herd.stats().live == 1).await;
    herd.send(2, body(2)).await.unwrap();
    herd.resize(0).unwrap();
    w.pause().await;
    assert_eq!((tally.begun(), herd.stats().live, herd.stats().running), (2, 1, 1));
    drop(kept.take());
    w.until(|| herd.stats().live == 0).await;
    assert_eq!(results.next().await.unwrap().id, 0);
    assert_eq!((tally.begun(), herd.stats().waiting), (2, 1));
    herd.close();
    herd.resize(1).unwrap();
    assert_eq!(ids(&rest(&mut results).await), [2]);
}

async fn promise_03_while_a_guard_is_out_it_has_not_ended<W: World>(w: &W) {
    type End = fn(&TheHerd);
    let ends: [End; 3] =
        [|herd| assert!(herd.close()), |herd| herd.cancel().unwrap(), |herd| herd.abort().unwrap()];
    for (number, end) in ends.into_iter().enumerate() {
        // Of the first the handler has returned; the second's still runs, without the guard.
        let (kept, tally, gate) = (Log::new(), Tally::new(), Gate::new());
        let (inside, running, opened) = (kept.clone(), tally.clone(), gate.clone());
        let handler = move |item: Item<Body>| {
            let job = (item.number == 1).then(|| running.job(&opened));
            inside.push(item);
            async move {
                if let Some(job) = job {
                    job.await;
                }
                Ok(5)
            }
        };
        let (herd, mut results) = herd(handler).size(2).start(w.rt()).unwrap();
        herd.send(0, body(0)).await.unwrap();
        herd.send(1, body(1)).await.unwrap();
        w.until(|| kept.len() == 2 && tally.running() == 1).await;
        end(&herd);
        if number == 2 {
            w.until(|| tally.running() == 0).await;
        } else {
            gate.open();
        }
        w.pause().await;
        assert!(!herd.is_stopped());
        assert!(poll_once(Box::pin(herd.join())).is_pending());
        let guards = kept.take();
        assert!(guards.iter().all(|item| item.is_cancelled() == (number > 0)));
        drop(guards);
        let left = marks(herd.join().await.unwrap());
        let all = rest(&mut results).await;
        assert!(all.iter().all(|done| matches!(done.outcome, Outcome::Success(5))));
        // An attempt that was dropped left its item over, and what was returned counts.
        let interrupted: &[_] = if number == 2 { &[(1, Mark::Interrupted)] } else { &[] };
        assert_eq!((left.as_slice(), all.len()), (interrupted, 2 - interrupted.len()));
        assert_eq!(herd.stats().succeeded, all.len() as u64);
        assert_eq!(herd.phase(), Phase::Stopped);
    }
}

async fn promise_03_a_guard_may_outlive_its_timeout<W: World>(w: &W) {
    let (kept, gate) = (Log::new(), Gate::new());
    let inside = kept.clone();
    let handler = move |item: Item<Body>| {
        let (first, pass) = (item.attempt() == 1, gate.pass());
        if first {
            inside.push(item);
        }
        async move {
            if first {
                pass.await;
            }
            Ok(9)
        }
    };
    let builder = herd(handler).size(1).max_retries(1).backoff(Backoff::none());
    let builder = builder.timeout(Duration::from_millis(10));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    w.until(|| kept.len() == 1).await;
    w.pause().await;
    w.pause().await;
    assert!(results.try_next().is_none());
    drop(kept.take());
    let done = results.next().await.unwrap();
    assert_eq!((done.attempts, done.outcome.into_result().unwrap()), (2, 9));
    assert_eq!((herd.stats().timed_out, herd.stats().retried), (1, 1));
}

on_all! {
    gh_15_it_starts_with_size_0_and_works_to_the_end,
    gh_15_it_shrinks_while_it_is_busy,
    gh_15_it_shrinks_while_idle_when_all_is_done_and_while_results_are_unread,
    gh_15_sizes_that_change_all_the_time_lose_nothing,
    gh_16_after_a_shrink_the_excess_finishes_first,
    promise_02_no_more_run_than_the_size,
    gh_16_an_escaped_guard_keeps_its_worker,
    gh_16_an_escaped_guard_is_within_the_size,
    promise_03_while_a_guard_is_out_it_has_not_ended,
    promise_03_a_guard_may_outlive_its_timeout,
}
