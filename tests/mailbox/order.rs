//! Messages come out in order, once each, and a capacity of N means N.

use droves::mailbox::{HeapMailbox, StaticMailbox, TryRecvError, TrySendError, channel};

#[test]
fn promise_01_messages_come_out_once_and_in_order() {
    for capacity in [1, 2, 3, 5, 8, 17, 64, 300] {
        let (mut tx, mut rx) = channel(capacity).unwrap();
        let mut next = 0_usize;
        for round in 0..50 {
            let fill = if round % 3 == 0 { capacity } else { round % (capacity + 1) };
            for i in 0..fill {
                assert_eq!(tx.len(), i);
                tx.try_send(next + i).unwrap();
            }
            for _ in 0..fill {
                assert_eq!(rx.try_recv(), Ok(next));
                next += 1;
            }
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn promise_08_a_capacity_of_n_means_n() {
    for capacity in 1..=100 {
        let (mut tx, mut rx) = channel(capacity).unwrap();
        // Not only from the first entry on.
        for offset in 0..3 {
            for i in 0..capacity {
                assert!(!tx.is_full());
                tx.try_send(i).unwrap();
            }
            assert!(tx.is_full() && rx.is_full());
            assert_eq!(tx.try_send(99), Err(TrySendError::Full(99)));
            assert_eq!((tx.len(), rx.len()), (capacity, capacity));
            for i in 0..capacity {
                assert_eq!(rx.try_recv(), Ok(i));
            }
            assert!(tx.is_empty() && rx.is_empty());
            tx.try_send(offset).unwrap();
            assert_eq!(rx.try_recv(), Ok(offset));
        }
        assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
    }
}

#[test]
fn promise_01_several_handles_share_one_order() {
    let (mut tx, mut rx) = channel(3).unwrap();
    let (mut other_tx, mut other_rx) = (tx.clone(), rx.clone());
    for i in 0..100 {
        tx.try_send(3 * i).unwrap();
        other_tx.try_send(3 * i + 1).unwrap();
        tx.try_send(3 * i + 2).unwrap();
        assert!(other_tx.try_send(0).unwrap_err().is_full());
        assert_eq!(other_rx.try_recv(), Ok(3 * i));
        assert_eq!(other_rx.try_recv(), Ok(3 * i + 1));
        assert_eq!(rx.try_recv(), Ok(3 * i + 2));
        assert_eq!(other_rx.try_recv(), Err(TryRecvError::Empty));
    }
}

/// A handle that has not been used for many laps finds its way.
#[test]
fn promise_01_a_handle_left_idle_goes_on_in_order() {
    for capacity in [1, 2, 7, 64] {
        let (mut tx, mut rx) = channel(capacity).unwrap();
        let (mut idle_tx, mut idle_rx) = (tx.clone(), rx.clone());
        for laps in [1, 3, 50, 1000] {
            for i in 0..laps * capacity {
                tx.try_send(i).unwrap();
                assert_eq!(rx.try_recv(), Ok(i));
            }
            assert_eq!(idle_rx.try_recv(), Err(TryRecvError::Empty));
            for i in 0..capacity {
                idle_tx.try_send(i).unwrap();
            }
            assert!(idle_tx.try_send(0).unwrap_err().is_full());
            for i in 0..capacity {
                assert_eq!(idle_rx.try_recv(), Ok(i));
            }
        }
    }
}

/// The same, with so many messages in between that the handle's position would read as a future one;
/// with 32-bit words they are soon sent. Only after a multiple of 2^20 laps would it read as the
/// present, which is the documented bound.
#[test]
#[cfg(droves_word32)]
fn promise_01_a_handle_left_idle_for_half_the_lap_range_goes_on_in_order() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut idle: Vec<_> = (0..12).map(|_| (tx.clone(), rx.clone())).collect();
    for (number, (idle_tx, idle_rx)) in idle.iter_mut().enumerate() {
        for i in 0..100_000 {
            tx.try_send(i).unwrap();
            assert_eq!(rx.try_recv(), Ok(i));
        }
        assert_eq!(idle_rx.try_recv(), Err(TryRecvError::Empty));
        idle_tx.try_send(number).unwrap();
        assert_eq!(idle_tx.try_send(0), Err(TrySendError::Full(0)));
        assert_eq!(idle_rx.try_recv(), Ok(number));
    }
}

#[test]
fn promise_01_order_survives_the_wrap_of_the_lap_counter() {
    for capacity in [1, 2, 3, 5, 64] {
        for laps in 0..4 {
            let mailbox = HeapMailbox::starting_before_wrap(capacity, laps).unwrap();
            let (mut tx, mut rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
            let (mut late_tx, mut late_rx) = (tx.try_clone().unwrap(), rx.try_clone().unwrap());
            for lap in 0..8 {
                for i in 0..capacity {
                    assert_eq!(mailbox.len(), i);
                    tx.try_send((lap, i)).unwrap();
                }
                assert!(late_tx.try_send((0, 0)).unwrap_err().is_full() && mailbox.is_full());
                for i in 0..capacity {
                    assert_eq!(rx.try_recv(), Ok((lap, i)));
                }
                assert_eq!(late_rx.try_recv(), Err(TryRecvError::Empty));
            }
            late_tx.try_send((9, 9)).unwrap();
            mailbox.close();
            assert_eq!(late_rx.try_recv(), Ok((9, 9)));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        }
    }
}

#[test]
fn promise_01_a_static_mailbox_needs_no_handles() {
    static MAILBOX: StaticMailbox<String, 3, 2> = StaticMailbox::new();
    for lap in 0..10 {
        assert!(MAILBOX.is_empty());
        for i in 0..3 {
            MAILBOX.try_send(format!("{lap}.{i}")).unwrap();
        }
        assert!(MAILBOX.is_full() && MAILBOX.len() == 3 && MAILBOX.capacity() == 3);
        let refused = MAILBOX.try_send("full".into()).unwrap_err();
        assert!(refused.is_full());
        assert_eq!(refused.into_inner(), "full");
        for i in 0..3 {
            assert_eq!(MAILBOX.try_recv().unwrap(), format!("{lap}.{i}"));
        }
    }
    assert!(!MAILBOX.is_closed());
}

#[test]
fn promise_01_static_handles_and_calls_without_handle_mix() {
    static MAILBOX: StaticMailbox<u32, 2> = StaticMailbox::new();
    let (mut tx, mut rx) = (MAILBOX.sender().unwrap(), MAILBOX.receiver().unwrap());
    for i in 0..50 {
        tx.try_send(2 * i).unwrap();
        MAILBOX.try_send(2 * i + 1).unwrap();
        assert_eq!(MAILBOX.try_recv(), Ok(2 * i));
        assert_eq!(rx.try_recv(), Ok(2 * i + 1));
    }
}

#[test]
fn handles_and_mailbox_tell_what_is_in_them() {
    let (mut tx, rx) = channel(2).unwrap();
    tx.try_send('a').unwrap();
    assert_eq!(format!("{tx:?}"), "Sender { len: 1, capacity: 2, closed: false }");
    rx.close();
    assert_eq!(format!("{rx:?}"), "Receiver { len: 1, capacity: 2, closed: true }");
    assert!(tx.is_closed() && rx.is_closed() && tx.mailbox().is_closed());
    assert!(std::ptr::eq(tx.mailbox(), rx.mailbox()));
    let text = "Mailbox { len: 1, capacity: 2, closed: true }";
    assert_eq!(format!("{:?}", rx.mailbox()), text);
    assert!(StaticMailbox::<u8, 1>::default().is_empty());
}
