//! A group's signals and wakes: whoever waits for one is told it, or is woken.

use std::future::pending;
use std::sync::{Arc as PlainArc, Mutex};

use droves::group::{Group, Handle, Member, RunCx, Signal, Signaller};

use crate::explore::{Bound, explore, turn};
use crate::pools::{ByHand, Task};
use crate::threads::{Call, race, spawn};

const USER: [Signal; 2] = [Signal::USER_1, Signal::USER_2];

/// A group of one member: its driver waits, and the task has not been polled.
fn start(member: Member) -> (Handle, Call<Task>, Call<Task>) {
    let runtime = ByHand::default();
    let handle = Group::parallel([member]).start(&runtime).unwrap();
    let driver = Call::waiting(runtime.take());
    (handle, driver, Call::new(runtime.take()))
}

/// The same with a member that runs until it has taken so many signals, and the way to signal it.
fn takes(count: usize) -> (Signaller, Taken, Call<Task>, Call<Task>) {
    let taken = Taken::default();
    let notes = taken.clone();
    let member = Member::new("a", move |mut run: RunCx| {
        let notes = notes.clone();
        async move {
            for _ in 0..count {
                let signal = run.signal().await;
                notes.lock().unwrap().push(signal);
            }
        }
    });
    let (member, signaller) = member.proxy();
    let (_, driver, task) = start(member);
    (signaller, taken, driver, task)
}

type Taken = PlainArc<Mutex<Vec<Signal>>>;

#[test]
fn promise_07_a_signal_finds_a_member_that_begins_to_wait() {
    explore(Bound { plain: 4, strong: 5 }, || {
        let (signaller, taken, driver, mut task) = takes(1);
        let signals = spawn(move || {
            turn();
            signaller.signal(USER[0]).unwrap();
        });
        turn();
        let at_once = task.poll().is_ready();
        signals.join();
        let woken = task.signal.is_set();
        if !at_once {
            assert!(woken, "it sleeps, and the signal waits");
            assert!(task.poll().is_ready());
        }
        assert!(driver.signal.is_set() && *taken.lock().unwrap() == USER[..1]);
        drop((task, driver));
        (at_once, woken)
    })
    .exactly([
        // Before it looked.
        (true, false),
        // Between its two looks, and the wake came late.
        (true, true),
        // While it waited.
        (false, true),
    ]);
}

/// It waits by one waker and then by another: a wake that has begun with the first is not lost on the second.
#[test]
fn promise_07_a_signal_finds_a_member_that_waits_anew() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let (signaller, _, driver, mut task) = takes(1);
        assert!(task.poll().is_pending());
        let first = std::mem::take(&mut task.signal);
        let signals = spawn(move || {
            turn();
            signaller.signal(USER[0]).unwrap();
        });
        turn();
        let at_second = task.poll().is_ready();
        signals.join();
        let woken = task.signal.is_set();
        assert!(at_second || woken, "it sleeps, and the signal waits");
        assert!(at_second || task.poll().is_ready());
        drop((task, driver));
        (at_second, first.is_set(), woken)
    })
    .exactly(
        [
            // Before the second look; the wake found the first waker.
            (true, true, false),
            // In the second look.
            (true, false, true),
            // After it.
            (false, false, true),
            // The first waker was being taken, so that the second was not left, and looked again.
            (true, true, true),
            // The same, where the signal is not seen at once: no load is stale with `droves_strong`.
            (false, true, true),
        ]
        .into_iter()
        .take(if cfg!(droves_strong) { 4 } else { 5 }),
    );
}

#[test]
fn if_04_signals_of_two_arrive_each_once() {
    explore(Bound { plain: 2, strong: 3 }, || {
        let (signaller, taken, driver, mut task) = takes(2);
        let other = signaller.clone();
        let sends = USER.into_iter().zip([signaller, other]).map(|(signal, signaller)| {
            spawn(move || {
                turn();
                signaller.signal(signal).unwrap();
            })
        });
        let sends: Vec<_> = sends.collect();
        turn();
        let mut parked = false;
        while task.poll().is_pending() {
            parked |= task.signal.wait();
        }
        for send in sends {
            send.join();
        }
        let taken = taken.lock().unwrap().clone();
        drop((task, driver));
        (taken, parked)
    })
    .exactly([false, true].into_iter().flat_map(|parked| {
        let [first, second] = USER;
        [(vec![first, second], parked), (vec![second, first], parked)]
    }));
}

/// A member whose signals the test takes by itself.
fn by_hand() -> (RunCx, Signaller, Call<Task>, Call<Task>) {
    let kept = PlainArc::new(Mutex::new(None));
    let keeps = kept.clone();
    let (member, signaller) = Member::new("a", move |run: RunCx| {
        *keeps.lock().unwrap() = Some(run);
        pending::<()>()
    })
    .proxy();
    let (_, driver, mut task) = start(member);
    assert!(task.poll().is_pending());
    let run = kept.lock().unwrap().take().unwrap();
    (run, signaller, driver, task)
}

/// One that repeats the last that waits is merged with it; one that repeats what was taken is not.
#[test]
fn if_04_a_repeat_is_merged_while_the_first_waits() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let (mut run, signaller, driver, task) = by_hand();
        signaller.signal(USER[0]).unwrap();
        let (first, ()) = race(
            || {
                turn();
                run.try_signal()
            },
            move || {
                turn();
                signaller.signal(USER[0]).unwrap();
                signaller.signal(USER[1]).unwrap();
            },
        );
        let rest: Vec<_> = std::iter::from_fn(|| run.try_signal()).collect();
        drop((run, task, driver));
        (first, rest)
    })
    .exactly([(Some(USER[0]), vec![USER[1]]), (Some(USER[0]), USER.to_vec())]);
}

/// The driver goes while a member begins to wait: the member sees it, or is woken.
#[test]
fn promise_03_a_member_that_begins_to_wait_learns_that_its_driver_is_gone() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let (handle, driver, mut task) = start(Member::new("a", |_| pending::<()>()));
        let goes = spawn(move || {
            turn();
            drop(driver);
        });
        turn();
        let at_once = task.poll().is_ready();
        goes.join();
        let woken = task.signal.is_set();
        if !at_once {
            assert!(woken, "it sleeps, and its group is gone");
            assert!(task.poll().is_ready());
        }
        assert!(handle.is_done());
        drop((handle, task));
        (at_once, woken)
    })
    .exactly([(true, false), (true, true), (false, true)]);
}

/// A cancellation, a signal or an end, while the driver begins to wait: it is woken, or has seen it.
#[test]
fn promise_07_a_driver_that_begins_to_wait_hears_all_that_comes() {
    explore(Bound { plain: 2, strong: 3 }, || {
        let (handle, mut driver, mut task) = start(Member::new("a", |run: RunCx| async move {
            run.cancel_token().cancelled().await;
        }));
        assert!(task.poll().is_pending());
        // What was left with the first poll is of no use to the second.
        driver.signal = PlainArc::default();
        let canceller = handle.clone();
        let cancels = spawn(move || {
            turn();
            canceller.cancel();
        });
        turn();
        assert!(driver.poll().is_pending());
        let at_once = task.signal.is_set();
        cancels.join();
        let woken = driver.signal.is_set();
        if !at_once {
            assert!(woken, "it sleeps, and a cancellation waits");
            assert!(driver.poll().is_pending());
            assert!(task.signal.is_set());
        }
        assert!(task.poll().is_ready());
        assert!(driver.signal.is_set() && driver.poll().is_ready());
        drop((handle, task, driver));
        (at_once, woken)
    })
    .exactly([(true, false), (true, true), (false, true)]);
}
