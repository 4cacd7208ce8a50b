//! Promise 1: nothing is lost, nothing comes twice, and each sender's messages stay in their order.

use std::sync::Arc as PlainArc;
use std::sync::atomic::AtomicUsize as PlainUsize;

use droves::mailbox::{HeapMailbox, Sender, channel};
use loom::sync::Arc;
use loom::sync::atomic::Ordering;

use crate::calls::*;
use crate::explore::{Bound, explore, turn};
use crate::history::*;
use crate::threads::*;

fn one_sender_one_receiver((mut tx, mut rx): Ends, messages: u32) -> History {
    let capacity = tx.capacity();
    let (received, (sent, _tx)) = race(
        || (0..messages).map(|_| try_recv(&mut rx)).collect(),
        move || ((1..=messages).map(|n| try_send(&mut tx, n)).collect(), tx),
    );
    History::check(capacity, &[], [sent, received], rest(&mut rx))
}

fn two_senders_one_receiver((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2) = (tx.capacity(), tx.clone());
    let (received, (a, _tx), (b, _tx2)) = race3(
        || vec![try_recv(&mut rx), try_recv(&mut rx)],
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
    );
    History::check(capacity, &[], [a, b, received], rest(&mut rx))
}

fn one_sender_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut rx2) = (tx.capacity(), rx.clone());
    let (sent, (a, mut rx), (b, _rx2)) = race3(
        || vec![try_send(&mut tx, 1), try_send(&mut tx, 2)],
        move || (vec![try_recv(&mut rx)], rx),
        move || (vec![try_recv(&mut rx2)], rx2),
    );
    History::check(capacity, &[], [a, b, sent], rest(&mut rx))
}

fn two_senders_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2, mut rx2) = (tx.capacity(), tx.clone(), rx.clone());
    let d = spawn(move || (vec![try_recv(&mut rx2)], rx2));
    let (c, (a, _tx), (b, _tx2)) = race3(
        || vec![try_recv(&mut rx)],
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
    );
    let (d, _rx2) = d.join();
    History::check(capacity, &[], [a, b, c, d], rest(&mut rx))
}

#[test]
fn promise_01_one_sender_one_receiver() {
    let bound = Bound { plain: 5, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(channel(1).unwrap(), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_capacity_2() {
    let bound = Bound { plain: 5, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(channel(2).unwrap(), 3));
    seen.answered([Sent(3), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_wrap() {
    let bound = Bound { plain: 4, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(before_wrap(1), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_capacity_2_wrap() {
    let bound = Bound { plain: 4, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(before_wrap(2), 3));
    seen.answered([Sent(3), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_two_senders_one_receiver() {
    let bound = Bound { plain: 3, strong: 4 };
    let seen = explore(bound, || two_senders_one_receiver(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_one_receiver_wrap() {
    let bound = Bound { plain: 2, strong: 4 };
    let seen = explore(bound, || two_senders_one_receiver(before_wrap(1)));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_one_sender_two_receivers() {
    let bound = Bound { plain: 3, strong: 4 };
    let seen = explore(bound, || one_sender_two_receivers(channel(1).unwrap()));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.threads[0] == [Received(2)] && h.threads[1] == [Received(1)]);
    seen.reached(|h| h.threads[0] == [Received(1)] && h.threads[1] == [Received(2)]);
}

#[test]
fn promise_01_one_sender_two_receivers_wrap() {
    let bound = Bound { plain: 2, strong: 4 };
    let seen = explore(bound, || one_sender_two_receivers(before_wrap(1)));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_two_senders_two_receivers() {
    let bound = Bound { plain: 2, strong: 3 };
    let seen = explore(bound, || two_senders_two_receivers(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_two_receivers_capacity_2() {
    let bound = Bound { plain: 2, strong: 3 };
    let seen = explore(bound, || two_senders_two_receivers(channel(2).unwrap()));
    seen.answered([Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_each_senders_messages_stay_in_order() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, mut rx) = channel(2).unwrap();
        let mut tx2 = tx.clone();
        let (received, (a, _tx), (b, _tx2)) = race3(
            || vec![try_recv(&mut rx)],
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (vec![try_send(&mut tx2, 3)], tx2),
        );
        History::check(2, &[], [a, b, received], rest(&mut rx))
    });
    let order = |order: [u32; 3]| {
        seen.reached(|h| {
            let all = h.threads[2].iter().chain(&h.after);
            let all: Vec<_> = all.filter(|did| matches!(did, Received(_))).copied().collect();
            all == order.map(Received)
        });
    };
    order([1, 2, 3]);
    order([1, 3, 2]);
    order([3, 1, 2]);
}

/// A message that counts its drops.
struct Counted(PlainArc<PlainUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn promise_01_leftovers_are_dropped_once() {
    let seen = explore(Bound { plain: 4, strong: 4 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let drops = PlainArc::new(PlainUsize::new(0));
        let counted = Counted(drops.clone());
        let ((), (sent, tx)) = race(
            || {
                turn();
                drop(rx);
            },
            move || {
                turn();
                (tx.try_send(counted).is_ok(), tx)
            },
        );
        // Although the mailbox is still there.
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        drop(tx);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        sent
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_01_a_mailbox_drops_what_is_in_it() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let mailbox = Arc::new(HeapMailbox::with_capacity(1).unwrap());
        let drops = PlainArc::new(PlainUsize::new(0));
        let (counted, other) = (Counted(drops.clone()), mailbox.clone());
        let (dropped, ()) = race(
            || {
                turn();
                drop(mailbox);
                drops.load(Ordering::Relaxed)
            },
            move || {
                turn();
                assert!(other.try_send(counted).is_ok());
                drop(other);
            },
        );
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        dropped
    });
    seen.exactly([0, 1]);
}

#[test]
fn promise_01_a_seat_passes_from_thread_to_thread() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (tx, mut rx) = channel(2).unwrap();
        let mut first = tx.clone();
        let ((a, _second), b) = race(
            || {
                turn();
                let mut second = tx.clone();
                (vec![try_send(&mut second, 1)], second)
            },
            move || {
                let did = try_send(&mut first, 2);
                drop(first);
                vec![did]
            },
        );
        History::check(2, &[], [a, b], rest(&mut rx))
    });
    seen.reached(|h| h.after == [Received(1), Received(2), Empty]);
    seen.reached(|h| h.after == [Received(2), Received(1), Empty]);
}

#[test]
fn promise_01_seats_grow_in_two_threads() {
    let send_by_clone = |n: u32, from: Sender<Message>| {
        move || {
            turn();
            let mut clone = from.clone();
            (vec![try_send(&mut clone, n)], from, clone)
        }
    };
    let seen = explore(Bound { plain: 3, strong: 4 }, move || {
        let (mut tx, mut rx) = channel(3).unwrap();
        // These have the first four seats; the next are in a block that does not exist yet.
        let (a, b) = (tx.clone(), tx.clone());
        let ((a, ..), (b, ..)) = race(send_by_clone(1, a), send_by_clone(2, b));
        let mut after = vec![try_send(&mut tx, 3)];
        after.extend(rest(&mut rx));
        History::check(3, &[], [a, b], after)
    });
    seen.reached(|h| h.after[1..3] == [Received(1), Received(2)]);
    seen.reached(|h| h.after[1..3] == [Received(2), Received(1)]);
}

#[test]
fn promise_01_without_a_handle() {
    let seen = explore(Bound { plain: 3, strong: 5 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let other = tx.clone();
        let (a, (b, _other)) = race(
            || vec![try_send(&mut tx, 1), try_recv(&mut rx)],
            move || (vec![shared_send(other.mailbox(), 2), shared_recv(other.mailbox())], other),
        );
        History::check(1, &[], [a, b], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Received(1), Sent(2), Full(2), Received(2), Empty]);
    seen.reached(|h| h.threads == [[Sent(1), Empty], [Full(2), Received(1)]]);
    seen.reached(|h| h.threads == [[Full(1), Received(2)], [Sent(2), Empty]]);
}
