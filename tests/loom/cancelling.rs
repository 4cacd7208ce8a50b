//! Promise 7: a call that is given up takes no message and no wake with it.

use std::pin::pin;
use std::task::Poll;

use droves::mailbox::channel;

use crate::calls::*;
use crate::explore::{Bound, Seen, explore};
use crate::history::*;
use crate::threads::*;

#[track_caller]
fn gave_up_every_way(seen: &Seen<(GaveUp, bool)>) {
    for gave_up in GaveUp::ALL {
        seen.reached(|o| o.0 == gave_up);
    }
    // The one that parked was woken by the one that gave up.
    seen.reached(|&o| o == (GaveUp::Dropped { woken: true }, true));
    seen.reached(|o| !o.1);
}

#[test]
fn promise_07_a_dropped_receive_passes_its_wake_on() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (mut tx, mut brief) = channel(1).unwrap();
        let call = begin(receive(brief.clone()));
        let (((did, _rx), parked), (gave_up, _brief), (sent, _tx)) = race3(
            || call.finish(),
            move || {
                let gave_up = Call::new(brief.recv()).give_up();
                if gave_up == GaveUp::Done {
                    brief.close();
                }
                (gave_up, brief)
            },
            move || (try_send(&mut tx, 1), tx),
        );
        assert_eq!(sent, Sent(1));
        assert_eq!(did, if gave_up == GaveUp::Done { Ended } else { Received(1) });
        (gave_up, parked)
    });
    gave_up_every_way(&seen);
}

#[test]
fn promise_07_a_dropped_send_passes_its_wake_on() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (mut brief, rx) = holding(1, 1);
        let call = begin(deliver(brief.clone(), 2));
        let mut rx = rx;
        let (((did, _tx), parked), (gave_up, _brief), (received, mut rx)) = race3(
            || call.finish(),
            move || {
                let gave_up = Call::new(brief.send(message(1))).give_up();
                if gave_up == GaveUp::Done {
                    brief.close();
                }
                (gave_up, brief)
            },
            move || (try_recv(&mut rx), rx),
        );
        assert_eq!(received, Received(0));
        let (expected, left) = match gave_up {
            GaveUp::Done => (Refused(2), [Received(1), Ended]),
            GaveUp::Dropped { .. } => (Sent(2), [Received(2), Empty]),
        };
        assert_eq!(did, expected);
        assert_eq!(rest(&mut rx), left);
        (gave_up, parked)
    });
    gave_up_every_way(&seen);
}

#[test]
fn promise_07_a_dropped_receiver_passes_its_wake_on() {
    // Both wait when the race begins; the handle goes together with its call.
    let seen = explore(Bound { plain: 3, strong: 4 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let call = Call::waiting(Box::pin(receive(rx.clone())));
        let brief = Call::waiting(Box::pin(receive(rx)));
        let (((did, _rx), parked), gave_up, (sent, _tx)) =
            race3(|| call.finish(), move || brief.give_up(), move || (try_send(&mut tx, 1), tx));
        assert_eq!((sent, did), (Sent(1), Received(1)));
        (gave_up, parked)
    });
    let dropped = [false, true].map(|woken| GaveUp::Dropped { woken });
    seen.exactly(dropped.into_iter().flat_map(|gave_up| [(gave_up, false), (gave_up, true)]));
}

#[test]
fn promise_07_a_dropped_send_keeps_its_message() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let mut from = Some(message(1));
        let (gave_up, (received, mut rx)) = race(
            || Call::new(pin!(tx.send_from(&mut from))).give_up(),
            move || (try_recv(&mut rx), rx),
        );
        assert_eq!(received, Received(0));
        assert_eq!(from.is_none(), gave_up == GaveUp::Done);
        let left = if gave_up == GaveUp::Done { Received(1) } else { Empty };
        assert_eq!(try_recv(&mut rx), left);
        gave_up
    });
    seen.exactly(GaveUp::ALL);
}

#[test]
fn promise_07_another_waker_than_before() {
    // A notifier may still be at work on the waker of the first poll when the second poll comes.
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let mut thief = rx.clone();
        let first = Call::waiting(Box::pin(receive(rx)));
        let stale = first.signal.clone();
        let (sent, (taken, (did, _rx), pending, _thief)) = race(
            || [try_send(&mut tx, 1), try_send(&mut tx, 2)],
            move || {
                let taken = try_recv(&mut thief);
                let mut second = Call::new(first.future);
                if let Poll::Ready(done) = second.poll() {
                    return (taken, done, false, thief);
                }
                first.signal.is_set();
                let (done, _) = second.finish();
                (taken, done, true, thief)
            },
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        (taken, did, pending, pending && stale.is_set())
    });
    seen.reached(|&o| o == (Empty, Received(1), true, false));
    seen.reached(|&o| o == (Received(1), Received(2), true, false));
    // The first waker was called while the second was the one to call.
    seen.reached(|&o| o == (Received(1), Received(2), true, true));
}

#[test]
fn promise_07_a_seat_changes_sides() {
    // A notifier of the senders may still have a seat in mind when a receiver waits there.
    let seen = explore(Bound { plain: 3, strong: 6 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let sender = Call::waiting(Box::pin(deliver(tx.clone(), 9)));
        let from = rx.clone();
        let (taken, (gave_up, receiver, _from)) = race(
            || try_recv(&mut rx),
            move || {
                let gave_up = sender.give_up();
                // It gets the seat that the sender had.
                let mut receiver = Call::new(Box::pin(receive(from.clone())));
                let pending = receiver.poll().is_pending();
                (gave_up, pending.then_some(receiver), from)
            },
        );
        // Each side still wakes the other.
        if let Some(mut receiver) = receiver {
            if receiver.signal.is_set() {
                assert!(receiver.poll().is_pending());
            }
            assert_eq!(try_send(&mut tx, 1), Sent(1));
            assert!(receiver.signal.is_set());
            assert!(receiver.poll().is_ready());
        }
        assert_eq!(try_send(&mut tx, 2), Sent(2));
        let sender = Call::waiting(Box::pin(deliver(tx, 3)));
        assert_eq!(try_recv(&mut rx), Received(2));
        assert!(sender.signal.is_set());
        (taken, gave_up)
    });
    let dropped = |woken| GaveUp::Dropped { woken };
    seen.exactly([
        (Received(0), dropped(false)),
        (Received(0), dropped(true)),
        (Empty, dropped(false)),
    ]);
}
