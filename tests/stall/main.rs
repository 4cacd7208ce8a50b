//! A thread that stops for good costs the others nothing: the stall test.
//!
//! The crate, built with `--cfg droves_stall`, calls a hook before each atomic access and each cell
//! access. So a *victim* can be stopped before any one of them, here before each in turn of each
//! operation, and then the others must go on:
//!
//! * with `try_` calls: the mailbox takes exactly as many messages as it has room for, over and over,
//!   in order, and each call ends within a number of steps;
//! * with waiting calls: tasks that send and receive, parked on both sides before the stop or after,
//!   do not sleep while there is something to do, nor run while there is nothing.
//!
//! Then the victim goes on, into a mailbox that has changed under it; and at the end no message is
//! lost or was received twice, and each cell has exactly one owner.
//!
//! So for herds: whatever is done while an operation is stopped, the herd ends, and each item has ended
//! or is left over. The tasks of the herd are those of the simulator.
//!
//! ```text
//! RUSTFLAGS="--cfg droves_stall" cargo test -p droves --release --test stall --features sim
//! ```
#![cfg(droves_stall)]

mod book;
mod can_fail;
mod drivers;
mod going_on;
mod herds;
mod operations;
mod pairs;
mod rig;
mod stock;
mod task;
mod victim;

use std::time::{Duration, Instant};

use droves::mailbox::{Heap, Inline};

use book::Message;
use drivers::{
    Plan, Trio, check_steps, everywhere, looks, swaps, tries, tries_at_each_step, waits,
    waits_at_each_step, waits_on_threads,
};
use operations::operations;
use rig::{Empty, Full, Half};
use victim::Call::{self, Closed, End, Handle, Poll, Try, Visit};

/// How many times its capacity goes through a mailbox while a thread is stopped.
const LAPS: usize = 8;
/// The seats of an inline mailbox; the first three blocks of one on the heap have as many.
const SEATS: usize = 28;
/// A wait of another thread that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most steps of a `try_` call when nobody waits, with one thread stopped anywhere.
const QUIET: usize = 12;
/// The most steps while one thread is stopped anywhere, and others wait.
const ONE_STOPPED: [(Call, usize); 6] =
    [(Try, 48), (Visit, 56), (Closed, 40), (Handle, 20), (End, 100), (Poll, 80)];
/// The most steps while three are.
const THREE_STOPPED: [(Call, usize); 6] =
    [(Try, 56), (Visit, 68), (Closed, 68), (Handle, 24), (End, 120), (Poll, 80)];
/// More steps than anything takes.
const ENDLESS: usize = 10_000;

#[test]
fn promise_04_a_stopped_thread_takes_no_capacity() {
    everywhere!(tries, true);
    check_steps(&[(Try, QUIET), (Visit, 28), (Closed, 26), (Handle, 18)]);
    everywhere!(tries, false);
    check_steps(&ONE_STOPPED);
}

#[test]
fn promise_04_a_thread_stopped_at_each_step_takes_no_capacity() {
    everywhere!(tries_at_each_step);
    check_steps(&ONE_STOPPED);
}

#[test]
fn promise_07_a_stopped_thread_takes_no_wake() {
    everywhere!(waits);
    check_steps(&ONE_STOPPED);
}

#[test]
fn promise_07_a_stopped_thread_announces_its_message_later() {
    everywhere!(looks);
}

#[test]
fn promise_07_a_stopped_thread_mistakes_nobody_for_a_former_waiter() {
    everywhere!(swaps);
}

#[test]
fn promise_07_a_thread_stopped_at_each_step_takes_no_wake() {
    everywhere!(waits_at_each_step);
    check_steps(&ONE_STOPPED);
}

#[test]
fn promise_07_a_stopped_thread_takes_no_wake_of_threads() {
    everywhere!(waits_on_threads);
}

#[test]
fn promise_12_three_stopped_threads_at_chosen_steps() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let operations = operations::<Heap<Message>>();
    for level in [Empty, Half, Full] {
        let of_level = operations.iter().filter(|operation| operation.level == level);
        let list: Vec<_> = of_level.filter(|operation| !operation.sort.discards).collect();
        for _ in 0..3_000 {
            let plan = [Plan::Handles, Plan::Tasks][random(2)];
            let trio = Trio { operations: [(); 3].map(|()| list[random(list.len())]), plan };
            let mut steps = Vec::new();
            while steps.len() < 3 {
                // None are left to one whose turn another did.
                match trio.count(&steps) {
                    0 => break,
                    count => steps.push(random(count)),
                }
            }
            if steps.len() == 3 {
                trio.run(&steps);
            }
        }
    }
    check_steps(&THREE_STOPPED);
}

#[test]
fn promise_12_three_stopped_threads_at_all_steps() {
    let operations = operations::<Inline<Message, 4, SEATS>>();
    for (level, names) in [
        (Empty, ["try_send", "try_send", "try_send"]),
        (Full, ["try_recv", "try_recv", "try_recv"]),
        (Half, ["try_send", "try_recv", "close"]),
        (Empty, ["recv().await, polled once", "try_send", "try_send"]),
        (Full, ["send().await, polled once", "try_recv", "try_recv"]),
        (Empty, ["a receive is cancelled", "try_send", "try_send"]),
        (Full, ["a send is cancelled", "try_recv", "try_recv"]),
    ] {
        let begin = Instant::now();
        let find = |name| operations.iter().find(|one| one.name == name && one.level == level);
        let trio = Trio { operations: names.map(|name| find(name).unwrap()), plan: Plan::Tasks };
        let runs = trio.run_all(&mut Vec::new());
        println!("{names:?}, {level:?}: {runs} combinations, {:?}", begin.elapsed());
    }
    check_steps(&THREE_STOPPED);
}
