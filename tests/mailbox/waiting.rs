//! Who waits is woken, and once is enough.

use std::sync::Arc;
use std::task::{Poll, Waker};

use droves::mailbox::{Receiver, SendFut, Sender, channel};

use super::help::{Bell, pend, poll, poll_with};

#[test]
fn promise_07_every_way_to_send_wakes_a_receiver() {
    let sends: [fn(&mut Sender<u8>); 6] = [
        |tx| tx.try_send(1).unwrap(),
        |tx| tx.mailbox().try_send(1).unwrap(),
        |tx| assert_eq!(tx.try_send_many([1]), Ok(1)),
        |tx| tx.reserve().write(1).try_send().unwrap(),
        |tx| assert!(poll_with(&mut tx.send(1), Waker::noop()).is_ready()),
        |tx| tx.send_blocking(1).unwrap(),
    ];
    for send in sends {
        let (mut tx, mut rx) = channel(1).unwrap();
        let bell = Bell::new();
        let mut recv = rx.recv();
        pend(&mut recv, &bell);
        assert_eq!(bell.rung(), 0);
        send(&mut tx);
        assert_eq!(bell.rung(), 1);
        assert_eq!(poll(&mut recv, &bell), Poll::Ready(Some(1)));
    }
}

#[test]
fn promise_07_every_way_to_receive_wakes_a_sender() {
    let recvs: [fn(&mut Receiver<u8>); 6] = [
        |rx| assert_eq!(rx.try_recv(), Ok(0)),
        |rx| assert_eq!(rx.mailbox().try_recv(), Ok(0)),
        |rx| assert_eq!(rx.try_recv_many(&mut Vec::new(), 1), Ok(1)),
        |rx| assert!(poll_with(&mut rx.recv(), Waker::noop()).is_ready()),
        |rx| assert!(poll_with(&mut rx.recv_many(&mut Vec::new(), 1), Waker::noop()).is_ready()),
        |rx| assert_eq!(rx.recv_blocking(), Some(0)),
    ];
    for recv in recvs {
        let (mut tx, mut rx) = channel(1).unwrap();
        tx.try_send(0).unwrap();
        let bell = Bell::new();
        let mut send = tx.send(1);
        pend(&mut send, &bell);
        assert_eq!(bell.rung(), 0);
        recv(&mut rx);
        assert_eq!(bell.rung(), 1);
        assert_eq!(poll(&mut send, &bell), Poll::Ready(Ok(())));
        assert_eq!(rx.try_recv(), Ok(1));
    }
}

#[test]
fn promise_07_each_message_wakes_one_more_receiver() {
    let (mut tx, rx) = channel(9).unwrap();
    let mut receivers: Vec<_> = (0..6).map(|_| rx.clone()).collect();
    let bells: Vec<_> = (0..6).map(|_| Bell::new()).collect();
    let mut recvs: Vec<_> = receivers.iter_mut().map(Receiver::recv).collect();
    recvs.iter_mut().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    let woken = || bells.iter().map(|bell| bell.rung()).sum::<usize>();
    tx.try_send(0).unwrap();
    assert_eq!(woken(), 1);
    tx.try_send_many([1, 2]).unwrap();
    assert_eq!(woken(), 3);
    tx.reserve().write(3).try_send().unwrap();
    assert_eq!(woken(), 4);
    assert_eq!(tx.try_send_many(4..9), Ok(5));
    assert!(bells.iter().all(|bell| bell.rung() == 1));
}

#[test]
fn promise_07_each_place_wakes_one_more_sender() {
    let (mut tx, mut rx) = channel(4).unwrap();
    tx.try_send_many(0..4).unwrap();
    let mut senders: Vec<_> = (0..6).map(|_| tx.clone()).collect();
    let bells: Vec<_> = (0..6).map(|_| Bell::new()).collect();
    let mut sends: Vec<_> = senders.iter_mut().map(|sender| sender.send(9)).collect();
    sends.iter_mut().zip(&bells).for_each(|(send, bell)| pend(send, bell));
    let woken = || bells.iter().map(|bell| bell.rung()).sum::<usize>();
    rx.try_recv().unwrap();
    assert_eq!(woken(), 1);
    assert_eq!(rx.try_recv_many(&mut Vec::new(), 2), Ok(2));
    assert_eq!(woken(), 3);
    rx.try_recv().unwrap();
    assert_eq!(woken(), 4);
    // Nothing more to take, so the others still sleep.
    rx.try_recv().unwrap_err();
    let ready = sends.iter_mut().zip(&bells).filter(|(_, bell)| bell.rung() > 0);
    let sent = ready.map(|(send, bell)| poll(send, bell)).filter(Poll::is_ready).count();
    assert_eq!((sent, rx.len()), (4, 4));
}

#[test]
fn promise_07_a_message_that_somebody_else_took_is_no_end() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut thief = rx.clone();
    let bell = Bell::new();
    let mut recv = rx.recv();
    for round in 0..10 {
        pend(&mut recv, &bell);
        assert_eq!(bell.rung(), round);
        tx.try_send(0).unwrap();
        thief.try_recv().unwrap();
    }
    pend(&mut recv, &bell);
    tx.try_send(1).unwrap();
    assert_eq!(poll(&mut recv, &bell), Poll::Ready(Some(1)));
}

#[test]
fn promise_07_room_that_somebody_else_took_is_no_end() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut thief = tx.clone();
    let bell = Bell::new();
    thief.try_send(0).unwrap();
    let mut send = tx.send(1);
    for round in 0..10 {
        pend(&mut send, &bell);
        assert_eq!(bell.rung(), round);
        rx.try_recv().unwrap();
        thief.try_send(0).unwrap();
    }
    pend(&mut send, &bell);
    rx.try_recv().unwrap();
    assert_eq!(poll(&mut send, &bell), Poll::Ready(Ok(())));
}

#[test]
fn promise_07_polling_too_often_loses_nothing() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let bell = Bell::new();
    let mut recv = rx.recv();
    (0..10).for_each(|_| pend(&mut recv, &bell));
    tx.try_send(1).unwrap();
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut recv, &bell), Poll::Ready(Some(1)));
    drop(recv);
    tx.try_send(2).unwrap();
    let mut send = tx.send(3);
    (0..10).for_each(|_| pend(&mut send, &bell));
    rx.try_recv().unwrap();
    assert_eq!(bell.rung(), 2);
    assert_eq!(poll(&mut send, &bell), Poll::Ready(Ok(())));
}

#[test]
fn promise_07_the_waker_of_the_last_poll_is_called() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let [first, second] = [Bell::new(), Bell::new()];
    let mut recv = rx.recv();
    pend(&mut recv, &first);
    pend(&mut recv, &second);
    tx.try_send(1).unwrap();
    assert_eq!((first.rung(), second.rung()), (0, 1));
    assert_eq!(poll(&mut recv, &first), Poll::Ready(Some(1)));
}

/// A waker is kept after the wait, for the next one, but not longer than the handle.
#[test]
fn promise_08_a_handle_keeps_one_waker_at_most() {
    let (tx, mut rx) = channel::<u8>(1).unwrap();
    let bells: [Arc<Bell>; 5] = std::array::from_fn(|_| Bell::new());
    let kept = || bells.iter().map(|bell| Arc::strong_count(bell) - 1).sum::<usize>();
    for bell in &bells {
        pend(&mut rx.recv(), bell);
        assert!(kept() <= 1);
    }
    drop(rx);
    assert_eq!(kept(), 0);
    drop(tx);
}

#[test]
fn promise_07_a_future_that_is_ready_at_once_does_not_wait() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let bell = Bell::new();
    assert_eq!(poll(&mut tx.send(1), &bell), Poll::Ready(Ok(())));
    assert_eq!(poll(&mut rx.recv(), &bell), Poll::Ready(Some(1)));
    assert_eq!((bell.rung(), Arc::strong_count(&bell)), (0, 1));
}

/// Nothing is sent by a future whose message has gone already.
#[test]
fn promise_01_a_send_future_sends_once() {
    fn poll_again(send: &mut SendFut<'_, u32, impl droves::mailbox::Pointer<Message = u32>>) {
        // It may panic, as `async` functions do, or be ready once more.
        let again = std::panic::AssertUnwindSafe(|| poll_with(send, Waker::noop()));
        drop(std::panic::catch_unwind(again));
    }
    let (mut tx, mut rx) = channel(4).unwrap();
    let mut send = tx.send(1);
    assert_eq!(poll_with(&mut send, Waker::noop()), Poll::Ready(Ok(())));
    poll_again(&mut send);
    drop(send);
    assert_eq!(rx.len(), 1);
    assert_eq!(rx.try_recv(), Ok(1));

    rx.close();
    let mut send = tx.send(2);
    assert!(poll_with(&mut send, Waker::noop()).is_ready());
    poll_again(&mut send);
    drop(send);
    assert_eq!(rx.len(), 0);
}
