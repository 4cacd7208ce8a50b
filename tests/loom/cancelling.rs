//! Promise 7: a call that is given up takes no message and no wake with it.

use std::pin::pin;

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
        let (((did, _rx), waited), (gave_up, _brief), (sent, _tx)) = race3(
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
        (gave_up, waited.parked)
    });
    gave_up_every_way(&seen);
}

#[test]
fn promise_07_a_dropped_send_passes_its_wake_on() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (mut brief, rx) = holding(1, 1);
        let call = begin(deliver(brief.clone(), 2));
        let mut rx = rx;
        let (((did, _tx), waited), (gave_up, _brief), (received, mut rx)) = race3(
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
        (gave_up, waited.parked)
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
        let (((did, _rx), waited), gave_up, (sent, _tx)) =
            race3(|| call.finish(), move || brief.give_up(), move || (try_send(&mut tx, 1), tx));
        assert_eq!((sent, did), (Sent(1), Received(1)));
        (gave_up, waited.parked)
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
        let (sent, (taken, ((did, _rx), waited), _thief)) = race(
            || [try_send(&mut tx, 1), try_send(&mut tx, 2)],
            move || (try_recv(&mut thief), Call::new(first.future).finish(), thief),
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        (taken, did, waited)
    });
    let asked_again = Waited { parked: false, again: true };
    seen.reached(|&o| o == (Empty, Received(1), Waited { parked: true, again: false }));
    seen.reached(|&o| o == (Received(1), Received(2), Waited { parked: true, again: false }));
    seen.reached(|&o| o == (Received(1), Received(2), asked_again));
}
