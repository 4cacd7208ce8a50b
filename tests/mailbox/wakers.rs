//! A waker that panics, when it is cloned, called or dropped, keeps nobody else asleep, leaks nothing,
//! and leaves the mailbox usable.

use std::sync::Arc;
use std::task::{Context, Poll};

use droves::mailbox::{Receiver, Sender, StaticMailbox, channel};

use super::help::{Bell, Census, Counted, check_usable, panics, pend, poll, poll_with};
use super::odd::{At, Odd};

#[test]
fn a_waker_that_panics_when_cloned_leaves_no_waiter() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = rx.clone();
    let odd = Odd::new(At::Clone);
    let mut recv = rx.recv();
    panics(|| poll_with(&mut recv, &odd.waker()));
    // The next is woken, not the one that could not wait.
    let bell = Bell::new();
    let mut waiting = other.recv();
    pend(&mut waiting, &bell);
    tx.try_send(census.message(1)).unwrap();
    assert_eq!((bell.rung(), odd.rung()), (1, 0));
    drop(waiting);
    assert_eq!(bell.rung(), 1, "nobody else waits");
    // And the one may try again.
    assert!(matches!(poll(&mut recv, &bell), Poll::Ready(Some(message)) if message.id == 1));
    drop(recv);
    assert_eq!(Arc::strong_count(&odd), 1);

    // A sender keeps its message.
    let mut from = Some(census.message(2));
    tx.try_send(census.message(3)).unwrap();
    panics(|| poll_with(&mut tx.send_from(&mut from), &odd.waker()));
    assert_eq!(from.take().map(|message| message.id), Some(2));
    panics(|| poll_with(&mut tx.send(census.message(4)), &odd.waker()));
    assert_eq!((census.alive(), Arc::strong_count(&odd)), (1, 1));
    check_usable(rx.mailbox(), &census);
}

#[test]
fn a_waker_that_panics_when_called_has_been_called() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    let odd = Odd::new(At::Wake);
    let mut recv = rx.recv();
    assert!(poll_with(&mut recv, &odd.waker()).is_pending());
    assert_eq!(panics(|| tx.try_send(census.message(1))), "waker panics at Wake");
    // The message was sent, and the receiver told.
    assert_eq!((tx.len(), odd.rung()), (1, 1));
    assert!(
        matches!(poll_with(&mut recv, &odd.waker()), Poll::Ready(Some(message)) if message.id == 1)
    );
    drop(recv);
    check_usable(rx.mailbox(), &census);
    // Nobody waits any more.
    tx.try_send(census.message(2)).unwrap();
    assert_eq!(odd.rung(), 1);
}

#[test]
fn a_senders_waker_that_panics_when_called_has_been_called() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    tx.try_send(census.message(0)).unwrap();
    let odd = Odd::new(At::Wake);
    let mut send = tx.send(census.message(1));
    assert!(poll_with(&mut send, &odd.waker()).is_pending());
    panics(|| rx.try_recv());
    // The message was received, and is gone with the panic; the sender has its place.
    assert_eq!((census.alive(), rx.len(), odd.rung()), (1, 0, 1));
    assert!(matches!(poll_with(&mut send, &odd.waker()), Poll::Ready(Ok(()))));
    drop(send);
    assert_eq!(rx.try_recv().unwrap().id, 1);
    check_usable(rx.mailbox(), &census);
}

#[test]
fn a_waker_that_panics_when_called_keeps_no_other_waiter_asleep() {
    for bad in 0..4 {
        let (mut tx, rx) = channel::<u8>(4).unwrap();
        let mut receivers: Vec<_> = (0..4).map(|_| rx.clone()).collect();
        let odds: Vec<_> =
            (0..4).map(|at| Odd::new(if at == bad { At::Wake } else { At::Nothing })).collect();
        let mut recvs: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
        for (recv, odd) in recvs.iter_mut().zip(&odds) {
            assert!(poll_with(recv, &odd.waker()).is_pending());
        }
        panics(|| rx.close());
        assert!(odds.iter().all(|odd| odd.rung() == 1));
        for (recv, odd) in recvs.iter_mut().zip(&odds) {
            assert_eq!(poll_with(recv, &odd.waker()), Poll::Ready(None));
        }
        assert!(tx.try_send(1).unwrap_err().is_closed());
    }
}

/// Receivers that nobody has polled since, and a sender that found the mailbox full, wait at once.
#[test]
fn a_waker_that_panics_when_called_keeps_the_other_side_awake() {
    let (mut tx, rx) = channel::<u8>(1).unwrap();
    let mut receivers: Vec<_> = (0..5).map(|_| rx.clone()).collect();
    let odds: Vec<_> = (0..5).map(|_| Odd::new(At::Nothing)).collect();
    let mut recvs: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
    for (recv, odd) in recvs.iter_mut().zip(&odds) {
        assert!(poll_with(recv, &odd.waker()).is_pending());
    }
    tx.try_send(1).unwrap();
    let bell = Bell::new();
    let mut send = tx.send(2);
    pend(&mut send, &bell);
    let asleep: Vec<_> = odds.iter().filter(|odd| odd.rung() == 0).collect();
    asleep[0].panic_at(At::Wake);
    panics(|| rx.close());
    assert!(odds.iter().all(|odd| odd.rung() == 1));
    assert_eq!(bell.rung(), 1);
}

#[test]
fn a_waker_that_panics_when_called_keeps_no_call_without_handle_seated() {
    let mailbox = StaticMailbox::<_, 1, 2>::new();
    let mut rx = mailbox.receiver().unwrap();
    let odd = Odd::new(At::Wake);
    let mut recv = rx.recv();
    for round in 1..=5 {
        assert!(poll_with(&mut recv, &odd.waker()).is_pending());
        panics(|| mailbox.try_send(round));
        assert_eq!(odd.rung(), round);
        assert_eq!(mailbox.try_recv(), Ok(round));
    }
}

/// Somebody who finds the mailbox full wakes a receiver once more, in place of whoever should have.
#[test]
fn a_waker_that_panics_at_a_refusal_leaks_nothing() {
    let sends: [fn(&mut Sender<Counted>, Counted); 3] = [
        |tx, message| drop(tx.try_send(message)),
        |tx, message| drop(tx.reserve().write(message).try_send()),
        |tx, message| drop(tx.try_send_many([message])),
    ];
    for send in sends {
        let census = Census::default();
        let (mut tx, rx) = channel(1).unwrap();
        let mut receivers = [rx.clone(), rx.clone()];
        let odds = [Odd::new(At::Nothing), Odd::new(At::Nothing)];
        let mut recvs: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
        for (recv, odd) in recvs.iter_mut().zip(&odds) {
            assert!(poll_with(recv, &odd.waker()).is_pending());
        }
        tx.try_send(census.message(0)).unwrap();
        for odd in &odds {
            odd.panic_at(At::Wake);
        }
        panics(|| send(&mut tx, census.message(1)));
        assert_eq!(census.alive(), 1);
        drop(recvs);
        // The handle that saw the panic works as before.
        tx.try_send(census.message(2)).map_err(|error| error.is_full()).unwrap_err();
        check_usable(rx.mailbox(), &census);
        tx.try_send(census.message(3)).unwrap();
        drop((tx, rx, receivers));
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_waker_that_panics_when_dropped_is_dropped_once() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    let (odd, bell) = (Odd::new(At::Nothing), Bell::new());
    let mut recv = rx.recv();
    assert!(poll_with(&mut recv, &odd.waker()).is_pending());
    assert_eq!(Arc::strong_count(&odd), 2);
    odd.panic_at(At::Drop);
    // The new waker takes the place of the old one, which panics.
    panics(|| poll(&mut recv, &bell));
    assert_eq!(Arc::strong_count(&odd), 1);
    pend(&mut recv, &bell);
    tx.try_send(census.message(1)).unwrap();
    assert_eq!(bell.rung(), 1);
    assert!(poll(&mut recv, &bell).is_ready());
    drop(recv);
    check_usable(rx.mailbox(), &census);
    drop(rx);
    assert_eq!(Arc::strong_count(&bell), 1);
}

#[test]
fn a_waker_that_panics_when_its_handle_is_dropped_keeps_no_seat() {
    let mailbox = StaticMailbox::<u8, 1, 3>::new();
    let (tx, rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for _ in 0..5 {
        let mut waiting = rx.try_clone().unwrap();
        let odd = Odd::new(At::Nothing);
        assert!(poll_with(&mut waiting.recv(), &odd.waker()).is_pending());
        odd.panic_at(At::Drop);
        panics(|| drop(waiting));
        assert_eq!(Arc::strong_count(&odd), 1);
        assert!(!tx.is_closed());
    }
    drop(rx);
    assert!(tx.is_closed(), "the last receiver is gone");
}

/// The receiver that was chosen goes, and the one that it passes its wake to panics.
#[test]
fn a_waker_that_panics_when_a_handle_passes_its_wake_on_keeps_no_handle_counted() {
    let (mut tx, rx) = channel(2).unwrap();
    let odds = [Odd::new(At::Nothing), Odd::new(At::Nothing)];
    let mut streams = [rx.clone(), rx];
    for (stream, odd) in streams.iter_mut().zip(&odds) {
        let waker = odd.waker();
        assert!(stream.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    }
    tx.try_send(1).unwrap();
    for odd in &odds {
        odd.panic_at(At::Wake);
    }
    let [first, second] = streams;
    let (chosen, other) = if odds[0].rung() == 1 { (first, second) } else { (second, first) };
    panics(|| drop(chosen));
    assert!(!tx.is_closed());
    assert!(odds.iter().all(|odd| odd.rung() == 1));
    drop(other);
    assert!(tx.is_closed(), "the last receiver is gone");
}

/// The last receiver goes, and a sender that it wakes panics.
#[test]
fn a_waker_that_panics_when_the_last_receiver_closes_keeps_no_message() {
    let census = Census::default();
    let (mut tx, rx) = channel(2).unwrap();
    let mut other = tx.clone();
    tx.try_send_many([census.message(0), census.message(1)]).unwrap();
    let odd = Odd::new(At::Wake);
    let mut send = other.send(census.message(2));
    assert!(poll_with(&mut send, &odd.waker()).is_pending());
    panics(|| drop(rx));
    assert!(tx.is_closed());
    assert!(matches!(poll_with(&mut send, &odd.waker()), Poll::Ready(Err(_))));
    assert_eq!((census.alive(), tx.len()), (0, 0), "what is left is dropped");
}
