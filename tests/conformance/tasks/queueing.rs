//! What is accepted, what waits, and what comes back.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::tasks::{Sender, Task};

use super::help::{HOUR, Oops, TheTask, counted, full, gated, manager, nothing, shut};
use crate::help::{Court, Gate, Tally, poll_once};
use crate::herd::help::Log;
use crate::world::World;

async fn ma_03_queue_waits_for_room<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = manager(1, 1).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..2 {
        tasks.queue(gated(&tally, &gate)).await.unwrap();
    }
    assert_eq!(full(tasks.try_queue(nothing().name("one"))), "one");
    assert_eq!(full(tasks.try_delay(HOUR, nothing().name("two"))), "two");
    assert_eq!(full(tasks.try_schedule(w.now(), nothing().name("three"))), "three");
    let mut queued = tasks.queue(counted(&tally));
    let mut delayed = tasks.delay(Duration::ZERO, counted(&tally));
    let mut scheduled = tasks.schedule(w.now(), counted(&tally));
    assert!(poll_once(&mut queued).is_pending());
    assert!(poll_once(&mut delayed).is_pending());
    assert!(poll_once(&mut scheduled).is_pending());
    gate.open();
    let ids = [queued.await.unwrap(), delayed.await.unwrap(), scheduled.await.unwrap()];
    assert_eq!(ids.into_iter().collect::<HashSet<_>>().len(), 3);
    w.until(|| tally.done() == 5).await;
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_03_whoever_gives_up_waiting_takes_only_his_own_task<W: World>(w: &W) {
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    let mut tasks = manager(1, 1).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..2 {
        tasks.queue(gated(&tally, &gate)).await.unwrap();
    }
    let witness = court.witness();
    let task = Task::new(move || {
        let kept = witness.clone();
        async move {
            drop(kept);
            Ok(())
        }
    });
    let mut queued = tasks.queue(task);
    assert!(poll_once(&mut queued).is_pending());
    assert_eq!(court.count(), 1);
    drop(queued);
    assert_eq!(court.count(), 0);
    gate.open();
    tasks.queue(counted(&tally)).await.unwrap();
    tasks.stop().await.unwrap();
    assert_eq!(tally.done(), 3);
}

async fn ma_03_inside_a_task_it_does_not_wait<W: World>(w: &W) {
    let (log, tally) = (Log::new(), Tally::new());
    let mut tasks = manager(1, 2).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let sender = Arc::new(tasks.sender().unwrap());
    let (seen, done) = (log.clone(), tally.clone());
    let task = Task::new(move || {
        let (sender, seen, done) = (sender.clone(), seen.clone(), done.clone());
        async move {
            for name in ["one", "two", "three", "four"] {
                let sent = sender.queue(counted(&done).name(name)).await;
                seen.push(sent.map_err(|error| (error.is_full(), error.into_inner())));
            }
            let sent = sender.delay(HOUR, counted(&done).name("five")).await;
            seen.push(sent.map_err(|error| (error.is_full(), error.into_inner())));
            Ok(())
        }
    });
    tasks.queue(task).await.unwrap();
    w.until(|| log.len() == 5).await;
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tally.done(), 2);
    let refused: Vec<_> = log.take().into_iter().filter_map(Result::err).collect();
    let refused: Vec<_> = refused.iter().map(|(full, task)| (*full, task.get_name())).collect();
    assert_eq!(refused, [(true, "three"), (true, "four"), (true, "five")]);
}

/// Begins two others, as far as there is room, and they others.
fn tree(sender: &Arc<Mutex<Option<Sender<Oops>>>>, log: &Log<bool>, depth: u32) -> TheTask {
    let (sender, log) = (sender.clone(), log.clone());
    Task::new(move || {
        let (sender, log) = (sender.clone(), log.clone());
        async move {
            for _ in 0..if depth == 0 { 0 } else { 2 } {
                let child = tree(&sender, &log, depth - 1);
                let sent = sender.lock().unwrap().as_ref().map(|sender| sender.try_queue(child));
                log.push(sent.is_some_and(|sent| sent.is_ok()));
                futures_lite::future::yield_now().await;
            }
            Ok(())
        }
    })
}

async fn ma_03_tasks_that_queue_tasks_come_to_an_end<W: World>(w: &W) {
    let log = Log::new();
    let mut tasks = manager(2, 3).build().unwrap();
    tasks.start(w.rt()).unwrap();
    let sender = Arc::new(Mutex::new(tasks.sender()));
    for _ in 0..8 {
        tasks.queue(tree(&sender, &log, 4)).await.unwrap();
    }
    w.until(|| tasks.stats().is_some_and(|stats| stats.succeeded == stats.submitted)).await;
    let stats = tasks.stats().unwrap();
    let accepted = log.take().into_iter().filter(|accepted| *accepted).count();
    assert_eq!(stats.succeeded, 8 + accepted as u64);
    assert!(accepted > 0);
    // Whoever kept the sender keeps it from nothing.
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_03_its_state_can_be_read_while_it_stops<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = manager(1, 4).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..3 {
        tasks.queue(gated(&tally, &gate)).await.unwrap();
    }
    w.until(|| tally.begun() == 1).await;
    let sender = tasks.sender().unwrap();
    {
        let mut stop = Box::pin(tasks.stop());
        assert!(poll_once(stop.as_mut()).is_pending());
        assert_eq!((sender.queue_len(), sender.stats().unwrap().running), (2, 1));
        assert_eq!(shut(sender.try_queue(nothing().name("late"))), "late");
    }
    // Nobody waits for the end, but it comes; meanwhile it is neither stopped nor to be started.
    assert!(tasks.is_running() && !tasks.start(w.rt()).unwrap());
    gate.open();
    assert!(tasks.stop().await.unwrap().is_empty());
    assert_eq!(tally.done(), 3);
}

async fn ma_04_what_is_stopped_takes_nothing<W: World>(w: &W) {
    for keep in [false, true] {
        let tally = Tally::new();
        let builder = manager(1, 8);
        let builder = if keep { builder.keep_scheduled() } else { builder };
        let mut tasks = builder.build().unwrap();
        tasks.start(w.rt()).unwrap();
        let old = tasks.sender().unwrap();
        tasks.stop().await.unwrap();
        for sender in [&*tasks, &old] {
            let named = |name: &'static str| counted(&tally).name(name);
            assert_eq!(shut(sender.try_queue(named("1"))), "1");
            assert_eq!(shut(sender.try_delay(Duration::ZERO, named("2"))), "2");
            assert_eq!(shut(sender.try_schedule(w.now(), named("3"))), "3");
            assert_eq!(shut(sender.queue(named("4")).await), "4");
            assert_eq!(shut(sender.delay(HOUR, named("5")).await), "5");
            assert_eq!(shut(sender.schedule(w.now(), named("6")).await), "6");
            assert_eq!(sender.queue_len(), 0);
        }
        tasks.start(w.rt()).unwrap();
        assert!(old.try_queue(nothing()).unwrap_err().is_shutting_down());
        tasks.queue(nothing()).await.unwrap();
        tasks.stop().await.unwrap();
        assert_eq!(tally.begun(), 0);
    }
}

async fn ma_14_every_task_has_a_number_of_its_own<W: World>(w: &W) {
    let log = Log::new();
    let mut tasks = manager(2, 512).build().unwrap();
    let context = |log: &Log<u64>| {
        let log = log.clone();
        Task::in_context(move |context| {
            log.push(context.id);
            async { Ok(()) }
        })
    };
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(tasks.try_queue(context(&log)).unwrap());
    }
    tasks.start(w.rt()).unwrap();
    for _ in 0..50 {
        ids.push(tasks.queue(context(&log)).await.unwrap());
        ids.push(tasks.try_delay(Duration::ZERO, context(&log)).unwrap());
        ids.push(tasks.schedule(w.now(), context(&log)).await.unwrap());
    }
    w.until(|| log.len() == 200).await;
    let numbers: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(numbers.len(), 200);
    assert!(!numbers.contains(&0) && nothing().id() == 0);
    assert_eq!(log.take().into_iter().collect::<HashSet<_>>(), numbers);
    tasks.stop().await.unwrap();
}

async fn ma_15_the_length_of_the_queue_is_known<W: World>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = manager(2, 16).build().unwrap();
    assert_eq!(tasks.queue_len(), 0);
    for waiting in 1..4 {
        tasks.try_queue(gated(&tally, &gate)).unwrap();
        assert_eq!(tasks.queue_len(), waiting);
    }
    tasks.start(w.rt()).unwrap();
    let sender = tasks.sender().unwrap();
    w.until(|| tally.begun() == 2).await;
    assert_eq!((tasks.queue_len(), sender.queue_len()), (1, 1));
    tasks.try_queue(gated(&tally, &gate)).unwrap();
    tasks.try_delay(HOUR, nothing()).unwrap();
    tasks.try_schedule(w.now().saturating_add(HOUR), nothing()).unwrap();
    assert_eq!((tasks.queue_len(), sender.queue_len()), (4, 4));
    gate.open();
    w.until(|| tally.done() == 4).await;
    w.until(|| tasks.queue_len() == 2).await;
    assert_eq!(tasks.stop().await.unwrap().len(), 2);
    assert_eq!((tasks.queue_len(), sender.queue_len()), (0, 0));
}

on_all!(
    ma_03_queue_waits_for_room,
    ma_03_whoever_gives_up_waiting_takes_only_his_own_task,
    ma_03_inside_a_task_it_does_not_wait,
    ma_03_tasks_that_queue_tasks_come_to_an_end,
    ma_03_its_state_can_be_read_while_it_stops,
    ma_04_what_is_stopped_takes_nothing,
    ma_14_every_task_has_a_number_of_its_own,
    ma_15_the_length_of_the_queue_is_known,
);
