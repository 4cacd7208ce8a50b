//! Promise 7: no wake is lost.

use droves::mailbox::channel;

use crate::calls::*;
use crate::explore::{Bound, explore};
use crate::history::*;
use crate::threads::*;

const BOTH: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn promise_07_a_waiting_receiver_is_woken() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((did, parked), (sent, _tx)) =
            race(|| recv(&mut rx), move || (try_send(&mut tx, 1), tx));
        assert_eq!((sent, did), (Sent(1), Received(1)));
        parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_a_waiting_sender_is_woken() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let ((did, parked), (received, _rx)) =
            race(|| send(&mut tx, 1), move || (try_recv(&mut rx), rx));
        assert_eq!((received, did), (Received(0), Sent(1)));
        parked
    });
    seen.exactly([false, true]);
}

fn wait_for_each_other((mut tx, mut rx): Ends) -> (bool, bool) {
    let (received, (sent, _tx)) =
        race(|| [1, 2].map(|_| recv(&mut rx)), move || ([1, 2].map(|n| send(&mut tx, n)), tx));
    assert_eq!(sent.map(|(did, _)| did), [1, 2].map(Sent));
    assert_eq!(received.map(|(did, _)| did), [1, 2].map(Received));
    (sent.iter().any(|&(_, parked)| parked), received.iter().any(|&(_, parked)| parked))
}

#[test]
fn promise_07_both_sides_wait() {
    let bound = Bound { plain: 2, strong: 4 };
    let seen = explore(bound, || wait_for_each_other(channel(1).unwrap()));
    seen.reached(|&both| both == (true, true));
    seen.reached(|&both| both == (true, false));
    seen.reached(|&both| both == (false, true));
}

#[test]
fn promise_07_both_sides_wait_wrap() {
    let seen = explore(Bound { plain: 1, strong: 4 }, || wait_for_each_other(before_wrap(1)));
    seen.reached(|&both| both == (true, true));
    seen.reached(|&both| both == (false, true));
}

#[test]
fn promise_07_two_waiting_receivers() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_parked), ((b, _rx2), b_parked), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Received(2))));
        (a_parked, b_parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_two_waiting_receivers_and_a_waiting_sender() {
    let seen = explore(Bound { plain: 0, strong: 2 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_parked), ((b, _rx2), b_parked), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([send(&mut tx, 1), send(&mut tx, 2)], tx),
        );
        assert_eq!(sent.map(|(did, _)| did), [Sent(1), Sent(2)]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Received(2))));
        ((a_parked, b_parked), sent[1].1)
    });
    seen.reached(|&o| o == ((true, true), true));
    if cfg!(droves_strong) {
        seen.reached(|&o| o == ((true, true), false));
        seen.reached(|&o| o == ((false, false), true));
    }
}

#[test]
fn promise_07_two_waiting_senders() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (tx, mut rx) = holding(2, 2);
        let (a, b) = (begin(deliver(tx.clone(), 2)), begin(deliver(tx, 3)));
        let (((a, _tx), a_parked), ((b, _tx2), b_parked), (received, _rx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_recv(&mut rx), try_recv(&mut rx)], rx),
        );
        assert_eq!((a, b, received), (Sent(2), Sent(3), [Received(0), Received(1)]));
        (a_parked, b_parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_two_waiting_senders_and_a_waiting_receiver() {
    let seen = explore(Bound { plain: 0, strong: 2 }, || {
        let (tx, mut rx) = holding(1, 1);
        let (a, b) = (begin(deliver(tx.clone(), 1)), begin(deliver(tx, 2)));
        let (((a, _tx), a_parked), ((b, _tx2), b_parked), (received, _rx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([recv(&mut rx), recv(&mut rx), recv(&mut rx)], rx),
        );
        let [zero, c, d] = received.map(|(did, _)| did);
        assert_eq!((a, b, zero), (Sent(1), Sent(2), Received(0)));
        assert!([(c, d), (d, c)].contains(&(Received(1), Received(2))));
        let parked = received.iter().any(|&(_, parked)| parked);
        ((a_parked, b_parked), parked)
    });
    seen.reached(|&o| o == ((true, true), true));
    if cfg!(droves_strong) {
        seen.reached(|&o| o == ((true, true), false));
        seen.reached(|&o| o == ((false, false), true));
    }
}

#[test]
fn promise_07_a_message_that_another_took() {
    // The waiter that was woken finds nothing, and must be woken again.
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let mut thief = rx.clone();
        let call = begin(receive(rx));
        let (((did, _rx), parked), (sent, _tx), (taken, _thief)) = race3(
            || call.finish(),
            move || ([try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (try_recv(&mut thief), thief),
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        (taken, did, parked)
    });
    seen.reached(|&o| o == (Received(1), Received(2), true));
    seen.reached(|&o| o == (Received(2), Received(1), true));
    seen.reached(|&o| o == (Empty, Received(1), true));
}

#[test]
fn promise_07_batches_wait() {
    let seen = explore(Bound { plain: 1, strong: 4 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((received, parked), (sent, _tx)) = race(
            || {
                let (mut out, mut parked) = (Vec::new(), false);
                while out.len() < 2 {
                    let (count, waited) = block_on(rx.recv_many(&mut out, 2));
                    assert!(count > 0);
                    parked |= waited;
                }
                (out.into_iter().map(number).collect::<Vec<_>>(), parked)
            },
            move || {
                let (sent, parked) = block_on(tx.send_many([message(1), message(2)]));
                assert_eq!(sent.unwrap(), 2);
                (parked, tx)
            },
        );
        assert_eq!(received, [1, 2]);
        (sent, parked)
    });
    seen.reached(|&both| both == (true, true));
    seen.reached(|&both| both == (false, true));
}

#[test]
fn promise_07_close_wakes_a_receiver() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (tx, mut rx) = channel(1).unwrap();
        let ((did, parked), (closed, _tx)) =
            race(|| recv(&mut rx), move || (close(tx.mailbox()), tx));
        assert_eq!((did, closed), (Ended, Closed { first: true }));
        parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_two_closers_wake_a_receiver() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (tx, rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let call = begin(receive(rx));
        let (((did, _rx), parked), (a, _tx), (b, _tx2)) = race3(
            || call.finish(),
            move || (close(tx.mailbox()), tx),
            move || (close(tx2.mailbox()), tx2),
        );
        assert_eq!(did, Ended);
        assert_ne!(a, b);
        (a == Closed { first: true }, parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_a_send_and_a_close_wake_two_receivers() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_parked), ((b, _rx2), b_parked), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_send(&mut tx, 1), close(tx.mailbox())], tx),
        );
        assert_eq!(sent, [Sent(1), Closed { first: true }]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Ended)));
        (a == Ended, (a_parked, b_parked))
    });
    for both in BOTH {
        seen.reached(|&o| o == (false, both));
        seen.reached(|&o| o == (true, both));
    }
}

#[test]
fn promise_07_the_last_sender_wakes_a_receiver() {
    let seen = explore(Bound { plain: 3, strong: 4 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (((a, _), (b, parked)), sent) = race(
            || (recv(&mut rx), recv(&mut rx)),
            move || {
                let sent = try_send(&mut tx, 1);
                drop(tx);
                sent
            },
        );
        assert_eq!((sent, a, b), (Sent(1), Received(1), Ended));
        parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_either_of_two_senders_is_the_last() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (tx, mut rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let ((did, parked), ..) = race3(|| recv(&mut rx), || drop(tx), || drop(tx2));
        assert_eq!(did, Ended);
        parked
    });
    seen.exactly([false, true]);
}
