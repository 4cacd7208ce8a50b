//! When tasks are begun.

use std::time::Duration;

use droves::retry::Backoff;
use droves::tasks::{Every, Task};
use droves::time::Instant;

use super::help::{HOUR, MINUTE, Odds, TheTask, failing, gated, manager, nothing, noting};
use crate::help::{Gate, Tally};
use crate::herd::help::Log;
use crate::world::World;

/// A task that notes by how much it is begun too early.
fn punctual<W: World>(w: &W, log: &Log<Duration>, at: Instant) -> TheTask {
    let (clock, log) = (w.clock(), log.clone());
    Task::new(move || {
        log.push(at.saturating_since(clock()));
        async { Ok(()) }
    })
}

async fn ma_06_nothing_is_begun_before_its_time<W: World>(w: &W) {
    let log = Log::new();
    let mut tasks = manager(3, 128).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for number in 0..50_u32 {
        let delay = Duration::from_micros(u64::from(number * 7_919 % 30_000));
        let at = w.now().saturating_add(delay);
        tasks.try_schedule(at, punctual(w, &log, at)).unwrap();
        tasks.try_delay(delay, punctual(w, &log, at)).unwrap();
    }
    w.until(|| log.len() == 100).await;
    assert_eq!(log.take(), [Duration::ZERO; 100]);
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_06_it_is_begun_when_its_time_has_come<W: World>(w: &W) {
    let (log, odds) = (Log::new(), Odds::new());
    let mut tasks = manager(1, 8).build().unwrap();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    tasks.delay(HOUR, noting(&log, 1)).await.unwrap();
    tasks.schedule(w.now().saturating_add(2 * HOUR), noting(&log, 2)).await.unwrap();
    tasks.delay(Duration::MAX, noting(&log, 3)).await.unwrap();
    for hour in 0..2 {
        odds.pass(w, 59 * MINUTE).await;
        assert_eq!(log.len(), hour);
        odds.pass(w, MINUTE).await;
        assert_eq!(log.len(), hour + 1);
    }
    assert_eq!(log.take(), [1, 2]);
    assert_eq!(tasks.queue_len(), 1);
    tasks.stop().await.unwrap();
}

async fn ma_06_what_is_past_is_begun_at_once<W: World>(w: &W) {
    let log = Log::new();
    let mut tasks = manager(1, 8).build().unwrap();
    w.sleep(2).await;
    let past = [Instant::from_nanos(0), w.now()];
    // Also if it was known before the start.
    tasks.schedule(past[0], noting(&log, 1)).await.unwrap();
    tasks.try_schedule(past[1], noting(&log, 2)).unwrap();
    tasks.delay(Duration::ZERO, noting(&log, 3)).await.unwrap();
    tasks.start(w.rt()).unwrap();
    tasks.schedule(past[0], noting(&log, 4)).await.unwrap();
    tasks.try_schedule(past[1], noting(&log, 5)).unwrap();
    tasks.try_delay(Duration::ZERO, noting(&log, 6)).unwrap();
    w.until(|| log.len() == 6).await;
    let mut seen = log.take();
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    assert!(tasks.stop().await.unwrap().is_empty());
}

async fn ma_06_a_delay_begins_with_the_manager<W: World>(w: &W) {
    let (log, odds) = (Log::new(), Odds::new());
    let mut tasks = manager(1, 8).build().unwrap();
    tasks.try_delay(HOUR, noting(&log, 1)).unwrap();
    tasks.try_schedule(w.now().saturating_add(HOUR), noting(&log, 2)).unwrap();
    odds.jump(2 * HOUR);
    assert_eq!(tasks.queue_len(), 2);
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    w.until(|| log.len() == 1).await;
    odds.pass(w, 59 * MINUTE).await;
    assert_eq!(log.len(), 1);
    odds.pass(w, MINUTE).await;
    assert_eq!(log.take(), [2, 1]);
    tasks.stop().await.unwrap();
}

async fn ma_07_equal_times_are_begun_in_their_order<W: World>(w: &W) {
    let (log, odds) = (Log::new(), Odds::new());
    let mut tasks = manager(1, 64).build().unwrap();
    let (first, second) = (w.now().saturating_add(HOUR), w.now().saturating_add(HOUR + MINUTE));
    for number in 0..10 {
        tasks.try_schedule(second, noting(&log, 100 + number)).unwrap();
        tasks.try_schedule(first, noting(&log, number)).unwrap();
    }
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    odds.rest(w).await;
    for number in 10..20 {
        tasks.try_schedule(first, noting(&log, number)).unwrap();
        tasks.schedule(second, noting(&log, 100 + number)).await.unwrap();
    }
    odds.pass(w, 2 * HOUR).await;
    assert_eq!(log.take(), (0..20).chain(100..120).collect::<Vec<_>>());
    tasks.stop().await.unwrap();
}

async fn ma_08_it_sleeps_until_something_is_due<W: World>(w: &W) {
    let (tally, gate, odds) = (Tally::new(), Gate::new(), Odds::new());
    let mut tasks = manager(1, 4).build().unwrap();
    w.start_tasks_on(&mut tasks, &odds).unwrap();
    // Two that are due wait for a worker, and there is no room for another.
    for _ in 0..3 {
        tasks.try_delay(Duration::ZERO, gated(&tally, &gate)).unwrap();
    }
    tasks.delay(HOUR, nothing()).await.unwrap();
    tasks.queue(Task::every(Every::new(HOUR), || async { Ok(()) })).await.unwrap();
    assert!(tasks.try_queue(nothing()).unwrap_err().is_full());
    w.until(|| tally.begun() == 1 && tasks.stats().unwrap().waiting == 2).await;
    // Then for an attempt too.
    for _ in 0..2 {
        odds.rest(w).await;
        let polls = odds.polls();
        w.sleep(200).await;
        // The simulator polls now and then whom nobody woke.
        assert!(odds.polls() <= polls + 2, "{} polls while idle", odds.polls() - polls);
        gate.open();
        w.until(|| tally.done() == 3).await;
        let retried = failing(&Tally::new()).retries(1).backoff(Backoff::constant(HOUR));
        tasks.try_queue(retried).unwrap();
        w.until(|| tasks.stats().unwrap().backing_off >= 1).await;
    }
    tasks.stop().await.unwrap();
}

on_all!(
    ma_06_nothing_is_begun_before_its_time,
    ma_06_it_is_begun_when_its_time_has_come,
    ma_06_what_is_past_is_begun_at_once,
    ma_06_a_delay_begins_with_the_manager,
    ma_07_equal_times_are_begun_in_their_order,
    ma_08_it_sleeps_until_something_is_due,
);

#[cfg(feature = "sim")]
#[test]
fn ma_08_a_day_takes_as_many_polls_as_there_is_to_do() {
    use droves::sim::Sim;

    for seed in 0..40 {
        let sim = Sim::new(seed);
        let world = sim.clone();
        sim.block_on(async move {
            let log = Log::new();
            let mut tasks = manager(2, 8).build().unwrap();
            tasks.start(&world).unwrap();
            tasks.try_delay(23 * HOUR, noting(&log, 1)).unwrap();
            let again = log.clone();
            let recurring = Task::every(Every::new(6 * HOUR), move || {
                again.push(2);
                async { Ok(()) }
            });
            tasks.try_queue(recurring).unwrap();
            world.sleep(MINUTE).await;
            let steps = world.steps();
            world.sleep(24 * HOUR).await;
            assert_eq!(log.take(), [2, 2, 2, 1, 2]);
            let steps = world.steps() - steps;
            assert!(steps < 60, "{steps} polls for five tasks in a day, with seed {seed}");
            tasks.stop().await.unwrap();
        });
        sim.shut_down();
    }
}
