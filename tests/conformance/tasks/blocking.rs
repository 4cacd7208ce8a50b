//! Calls that block a thread.

use std::thread;
use std::time::{Duration, Instant};

use droves::threads::Threads;

use super::help::{HOUR, counted, full, gated, manager, nothing, only, shut};
use crate::help::{Gate, Tally};
use crate::world::watched;

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn ma_03_a_thread_waits_for_room() {
    watched("ma_03_a_thread_waits_for_room", || {
        let (tally, gate) = (Tally::new(), Gate::new());
        let mut tasks = manager(1, 1).build().unwrap();
        assert_eq!(tasks.queue_blocking(gated(&tally, &gate)).unwrap(), 1);
        tasks.queue_blocking(gated(&tally, &gate)).unwrap();
        // Before the start nobody makes room.
        assert_eq!(full(tasks.queue_blocking(nothing().name("early"))), "early");
        let far = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(full(tasks.queue_deadline(nothing().name("early"), far)), "early");
        tasks.start(&Threads::new()).unwrap();
        let deadline = Instant::now() + SHORT;
        assert_eq!(full(tasks.queue_deadline(nothing().name("late"), deadline)), "late");
        assert!(Instant::now() >= deadline);
        assert_eq!(full(tasks.queue_deadline(nothing().name("past"), deadline)), "past");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| tasks.queue_blocking(counted(&tally)).unwrap());
            let other = scope.spawn(|| tasks.queue_deadline(counted(&tally), far).unwrap());
            thread::sleep(SHORT);
            assert!(!waiting.is_finished() && !other.is_finished());
            gate.open();
            assert_ne!(waiting.join().unwrap(), other.join().unwrap());
        });
        assert!(tasks.stop_blocking().unwrap().is_empty());
        assert_eq!(tally.done(), 4);
        assert_eq!(shut(tasks.queue_blocking(nothing().name("after"))), "after");
        assert_eq!(shut(tasks.queue_deadline(nothing().name("after"), far)), "after");
    });
}

#[test]
fn ma_05_a_thread_waits_for_the_end() {
    watched("ma_05_a_thread_waits_for_the_end", || {
        let (tally, gate) = (Tally::new(), Gate::new());
        let mut tasks = manager(2, 8).build().unwrap();
        tasks.start(&Threads::new()).unwrap();
        for _ in 0..6 {
            tasks.queue_blocking(gated(&tally, &gate)).unwrap();
        }
        tasks.try_delay(HOUR, nothing().name("delayed")).unwrap();
        let stopping = thread::spawn(move || tasks.stop_blocking().unwrap());
        thread::sleep(SHORT);
        assert!(!stopping.is_finished());
        gate.open();
        assert_eq!(only(stopping.join().unwrap()).task.get_name(), "delayed");
        assert_eq!((tally.done(), tally.running()), (6, 0));
    });
}
