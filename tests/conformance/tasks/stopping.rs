//! What becomes of tasks when their manager stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::retry::Backoff;
use droves::tasks::{Every, JoinError, Mark, Task};

use super::help::{
    HOUR, MINUTE, Odds, Oops, TheTasks, counted, failing, gated, manager, nothing, noting, only,
    reported, sorted,
};
use crate::help::{Gate, Tally, poll_once};
use crate::herd::help::Log;
use crate::world::World;

async fn ma_05_all_that_waits_is_done_and_nothing_afterwards<W: World>(w: &W) {
    for workers in 1..4 {
        let tally = Tally::new();
        let mut tasks = manager(workers, 200).build().unwrap();
        tasks.start(w.rt()).unwrap();
        for _ in 0..150 {
            tasks.try_queue(counted(&tally)).unwrap();
        }
        assert!(tasks.stop().await.unwrap().is_empty());
        assert_eq!((tally.done(), tally.running()), (150, 0));
        w.pause().await;
        assert_eq!(tally.begun(), 150);
    }
}

/// A manager with a task of each kind that waits for a time, and their numbers: one that backs off for an hour, one
/// for a moment, one for a delay of two hours, and one that recurs each hour.
async fn waiting<W: World>(w: &W, tasks: &mut TheTasks, odds: &Odds, tally: &Tally) -> [u64; 4] {
    w.start_tasks_on(tasks, odds).unwrap();
    let hourly = Backoff::constant(HOUR);
    let backing_off = failing(tally).retries(2).backoff(hourly).name("backing off");
    let ids = [
        tasks.queue(backing_off).await.unwrap(),
        tasks.schedule(w.now().saturating_add(HOUR), nothing().name("scheduled")).await.unwrap(),
        tasks.delay(2 * HOUR, nothing().name("delayed")).await.unwrap(),
        tasks.queue(Task::every(Every::new(HOUR), || async { Ok(()) })).await.unwrap(),
    ];
    odds.rest(w).await;
    let stats = tasks.stats().unwrap();
    assert_eq!((stats.backing_off, stats.scheduled), (1, 3));
    ids
}

async fn ma_05_what_waits_for_its_time_comes_back<W: World>(w: &W) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let mut tasks = manager(1, 8).build().unwrap();
    let (begin, at) = (w.now(), w.now().saturating_add(HOUR));
    let ids = waiting(w, &mut tasks, &odds, &tally).await;
    tasks.queue(counted(&tally)).await.unwrap();
    let left = sorted(tasks.stop().await.unwrap());
    assert_eq!(tally.done(), 2);
    assert_eq!(left.iter().map(|it| it.task.id()).collect::<Vec<_>>(), ids);
    let marks: Vec<_> = left.iter().map(|it| it.mark).collect();
    assert_eq!(marks, [Mark::BackingOff, Mark::Scheduled, Mark::Scheduled, Mark::Scheduled]);
    let names: Vec<_> = left.iter().map(|it| it.task.get_name()).collect();
    assert_eq!(names, ["backing off", "scheduled", "delayed", "async task"]);
    let within = |index: usize, delay: Duration| {
        let due = left[index].due.expect("it has a time");
        assert!(due >= begin.saturating_add(delay) && due <= w.now().saturating_add(delay));
    };
    within(0, HOUR);
    within(1, HOUR);
    assert!(left[1].due.unwrap() >= at);
    within(2, 2 * HOUR);
    within(3, HOUR);
    // They can be given to the next.
    tasks.start(w.rt()).unwrap();
    for pending in left {
        let due = pending.due.unwrap();
        let id = pending.task.id();
        assert_eq!(tasks.try_schedule(due, pending.task).unwrap(), id);
    }
    assert_eq!(tasks.queue_len(), 4);
    assert_eq!(tasks.stop().await.unwrap().len(), 4);
}

async fn ma_05_what_waits_for_its_time_can_be_kept<W: World>(w: &W) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let (mut tasks, reports) = reported(manager(1, 8).keep_scheduled());
    let ids = waiting(w, &mut tasks, &odds, &tally).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tasks.queue_len(), 4);
    odds.jump(30 * MINUTE);
    // As often as one likes.
    for _ in 0..2 {
        w.start_tasks_on(&mut tasks, &odds).unwrap();
        odds.rest(w).await;
        assert_eq!(tasks.stats().unwrap().scheduled, 4);
        assert_eq!((tasks.queue_len(), tally.begun()), (4, 1));
        assert!(tasks.stop().await.unwrap().is_empty());
    }
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    // The one that was to be tried again, the scheduled one, and a copy of the recurring one.
    odds.pass(w, 31 * MINUTE).await;
    assert_eq!((tally.begun(), tasks.stats().unwrap().succeeded), (2, 2));
    odds.pass(w, HOUR).await;
    assert_eq!((tally.begun(), tasks.stats().unwrap().succeeded, reports.len()), (3, 4, 1));
    odds.pass(w, HOUR).await;
    assert_eq!((tasks.stats().unwrap().succeeded, tasks.queue_len()), (5, 1));
    // Two retries are three attempts, wherever it was between them.
    assert_eq!(tally.begun(), 3);
    let report = only(reports.take());
    assert_eq!((report.id, report.attempts), (ids[0], 3));
    assert_eq!(report.errors().collect::<Vec<_>>(), [&Oops(3), &Oops(2), &Oops(1)]);
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_05_what_fails_meanwhile_comes_back<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let (mut tasks, reports) = reported(manager(1, 8));
    tasks.start(w.rt()).unwrap();
    let (begun, pass) = (tally.clone(), gate.clone());
    let task = Task::new(move || {
        let job = begun.job(&pass);
        async move {
            job.await;
            Err(Oops(1))
        }
    });
    let retried = task.retries(3).backoff(Backoff::constant(Duration::from_millis(1)));
    tasks.queue(retried.name("retried")).await.unwrap();
    tasks.queue(failing(&tally).name("failed")).await.unwrap();
    w.until(|| tally.begun() == 1).await;
    let left = {
        let mut stop = Box::pin(tasks.stop());
        assert!(poll_once(stop.as_mut()).is_pending());
        w.pause().await;
        gate.open();
        only(stop.await.unwrap())
    };
    assert_eq!((left.task.get_name(), left.mark), ("retried", Mark::BackingOff));
    assert!(left.due.is_some());
    assert_eq!((tally.done(), only(reports.take()).name.as_ref()), (2, "failed"));
}

async fn ma_05_a_cancelled_manager_hands_back_what_has_not_begun<W: World>(w: &W) {
    let (tally, log) = (Tally::new(), Log::new());
    let mut tasks = manager(1, 8).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let (begun, seen) = (tally.clone(), log.clone());
    let task = Task::in_context(move |context| {
        let (running, seen) = (begun.enter(), seen.clone());
        async move {
            seen.push(context.is_cancelled());
            context.cancelled().await;
            seen.push(context.is_cancelled());
            running.end();
            Ok(())
        }
    });
    tasks.queue(task).await.unwrap();
    tasks.queue(counted(&tally).name("waiting")).await.unwrap();
    w.until(|| log.len() == 1).await;
    tasks.delay(HOUR, counted(&tally).name("delayed")).await.unwrap();
    w.until(|| tasks.stats().unwrap().scheduled == 1).await;
    tasks.cancel().unwrap();
    let left = sorted(tasks.stop().await.unwrap());
    let left: Vec<_> = left.iter().map(|it| (it.task.get_name(), it.mark)).collect();
    assert_eq!(left, [("waiting", Mark::Waiting), ("delayed", Mark::Scheduled)]);
    assert_eq!((tally.begun(), tally.done(), log.take()), (1, 1, vec![false, true]));
}

async fn ma_05_an_aborted_manager_drops_what_runs<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = manager(1, 8).keep_scheduled().build().unwrap();
    tasks.start(w.rt()).unwrap();
    tasks.queue(gated(&tally, &gate)).await.unwrap();
    tasks.queue(gated(&tally, &gate)).await.unwrap();
    w.until(|| tally.begun() == 1).await;
    tasks.abort().unwrap();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!((tally.running(), tally.done(), tasks.queue_len()), (0, 0, 2));
    gate.open();
    tasks.start(w.rt()).unwrap();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!((tally.begun(), tally.done()), (3, 2));
    // And without, they come back.
    let mut tasks = manager(1, 8).build().unwrap();
    let gate = Gate::new();
    tasks.start(w.rt()).unwrap();
    tasks.queue(gated(&tally, &gate)).await.unwrap();
    w.until(|| tally.begun() == 4).await;
    tasks.abort().unwrap();
    let left = only(tasks.stop().await.unwrap());
    assert_eq!((left.mark, left.due), (Mark::Interrupted, None));
}

async fn ma_05_a_task_cannot_wait_for_its_own_end<W: World>(w: &W) {
    let (tally, log) = (Tally::new(), Log::new());
    let place = Arc::new(Mutex::new(None::<TheTasks>));
    let mut tasks = manager(1, 8).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let gate = Gate::new();
    let (inside, seen, pass) = (place.clone(), log.clone(), gate.clone());
    let task = Task::new(move || {
        let (inside, seen, opened) = (inside.clone(), seen.clone(), pass.pass());
        async move {
            opened.await;
            let mut tasks = inside.lock().unwrap().take().expect("it is there");
            let error = tasks.stop().await.unwrap_err();
            seen.push((error.kind, error.left.len()));
            *inside.lock().unwrap() = Some(tasks);
            Ok(())
        }
    });
    tasks.try_delay(Duration::from_millis(5), task).unwrap();
    tasks.delay(HOUR, counted(&tally)).await.unwrap();
    *place.lock().unwrap() = Some(tasks);
    gate.open();
    w.until(|| log.len() == 1).await;
    assert_eq!(log.take(), [(JoinError::Inside, 0)]);
    w.until(|| place.lock().unwrap().is_some()).await;
    let mut tasks = place.lock().unwrap().take().unwrap();
    assert!(tasks.is_running());
    only(tasks.stop().await.unwrap());
    assert_eq!(tally.begun(), 0);
}

async fn ma_05_a_dropped_manager_does_what_it_has_accepted<W: World>(w: &W) {
    let (log, odds) = (Log::new(), Odds::new());
    let mut tasks = manager(1, 8).build().unwrap();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    tasks.queue(noting(&log, 1)).await.unwrap();
    tasks.delay(HOUR, noting(&log, 2)).await.unwrap();
    let again = log.clone();
    let recurring = Task::every(Every::new(MINUTE), move || {
        again.push(3);
        async { Ok(()) }
    });
    tasks.queue(recurring).await.unwrap();
    drop(tasks);
    odds.rest(w).await;
    assert_eq!(log.len(), 1);
    odds.pass(w, HOUR).await;
    assert_eq!(log.len(), 2);
    odds.pass(w, HOUR).await;
    assert_eq!(log.take(), [1, 2]);
}

on_all!(
    ma_05_all_that_waits_is_done_and_nothing_afterwards,
    ma_05_what_waits_for_its_time_comes_back,
    ma_05_what_waits_for_its_time_can_be_kept,
    ma_05_what_fails_meanwhile_comes_back,
    ma_05_a_cancelled_manager_hands_back_what_has_not_begun,
    ma_05_an_aborted_manager_drops_what_runs,
    ma_05_a_task_cannot_wait_for_its_own_end,
    ma_05_a_dropped_manager_does_what_it_has_accepted,
);
