//! Tasks that are done again and again.

use std::time::Duration;

use droves::cancel::CancelToken;
use droves::retry::Backoff;
use droves::tasks::{Every, Mark, Overrun, Task, Why};

use super::help::{
    HOUR, MINUTE, Odds, Oops, TheTask, TheTasks, gated, manager, only, reported, sorted,
};
use crate::help::{Gate, Tally};
use crate::herd::help::Log;
use crate::world::World;

/// Counts its runs, each of which waits for a gate.
fn recurring(every: Every, tally: &Tally, gate: &Gate) -> TheTask {
    let (tally, gate) = (tally.clone(), gate.clone());
    Task::every(every, move || {
        let job = tally.job(&gate);
        async move {
            job.await;
            Ok(())
        }
    })
}

fn open() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

/// Lets time jump, and asserts how many runs have begun when all that follows from that has happened.
async fn jump<W: World>(w: &W, odds: &Odds, by: Duration, tally: &Tally, begun: usize) {
    odds.pass(w, by).await;
    assert_eq!(tally.begun(), begun);
}

/// The same without a jump.
async fn begun_are<W: World>(w: &W, odds: &Odds, tally: &Tally, begun: usize) {
    odds.rest(w).await;
    assert_eq!(tally.begun(), begun);
}

fn start<W: World>(w: &W, workers: usize) -> (TheTasks, Odds, Tally) {
    let odds = Odds::new();
    let mut tasks = manager(workers, 8).build().unwrap();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    (tasks, odds, Tally::new())
}

async fn every_period_there_is_a_run<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 1);
    tasks.queue(recurring(Every::new(HOUR), &tally, &open())).await.unwrap();
    for run in 0..3 {
        jump(w, &odds, 59 * MINUTE, &tally, run).await;
        jump(w, &odds, MINUTE, &tally, run + 1).await;
    }
    assert_eq!(tasks.queue_len(), 1);
    // The times are multiples of the period, also if a run comes late.
    jump(w, &odds, 90 * MINUTE, &tally, 4).await;
    jump(w, &odds, 30 * MINUTE, &tally, 5).await;
    tasks.stop().await.unwrap();
}

async fn every_first_run_may_be_at_another_time<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 1);
    let every = Every::new(HOUR).starting_after(10 * MINUTE);
    tasks.queue(recurring(every, &tally, &open())).await.unwrap();
    jump(w, &odds, 9 * MINUTE, &tally, 0).await;
    jump(w, &odds, MINUTE, &tally, 1).await;
    jump(w, &odds, 59 * MINUTE, &tally, 1).await;
    jump(w, &odds, MINUTE, &tally, 2).await;
    // A delay or a moment says the same.
    let other = Tally::new();
    let at_once = Every::new(HOUR).starting_after(Duration::ZERO);
    tasks.queue(recurring(at_once, &other, &open())).await.unwrap();
    begun_are(w, &odds, &other, 1).await;
    tasks.delay(30 * MINUTE, recurring(every, &other, &open())).await.unwrap();
    jump(w, &odds, 29 * MINUTE, &other, 1).await;
    jump(w, &odds, MINUTE, &other, 2).await;
    tasks.stop().await.unwrap();
}

async fn every_real_period_is_kept<W: World>(w: &W) {
    let (log, clock) = (Log::new(), w.clock());
    let mut tasks = manager(1, 8).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let begin = w.now();
    let seen = log.clone();
    let period = Duration::from_millis(10);
    let task = Task::every(Every::new(period), move || {
        seen.push(clock());
        async { Ok(()) }
    });
    tasks.queue(task).await.unwrap();
    w.until(|| log.len() >= 5).await;
    let left = only(tasks.stop().await.unwrap());
    assert_eq!(left.mark, Mark::Scheduled);
    for (moment, run) in log.take().into_iter().zip(1..) {
        assert!(moment >= begin.saturating_add(period * run));
    }
}

async fn every_overlap_is_left_out<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 4);
    let gate = Gate::new();
    tasks.queue(recurring(Every::new(HOUR), &tally, &gate)).await.unwrap();
    jump(w, &odds, HOUR, &tally, 1).await;
    jump(w, &odds, HOUR, &tally, 1).await;
    jump(w, &odds, HOUR, &tally, 1).await;
    gate.open();
    begun_are(w, &odds, &tally, 1).await;
    jump(w, &odds, HOUR, &tally, 2).await;
    assert_eq!(tally.most(), 1);
    tasks.stop().await.unwrap();
}

async fn every_overlap_is_made_up_for_once<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 4);
    let gate = Gate::new();
    let every = Every::new(HOUR).on_overlap(Overrun::QueueOne);
    tasks.queue(recurring(every, &tally, &gate)).await.unwrap();
    jump(w, &odds, HOUR, &tally, 1).await;
    jump(w, &odds, HOUR, &tally, 1).await;
    jump(w, &odds, HOUR, &tally, 1).await;
    jump(w, &odds, 10 * HOUR + 30 * MINUTE, &tally, 1).await;
    // One in place of all that there were.
    gate.open();
    begun_are(w, &odds, &tally, 2).await;
    // And then at its times.
    jump(w, &odds, 29 * MINUTE, &tally, 2).await;
    jump(w, &odds, MINUTE, &tally, 3).await;
    assert_eq!(tally.most(), 1);
    tasks.stop().await.unwrap();
}

async fn every_overlap_may_run_at_once<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 4);
    let gate = Gate::new();
    let every = Every::new(HOUR).on_overlap(Overrun::RunAtOnce);
    tasks.queue(recurring(every, &tally, &gate)).await.unwrap();
    for run in 1..4 {
        jump(w, &odds, HOUR, &tally, run).await;
    }
    assert_eq!(tally.running(), 3);
    gate.open();
    w.until(|| tally.done() == 3).await;
    tasks.stop().await.unwrap();
}

async fn every_missed_time_is_treated_as_it_is_told<W: World>(w: &W) {
    // The runs of four and a half periods: how many are begun, together, and in all.
    let cases = [
        (Overrun::Skip, Overrun::RunAtOnce, 1, 1),
        (Overrun::QueueOne, Overrun::RunAtOnce, 2, 2),
        (Overrun::RunAtOnce, Overrun::RunAtOnce, 4, 4),
        (Overrun::RunAtOnce, Overrun::Skip, 1, 1),
        (Overrun::QueueOne, Overrun::QueueOne, 1, 2),
        (Overrun::RunAtOnce, Overrun::QueueOne, 1, 2),
    ];
    for (missed, overlap, together, all) in cases {
        let (mut tasks, odds, tally) = start(w, 8);
        let gate = Gate::new();
        let every = Every::new(HOUR).on_missed(missed).on_overlap(overlap);
        tasks.queue(recurring(every, &tally, &gate)).await.unwrap();
        jump(w, &odds, 4 * HOUR + 30 * MINUTE, &tally, together).await;
        gate.open();
        begun_are(w, &odds, &tally, all).await;
        // The next is at its time.
        jump(w, &odds, 29 * MINUTE, &tally, all).await;
        jump(w, &odds, MINUTE, &tally, all + 1).await;
        tasks.stop().await.unwrap();
    }
}

async fn every_run_has_retries_and_reports_of_its_own<W: World>(w: &W) {
    let (odds, tally) = (Odds::new(), Tally::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let begun = tally.clone();
    let task = Task::every(Every::new(HOUR), move || {
        begun.enter().end();
        let error = Oops(u32::try_from(begun.begun()).unwrap());
        async move { Err(error) }
    });
    let task = task.retries(2).backoff(Backoff::none()).name("hourly").error(Oops(50));
    let id = tasks.queue(task).await.unwrap();
    for run in 1..4 {
        jump(w, &odds, HOUR, &tally, 3 * run).await;
        w.until(|| reports.len() == 1).await;
        let report = only(reports.take());
        assert_eq!((report.id, report.name.as_ref(), report.attempts), (id, "hourly", 3));
        let last = u32::try_from(3 * run).unwrap();
        let wanted = [Oops(50), Oops(last), Oops(last - 1), Oops(last - 2)];
        assert_eq!(report.errors().cloned().collect::<Vec<_>>(), wanted);
    }
    only(tasks.stop().await.unwrap());
}

async fn every_run_may_time_out<W: World>(w: &W) {
    let (odds, tally) = (Odds::new(), Tally::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let task = recurring(Every::new(HOUR), &tally, &Gate::new()).timeout(10 * MINUTE);
    tasks.queue(task).await.unwrap();
    // The second begins an hour after the first, and that is ten minutes ago when the first has ended.
    for (run, until) in [(1, HOUR), (2, 50 * MINUTE)] {
        jump(w, &odds, until, &tally, run).await;
        odds.pass(w, 10 * MINUTE).await;
        assert_eq!((reports.len(), tally.running()), (run, 0));
    }
    tasks.stop().await.unwrap();
}

async fn every_cancelled_one_ends<W: World>(w: &W) {
    let (odds, tally, token) = (Odds::new(), Tally::new(), CancelToken::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let every = Every::new(HOUR).on_overlap(Overrun::QueueOne);
    let task = recurring(every, &tally, &open()).cancelled_by(&token);
    let id = tasks.queue(task).await.unwrap();
    jump(w, &odds, HOUR, &tally, 1).await;
    token.cancel();
    jump(w, &odds, HOUR, &tally, 1).await;
    w.until(|| reports.len() == 1 && tasks.queue_len() == 0).await;
    for _ in 0..3 {
        jump(w, &odds, HOUR, &tally, 1).await;
    }
    // Told once, and gone.
    let report = only(reports.take());
    assert_eq!((report.id, report.attempts, report.why), (id, 0, Why::Cancelled));
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn every_run_for_which_there_is_no_room_is_counted<W: World>(w: &W) {
    let (odds, tally, gate) = (Odds::new(), Tally::new(), Gate::new());
    let mut tasks = manager(1, 2).build().unwrap();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    let (other, runs) = (Tally::new(), open());
    tasks.queue(recurring(Every::new(HOUR), &tally, &runs)).await.unwrap();
    for _ in 0..2 {
        tasks.queue(gated(&other, &gate)).await.unwrap();
    }
    for refused in 1..3 {
        odds.pass(w, HOUR).await;
        assert_eq!(tasks.stats().unwrap().refused, refused);
    }
    assert_eq!(tally.begun(), 0);
    gate.open();
    odds.rest(w).await;
    assert_eq!(other.done(), 2);
    jump(w, &odds, HOUR, &tally, 1).await;
    assert_eq!(tasks.stats().unwrap().refused, 2);
    tasks.stop().await.unwrap();
}

async fn every_one_comes_back_at_the_end<W: World>(w: &W) {
    let (mut tasks, odds, tally) = start(w, 4);
    let gate = Gate::new();
    let plain = tasks.queue(recurring(Every::new(HOUR), &tally, &gate)).await.unwrap();
    let owed = Every::new(HOUR).on_overlap(Overrun::QueueOne);
    let owed = tasks.queue(recurring(owed, &tally, &gate)).await.unwrap();
    jump(w, &odds, HOUR, &tally, 2).await;
    jump(w, &odds, HOUR, &tally, 2).await;
    gate.open();
    let left = sorted(tasks.stop().await.unwrap());
    let ids: Vec<_> = left.iter().map(|it| (it.task.id(), it.mark, it.due.is_some())).collect();
    assert_eq!(ids, [(plain, Mark::Scheduled, true), (owed, Mark::Scheduled, true)]);
    // What has begun was done; the one that was owed may have been begun too.
    assert!(tally.done() == tally.begun() && (2..=3).contains(&tally.done()));
    // They can be given to the next; a run that is still owed is begun at once.
    let owed = usize::from(left[1].due < left[0].due);
    assert_eq!(owed, 3 - tally.done());
    let before = tally.begun();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    for pending in left {
        tasks.try_schedule(pending.due.unwrap(), pending.task).unwrap();
    }
    begun_are(w, &odds, &tally, before + owed).await;
    jump(w, &odds, HOUR, &tally, before + owed + 2).await;
    tasks.stop().await.unwrap();
}

on_all!(
    every_period_there_is_a_run,
    every_first_run_may_be_at_another_time,
    every_real_period_is_kept,
    every_overlap_is_left_out,
    every_overlap_is_made_up_for_once,
    every_overlap_may_run_at_once,
    every_missed_time_is_treated_as_it_is_told,
    every_run_has_retries_and_reports_of_its_own,
    every_run_may_time_out,
    every_cancelled_one_ends,
    every_run_for_which_there_is_no_room_is_counted,
    every_one_comes_back_at_the_end,
);
