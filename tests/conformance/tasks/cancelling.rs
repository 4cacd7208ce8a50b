//! Tasks that are not wanted any more.

use droves::cancel::CancelToken;
use droves::retry::Backoff;
use droves::tasks::{Task, Why};

use super::help::{HOUR, Odds, Oops, TheTask, counted, failing, manager, only, reported};
use crate::help::Tally;
use crate::herd::help::Log;
use crate::world::World;

/// A task that waits until it is cancelled, notes what it knew of that, and returns what it is given.
fn waiting(log: &Log<(u32, bool)>, result: Result<(), Oops>) -> TheTask {
    let log = log.clone();
    Task::in_context(move |context| {
        let (log, result) = (log.clone(), result.clone());
        async move {
            log.push((context.attempt, context.is_cancelled()));
            context.cancelled().await;
            log.push((context.attempt, context.is_cancelled()));
            result
        }
    })
}

async fn ma_11_a_task_sees_that_it_is_cancelled<W: World>(w: &W) {
    let (parent, log) = (CancelToken::new(), Log::new());
    let (mut tasks, reports) = reported(manager(2, 8));
    tasks.start(w.rt()).unwrap();
    let done = waiting(&log, Ok(())).cancelled_by(&parent.child());
    tasks.queue(done).await.unwrap();
    w.until(|| log.len() == 1).await;
    let other = Tally::new();
    tasks.queue(counted(&other)).await.unwrap();
    parent.cancel();
    w.until(|| log.len() == 2 && other.done() == 1).await;
    assert_eq!(log.take(), [(1, false), (1, true)]);
    // Since it was done, it has not failed.
    w.until(|| tasks.stats().unwrap().succeeded == 2).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(reports.len(), 0);
}

async fn ma_11_no_attempt_follows<W: World>(w: &W) {
    let (parent, log) = (CancelToken::new(), Log::new());
    let (mut tasks, reports) = reported(manager(2, 8));
    tasks.start(w.rt()).unwrap();
    let failed = waiting(&log, Err(Oops(7))).cancelled_by(&parent).retries(9);
    let id = tasks.queue(failed.backoff(Backoff::none())).await.unwrap();
    w.until(|| log.len() == 1).await;
    parent.cancel();
    w.until(|| reports.len() == 1).await;
    assert_eq!(log.take(), [(1, false), (1, true)]);
    let report = only(reports.take());
    assert_eq!((report.id, report.attempts, report.why.clone()), (id, 1, Why::Cancelled));
    assert_eq!(report.errors().collect::<Vec<_>>(), [&Oops(7)]);
    // Nor does one begin.
    let tally = Tally::new();
    tasks.queue(counted(&tally).cancelled_by(&parent)).await.unwrap();
    tasks.try_delay(std::time::Duration::ZERO, counted(&tally).cancelled_by(&parent)).unwrap();
    w.until(|| reports.len() == 2).await;
    for report in reports.take() {
        assert_eq!((report.attempts, report.why, report.elapsed), (0, Why::Cancelled, None));
        assert!(report.history.is_empty() && report.omitted == 0);
    }
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tally.begun(), 0);
}

async fn ma_11_nor_between_two_attempts<W: World>(w: &W) {
    let (parent, tally, odds) = (CancelToken::new(), Tally::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(2, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let task = failing(&tally).retries(9).backoff(Backoff::constant(HOUR));
    tasks.queue(task.cancelled_by(&parent)).await.unwrap();
    odds.rest(w).await;
    assert_eq!(tasks.stats().unwrap().backing_off, 1);
    parent.cancel();
    odds.jump(HOUR);
    w.until(|| reports.len() == 1).await;
    let report = only(reports.take());
    assert_eq!((report.attempts, report.why), (1, Why::Cancelled));
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tally.begun(), 1);
}

async fn ma_11_a_token_is_for_all_attempts_of_its_tasks<W: World>(w: &W) {
    let (parent, log) = (CancelToken::new(), Log::new());
    let mut tasks = manager(2, 8).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let seen = log.clone();
    let task = Task::in_context(move |context| {
        let seen = seen.clone();
        async move {
            seen.push(context.attempt);
            if context.attempt < 3 {
                return Err(Oops(0));
            }
            context.cancelled().await;
            Ok(())
        }
    });
    let task = task.cancelled_by(&parent).retries(2).backoff(Backoff::none());
    tasks.queue(task).await.unwrap();
    w.until(|| log.len() == 3).await;
    parent.cancel();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(log.take(), [1, 2, 3]);
}

on_all!(
    ma_11_a_task_sees_that_it_is_cancelled,
    ma_11_no_attempt_follows,
    ma_11_nor_between_two_attempts,
    ma_11_a_token_is_for_all_attempts_of_its_tasks,
);
