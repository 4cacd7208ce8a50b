//! Many threads at once: every message arrives once, whole, and in the order of its sender.
//!
//! Each run starts so that the lap counter wraps in the middle of it. With `--cfg droves_word32` the
//! words are as narrow as on a 32-bit target.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

mod cancels;
mod ledger;
mod traffic;
mod ways;

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use droves::mailbox::{HeapMailbox, StaticMailbox};

use ledger::Message;
use traffic::{End, Plan, run};
use ways::Way;

/// Threads that send, and threads that receive.
const CREWS: [(u32, u32); 6] = [(1, 1), (1, 4), (4, 1), (2, 2), (3, 2), (4, 4)];

/// A mailbox whose lap counter wraps after half of the messages.
fn wrapping(capacity: u32, messages: u32) -> HeapMailbox<Message> {
    let laps = (messages / 2 / capacity).max(1);
    HeapMailbox::starting_before_wrap(capacity as usize, laps).unwrap()
}

/// Runs `f` on another thread. Panics if it gets stuck, as it does when a wake is lost: on a busy machine of few cores
/// it takes some minutes else.
fn unstuck(f: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let running = thread::spawn(move || {
        f();
        done.send(()).unwrap();
    });
    match wait.recv_timeout(Duration::from_secs(1_200)) {
        Err(RecvTimeoutError::Timeout) => panic!("stuck"),
        _ => running.join().unwrap(),
    }
}

/// All kinds of mailboxes, and all crews, until all is sent.
fn all_is_received(messages: u32, ways: &'static [Way]) {
    unstuck(move || {
        for (senders, receivers) in CREWS {
            let plan = Plan { ways, senders, receivers, messages, end: End::Sent };
            for capacity in [1, 2, 3, 64, 1000] {
                assert_eq!(run(Arc::new(wrapping(capacity, messages)), plan), 0);
            }
            assert_eq!(run(&StaticMailbox::<_, 1, 20>::new(), plan), 0);
            assert_eq!(run(&StaticMailbox::<_, 5, 20>::new(), plan), 0);
        }
    });
}

const ALL: &[Way] = &[
    Way::Try,
    Way::Shared,
    Way::Place,
    Way::TryBatch,
    Way::Block,
    Way::Deadline,
    Way::Await,
    Way::AwaitBatch,
    Way::Cancel,
    Way::Change,
];

#[test]
fn promise_01_nothing_lost_or_twice_by_trying() {
    all_is_received(3000, &[Way::Try, Way::Shared, Way::Place]);
}

#[test]
fn promise_01_nothing_lost_or_twice_in_batches() {
    all_is_received(3000, &[Way::TryBatch, Way::AwaitBatch]);
}

#[test]
fn promise_01_nothing_lost_or_twice_by_blocking() {
    all_is_received(3000, &[Way::Block, Way::Deadline]);
}

#[test]
fn promise_01_nothing_lost_or_twice_by_awaiting() {
    all_is_received(3000, &[Way::Await, Way::Await, Way::Place]);
}

#[test]
fn promise_01_nothing_lost_or_twice_in_any_mixture() {
    all_is_received(3000, ALL);
}

#[test]
fn promise_07_nothing_lost_by_cancelling() {
    all_is_received(3000, &[Way::Cancel, Way::Cancel, Way::Await]);
}

#[test]
fn promise_01_what_was_sent_before_a_close_is_received_after_it() {
    unstuck(|| {
        for (round, &(senders, receivers)) in (0..60).zip(CREWS.iter().cycle()) {
            let capacity = [1, 2, 3, 64][round as usize % 4];
            let end = End::CloseAfter(7 * round);
            let plan = Plan { ways: ALL, senders, receivers, messages: 3000, end };
            assert_eq!(run(Arc::new(wrapping(capacity, 400)), plan), 0);
            assert_eq!(run(&wrapping(capacity, 400), plan), 0);
        }
    });
}

#[test]
fn promise_01_what_receivers_leave_is_dropped_or_kept() {
    unstuck(|| {
        let mut kept = 0;
        for (round, &(senders, receivers)) in (0..60).zip(CREWS.iter().cycle()) {
            let capacity = [1, 2, 3, 64][round as usize % 4];
            let end = End::LeaveAfter(7 * round);
            let plan = Plan { ways: ALL, senders, receivers, messages: 3000, end };
            assert_eq!(run(Arc::new(wrapping(capacity, 400)), plan), 0);
            kept += run(&wrapping(capacity, 400), plan);
        }
        assert!(kept > 0, "nothing was ever left");
    });
}
