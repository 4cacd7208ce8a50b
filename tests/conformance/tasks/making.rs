//! What a manager is made of, and how it is started and stopped.

use droves::runtime::SpawnError;
use droves::tasks::{AlreadyStopping, BuildError, StartError, Task};

use super::help::{Odds, TheTasks, counted, gated, manager, nothing};
use crate::help::{Gate, Tally};
use crate::world::World;

#[test]
fn ma_01_what_cannot_be_is_refused_when_it_is_made() {
    let config = |built: Result<TheTasks, BuildError>| match built.unwrap_err() {
        error @ BuildError::Config(_) => error.to_string(),
        error => panic!("{error}"),
    };
    let text = config(manager(0, 1).build());
    assert!(text.contains("workers") && text.contains('0'), "{text}");
    let text = config(manager(1, 0).build());
    assert!(text.contains("queue") && text.contains('0'), "{text}");
    config(manager(usize::MAX, 1).build());
    config(manager(1, usize::MAX).build());
    let error = TheTasks::builder().name("").build().unwrap_err();
    assert_eq!(error, BuildError::EmptyName);
    assert_eq!(error.to_string(), "name is empty, but must have at least one character");
    manager(1, 1).name("a").build().unwrap();
}

async fn ma_01_by_default_there_are_four_workers_and_a_queue_of_64<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = TheTasks::builder().build().unwrap();
    assert_eq!((tasks.name(), nothing().get_name()), ("tasks", "async task"));
    tasks.start(w.rt()).unwrap();
    for _ in 0..4 + 64 {
        tasks.try_queue(gated(&tally, &gate)).unwrap();
    }
    assert!(tasks.try_queue(gated(&tally, &gate)).unwrap_err().is_full());
    w.until(|| tally.begun() == 4).await;
    w.pause().await;
    assert_eq!((tally.begun(), tasks.queue_len()), (4, 64));
    gate.open();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!((tally.done(), tally.most()), (68, 4));
}

async fn ma_02_start_and_stop_can_be_repeated<W: World>(w: &W) {
    let tally = Tally::new();
    let mut tasks = manager(2, 8).name("repeated").build().unwrap();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert!(!tasks.is_running() && tasks.sender().is_none() && tasks.stats().is_none());
    let mut last = 0;
    for round in 1..4 {
        assert!(tasks.start(w.rt()).unwrap());
        assert!(!tasks.start(w.rt()).unwrap());
        assert!(tasks.is_running() && tasks.sender().is_some());
        // It is another herd, and the numbers of tasks go on.
        assert_eq!(tasks.stats().unwrap().submitted, 0);
        for _ in 0..5 {
            let id = tasks.queue(counted(&tally)).await.unwrap();
            assert!(id > last);
            last = id;
        }
        assert!(tasks.stop().await.unwrap().is_empty());
        assert!(!tasks.is_running() && tasks.sender().is_none() && tasks.stats().is_none());
        assert!(tasks.stop().await.unwrap().is_empty());
        assert_eq!((tally.done(), tally.running()), (5 * round, 0));
    }
    assert_eq!(tasks.name(), "repeated");
}

async fn ma_02_what_came_before_is_done_after_the_start<W: World>(w: &W) {
    let tally = Tally::new();
    let mut tasks = manager(2, 3).build().unwrap();
    for _ in 0..5 {
        // Nobody takes any yet: to wait would be in vain.
        tasks.queue(counted(&tally)).await.unwrap();
    }
    assert!(tasks.queue(counted(&tally)).await.unwrap_err().is_full());
    assert!(tasks.try_queue(counted(&tally)).unwrap_err().is_full());
    w.pause().await;
    assert_eq!((tally.begun(), tasks.queue_len()), (0, 5));
    tasks.start(w.rt()).unwrap();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tally.done(), 5);
}

async fn ma_02_without_a_driver_it_is_what_it_was<W: World>(w: &W) {
    let (tally, odds) = (Tally::new(), Odds::new());
    let mut tasks = manager(1, 3).build().unwrap();
    tasks.try_queue(counted(&tally)).unwrap();
    odds.permits().grant(0);
    let error = w.start_tasks_on(&mut tasks, &odds).unwrap_err();
    assert_eq!(error, StartError(SpawnError::Limit));
    assert_eq!(error.to_string(), SpawnError::Limit.to_string());
    assert!(!tasks.is_running());
    assert_eq!(tasks.queue_len(), 1);
    tasks.try_queue(counted(&tally)).unwrap();
    odds.permits().grant(usize::MAX);
    assert!(w.start_tasks_on(&mut tasks, &odds).unwrap());
    tasks.stop().await.unwrap();
    assert_eq!(tally.done(), 2);
}

async fn ma_02_what_does_not_run_cannot_be_cancelled<W: World>(w: &W) {
    let mut tasks = manager(1, 1).build().unwrap();
    assert_eq!(tasks.cancel(), Err(AlreadyStopping));
    assert_eq!(tasks.abort(), Err(AlreadyStopping));
    tasks.start(w.rt()).unwrap();
    tasks.cancel().unwrap();
    assert_eq!(tasks.cancel(), Err(AlreadyStopping));
    tasks.stop().await.unwrap();
    assert_eq!(tasks.cancel(), Err(AlreadyStopping));
    tasks.start(w.rt()).unwrap();
    tasks.abort().unwrap();
    assert_eq!(tasks.abort(), Err(AlreadyStopping));
    tasks.stop().await.unwrap();
    assert_eq!(tasks.cancel(), Err(AlreadyStopping));
    tasks.start(w.rt()).unwrap();
    tasks.queue(Task::new(|| async { Ok(()) })).await.unwrap();
    tasks.stop().await.unwrap();
}

on_all!(
    ma_01_by_default_there_are_four_workers_and_a_queue_of_64,
    ma_02_start_and_stop_can_be_repeated,
    ma_02_what_came_before_is_done_after_the_start,
    ma_02_without_a_driver_it_is_what_it_was,
    ma_02_what_does_not_run_cannot_be_cancelled,
);
