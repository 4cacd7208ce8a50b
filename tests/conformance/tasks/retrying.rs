//! Attempts, what lies between them, and how long each may take.

use std::time::Duration;

use droves::retry::{Backoff, DelayFn, Exhausted, Policy};
use droves::tasks::{Task, Trouble, Why};

use super::help::{HOUR, MINUTE, Odds, Oops, TheTask, failing, manager, only, reported};
use crate::help::{Court, Tally};
use crate::world::World;

async fn ma_09_n_retries_are_at_most_n_and_one_attempts<W: World>(w: &W) {
    let (mut tasks, reports) = reported(manager(2, 8));
    tasks.start(w.rt()).unwrap();
    for (retries, attempts) in [(None, 1), (Some(0), 1), (Some(1), 2), (Some(3), 4), (Some(20), 21)]
    {
        let tally = Tally::new();
        let task = failing(&tally).backoff(Backoff::none());
        let task = retries.into_iter().fold(task, TheTask::retries);
        let id = tasks.queue(task).await.unwrap();
        w.until(|| reports.len() == 1).await;
        let report = only(reports.take());
        assert_eq!((report.id, report.attempts, tally.begun()), (id, attempts, attempts as usize));
        assert_eq!(report.why, Why::Exhausted(Exhausted::Attempts));
    }
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_09_none_follows_a_success<W: World>(w: &W) {
    let tally = Tally::new();
    let (mut tasks, reports) = reported(manager(2, 8));
    tasks.start(w.rt()).unwrap();
    let begun = tally.clone();
    let task = Task::in_context(move |context| {
        begun.enter().end();
        async move { if context.attempt < 3 { Err(Oops(context.attempt)) } else { Ok(()) } }
    });
    tasks.queue(task.retries(9).backoff(Backoff::none())).await.unwrap();
    w.until(|| tasks.stats().unwrap().succeeded == 1).await;
    let stats = tasks.stats().unwrap();
    assert_eq!((stats.retried, stats.failed, tally.begun()), (2, 0, 3));
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(reports.len(), 0);
}

/// Has a failing task tried again, and asserts after which times.
async fn spaced<W: World>(w: &W, task: impl Fn(TheTask) -> TheTask, delays: &[Duration]) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    tasks.queue(task(failing(&tally))).await.unwrap();
    for (delay, attempts) in delays.iter().zip(1..) {
        odds.pass(w, delay.saturating_sub(MINUTE)).await;
        assert_eq!((tally.begun(), tasks.stats().unwrap().backing_off), (attempts, 1));
        odds.pass(w, MINUTE).await;
    }
    assert_eq!((tally.begun(), reports.len()), (delays.len() + 1, 1));
    tasks.stop().await.unwrap();
}

async fn ma_10_the_backoff_is_the_task_s<W: World>(w: &W) {
    let constant = Backoff::constant(HOUR);
    spaced(w, |it| it.retries(2).backoff(constant), &[HOUR, HOUR]).await;
    let exponential = Backoff::exponential(HOUR);
    spaced(w, |it| it.backoff(exponential).retries(3), &[HOUR, 2 * HOUR, 4 * HOUR]).await;
    let policy = Policy::retries(2).backoff(exponential.max(2 * HOUR));
    spaced(w, |it| it.policy(policy), &[HOUR, 2 * HOUR]).await;
}

async fn ma_10_by_default_it_is_exponential<W: World>(w: &W) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(1, 128));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    for _ in 0..100 {
        tasks.queue(failing(&tally).retries(3)).await.unwrap();
    }
    // Each waits for some of the time, and none for longer.
    for (attempt, most) in (1..4).zip([100, 200, 400]) {
        w.until(|| tally.begun() >= attempt * 100).await;
        odds.jump(Duration::from_millis(most));
    }
    w.until(|| reports.len() == 100).await;
    let longest = reports.take().into_iter().filter_map(|report| report.elapsed).max().unwrap();
    assert!(longest >= Duration::from_millis(300), "{longest:?}");
    assert_eq!(tally.begun(), 400);
    tasks.stop().await.unwrap();
}

async fn ma_10_a_policy_may_say_stop<W: World>(w: &W) {
    let (mut tasks, reports) = reported(manager(1, 8));
    tasks.start(w.rt()).unwrap();
    let tally = Tally::new();
    let delay: DelayFn = |attempt| (attempt < 3).then_some(Duration::ZERO);
    let custom = Backoff::custom(delay);
    tasks.queue(failing(&tally).retries(50).backoff(custom)).await.unwrap();
    w.until(|| reports.len() == 1).await;
    let report = only(reports.take());
    assert_eq!((report.attempts, tally.begun()), (3, 3));
    assert_eq!(report.why, Why::Exhausted(Exhausted::Stopped));
    let policy = Policy::retries(50).backoff(Backoff::constant(HOUR)).max_total(MINUTE);
    tasks.queue(failing(&tally).policy(policy)).await.unwrap();
    w.until(|| reports.len() == 1).await;
    let report = only(reports.take());
    assert_eq!((report.attempts, report.why), (1, Why::Exhausted(Exhausted::Time)));
    tasks.stop().await.unwrap();
}

async fn ma_12_each_attempt_has_the_whole_time<W: World>(w: &W) {
    let (tally, court, odds) = (Tally::new(), Court::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let (begun, witness) = (tally.clone(), court.witness());
    let task = Task::new(move || {
        let (running, kept) = (begun.enter(), witness.clone());
        let number = u32::try_from(begun.begun()).unwrap();
        async move {
            let _held = (running, kept);
            if number == 2 {
                return Err(Oops(2));
            }
            std::future::pending().await
        }
    });
    let task = task.timeout(HOUR).retries(3).backoff(Backoff::none());
    tasks.queue(task).await.unwrap();
    for begun in [1, 3, 4] {
        odds.pass(w, 59 * MINUTE).await;
        assert_eq!((tally.begun(), tally.running()), (begun, 1));
        odds.pass(w, MINUTE).await;
    }
    w.until(|| reports.len() == 1).await;
    let report = only(reports.take());
    let timed_out = || Trouble::TimedOut;
    assert_eq!(report.history, [timed_out(), Trouble::Error(Oops(2)), timed_out(), timed_out()]);
    assert_eq!((report.attempts, report.why), (4, Why::Exhausted(Exhausted::Attempts)));
    assert!(report.elapsed.unwrap() >= 3 * HOUR);
    // What an attempt held is gone with it.
    w.until(|| court.count() == 0).await;
    assert_eq!((tally.running(), tasks.stats().unwrap().timed_out), (0, 3));
    tasks.stop().await.unwrap();
}

async fn ma_12_what_is_done_in_time_is_not_disturbed<W: World>(w: &W) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    for done in 1..=3 {
        tasks.queue(super::help::counted(&tally).timeout(HOUR)).await.unwrap();
        odds.rest(w).await;
        assert_eq!((tally.done(), tasks.stats().unwrap().running), (done, 0));
        odds.jump(2 * HOUR);
    }
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!((tally.done(), reports.len()), (3, 0));
}

on_all!(
    ma_09_n_retries_are_at_most_n_and_one_attempts,
    ma_09_none_follows_a_success,
    ma_10_the_backoff_is_the_task_s,
    ma_10_by_default_it_is_exponential,
    ma_10_a_policy_may_say_stop,
    ma_12_each_attempt_has_the_whole_time,
    ma_12_what_is_done_in_time_is_not_disturbed,
);
