//! Handles come and go, and close the mailbox when the last of a side goes.

use std::sync::Arc;

use droves::mailbox::{
    HandlesError, HeapMailbox, Receiver, Sender, SharedRecvError, SharedSendError, StaticMailbox,
    TryRecvError, channel,
};

use super::help::{Bell, Census, pend};

#[test]
fn promise_11_one_inline_handle_too_many_is_an_error() {
    let mailbox = StaticMailbox::<u8, 1, 3>::new();
    let (tx, rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    let third = tx.try_clone().unwrap();
    let errors: [HandlesError; 4] = [
        mailbox.sender().map(drop).unwrap_err(),
        mailbox.receiver().map(drop).unwrap_err(),
        tx.try_clone().map(drop).unwrap_err(),
        rx.try_clone().map(drop).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.max == 3));
    drop(third);
    rx.try_clone().unwrap();
}

#[test]
fn promise_06_without_a_free_seat_a_call_without_handle_is_busy() {
    let mailbox = StaticMailbox::<u8, 1, 2>::new();
    let (mut tx, rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    assert_eq!(mailbox.try_send(1), Err(SharedSendError::Busy(1)));
    tx.try_send(2).unwrap();
    assert_eq!(mailbox.try_recv(), Err(SharedRecvError::Busy));
    assert_eq!(mailbox.len(), 1);
    let other = rx.try_clone();
    assert!(other.is_err());
    drop(tx);
    assert_eq!(mailbox.try_recv(), Ok(2));
    assert_eq!(mailbox.try_recv(), Err(SharedRecvError::Closed));
    assert_eq!(mailbox.try_send(3), Err(SharedSendError::Closed(3)));
}

#[test]
fn promise_08_seats_are_used_again() {
    let census = Census::default();
    let mailbox = StaticMailbox::<_, 2, 4>::new();
    let (mut tx, mut rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    // Cells change hands on the way, so each handle leaves another one behind than it found.
    for i in 0..20_000 {
        let (mut other_tx, mut other_rx) = (tx.try_clone().unwrap(), rx.try_clone().unwrap());
        tx.try_send(census.message(2 * i)).unwrap();
        other_tx.try_send(census.message(2 * i + 1)).unwrap();
        assert_eq!(other_rx.try_recv().unwrap().id, 2 * i);
        assert_eq!(rx.try_recv().unwrap().id, 2 * i + 1);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn promise_01_many_handles_pass_messages_and_wait() {
    // Blocks of seats hold 4, 8, 16, 32, …: one more than each sum, and one less.
    for count in [2, 3, 5, 11, 13, 27, 29, 59, 61, 150] {
        let (mut tx, rx) = channel(count).unwrap();
        let mut senders: Vec<_> = (0..count).map(|_| tx.clone()).collect();
        let mut receivers: Vec<_> = (0..count).map(|_| rx.clone()).collect();
        for (i, sender) in senders.iter_mut().enumerate() {
            sender.try_send(i).unwrap();
        }
        assert!(tx.try_send(0).unwrap_err().is_full());
        for (i, receiver) in receivers.iter_mut().enumerate() {
            assert_eq!(receiver.try_recv(), Ok(i));
        }

        // Each message wakes one more of the waiters.
        let bells: Vec<_> = (0..count).map(|_| Bell::new()).collect();
        let mut waiting: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
        waiting.iter_mut().zip(&bells).for_each(|(future, bell)| pend(future, bell));
        let woken = || bells.iter().filter(|bell| bell.rung() > 0).count();
        for (i, sender) in senders.iter_mut().enumerate() {
            assert_eq!(woken(), i);
            sender.try_send(i).unwrap();
        }
        assert_eq!(woken(), count);
    }
}

#[test]
fn promise_08_seats_are_used_again_after_growth() {
    let (tx, mut rx) = channel(8).unwrap();
    for round in 0..200_usize {
        let mut senders: Vec<_> = (0..round % 70).map(|_| tx.clone()).collect();
        if round % 3 == 0 {
            senders.reverse();
        }
        for (i, sender) in senders.iter_mut().enumerate() {
            sender.try_send(i).unwrap();
            assert_eq!(rx.try_recv(), Ok(i));
        }
    }
}

/// With 32-bit words there are few enough of them.
#[test]
#[cfg(droves_word32)]
fn promise_11_one_heap_handle_too_many_is_an_error() {
    use super::help::panics;

    let (tx, mut rx) = channel(1).unwrap();
    let mut senders: Vec<_> = (0..1018).map(|_| tx.clone()).collect();
    assert_eq!(tx.try_clone().map(drop).map_err(|error| error.max), Err(1020));
    let text = "the mailbox has 1020 handles already, as many as it may have";
    assert_eq!(panics(|| tx.clone()), text);
    assert_eq!(panics(|| rx.clone()), text);
    assert_eq!(tx.mailbox().try_send(0), Err(SharedSendError::Busy(0)));
    for (i, sender) in senders.iter_mut().enumerate() {
        sender.try_send(i).unwrap();
        assert_eq!(rx.try_recv(), Ok(i));
    }
    senders.pop();
    drop(rx.clone());
}

#[test]
fn the_last_sender_closes() {
    let (tx, mut rx) = channel(2).unwrap();
    let mut other = tx.clone();
    drop(tx);
    other.try_send(1).unwrap();
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn the_last_receiver_closes() {
    let (mut tx, rx) = channel(2).unwrap();
    drop(rx.clone());
    tx.try_send(1).unwrap();
    drop(rx);
    assert!(tx.is_closed());
    assert!(tx.try_send(2).unwrap_err().is_closed());
}

/// A call without a handle is no handle: it neither closes nor keeps open.
#[test]
fn calls_without_handle_do_not_close() {
    let mailbox = StaticMailbox::<u8, 2, 2>::new();
    mailbox.try_send(1).unwrap();
    mailbox.try_recv().unwrap();
    assert!(!mailbox.is_closed());
    drop(mailbox.sender());
    assert!(mailbox.is_closed());
}

#[test]
fn promise_01_the_last_receiver_of_an_arc_drops_what_is_left() {
    let census = Census::default();
    for (sent, laps) in [(1, 0), (3, 0), (2, 4)] {
        let mailbox = Arc::new(HeapMailbox::starting_before_wrap(3, laps).unwrap());
        let mut tx = Sender::new(mailbox.clone()).unwrap();
        let rx = Receiver::new(mailbox.clone()).unwrap();
        assert_eq!(tx.try_send_many((0..sent).map(|i| census.message(i))).unwrap(), sent);
        let other = rx.try_clone().unwrap();
        drop(rx);
        assert_eq!(census.alive(), sent);
        drop(other);
        assert_eq!((census.alive(), tx.len()), (0, 0));
        assert!(tx.try_send(census.message(9)).unwrap_err().is_closed());
    }
}

#[test]
fn promise_01_a_borrowed_mailbox_keeps_what_is_left() {
    let census = Census::default();
    let mut mailbox = HeapMailbox::with_capacity(3).unwrap();
    {
        let (mut tx, rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
        tx.try_send_many((0..3).map(|i| census.message(i))).unwrap();
        drop(rx);
        // A later receiver finds it too.
        assert_eq!(mailbox.receiver().unwrap().try_recv().unwrap().id, 0);
    }
    assert_eq!(census.alive(), 2);
    let mut rest = mailbox.drain();
    assert_eq!(rest.next().unwrap().id, 1);
    drop(rest);
    assert_eq!((census.alive(), mailbox.len()), (0, 0), "a dropped drain drops the rest");
    assert!(mailbox.drain().next().is_none());
}

#[test]
fn promise_01_a_static_mailbox_keeps_what_is_left() {
    static MAILBOX: StaticMailbox<u8, 2> = StaticMailbox::new();
    let mut tx = MAILBOX.sender().unwrap();
    tx.try_send_many([1, 2]).unwrap();
    drop(MAILBOX.receiver().unwrap());
    assert!(tx.try_send(3).unwrap_err().is_closed());
    let mut late = MAILBOX.receiver().unwrap();
    assert_eq!((late.try_recv(), late.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(late.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn promise_01_a_drained_mailbox_that_is_open_goes_on() {
    let mut mailbox = StaticMailbox::<_, 3>::new();
    for round in 0..10 {
        for i in 0..=round % 3 {
            mailbox.try_send(i).unwrap();
        }
        assert!(mailbox.drain().eq(0..=round % 3));
        assert!(mailbox.is_empty() && !mailbox.is_closed());
    }
    mailbox.try_send(7).unwrap();
    assert_eq!(mailbox.try_recv(), Ok(7));
}
