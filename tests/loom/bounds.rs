//! Promise 8: as many messages as there is room for, and no fewer.

use droves::mailbox::channel;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};

use crate::calls::*;
use crate::explore::{Bound, explore, turn};
use crate::history::*;
use crate::threads::*;

/// Tells another thread whether what was done before is done.
fn flag() -> (impl FnOnce(), impl FnOnce() -> bool) {
    let flag = Arc::new(AtomicBool::new(false));
    let same = flag.clone();
    (move || flag.store(true, Ordering::Release), move || same.load(Ordering::Acquire))
}

#[test]
fn promise_08_not_full_after_a_receive() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let (set, known) = flag();
        let (did, _rx) = race(
            || {
                turn();
                (known(), try_send(&mut tx, 1))
            },
            move || {
                assert_eq!(try_recv(&mut rx), Received(0));
                set();
                rx
            },
        );
        did
    });
    seen.exactly([(false, Full(1)), (false, Sent(1)), (true, Sent(1))]);
}

#[test]
fn promise_08_not_empty_after_a_send() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (set, known) = flag();
        let (did, _tx) = race(
            || {
                turn();
                (known(), try_recv(&mut rx))
            },
            move || {
                assert_eq!(try_send(&mut tx, 1), Sent(1));
                set();
                tx
            },
        );
        did
    });
    seen.exactly([(false, Empty), (false, Received(1)), (true, Received(1))]);
}

#[test]
fn promise_08_one_place_for_two_senders() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, _rx) = holding(1, 2);
        let mut tx2 = tx.clone();
        let (a, (b, _tx2)) = race(|| try_send(&mut tx, 1), move || (try_send(&mut tx2, 2), tx2));
        (a, b)
    });
    seen.exactly([(Sent(1), Full(2)), (Full(1), Sent(2))]);
}

#[test]
fn promise_08_one_message_for_two_receivers() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (_tx, mut rx) = holding(1, 2);
        let mut rx2 = rx.clone();
        let (a, (b, _rx2)) = race(|| try_recv(&mut rx), move || (try_recv(&mut rx2), rx2));
        (a, b)
    });
    seen.exactly([(Received(0), Empty), (Empty, Received(0))]);
}

#[test]
fn promise_08_len_is_bounded() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let observer = tx.clone();
        let (seen, _tx, _rx) = race3(
            || {
                turn();
                (observer.len(), observer.is_empty(), observer.is_full())
            },
            move || {
                let _ = [try_send(&mut tx, 1), try_send(&mut tx, 2)];
                tx
            },
            move || {
                let _ = [try_recv(&mut rx), try_recv(&mut rx)];
                rx
            },
        );
        assert!(seen.0 <= 1);
        seen
    });
    for len in 0..=1 {
        for is in [false, true] {
            seen.reached(|seen| seen.0 == len && seen.1 == is);
            seen.reached(|seen| seen.0 == len && seen.2 == is);
        }
    }
}

#[test]
fn promise_08_len_is_bounded_wrap() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, mut rx) = before_wrap(2);
        tx.try_send(message(0)).unwrap();
        let observer = tx.clone();
        let (len, _tx, _rx) = race3(
            || {
                turn();
                observer.len()
            },
            move || {
                let _ = [try_send(&mut tx, 1), try_send(&mut tx, 2)];
                tx
            },
            move || {
                let _ = try_recv(&mut rx);
                rx
            },
        );
        len
    });
    seen.exactly([0, 1, 2]);
}
