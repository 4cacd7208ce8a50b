//! Promise 6: what is refused comes back. Closing.

use droves::mailbox::channel;

use crate::calls::*;
use crate::explore::{Bound, explore, turn};
use crate::history::*;
use crate::threads::*;

#[test]
fn promise_06_close_against_sends() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (closed, (sent, mut tx)) = race(
            || vec![close(rx.mailbox())],
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
        );
        let mut after = rest(&mut rx);
        after.extend([try_send(&mut tx, 3), close(tx.mailbox())]);
        assert_eq!(after[after.len() - 3..], [Ended, Refused(3), Closed { first: false }]);
        History::check(1, &[], [sent, closed], after)
    });
    seen.answered([Sent(1), Refused(1), Full(2), Refused(2)]);
}

#[test]
fn promise_06_close_of_a_full_mailbox() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let closer = rx.clone();
        let (received, (sent, _tx), (closing, _)) = race3(
            || vec![try_recv(&mut rx), try_recv(&mut rx)],
            move || (vec![try_send(&mut tx, 1)], tx),
            move || (vec![close(closer.mailbox())], closer),
        );
        History::check(1, &[Sent(0)], [sent, closing, received], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1), Received(0), Received(1), Empty, Ended]);
}

#[test]
fn promise_06_two_closers_and_a_sender() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let closer = rx.clone();
        let (a, (b, _), (sent, _tx)) = race3(
            || vec![close(rx.mailbox()), try_recv(&mut rx)],
            move || (vec![close(closer.mailbox())], closer),
            move || (vec![try_send(&mut tx, 1)], tx),
        );
        let after = rest(&mut rx);
        assert_eq!(after.last(), Some(&Ended));
        History::check(1, &[], [a, b, sent], after)
    });
    seen.answered([Sent(1), Refused(1), Received(1), Ended]);
    for first in [false, true] {
        seen.reached(|h| h.threads[0][0] == Closed { first });
        seen.reached(|h| h.threads[1][0] == Closed { first });
    }
}

#[test]
fn promise_06_a_filled_cell_comes_back() {
    let seen = explore(Bound { plain: 5, strong: 6 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let (sent, (received, mut rx)) = race(
            || {
                turn();
                match tx.reserve().write(message(1)).try_send() {
                    Ok(()) => Sent(1),
                    Err(refused) if refused.error.is_full() => {
                        Full(number(refused.message.into_inner()))
                    }
                    Err(refused) => Refused(number(refused.message.into_inner())),
                }
            },
            move || (vec![try_recv(&mut rx), close(rx.mailbox())], rx),
        );
        History::check(1, &[Sent(0)], [vec![sent], received], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1)]);
}

#[test]
fn promise_06_close_gives_a_waiting_send_back() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (mut tx, rx) = holding(1, 1);
        let ((did, parked), _rx) = race(
            || send(&mut tx, 1),
            move || {
                close(rx.mailbox());
                rx
            },
        );
        (did, parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}

#[test]
fn promise_06_the_last_receiver_gives_a_waiting_send_back() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, rx) = holding(1, 1);
        let ((did, parked), ()) = race(|| send(&mut tx, 1), || drop(rx));
        (did, parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}
