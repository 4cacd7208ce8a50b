//! After close nothing more goes in, and what is in comes out.

use std::task::Poll;

use droves::mailbox::{
    Closed, HeapMailbox, SendError, StaticMailbox, TryRecvError, TrySendError, channel,
};
use futures_lite::future::block_on;

use super::help::{Bell, Census, pend, poll};

#[test]
fn promise_01_what_was_sent_before_close_is_received_after_it() {
    for capacity in [1, 2, 3, 7] {
        for sent in 0..=capacity {
            let (mut tx, mut rx) = channel(capacity).unwrap();
            // Not only from the first entry on.
            tx.try_send(0).unwrap();
            rx.try_recv().unwrap();
            (0..sent).for_each(|i| tx.try_send(i).unwrap());
            assert!(rx.close());
            assert_eq!((tx.len(), tx.is_closed()), (sent, true));
            assert_eq!(tx.try_send(99), Err(TrySendError::Closed(99)));
            for i in 0..sent {
                assert_eq!(rx.try_recv(), Ok(i));
                assert_eq!(tx.try_send(99), Err(TrySendError::Closed(99)));
            }
            for _ in 0..3 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
                assert_eq!(block_on(rx.recv()), None);
            }
            assert_eq!((rx.len(), rx.is_empty(), rx.is_full()), (0, true, false));
        }
    }
}

#[test]
fn only_the_first_to_close_is_told_so() {
    let (tx, rx) = channel::<u8>(1).unwrap();
    assert!(tx.close());
    assert!(!tx.close() && !rx.close() && !tx.mailbox().close());
    let mailbox = HeapMailbox::<u8>::with_capacity(1).unwrap();
    assert!(mailbox.close() && !mailbox.close());
}

#[test]
fn promise_06_every_way_to_send_is_refused_after_close() {
    let (mut tx, rx) = channel(4).unwrap();
    rx.close();
    assert_eq!(tx.try_send(1), Err(TrySendError::Closed(1)));
    assert!(tx.mailbox().try_send(1).unwrap_err().is_closed());
    assert!(tx.try_send_many([1, 2]).unwrap_err().error.is_closed());
    assert!(tx.reserve().write(1).try_send().unwrap_err().error.is_closed());
    assert_eq!(block_on(tx.send(1)), Err(SendError::Closed(1)));
    assert_eq!(block_on(tx.send_from(&mut Some(1))), Err(Closed));
    assert!(block_on(tx.send_many([1, 2])).unwrap_err().error.is_closed());
    assert_eq!(tx.send_blocking(1), Err(SendError::Closed(1)));
    assert_eq!(rx.len(), 0);
    // Sending nothing is not refused.
    assert_eq!(block_on(tx.send_from(&mut None)), Ok(()));
    assert_eq!(tx.try_send_many([]), Ok(0));
}

/// Both sides cannot wait at once, so there are two mailboxes.
#[test]
fn promise_07_close_wakes_all_waiters() {
    let closers: [fn(&StaticMailbox<u8, 1, 8>); 3] = [
        |mailbox| assert!(mailbox.close()),
        |mailbox| assert!(mailbox.sender().unwrap().close()),
        |mailbox| assert!(mailbox.receiver().unwrap().close()),
    ];
    for close in closers {
        let [empty, full] = [const { StaticMailbox::new() }; 2];
        full.try_send(0).unwrap();
        let bells: Vec<_> = (0..10).map(|_| Bell::new()).collect();
        let (receiving, sending) = bells.split_at(5);
        let mut receivers: Vec<_> = receiving.iter().map(|_| empty.receiver().unwrap()).collect();
        let mut senders: Vec<_> = sending.iter().map(|_| full.sender().unwrap()).collect();
        let mut recvs: Vec<_> = receivers.iter_mut().map(|receiver| receiver.recv()).collect();
        let mut sends: Vec<_> = senders.iter_mut().map(|sender| sender.send(1)).collect();
        recvs.iter_mut().zip(receiving).for_each(|(recv, bell)| pend(recv, bell));
        sends.iter_mut().zip(sending).for_each(|(send, bell)| pend(send, bell));
        assert!(bells.iter().all(|bell| bell.rung() == 0));
        close(&empty);
        close(&full);
        assert!(bells.iter().all(|bell| bell.rung() == 1));
        for (recv, bell) in recvs.iter_mut().zip(receiving) {
            assert_eq!(poll(recv, bell), Poll::Ready(None));
        }
        for (send, bell) in sends.iter_mut().zip(sending) {
            assert_eq!(poll(send, bell), Poll::Ready(Err(SendError::Closed(1))));
        }
        assert_eq!(full.len(), 1);
    }
}

#[test]
fn promise_07_the_last_handle_of_a_side_wakes_the_other() {
    let bell = Bell::new();
    let (tx, mut rx) = channel::<u8>(1).unwrap();
    let other = tx.clone();
    let mut recv = rx.recv();
    pend(&mut recv, &bell);
    drop(tx);
    assert_eq!(bell.rung(), 0);
    drop(other);
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll(&mut recv, &bell), Poll::Ready(None));

    let (mut tx, rx) = channel::<u8>(1).unwrap();
    tx.try_send(0).unwrap();
    let mut send = tx.send(1);
    pend(&mut send, &bell);
    drop(rx);
    assert_eq!(bell.rung(), 2);
    assert_eq!(poll(&mut send, &bell), Poll::Ready(Err(SendError::Closed(1))));
}

/// Those that wait when the mailbox closes may still find messages first.
#[test]
fn promise_01_woken_by_close_but_not_drained() {
    let bells = [Bell::new(), Bell::new()];
    let (mut tx, mut rx) = channel(2).unwrap();
    let mut other = rx.clone();
    let mut recvs = [rx.recv(), other.recv()];
    recvs.iter_mut().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    tx.try_send(7).unwrap();
    tx.close();
    assert!(bells.iter().all(|bell| bell.rung() == 1));
    assert_eq!(poll(&mut recvs[1], &bells[1]), Poll::Ready(Some(7)));
    assert_eq!(poll(&mut recvs[0], &bells[0]), Poll::Ready(None));
}

#[test]
fn promise_01_a_closed_mailbox_is_drained_in_order_wherever_it_closed() {
    let census = Census::default();
    for laps in 0..3 {
        for position in 0..5 {
            for sent in 0..=2 {
                let mut mailbox = HeapMailbox::starting_before_wrap(2, laps).unwrap();
                for i in 0..position {
                    mailbox.try_send(census.message(i)).unwrap();
                    drop(mailbox.try_recv());
                }
                (0..sent).for_each(|i| mailbox.try_send(census.message(i)).unwrap());
                mailbox.close();
                assert!(mailbox.drain().map(|message| message.id).eq(0..sent));
                assert!(mailbox.try_send(census.message(0)).unwrap_err().is_closed());
            }
        }
    }
    assert_eq!(census.alive(), 0);
}
