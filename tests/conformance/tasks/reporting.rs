//! What is reported of tasks that have failed.

use std::error::Error;

use droves::retry::{Backoff, Exhausted};
use droves::tasks::{Stats, Task, TaskError, Trouble, Why};

use super::help::{
    HOUR, Odds, Oops, Report, TheTask, TheTasks, counted, failing, manager, nothing, only, reported,
};
use crate::help::{Gate, Tally};
use crate::herd::help::Log;
use crate::world::World;

/// Tried again at once.
fn again(task: TheTask, retries: u32) -> TheTask {
    task.retries(retries).backoff(Backoff::none())
}

async fn one<W: World>(w: &W, task: TheTask) -> Report {
    let (mut tasks, reports) = reported(manager(1, 8));
    tasks.start(w.rt()).unwrap();
    let id = tasks.queue(task).await.unwrap();
    w.until(|| reports.len() > 0).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    let report = only(reports.take());
    assert_eq!(report.id, id);
    report
}

async fn ma_13_the_text_names_the_attempts_and_the_error<W: World>(w: &W) {
    let cases = [
        (0, None, "task failed after 1 attempt"),
        (2, None, "task failed after 3 attempts"),
        (0, Some(Oops(99)), "after 1 attempt: oops 99"),
        (3, Some(Oops(99)), "after 4 attempts: oops 99"),
    ];
    for (retries, own, text) in cases {
        let task = again(failing(&Tally::new()), retries).name("named");
        let has_own = own.is_some();
        let report = one(w, own.into_iter().fold(task, TheTask::error)).await;
        assert_eq!((report.to_string().as_str(), report.name.as_ref()), (text, "named"));
        assert_eq!((report.attempts, report.error.is_some()), (retries + 1, has_own));
        assert_eq!(report.why, Why::Exhausted(Exhausted::Attempts));
        // The last comes first: it is the nearest cause.
        let own = has_own.then_some(99);
        let wanted: Vec<_> = own.into_iter().chain((1..=retries + 1).rev()).map(Oops).collect();
        assert_eq!(report.errors().cloned().collect::<Vec<_>>(), wanted);
        let source = report.source().and_then(|source| source.downcast_ref::<Oops>());
        assert_eq!(source, wanted.first());
        let boxed: Box<dyn Error + Send + Sync> = Box::new(report);
        assert!(boxed.downcast_ref::<TaskError<Oops>>().is_some());
    }
}

async fn ma_13_every_attempt_s_error_is_there<W: World>(w: &W) {
    let report = one(w, again(failing(&Tally::new()), 15)).await;
    let errors = |from, to| (from..=to).map(|it| Trouble::Error(Oops(it))).collect::<Vec<_>>();
    assert_eq!((report.history, report.omitted), (errors(1, 16), 0));
    // The last sixteen of them.
    let report = one(w, again(failing(&Tally::new()), 16)).await;
    assert_eq!((report.history, report.omitted, report.attempts), (errors(2, 17), 1, 17));
    let report = one(w, again(failing(&Tally::new()), 99)).await;
    assert_eq!((report.history, report.omitted, report.attempts), (errors(85, 100), 84, 100));
}

async fn ma_13_the_total_time_is_from_the_first_attempt<W: World>(w: &W) {
    let odds = Odds::new();
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let tally = Tally::new();
    let begin = w.now();
    let task = failing(&tally).retries(2).backoff(Backoff::constant(HOUR));
    tasks.delay(5 * HOUR, task).await.unwrap();
    odds.pass(w, 5 * HOUR).await;
    for begun in 1..3 {
        assert_eq!((tally.begun(), tasks.stats().unwrap().backing_off), (begun, 1));
        odds.pass(w, HOUR).await;
    }
    w.until(|| reports.len() == 1).await;
    let elapsed = only(reports.take()).elapsed.unwrap();
    let beside = w.now().saturating_since(begin);
    assert!(elapsed >= 2 * HOUR && elapsed <= 2 * HOUR + beside, "{elapsed:?}");
    tasks.stop().await.unwrap();
}

async fn ma_13_each_failure_is_reported_once_and_nothing_else_is<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let (mut tasks, reports) = reported(manager(3, 256));
    tasks.start(w.rt()).unwrap();
    let mut failed = Vec::new();
    for number in 0..60 {
        let task = if number % 2 == 0 { failing(&tally) } else { counted(&tally) };
        let id = tasks.try_queue(again(task, number % 4)).unwrap();
        failed.extend((number % 2 == 0).then_some(id));
    }
    tasks.try_queue(super::help::gated(&tally, &gate)).unwrap();
    gate.open();
    // What stops leaves over what is to be tried again.
    let ended = |stats: Stats| stats.succeeded + stats.failed;
    w.until(|| tasks.stats().map_or(0, ended) == 61).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    let mut ids: Vec<_> = reports.take().into_iter().map(|report| report.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, failed);
}

async fn ma_13_a_panic_is_reported<W: World>(w: &W) {
    let task = |attempts: u32| {
        let mut attempt = 0;
        Task::new(move || {
            attempt += 1;
            let number = attempt;
            async move {
                futures_lite::future::yield_now().await;
                assert!(number < attempts, "on purpose: {number}");
                Err(Oops(number))
            }
        })
    };
    // It is not tried again.
    let report = one(w, again(task(1), 9).name("panicking").error(Oops(5))).await;
    assert_eq!(report.why, Why::Panicked(Some("on purpose: 1".into())));
    assert_eq!((report.attempts, report.history.len()), (1, 0));
    assert_eq!(report.to_string(), "after 1 attempt: oops 5");
    let report = one(w, again(task(3), 9)).await;
    assert_eq!(report.why, Why::Panicked(Some("on purpose: 3".into())));
    assert_eq!(report.history, [Trouble::Error(Oops(1)), Trouble::Error(Oops(2))]);
    assert_eq!(report.to_string(), "task failed after 3 attempts");
    // The function itself may panic too.
    let report =
        one(w, Task::new(|| -> std::future::Ready<_> { panic!("on purpose: made") })).await;
    assert_eq!(report.why, Why::Panicked(Some("on purpose: made".into())));
    assert!(report.source().is_none());
}

async fn ma_13_whoever_is_told_may_panic<W: World>(w: &W) {
    let (log, tally) = (Log::new(), Tally::new());
    let told = log.clone();
    let builder = manager(1, 8).on_failure(move |report: Report| {
        told.push(report.id);
        panic!("on purpose");
    });
    let mut tasks = builder.build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..3 {
        tasks.queue(failing(&tally)).await.unwrap();
        tasks.queue(counted(&tally)).await.unwrap();
    }
    w.until(|| tally.done() == 6 && log.len() == 3).await;
    w.until(|| tasks.stats().unwrap().handler_panics == 3).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(log.take(), [1, 3, 5]);
}

async fn ma_13_nobody_need_be_told<W: World>(w: &W) {
    let tally = Tally::new();
    let mut tasks: TheTasks = manager(1, 8).build().unwrap();
    tasks.start(w.rt()).unwrap();
    tasks.queue(failing(&tally)).await.unwrap();
    tasks.queue(nothing()).await.unwrap();
    w.until(|| tasks.stats().unwrap().succeeded == 1).await;
    assert_eq!(tasks.stats().unwrap().failed, 1);
    assert!(tasks.stop().await.unwrap().is_empty());
}

on_all!(
    ma_13_the_text_names_the_attempts_and_the_error,
    ma_13_every_attempt_s_error_is_there,
    ma_13_the_total_time_is_from_the_first_attempt,
    ma_13_each_failure_is_reported_once_and_nothing_else_is,
    ma_13_a_panic_is_reported,
    ma_13_whoever_is_told_may_panic,
    ma_13_nobody_need_be_told,
);
