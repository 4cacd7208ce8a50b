//! A future may be dropped at any time: it loses nothing, and steals nobody's wake.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use droves::mailbox::{Receiver, Sender, TryRecvError, channel};

use super::help::{Bell, Census, pend, poll};

/// Where a future is dropped.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Unpolled,
    Waiting,
    Woken,
}

const ALWAYS: [When; 3] = [When::Unpolled, When::Waiting, When::Woken];

#[test]
fn promise_07_a_dropped_receive_loses_no_message() {
    for when in ALWAYS {
        let (mut tx, mut rx) = channel(1).unwrap();
        let bell = Bell::new();
        let mut recv = rx.recv();
        if when != When::Unpolled {
            pend(&mut recv, &bell);
        }
        if when == When::Woken {
            tx.try_send(1).unwrap();
            assert_eq!(bell.rung(), 1);
        }
        drop(recv);
        if when != When::Woken {
            tx.try_send(1).unwrap();
            assert_eq!(bell.rung(), 0, "a waiter that is gone was woken");
        }
        assert_eq!(rx.try_recv(), Ok(1));
    }
}

#[test]
fn promise_07_a_dropped_batch_receive_loses_no_message() {
    for when in ALWAYS {
        let (mut tx, mut rx) = channel(4).unwrap();
        let bell = Bell::new();
        let mut out = Vec::new();
        let mut recv = rx.recv_many(&mut out, 4);
        if when != When::Unpolled {
            pend(&mut recv, &bell);
        }
        if when == When::Woken {
            tx.try_send_many(0..3).unwrap();
        }
        drop(recv);
        assert!(out.is_empty());
        assert_eq!(rx.len(), if when == When::Woken { 3 } else { 0 });
    }
}

#[test]
fn promise_07_a_dropped_send_drops_its_own_message_only() {
    for when in ALWAYS {
        let census = Census::default();
        let (mut tx, mut rx) = channel(1).unwrap();
        tx.try_send(census.message(0)).unwrap();
        let bell = Bell::new();
        let mut send = tx.send(census.message(1));
        if when != When::Unpolled {
            pend(&mut send, &bell);
        }
        if when == When::Woken {
            assert_eq!(rx.try_recv().unwrap().id, 0);
            assert_eq!(bell.rung(), 1);
        }
        let before = census.alive();
        drop(send);
        assert_eq!(census.alive(), before - 1);
        if when != When::Woken {
            assert_eq!(rx.try_recv().unwrap().id, 0);
        }
        assert!(rx.is_empty());
        tx.try_send(census.message(2)).unwrap();
        assert_eq!(rx.try_recv().unwrap().id, 2);
    }
}

#[test]
fn promise_07_send_from_keeps_even_its_own_message() {
    for when in ALWAYS {
        let census = Census::default();
        let (mut tx, mut rx) = channel(1).unwrap();
        tx.try_send(census.message(0)).unwrap();
        let bell = Bell::new();
        let mut from = Some(census.message(1));
        let mut send = tx.send_from(&mut from);
        if when != When::Unpolled {
            pend(&mut send, &bell);
        }
        if when == When::Woken {
            drop(rx.try_recv());
            assert_eq!(bell.rung(), 1);
        }
        drop(send);
        assert_eq!(from.as_ref().map(|message| message.id), Some(1));
        drop(rx.try_recv());
        assert!(matches!(poll(&mut tx.send_from(&mut from), &bell), Poll::Ready(Ok(()))));
        assert!(from.is_none());
        assert_eq!(rx.try_recv().unwrap().id, 1);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn promise_07_a_dropped_batch_send_drops_one_message_at_most() {
    for when in ALWAYS {
        let census = Census::default();
        let (mut tx, mut rx) = channel(2).unwrap();
        let bell = Bell::new();
        let mut messages = (0..5).map(|id| census.message(id));
        let mut send = tx.send_many(&mut messages);
        if when != When::Unpolled {
            pend(&mut send, &bell);
            assert_eq!(census.alive(), 3);
        }
        if when == When::Woken {
            assert_eq!(rx.try_recv().unwrap().id, 0);
            assert_eq!(bell.rung(), 1);
        }
        drop(send);
        let rest: Vec<_> = messages.map(|message| message.id).collect();
        let received: Vec<_> =
            std::iter::from_fn(|| rx.try_recv().ok().map(|message| message.id)).collect();
        match when {
            When::Unpolled => assert_eq!((received, rest), (vec![], vec![0, 1, 2, 3, 4])),
            When::Waiting => assert_eq!((received, rest), (vec![0, 1], vec![3, 4])),
            When::Woken => assert_eq!((received, rest), (vec![1], vec![3, 4])),
        }
        assert_eq!(census.alive(), 0);
    }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

const RECEIVES: [fn(&mut Receiver<u8>) -> Boxed<'_>; 2] = [
    |rx| Box::pin(async { assert_eq!(rx.recv().await, Some(1)) }),
    |rx| Box::pin(async { assert_eq!(rx.recv_many(&mut Vec::new(), 9).await, 1) }),
];

const SENDS: [fn(&mut Sender<u8>) -> Boxed<'_>; 3] = [
    |tx| Box::pin(async { tx.send(1).await.unwrap() }),
    |tx| Box::pin(async { tx.send_from(&mut Some(1)).await.unwrap() }),
    |tx| Box::pin(async { assert_eq!(tx.send_many([1]).await, Ok(1)) }),
];

/// All wait, and `wake` wakes one of them. It is dropped, and so on until the last, which is done.
fn pass_on(mut waiting: Vec<Boxed<'_>>, wake: impl FnOnce()) {
    let mut bells: Vec<_> = waiting.iter().map(|_| Bell::new()).collect();
    waiting.iter_mut().zip(&bells).for_each(|(future, bell)| pend(future, bell));
    wake();
    loop {
        let woken: Vec<_> = (0..bells.len()).filter(|&at| bells[at].rung() > 0).collect();
        let [chosen] = woken[..] else {
            panic!("{} of {} are woken", woken.len(), bells.len());
        };
        if bells.len() == 1 {
            break;
        }
        bells.remove(chosen);
        drop(waiting.remove(chosen));
    }
    assert_eq!(poll(&mut waiting[0], &bells[0]), Poll::Ready(()));
}

#[test]
fn promise_07_a_dropped_receive_passes_its_wake_on() {
    for first in RECEIVES {
        for second in RECEIVES {
            let (mut tx, mut rx) = channel(1).unwrap();
            let mut others = [rx.clone(), rx.clone(), rx.clone()];
            let [a, b, c] = &mut others;
            let waiting = vec![first(&mut rx), second(a), first(b), second(c)];
            pass_on(waiting, || tx.try_send(1).unwrap());
        }
    }
}

#[test]
fn promise_07_a_dropped_send_passes_its_wake_on() {
    for first in SENDS {
        for second in SENDS {
            let (mut tx, mut rx) = channel(1).unwrap();
            tx.try_send(0).unwrap();
            let mut others = [tx.clone(), tx.clone(), tx.clone()];
            let [a, b, c] = &mut others;
            let waiting = vec![first(&mut tx), second(a), first(b), second(c)];
            pass_on(waiting, || assert_eq!(rx.try_recv(), Ok(0)));
            assert_eq!(rx.try_recv(), Ok(1));
        }
    }
}

#[test]
fn promise_07_a_waiter_that_was_not_chosen_takes_no_wake_with_it() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = rx.clone();
    let bells = [Bell::new(), Bell::new()];
    let mut recvs = [Some(rx.recv()), Some(other.recv())];
    recvs.iter_mut().flatten().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    tx.try_send(1).unwrap();
    let chosen = bells.iter().position(|bell| bell.rung() == 1).unwrap();
    recvs[1 - chosen] = None;
    assert_eq!(bells[1 - chosen].rung(), 0);
    let recv = recvs[chosen].as_mut().unwrap();
    assert_eq!(poll(recv, &bells[chosen]), Poll::Ready(Some(1)));
}

#[test]
fn promise_07_a_wake_passed_on_in_vain_is_no_end() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut thief = rx.clone();
    let mut others = [rx.clone(), rx.clone()];
    let [a, b] = &mut others;
    let bells = [Bell::new(), Bell::new()];
    let mut recvs = [Some(a.recv()), Some(b.recv())];
    recvs.iter_mut().flatten().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    tx.try_send(1).unwrap();
    assert_eq!(thief.try_recv(), Ok(1));
    let chosen = bells.iter().position(|bell| bell.rung() == 1).unwrap();
    recvs[chosen] = None;
    let (recv, bell) = (recvs[1 - chosen].as_mut().unwrap(), &bells[1 - chosen]);
    pend(recv, bell);
    let rung = bell.rung();
    tx.try_send(2).unwrap();
    assert_eq!(bell.rung(), rung + 1);
    assert_eq!(poll(recv, bell), Poll::Ready(Some(2)));
    drop(recvs);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn promise_07_a_future_that_is_done_passes_nothing_on() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = rx.clone();
    let bells = [Bell::new(), Bell::new()];
    let mut recvs = [Some(rx.recv()), Some(other.recv())];
    recvs.iter_mut().flatten().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    tx.try_send(1).unwrap();
    let chosen = bells.iter().position(|bell| bell.rung() == 1).unwrap();
    assert_eq!(poll(recvs[chosen].as_mut().unwrap(), &bells[chosen]), Poll::Ready(Some(1)));
    recvs[chosen] = None;
    assert_eq!(bells[1 - chosen].rung(), 0);
}
