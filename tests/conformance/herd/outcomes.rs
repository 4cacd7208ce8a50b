//! What becomes of an item, and who is told.

use std::time::Duration;

use droves::herd::{Failure, Fault, Item, Kind, Outcome, Trouble};
use droves::retry::{Backoff, Exhausted, Policy};

use super::help::{Body, HerdBuilder, Log, Problem, TheDone, body, herd, ids, rest};
use crate::help::{Court, Tally};
use crate::world::World;

#[test]
fn gh_01_outcomes_are_printed_by_those_words() {
    let words = [Kind::Success, Kind::Retry, Kind::Failure].map(|kind| kind.to_string());
    assert_eq!(words, ["success", "retry", "failure"]);
    assert_eq!(format!("{:>8}|{:<8}|", Kind::Retry, Kind::Success), "   retry|success |");
}

/// The word for what has become of an item.
fn word(done: &TheDone) -> String {
    done.outcome.kind().to_string()
}

async fn gh_01_one_function_tells_success_retry_and_failure<W: World>(w: &W) {
    let handler = |item: Item<Body>| async move {
        match (item.number, item.attempt()) {
            (0, _) | (2, 3) | (3, 2) => Ok(item.number * 10),
            (1, _) => Err(Fault::Failure(Problem(1))),
            // `?` means to try again.
            (3, _) => Ok(Err(Problem(3))?),
            (number, _) => Err(Fault::Retry(Problem(number))),
        }
    };
    let builder = herd(handler).size(2).max_retries(3).backoff(Backoff::none());
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    for number in 0..5 {
        herd.send(u64::from(number), body(number)).await.unwrap();
    }
    herd.close();
    let mut all = rest(&mut results).await;
    all.sort_by_key(|done| done.id);
    let seen: Vec<_> = all.iter().map(|done| (done.attempts, word(done))).collect();
    let seen: Vec<_> = seen.iter().map(|(attempts, word)| (*attempts, word.as_str())).collect();
    let wanted = [(1, "success"), (1, "failure"), (3, "success"), (2, "success"), (4, "failure")];
    assert_eq!(seen, wanted);
    let outcomes: Vec<_> = all.into_iter().map(|done| done.outcome.into_result()).collect();
    assert!(matches!(outcomes[..], [Ok(0), Err(_), Ok(20), Ok(30), Err(_)]), "{outcomes:?}");
    assert_eq!(outcomes[1].as_ref().unwrap_err().error(), Some(&Problem(1)));
    assert_eq!(outcomes[4].as_ref().unwrap_err().error(), Some(&Problem(4)));
}

async fn gh_02_work_carries_id_body_and_result<W: World>(w: &W) {
    let handler = |mut item: Item<Body>| async move {
        assert_eq!(item.number, 100 + item.attempt() - 1);
        item.number += 1;
        if item.attempt() < 3 { Err(Fault::Retry(Problem(0))) } else { Ok(item.number) }
    };
    let builder = herd(handler).max_retries(2).backoff(Backoff::none());
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    // Identities may repeat: each of the items is done.
    for id in [7, 7, u64::MAX, 7] {
        herd.send(id, body(100)).await.unwrap();
    }
    herd.close();
    let all = rest(&mut results).await;
    let mut seen = ids(&all);
    seen.sort_unstable();
    assert_eq!(seen, [7, 7, 7, u64::MAX]);
    for done in all {
        assert_eq!((done.body.number, done.attempts), (103, 3));
        assert_eq!(done.outcome.into_result().unwrap(), 103);
    }
}

async fn gh_06_three_retries_are_four_attempts_and_then_failure<W: World>(w: &W) {
    for (retries, attempts) in [(None, 1), (Some(0), 1), (Some(1), 2), (Some(3), 4)] {
        let tally = Tally::new();
        let begun = tally.clone();
        let builder = herd(move |item: Item<Body>| {
            begun.enter().end();
            async move { Err(Fault::Retry(Problem(item.attempt()))) }
        });
        let builder = builder.backoff(Backoff::constant(Duration::from_millis(1)));
        let builder = retries.into_iter().fold(builder, HerdBuilder::max_retries);
        let (herd, mut results) = builder.start(w.rt()).unwrap();
        herd.send(1, body(0)).await.unwrap();
        let done = results.next().await.unwrap();
        assert_eq!((done.attempts, tally.begun()), (attempts, attempts as usize));
        let Outcome::Failure(failure) = done.outcome else { panic!("a success") };
        assert!(matches!(
            &failure,
            Failure::Exhausted(Trouble::Error(Problem(last)), Exhausted::Attempts) if *last == attempts
        ));
        let stats = herd.stats();
        assert_eq!((stats.failed, stats.retried), (1, u64::from(attempts) - 1));
        herd.close();
        assert!(results.next().await.is_none());
    }
}

async fn gh_06_a_policy_may_end_it_earlier<W: World>(w: &W) {
    let again = || herd(|_: Item<Body>| async { Err(Fault::Retry(Problem(0))) });
    let hour = Backoff::constant(Duration::from_secs(3_600));
    let policy = Policy::retries(u32::MAX).backoff(hour).max_total(Duration::from_secs(60));
    let (herd, mut results) = again().policy(policy).start(w.rt()).unwrap();
    herd.send(1, body(0)).await.unwrap();
    let done = results.next().await.unwrap();
    assert_eq!((done.attempts, herd.stats().retried), (1, 0));
    let failure = done.outcome.into_result().unwrap_err();
    assert!(matches!(failure, Failure::Exhausted(_, Exhausted::Time)), "{failure:?}");
}

async fn gh_06_one_that_is_retried_for_ever_keeps_no_other_from_its_turn<W: World>(w: &W) {
    let handler = |item: Item<Body>| async move {
        futures_lite::future::yield_now().await;
        if item.number == 0 { Err(Fault::Retry(Problem(0))) } else { Ok(item.number) }
    };
    let builder = herd(handler).size(1).capacity(8);
    let builder = builder.max_retries(u32::MAX).backoff(Backoff::none());
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    herd.send(0, body(0)).await.unwrap();
    for number in 1..=20 {
        herd.send(u64::from(number), body(number)).await.unwrap();
        assert_eq!(results.next().await.unwrap().id, u64::from(number));
    }
    w.until(|| herd.stats().retried > 20).await;
    herd.cancel().unwrap();
    let left: Vec<_> = herd.join().await.unwrap().collect();
    assert_eq!((left.len(), left[0].id), (1, 0));
    assert!(left[0].attempts > 20);
    let stats = herd.stats();
    assert_eq!((stats.submitted, stats.succeeded, stats.failed), (21, 20, 0));
}

async fn gh_07_failure_is_not_retried<W: World>(w: &W) {
    let handler = |_: Item<Body>| async { Err(Fault::Failure(Problem(5))) };
    let (herd, mut results) = herd(handler).max_retries(5).start(w.rt()).unwrap();
    for id in 0..10 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.close();
    let all = rest(&mut results).await;
    assert_eq!(all.len(), 10);
    for done in all {
        assert_eq!(done.attempts, 1);
        assert!(matches!(done.outcome, Outcome::Failure(Failure::Failed(Problem(5)))));
    }
    assert_eq!((herd.stats().failed, herd.stats().retried), (10, 0));
}

/// What callbacks were told: of whom, after how many attempts, and what the body was.
type Told = (&'static str, u64, u32, u32);

/// Items with numbers from 0: 0 of three succeeds at once, 1 at the third attempt, and 2 fails.
async fn by_threes(mut item: Item<Body>) -> Result<u32, Fault<Problem>> {
    futures_lite::future::yield_now().await;
    item.number += 1_000;
    match item.id() % 3 {
        1 if item.attempt() < 3 => Err(Fault::Retry(Problem(item.attempt()))),
        2 => Err(Fault::Failure(Problem(9))),
        _ => Ok(item.number),
    }
}

async fn gh_08_callbacks_come_once_each_and_before_the_result<W: World>(w: &W) {
    let log: Log<Told> = Log::new();
    let (successes, failures, retries) = (log.clone(), log.clone(), log.clone());
    let delay = Duration::from_millis(1);
    let builder = herd(by_threes).size(3).capacity(60).max_retries(2);
    let builder = builder
        .backoff(Backoff::constant(delay))
        .on_success(move |about, result| {
            assert_eq!(*result, about.body.number);
            successes.push(("success", about.id, about.attempts, about.body.number));
        })
        .on_failure(move |about, failure| {
            assert_eq!(failure.error(), Some(&Problem(9)));
            failures.push(("failure", about.id, about.attempts, about.body.number));
        })
        .on_retry(move |about, trouble, after| {
            assert_eq!((trouble, after), (&Trouble::Error(Problem(about.attempts)), delay));
            retries.push(("retry", about.id, about.attempts, about.body.number));
        });
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    for id in 0..60 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.close();
    let mut told = Vec::new();
    while let Some(done) = results.next().await {
        told.extend(log.take());
        let mut of_it: Vec<_> = told.iter().filter(|told| told.1 == done.id).copied().collect();
        told.retain(|told| told.1 != done.id);
        let last = of_it.pop().expect("it was told before the result came");
        let (kind, attempts) = match done.id % 3 {
            0 => ("success", 1),
            1 => ("success", 3),
            _ => ("failure", 1),
        };
        assert_eq!(last, (kind, done.id, attempts, 1_000 * attempts));
        let earlier: Vec<_> = (1..attempts).map(|it| ("retry", done.id, it, 1_000 * it)).collect();
        assert_eq!(of_it, earlier);
    }
    herd.join().await.unwrap();
    told.extend(log.take());
    assert_eq!(told, [], "nothing is told twice, nor of others");
    assert_eq!(herd.stats().handler_panics, 0);
}

async fn gh_08_a_callback_that_panics_loses_no_result<W: World>(w: &W) {
    let builder = herd(by_threes).size(2).max_retries(2).backoff(Backoff::none());
    let builder = builder
        .on_success(|_, _| panic!("on purpose: success"))
        .on_failure(|_, _| panic!("on purpose: failure"))
        .on_retry(|_, _, _| panic!("on purpose: retry"));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    for id in 0..9 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.close();
    assert_eq!(rest(&mut results).await.len(), 9);
    let stats = herd.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.retried), (6, 3, 6));
    assert_eq!((stats.handler_panics, stats.lost_workers, stats.panicked), (15, 0, 0));
}

async fn gh_09_counters_are_visible_before_the_result<W: World>(w: &W) {
    let builder = || herd(by_threes).size(4).capacity(90).max_retries(2).backoff(Backoff::none());
    let (herd, mut results) = builder().start(w.rt()).unwrap();
    let (other, _) = builder().start(w.rt()).unwrap();
    for id in 0..90 {
        herd.send(id, body(0)).await.unwrap();
    }
    herd.close();
    let (mut succeeded, mut failed, mut retried) = (0, 0, 0);
    while let Some(done) = results.next().await {
        match done.outcome {
            Outcome::Success(_) => succeeded += 1,
            Outcome::Failure(_) => failed += 1,
        }
        retried += u64::from(done.attempts - 1);
        let stats = herd.stats();
        assert!(stats.succeeded >= succeeded && stats.failed >= failed, "{stats:?}");
        assert!(stats.retried >= retried && stats.submitted == 90, "{stats:?}");
    }
    let stats = herd.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.retried), (60, 30, 60));
    // They are the herd's own.
    let stats = other.stats();
    assert_eq!((stats.submitted, stats.succeeded, stats.failed, stats.retried), (0, 0, 0, 0));
}

async fn gh_20_a_panic_is_a_failure_of_that_item<W: World>(w: &W) {
    let handler = |item: Item<Body>| {
        assert_ne!(item.number, 0, "on purpose: in the call");
        async move {
            assert_ne!(item.number, 1, "on purpose: in the first poll");
            futures_lite::future::yield_now().await;
            assert_ne!(item.number, 2, "on purpose: after a wait");
            Ok(item.number)
        }
    };
    let (herd, mut results) = herd(handler).size(1).max_retries(3).start(w.rt()).unwrap();
    let court = Court::new();
    for number in 0..8 {
        herd.send(u64::from(number), body(number % 4).keeping(court.witness())).await.unwrap();
    }
    herd.close();
    let all = rest(&mut results).await;
    assert_eq!((ids(&all), court.count()), ((0..8).collect(), 8));
    for (done, place) in all.into_iter().zip(["call", "first poll", "wait", ""].iter().cycle()) {
        assert_eq!(done.attempts, 1);
        match done.outcome.into_result() {
            Ok(3) => assert_eq!(*place, ""),
            Err(Failure::Panicked(panic)) => {
                let text = panic.message().unwrap();
                assert!(text.contains("on purpose") && text.contains(place), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(court.count(), 0);
    herd.join().await.unwrap();
    let stats = herd.stats();
    assert_eq!((stats.succeeded, stats.failed, stats.panicked), (2, 6, 6));
    assert_eq!((stats.retried, stats.lost_workers, stats.live), (0, 0, 0));
}

async fn promise_10_what_panics_when_it_is_dropped_takes_nobody_along<W: World>(w: &W) {
    let tally = Tally::new();
    let begun = tally.clone();
    let handler = move |item: Item<Body>| {
        let running = begun.enter();
        async move {
            let _grenade = (item.number == 1).then_some(crate::help::Grenade);
            running.end();
            Ok(0)
        }
    };
    let (herd, results) = herd(handler).size(1).start(w.rt()).unwrap();
    // Nobody wants the results: they are dropped where they come.
    drop(results);
    for number in 0..10 {
        let body = if number % 3 == 0 { body(number).with_grenade() } else { body(number % 3) };
        herd.send(u64::from(number), body).await.unwrap();
    }
    herd.close();
    assert_eq!(herd.join().await.unwrap().count(), 0);
    let stats = herd.stats();
    assert_eq!((tally.begun(), stats.succeeded + stats.failed, stats.lost_workers), (10, 10, 0));
    assert_eq!(stats.unread, 0);
}

on_all! {
    gh_01_one_function_tells_success_retry_and_failure,
    gh_02_work_carries_id_body_and_result,
    gh_06_three_retries_are_four_attempts_and_then_failure,
    gh_06_a_policy_may_end_it_earlier,
    gh_06_one_that_is_retried_for_ever_keeps_no_other_from_its_turn,
    gh_07_failure_is_not_retried,
    gh_08_callbacks_come_once_each_and_before_the_result,
    gh_08_a_callback_that_panics_loses_no_result,
    gh_09_counters_are_visible_before_the_result,
    gh_20_a_panic_is_a_failure_of_that_item,
    promise_10_what_panics_when_it_is_dropped_takes_nobody_along,
}
