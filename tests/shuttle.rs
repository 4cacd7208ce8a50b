//! Close, drain and cancellation, with more threads than loom can take: random schedules, and such with few
//! but well-placed preemptions (PCT). A schedule that leaves somebody parked for ever is a deadlock,
//! which shuttle reports with the schedule to replay.
#![cfg(droves_shuttle)]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use droves::mailbox::{Receiver, Sender, channel};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, JoinHandle};

/// How often each of some outcomes was seen, over all schedules.
struct Tally<const N: usize>(Arc<[AtomicUsize; N]>);

impl<const N: usize> Tally<N> {
    fn new() -> Self {
        Self(Arc::new([const { AtomicUsize::new(0) }; N]))
    }

    fn count(&self, outcome: usize, happened: bool) {
        self.0[outcome].fetch_add(usize::from(happened), Ordering::Relaxed);
    }

    /// Every outcome was reached.
    fn assert_all(&self) {
        let seen = self.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert!(seen.iter().all(|&count| count > 0), "an outcome was never reached: {seen:?}");
    }
}

impl<const N: usize> Clone for Tally<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Runs `program` under both schedulers, and then asserts that all outcomes were reached.
fn explore<const N: usize>(schedules: usize, program: impl Fn(&Tally<N>) + Send + Sync + 'static) {
    let tally = Tally::new();
    let program = Arc::new(program);
    let (random, pct) = (Arc::clone(&program), program);
    let (for_random, for_pct) = (tally.clone(), tally.clone());
    shuttle::check_random(move || random(&for_random), schedules);
    shuttle::check_pct(move || pct(&for_pct), schedules, 3);
    tally.assert_all();
}

fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::spawn(f)
}

fn join<R>(threads: Vec<JoinHandle<R>>) -> Vec<R> {
    threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
}

/// Sends `count` messages, and returns those that were accepted.
fn send_all(mut sender: Sender<u32>, first: u32, count: u32) -> Vec<u32> {
    (first..first + count).take_while(|&message| block_on(sender.send(message)).is_ok()).collect()
}

/// Receives until the mailbox is closed and drained.
fn receive_all(mut receiver: Receiver<u32>) -> Vec<u32> {
    std::iter::from_fn(|| block_on(receiver.recv())).collect()
}

/// Every accepted message was received, once, and each receiver got each sender's in order.
fn assert_accounts(accepted: Vec<Vec<u32>>, received: Vec<Vec<u32>>) {
    for messages in &received {
        for sender in &accepted {
            let own: Vec<_> = messages.iter().filter(|message| sender.contains(message)).collect();
            assert!(own.is_sorted(), "out of order: {own:?}");
        }
    }
    let sorted = |lists: Vec<Vec<u32>>| {
        let mut all = lists.concat();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(received), sorted(accepted));
}

#[test]
fn promise_07_nobody_stays_parked_with_three_on_each_side() {
    explore(10_000, |tally: &Tally<2>| {
        let (sender, receiver) = channel(thread_rng().gen_range(1..=3)).unwrap();
        let senders = (0..3).map(|id| {
            let sender = sender.clone();
            spawn(move || send_all(sender, id * 10, 3))
        });
        let senders: Vec<_> = senders.collect();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || receive_all(receiver))
            })
            .collect();
        drop((sender, receiver));
        let accepted = join(senders);
        let received = join(receivers);
        tally.count(0, received.iter().all(|messages| !messages.is_empty()));
        tally.count(1, received.iter().any(Vec::is_empty));
        assert_accounts(accepted, received);
    });
}

#[test]
fn promise_01_close_loses_nothing_that_was_accepted() {
    explore(20_000, |tally: &Tally<4>| {
        let (sender, receiver) = channel(thread_rng().gen_range(1..=2)).unwrap();
        let senders: Vec<_> = (0..2)
            .map(|id| {
                let sender = sender.clone();
                spawn(move || send_all(sender, id * 10, 3))
            })
            .collect();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || receive_all(receiver))
            })
            .collect();
        let closers: Vec<_> = (0..2)
            .map(|side| {
                let (sender, receiver) = (sender.clone(), receiver.clone());
                spawn(move || if side == 0 { sender.close() } else { receiver.close() })
            })
            .collect();
        let first = join(closers);
        assert_eq!(first.iter().filter(|&&first| first).count(), 1, "one is the first to close");
        let left = receiver.len();
        let accepted = join(senders);
        let received = join(receivers);
        let count = accepted.concat().len();
        tally.count(0, count == 0);
        tally.count(1, count == 6);
        tally.count(2, (1..6).contains(&count));
        tally.count(3, left > 0);
        assert_eq!(sender.len(), 0);
        assert_accounts(accepted, received);
    });
}

#[test]
fn promise_07_a_dropped_receive_takes_no_message_and_no_wake() {
    explore(20_000, |tally: &Tally<3>| {
        let (sender, receiver) = channel(1).unwrap();
        // One gives up after a few polls, and never comes back; one waits.
        let fickle = {
            let (mut receiver, tally) = (receiver.clone(), tally.clone());
            spawn(move || {
                let mut got = Vec::new();
                for _ in 0..2 {
                    let mut future = pin!(receiver.recv());
                    for _ in 0..thread_rng().gen_range(1..=2) {
                        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                            Poll::Ready(message) => {
                                got.extend(message);
                                break;
                            }
                            Poll::Pending => thread::yield_now(),
                        }
                    }
                }
                tally.count(0, got.is_empty());
                tally.count(1, got.len() == 2);
                got
            })
        };
        let steady = {
            let receiver = receiver.clone();
            spawn(move || receive_all(receiver))
        };
        drop(receiver);
        let accepted = {
            let sender = spawn(move || send_all(sender, 0, 3));
            join(vec![sender])
        };
        let received = join(vec![fickle, steady]);
        tally.count(2, received[1].len() == 3);
        assert_accounts(accepted, received);
    });
}

#[test]
fn promise_07_a_dropped_send_drops_its_own_message_only() {
    explore(20_000, |tally: &Tally<2>| {
        let (sender, receiver) = channel(1).unwrap();
        let fickle = {
            let (mut sender, tally) = (sender.clone(), tally.clone());
            spawn(move || {
                let mut accepted = Vec::new();
                for message in 0..2 {
                    let mut kept = Some(message);
                    {
                        let mut future = pin!(sender.send_from(&mut kept));
                        for _ in 0..thread_rng().gen_range(1..=2) {
                            let cx = &mut Context::from_waker(Waker::noop());
                            if future.as_mut().poll(cx).is_ready() {
                                break;
                            }
                            thread::yield_now();
                        }
                    }
                    tally.count(usize::from(kept.is_some()), true);
                    accepted.extend(kept.is_none().then_some(message));
                }
                accepted
            })
        };
        let steady = {
            let sender = sender.clone();
            spawn(move || send_all(sender, 10, 3))
        };
        drop(sender);
        let receiver = spawn(move || receive_all(receiver));
        let accepted = join(vec![fickle, steady]);
        assert_accounts(accepted, join(vec![receiver]));
    });
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn promise_01_the_last_receiver_leaves_no_message_behind() {
    explore(20_000, |tally: &Tally<3>| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = channel(2).unwrap();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (mut sender, dropped) = (sender.clone(), Arc::clone(&dropped));
                spawn(move || {
                    let message = || Counted(Arc::clone(&dropped));
                    (0..2).filter(|_| block_on(sender.send(message())).is_ok()).count()
                })
            })
            .collect();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let mut receiver = receiver.clone();
                spawn(move || usize::from(receiver.try_recv().is_ok()))
            })
            .collect();
        drop(receiver);
        let received: usize = join(receivers).into_iter().sum();
        let accepted: usize = join(senders).into_iter().sum();
        // A sender is still there, and yet everything is dropped: received, refused, or left.
        assert_eq!(dropped.load(Ordering::Relaxed), 4);
        assert!(sender.is_closed() && sender.is_empty());
        tally.count(0, accepted == 0);
        tally.count(1, accepted > received);
        tally.count(2, accepted > 0 && accepted == received);
    });
}

#[test]
fn promise_07_handles_that_come_and_go_strand_nobody() {
    explore(10_000, |tally: &Tally<2>| {
        let (sender, receiver) = channel(1).unwrap();
        // More handles than the first block of seats has, each for one message.
        let senders: Vec<_> = (0..3)
            .map(|id| {
                let sender = sender.clone();
                spawn(move || {
                    let second = sender.clone();
                    [send_all(sender, id * 10, 1), send_all(second, id * 10 + 1, 1)].concat()
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(move || {
                    let mut got = Vec::new();
                    // A new handle for each message.
                    while let Some(message) = block_on(receiver.clone().recv()) {
                        got.push(message);
                    }
                    got
                })
            })
            .collect();
        drop(receiver);
        let accepted = join(senders);
        let received = join(receivers);
        tally.count(0, received[0].is_empty() || received[1].is_empty());
        tally.count(1, received[0].len() == 3);
        assert_accounts(accepted, received);
    });
}
