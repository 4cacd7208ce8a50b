//! A receiver is a stream of its messages.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use droves::mailbox::{Receiver, TryRecvError, channel};
use futures_lite::future::block_on;
use futures_lite::{Stream, StreamExt};

use super::help::Bell;

fn poll_next(rx: &mut Receiver<u8>, bell: &Arc<Bell>) -> Poll<Option<u8>> {
    let waker = Waker::from(bell.clone());
    Pin::new(rx).poll_next(&mut Context::from_waker(&waker))
}

#[test]
fn promise_01_a_stream_ends_when_closed_and_drained() {
    let (mut tx, mut rx) = channel(4).unwrap();
    tx.try_send_many(0..4).unwrap();
    assert_eq!(block_on(rx.next()), Some(0));
    drop(tx);
    assert_eq!(block_on((&mut rx).collect::<Vec<_>>()), [1, 2, 3]);
    assert_eq!(block_on(rx.next()), None);
}

#[test]
fn promise_07_a_stream_is_woken_by_a_message_and_by_close() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let bell = Bell::new();
    for round in 0..5 {
        assert_eq!(poll_next(&mut rx, &bell), Poll::Pending);
        tx.try_send(round).unwrap();
        assert_eq!(bell.rung(), usize::from(round) + 1);
        assert_eq!(poll_next(&mut rx, &bell), Poll::Ready(Some(round)));
    }
    assert_eq!(poll_next(&mut rx, &bell), Poll::Pending);
    drop(tx);
    assert_eq!(bell.rung(), 6);
    assert_eq!(poll_next(&mut rx, &bell), Poll::Ready(None));
}

#[test]
fn promise_07_a_dropped_stream_passes_its_wake_on() {
    let (mut tx, rx) = channel(1).unwrap();
    let mut streams = [(rx.clone(), Bell::new()), (rx, Bell::new())];
    for (stream, bell) in &mut streams {
        assert_eq!(poll_next(stream, bell), Poll::Pending);
    }
    tx.try_send(1).unwrap();
    streams.sort_by_key(|(_, bell)| bell.rung());
    let [(mut other, bell), (chosen, chosen_bell)] = streams;
    assert_eq!((bell.rung(), chosen_bell.rung()), (0, 1));
    drop(chosen);
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll_next(&mut other, &bell), Poll::Ready(Some(1)));
}

/// A stream that was polled waits until it is polled, used or dropped; here it is used.
#[test]
fn promise_07_a_stream_that_is_used_otherwise_waits_no_more() {
    let uses: [fn(&mut Receiver<u8>); 5] = [
        |rx| assert_eq!(rx.try_recv(), Err(TryRecvError::Empty)),
        |rx| assert_eq!(rx.try_recv_many(&mut Vec::new(), 1), Err(TryRecvError::Empty)),
        |rx| drop(rx.recv()),
        |rx| drop(rx.recv_many(&mut Vec::new(), 1)),
        |rx| assert!(rx.recv_deadline(Instant::now()).is_err()),
    ];
    for (number, put_to_use) in uses.into_iter().enumerate() {
        let (mut tx, mut rx) = channel(1).unwrap();
        let mut other = rx.clone();
        let bells = [Bell::new(), Bell::new()];
        assert_eq!(poll_next(&mut rx, &bells[0]), Poll::Pending);
        assert_eq!(poll_next(&mut other, &bells[1]), Poll::Pending);
        put_to_use(&mut rx);
        tx.try_send(1).unwrap();
        assert_eq!(bells.map(|bell| bell.rung()), [0, 1], "use number {number}");
    }
}

/// As above, but the stream has been woken already: it takes the message that it was woken for, or
/// another waiter learns of it.
#[test]
fn promise_07_a_woken_stream_that_is_used_otherwise_keeps_no_wake() {
    let (mut tx, rx) = channel(2).unwrap();
    let mut streams = [(rx.clone(), Bell::new()), (rx, Bell::new())];
    for (stream, bell) in &mut streams {
        assert_eq!(poll_next(stream, bell), Poll::Pending);
    }
    tx.try_send(1).unwrap();
    streams.sort_by_key(|(_, bell)| bell.rung());
    let [(mut other, bell), (mut chosen, _)] = streams;
    assert_eq!(chosen.try_recv(), Ok(1));
    tx.try_send(2).unwrap();
    assert_eq!(bell.rung(), 1);
    assert_eq!(poll_next(&mut other, &bell), Poll::Ready(Some(2)));
}
