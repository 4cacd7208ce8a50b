//! Members that are task managers.

use droves::group::{Group, Member};
use droves::herd::{Mark, Phase};
use droves::tasks::{Every, Task};

use super::help::{Groups, Log, TERM};
use super::runners::end;
use crate::help::{Gate, Tally};
use crate::tasks::help::{self as chores, HOUR, MINUTE, manager};

async fn runners_tasks_that_wait_are_done_and_the_others_come_back<W: Groups>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let mut tasks = manager(1, 16).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..3 {
        tasks.try_queue(chores::gated(&tally, &gate)).unwrap();
    }
    tasks.try_delay(HOUR, chores::nothing().name("later")).unwrap();
    let again = Every::new(MINUTE);
    tasks.try_queue(Task::every(again, || async { Ok(()) }).name("again")).unwrap();
    let left = Log::new();
    let lines = left.clone();
    let managed = tasks.managed(move |pending| lines.add(pending.task.get_name().into()));
    let mut managed = Some(managed);
    let member = Member::runner("tasks", move |_| managed.take().ok_or("once".into()));
    let handle = Group::parallel([member]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    w.until(|| tally.running() == 1).await;
    handle.signal(TERM).unwrap();
    w.pause().await;
    assert_eq!((handle.is_done(), left.len()), (false, 0));
    gate.open();
    assert_eq!(end(&handle).await, "tasks exited with nil", "as from every stop");
    assert_eq!(tally.done(), 3);
    assert!(left.has(&["later", "again"]), "{:?}", left.lines());
}

async fn runners_tasks_that_were_cancelled_are_an_error<W: Groups>(w: &W) {
    let (tally, gate, left) = (Tally::new(), Gate::new(), Log::new());
    let mut tasks = manager(1, 16).build().unwrap();
    tasks.start(w.rt()).unwrap();
    for _ in 0..4 {
        tasks.try_queue(chores::gated(&tally, &gate)).unwrap();
    }
    let (lines, sender) = (left.clone(), tasks.sender().unwrap());
    let managed = tasks.managed(move |pending| {
        lines.add(format!("{:?}", pending.mark));
        assert!(pending.mark != Mark::Waiting, "a panic of the owner's is nobody's end");
    });
    let mut managed = Some(managed);
    let member = Member::runner("tasks", move |_| managed.take().ok_or("once".into()));
    let handle = Group::parallel([member]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    w.until(|| tally.running() == 1).await;
    handle.cancel();
    w.until(|| sender.stats().is_some_and(|stats| stats.phase == Phase::Cancelling)).await;
    gate.open();
    assert_eq!(end(&handle).await, "tasks exited with error: it ended with 3 left over");
    assert_eq!((left.lines(), tally.done()), (vec!["Waiting".to_owned(); 3], 1));
}

async fn runners_tasks_that_were_never_started_come_back<W: Groups>(w: &W) {
    let (tasks, left) = (manager(1, 16).build().unwrap(), Log::new());
    tasks.try_queue(chores::nothing().name("early")).unwrap();
    let lines = left.clone();
    let managed = tasks.managed(move |pending| lines.add(pending.task.get_name().into()));
    let mut managed = Some(managed);
    let member = Member::runner("tasks", move |_| managed.take().ok_or("once".into()));
    let handle = Group::parallel([member]).start(w.rt()).unwrap();
    assert_eq!(end(&handle).await, "tasks exited with error: it ended with 1 left over");
    assert_eq!(left.lines(), ["early"]);
}

on_all! {
    runners_tasks_that_wait_are_done_and_the_others_come_back,
    runners_tasks_that_were_cancelled_are_an_error,
    runners_tasks_that_were_never_started_come_back,
}
