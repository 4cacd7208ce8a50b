//! What goes on beside the one run of one task: items that recur, tasks that are kept, managers that are dropped.
#![cfg(all(feature = "sim", feature = "threads", not(any(droves_loom, droves_shuttle))))]

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::herd::{Every, Failure, Fault, Herd, Item, Mark, Outcome, Overrun, Work};
use droves::retry::Backoff;
use droves::runtime::Clock;
use droves::sim::Sim;
use droves::tasks::{Task, Tasks};
use droves::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn pass(sim: &Sim, time: Duration) {
    sim.block_on(sim.sleep(time));
}

#[test]
fn a_run_that_is_owed_and_finds_no_room_does_not_keep_the_next_from_beginning() {
    let sim = Sim::new(1);
    pass(&sim, ms(1_000));
    let runs = Arc::new(AtomicUsize::new(0));
    let (seen, rt) = (runs.clone(), sim.clone());
    let handler = move |item: Item<u32>| {
        let (seen, rt) = (seen.clone(), rt.clone());
        async move {
            if item.id() == 1 {
                rt.sleep(ms(50)).await;
            } else {
                seen.fetch_add(1, SeqCst);
            }
            Ok::<(), Fault<()>>(())
        }
    };
    let (herd, results) = Herd::builder(handler).size(1).capacity(2).start(&sim).unwrap();
    drop(results);
    // The workers are there, so that the driver has nothing else to do.
    pass(&sim, ms(1));
    herd.try_send(1, 1).unwrap();
    pass(&sim, ms(1));
    let every = Every::new(ms(10)).on_missed(Overrun::QueueOne).on_overlap(Overrun::QueueOne);
    // Late by 100 periods.
    herd.try_send_work(Work::new(2, 2).every(every).at(Instant::default())).unwrap();
    pass(&sim, ms(2_000));
    assert_eq!(herd.stats().succeeded - 1, runs.load(SeqCst) as u64);
    assert!(runs.load(SeqCst) > 100, "{} runs, {:?}", runs.load(SeqCst), herd.stats());
}

#[test]
fn a_run_that_comes_back_keeps_what_was_said_of_its_task() {
    let sim = Sim::new(1);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = reports.clone();
    let mut tasks = Tasks::<&'static str>::builder()
        .keep_scheduled()
        .on_failure(move |e| log.lock().unwrap().push((e.attempts, format!("{:?}", e.why))))
        .build()
        .unwrap();
    tasks.start(&sim).unwrap();
    let task = Task::every(Every::new(ms(100_000)).starting_after(ms(0)), || ready(Err("no")))
        .retries(5)
        .backoff(Backoff::constant(ms(1_000)));
    tasks.try_queue(task).unwrap();
    pass(&sim, ms(100)); // failed once, backs off
    let left = sim.block_on(tasks.stop()).unwrap();
    assert_eq!(left.len(), 1);
    tasks.start(&sim).unwrap();
    // Its attempts begin anew.
    tasks.try_queue(left.into_iter().next().unwrap().task).unwrap();
    pass(&sim, ms(50_000));
    assert_eq!(*reports.lock().unwrap(), [(6, "Exhausted(Attempts)".to_string())]);
}

#[test]
fn a_task_that_is_kept_keeps_its_token() {
    let sim = Sim::new(1);
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let token = CancelToken::new();
    let mut tasks = Tasks::<&'static str>::builder().keep_scheduled().build().unwrap();
    tasks.start(&sim).unwrap();
    let task = Task::every(Every::new(ms(100_000)).starting_after(ms(0)), move || {
        count.fetch_add(1, SeqCst);
        ready(Err("no"))
    })
    .retries(5)
    .backoff(Backoff::constant(ms(1_000)))
    .cancelled_by(&token);
    tasks.try_queue(task).unwrap();
    pass(&sim, ms(100));
    sim.block_on(tasks.stop()).unwrap();
    token.cancel();
    tasks.start(&sim).unwrap();
    pass(&sim, ms(50_000));
    assert_eq!(begun.load(SeqCst), 1, "begun although it was cancelled");
}

#[test]
fn what_finishes_leaves_over_a_retry_without_delay_too() {
    let sim = Sim::new(1);
    let rt = sim.clone();
    let handler = move |_: Item<u32>| {
        let rt = rt.clone();
        async move {
            rt.sleep(ms(10)).await;
            Err::<(), _>(Fault::Retry("again"))
        }
    };
    let builder = Herd::builder(handler).size(1).max_retries(u32::MAX).backoff(Backoff::none());
    let (herd, _results) = builder.start(&sim).unwrap();
    herd.try_send(1, 1).unwrap();
    pass(&sim, ms(5));
    herd.finish();
    pass(&sim, ms(1_000));
    assert!(herd.is_stopped(), "{:?}", herd.stats());
    let left: Vec<_> = herd.leftovers().map(|it| (it.mark, it.attempts)).collect();
    assert_eq!(left, [(Mark::BackingOff, 1)]);
}

#[test]
fn what_recurs_ends_at_its_deadline_once() {
    let sim = Sim::new(1);
    let handler = |_: Item<u32>| ready(Ok::<(), Fault<()>>(()));
    let (herd, mut results) = Herd::builder(handler).start(&sim).unwrap();
    let work = Work::new(1, 1).every(Every::new(ms(10))).deadline(sim.now().saturating_add(ms(35)));
    herd.try_send_work(work).unwrap();
    pass(&sim, ms(500));
    let mut late = 0;
    while let Some(done) = results.try_next() {
        late += usize::from(matches!(done.outcome, Outcome::Failure(Failure::Deadline)));
    }
    assert!(late <= 1, "{late} failures; {:?}", herd.stats());
}

#[test]
fn a_manager_that_is_dropped_ends_also_if_its_tasks_hold_senders() {
    let sim = Sim::new(1);
    let runs = Arc::new(AtomicUsize::new(0));
    let mut tasks = Tasks::<&'static str>::builder().build().unwrap();
    tasks.start(&sim).unwrap();
    let (seen, sender) = (runs.clone(), Arc::new(tasks.sender().unwrap()));
    let task = Task::every(Every::new(ms(10)), move || {
        seen.fetch_add(1, SeqCst);
        let _ = sender.queue_len();
        ready(Ok(()))
    });
    tasks.try_queue(task).unwrap();
    pass(&sim, ms(15));
    drop(tasks);
    pass(&sim, ms(10_000));
    assert!(runs.load(SeqCst) <= 2, "{} runs", runs.load(SeqCst));
    assert_eq!(Arc::strong_count(&runs), 1);
}

#[test]
fn a_kept_task_that_holds_a_sender_goes_with_its_manager() {
    let sim = Sim::new(1);
    let token = Arc::new(());
    let mut tasks = Tasks::<&'static str>::builder().keep_scheduled().build().unwrap();
    tasks.start(&sim).unwrap();
    let (held, sender) = (token.clone(), tasks.sender().unwrap());
    let task = Task::new(move || {
        let _ = (&held, &sender);
        ready(Ok(()))
    });
    tasks.try_delay(ms(1_000), task).unwrap();
    pass(&sim, ms(5));
    assert!(sim.block_on(tasks.stop()).unwrap().is_empty());
    drop(tasks);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_retry_without_delay_is_kept_as_others_are() {
    let sim = Sim::new(1);
    let mut tasks = Tasks::<&'static str>::builder().keep_scheduled().build().unwrap();
    tasks.start(&sim).unwrap();
    let task = Task::in_context(|cx: droves::tasks::Context| async move {
        cx.cancelled().await;
        Err("no")
    });
    tasks.try_queue(task.retries(3).backoff(Backoff::none())).unwrap();
    pass(&sim, ms(5));
    tasks.cancel().unwrap();
    let left = sim.block_on(tasks.stop()).unwrap();
    assert!(left.is_empty(), "given back, not kept: {left:?}");
}

#[test]
fn a_task_that_is_queued_again_begins_its_history_anew() {
    let sim = Sim::new(1);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = reports.clone();
    let mut tasks = Tasks::<&'static str>::builder()
        .on_failure(move |e| log.lock().unwrap().push((e.attempts, e.history.len())))
        .build()
        .unwrap();
    tasks.start(&sim).unwrap();
    let task = Task::new(|| ready(Err("no"))).retries(1).backoff(Backoff::constant(ms(1_000)));
    tasks.try_queue(task).unwrap();
    pass(&sim, ms(5));
    let mut left = sim.block_on(tasks.stop()).unwrap();
    tasks.start(&sim).unwrap();
    tasks.try_queue(left.remove(0).task).unwrap();
    pass(&sim, ms(5_000));
    assert_eq!(*reports.lock().unwrap(), [(2, 2)]);
}

#[test]
fn promise_10_a_copy_that_panics_does_not_keep_the_next_from_being_made() {
    #[derive(Debug)]
    struct Nasty(Arc<AtomicUsize>);
    impl Clone for Nasty {
        fn clone(&self) -> Self {
            assert_ne!(self.0.fetch_add(1, SeqCst), 0, "on purpose: the first clone");
            Self(self.0.clone())
        }
    }
    let sim = Sim::new(1);
    pass(&sim, ms(1_000));
    let handler = |_: Item<Nasty>| ready(Ok::<(), Fault<()>>(()));
    let (herd, results) = Herd::builder(handler).start(&sim).unwrap();
    drop(results);
    pass(&sim, ms(1));
    let clones = Arc::new(AtomicUsize::new(0));
    let every = Every::new(ms(10)).on_missed(Overrun::QueueOne).on_overlap(Overrun::QueueOne);
    let work = Work::new(1, Nasty(clones.clone())).every(every).at(Instant::default());
    herd.try_send_work(work).unwrap();
    pass(&sim, ms(1_000));
    assert!(clones.load(SeqCst) > 50, "{} clones; {:?}", clones.load(SeqCst), herd.stats());
}

#[test]
fn a_driver_that_is_always_late_still_hears() {
    use droves::threads::Threads;
    use std::time::Instant as Moment;
    #[derive(Debug)]
    struct Slow;
    impl Clone for Slow {
        fn clone(&self) -> Self {
            std::thread::sleep(ms(3));
            Self
        }
    }
    let (runs, sevens) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (run, seven) = (runs.clone(), sevens.clone());
    let handler = move |item: Item<Slow>| {
        (if item.id() == 7 { &seven } else { &run }).fetch_add(1, SeqCst);
        ready(Ok::<(), Fault<()>>(()))
    };
    let (herd, results) = Herd::builder(handler).start(&Threads::new()).unwrap();
    drop(results);
    // Far longer than it takes, but not for ever.
    let end = Moment::now() + Duration::from_secs(120);
    let comes = |condition: &dyn Fn() -> bool| {
        while !condition() && Moment::now() < end {
            std::thread::sleep(ms(1));
        }
        condition()
    };
    let every = Every::new(ms(1)).on_overlap(Overrun::RunAtOnce);
    herd.try_send_work(Work::new(1, Slow).every(every)).unwrap();
    assert!(comes(&|| runs.load(SeqCst) > 10));
    herd.try_send_work(Work::new(7, Slow).after(ms(1))).unwrap();
    herd.resize(6).unwrap();
    assert!(comes(&|| sevens.load(SeqCst) == 1), "never begun: {:?}", herd.stats());
    assert!(comes(&|| herd.stats().live == 6), "never resized: {:?}", herd.stats());
    herd.cancel().unwrap();
    let joined = herd.join_deadline(end);
    assert!(joined.is_ok(), "{joined:?} {:?}", herd.stats());
}

#[test]
fn runs_without_room_are_counted_as_refused() {
    let sim = Sim::new(1);
    pass(&sim, ms(1_000));
    let handler = |_: Item<u32>| ready(Ok::<(), Fault<()>>(()));
    let (herd, _results) = Herd::builder(handler).size(1).capacity(1).start(&sim).unwrap();
    let every = Every::new(ms(100)).on_missed(Overrun::RunAtOnce).on_overlap(Overrun::RunAtOnce);
    herd.try_send_work(Work::new(2, 2).every(every).at(Instant::default())).unwrap();
    pass(&sim, ms(1));
    assert_eq!(herd.stats().refused, 11);
}

#[test]
fn runs_do_not_overlap_over_a_restart() {
    let sim = Sim::new(1);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let stopper = CancelToken::new();
    let (now, peak, first) = (running.clone(), most.clone(), Arc::new(AtomicUsize::new(0)));
    let wait = stopper.clone();
    let mut tasks = Tasks::<&'static str>::builder().keep_scheduled().build().unwrap();
    tasks.start(&sim).unwrap();
    let task = Task::every(Every::new(ms(1_000)).starting_after(ms(0)), move || {
        let (now, peak, wait) = (now.clone(), peak.clone(), wait.clone());
        let fails = first.fetch_add(1, SeqCst) == 0;
        async move {
            if fails {
                return Err("no");
            }
            peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            wait.cancelled().await;
            now.fetch_sub(1, SeqCst);
            Ok(())
        }
    });
    tasks.try_queue(task.retries(1).backoff(Backoff::constant(ms(500)))).unwrap();
    pass(&sim, ms(100));
    sim.block_on(tasks.stop()).unwrap();
    tasks.start(&sim).unwrap();
    pass(&sim, ms(5_000));
    let most = most.load(SeqCst);
    stopper.cancel();
    assert_eq!(most, 1, "runs at a time");
}
