//! Batches are nothing but their messages, one after the other.

use droves::mailbox::{SendManyError, TryRecvError, TrySendError, channel};
use futures_lite::future::block_on;

use super::help::{Bell, pend, poll};

#[test]
fn promise_01_a_batch_stays_in_order() {
    let (mut tx, mut rx) = channel(10).unwrap();
    assert_eq!(tx.try_send_many(0..7), Ok(7));
    let mut out = vec![100];
    assert_eq!(rx.try_recv_many(&mut out, 3), Ok(3));
    assert_eq!(rx.try_recv_many(&mut out, 100), Ok(4));
    assert_eq!(out, [100, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(rx.try_recv_many(&mut out, 1), Err(TryRecvError::Empty));
    assert_eq!(out.len(), 8);
}

#[test]
fn promise_06_a_batch_that_is_cut_short_gives_back_the_rest() {
    let (mut tx, mut rx) = channel(3).unwrap();
    let mut messages = 0..10;
    let expected = SendManyError { sent: 3, error: TrySendError::Full(3) };
    assert_eq!(tx.try_send_many(&mut messages), Err(expected));
    assert_eq!(messages, 4..10);
    assert_eq!(rx.try_recv(), Ok(0));
    let expected = SendManyError { sent: 1, error: TrySendError::Full(5) };
    assert_eq!(
        tx.try_send_many(&mut messages),
        Err(SendManyError { error: TrySendError::Full(5), ..expected })
    );
    rx.close();
    let expected = SendManyError { sent: 0, error: TrySendError::Closed(6) };
    assert_eq!(tx.try_send_many(&mut messages), Err(expected));
    let mut out = Vec::new();
    assert_eq!(rx.try_recv_many(&mut out, 10), Ok(3));
    assert_eq!(rx.try_recv_many(&mut out, 10), Err(TryRecvError::Closed));
    assert_eq!(out, [1, 2, 4]);
}

#[test]
fn batches_of_nothing_do_nothing() {
    let (mut tx, mut rx) = channel::<u8>(1).unwrap();
    let mut out = Vec::new();
    assert_eq!(tx.try_send_many([]), Ok(0));
    assert_eq!(block_on(tx.send_many([])), Ok(0));
    assert_eq!(rx.try_recv_many(&mut out, 0), Ok(0));
    tx.try_send(1).unwrap();
    assert_eq!(rx.try_recv_many(&mut out, 0), Ok(0));
    assert_eq!(block_on(rx.recv_many(&mut out, 0)), 0);
    assert_eq!((out.len(), rx.len()), (0, 1));
}

#[test]
fn promise_01_a_waiting_batch_is_sent_piece_by_piece() {
    let (mut tx, mut rx) = channel(2).unwrap();
    let bell = Bell::new();
    let mut sending = tx.send_many(0..7);
    for round in 0..3 {
        pend(&mut sending, &bell);
        let mut out = Vec::new();
        assert_eq!(rx.try_recv_many(&mut out, 2), Ok(2));
        assert_eq!(out, [2 * round, 2 * round + 1]);
        assert!(bell.rung() > round);
    }
    assert!(matches!(poll(&mut sending, &bell), std::task::Poll::Ready(Ok(7))));
    assert_eq!(rx.try_recv(), Ok(6));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn promise_06_a_waiting_batch_gives_back_the_rest_when_the_mailbox_closes() {
    let (mut tx, rx) = channel(2).unwrap();
    let bell = Bell::new();
    let mut messages = 0..7;
    let mut sending = tx.send_many(&mut messages);
    pend(&mut sending, &bell);
    rx.close();
    let expected = SendManyError { sent: 2, error: TrySendError::Closed(2) };
    assert_eq!(poll(&mut sending, &bell), std::task::Poll::Ready(Err(expected)));
    drop(sending);
    assert_eq!(messages, 3..7);
}

#[test]
fn recv_many_waits_for_the_first_message_only() {
    let (mut tx, mut rx) = channel(4).unwrap();
    let bell = Bell::new();
    let mut out = Vec::new();
    let mut receiving = rx.recv_many(&mut out, 3);
    pend(&mut receiving, &bell);
    tx.try_send_many(0..4).unwrap();
    assert_eq!(poll(&mut receiving, &bell), std::task::Poll::Ready(3));
    drop(receiving);
    assert_eq!(block_on(rx.recv_many(&mut out, 3)), 1);
    assert_eq!(out, [0, 1, 2, 3]);
    tx.close();
    assert_eq!(block_on(rx.recv_many(&mut out, 3)), 0);
}

/// What takes fewer messages than it may loses none.
#[test]
fn promise_01_a_receiving_collection_may_stop_early() {
    struct Two(Vec<u32>);
    impl Extend<u32> for Two {
        fn extend<I: IntoIterator<Item = u32>>(&mut self, iter: I) {
            self.0.extend(iter.into_iter().take(2));
        }
    }
    let (mut tx, mut rx) = channel(5).unwrap();
    tx.try_send_many(0..5).unwrap();
    let mut out = Two(Vec::new());
    assert_eq!(rx.try_recv_many(&mut out, 5), Ok(2));
    assert_eq!(out.0, [0, 1]);
    assert_eq!(rx.try_recv(), Ok(2));
}
