//! A receiver that is chosen and goes away, beside one that sleeps.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver as Acks, Sender as Ack, channel as acks};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use droves::mailbox::{Receiver, Sender, channel};

/// Counts its calls.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Once a round: waits a moment, and goes. Tells how often it was woken.
fn wait_a_moment(mut rx: Receiver<u32>, rounds: u32, started: &AtomicU32, ack: &Ack<u32>) -> u32 {
    let bell = Arc::<Bell>::default();
    let waker = Waker::from(bell.clone());
    let mut round = 0;
    while round < rounds {
        match started.load(Ordering::Acquire) {
            same if same == round => thread::yield_now(),
            next => {
                round = next;
                let mut recv = pin!(rx.recv());
                match recv.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(message) => ack.send(message.unwrap()).unwrap(),
                    Poll::Pending => (0..round % 8).for_each(|_| thread::yield_now()),
                }
            }
        }
    }
    bell.0.load(Ordering::Relaxed)
}

fn send_one_a_round(tx: &mut Sender<u32>, rounds: u32, started: &AtomicU32, acks: &Acks<u32>) {
    for round in 1..=rounds {
        started.store(round, Ordering::Release);
        (0..round % 3).for_each(|_| thread::yield_now());
        tx.try_send(round).unwrap();
        let received = acks.recv_timeout(Duration::from_secs(60));
        assert_eq!(received, Ok(round), "its wake was stolen");
    }
}

/// Nobody else would wake the sleeper: there is one message only, and the mailbox stays open.
#[test]
fn promise_07_a_receiver_that_goes_steals_no_wake() {
    const ROUNDS: u32 = 3000;
    let (mut tx, mut rx) = channel(1).unwrap();
    let (ack, acks) = acks();
    let started = Arc::new(AtomicU32::new(0));
    let goes = thread::spawn({
        let (rx, started, ack) = (rx.clone(), started.clone(), ack.clone());
        move || wait_a_moment(rx, ROUNDS, &started, &ack)
    });
    let sleeps = thread::spawn(move || {
        while let Some(message) = rx.recv_blocking() {
            ack.send(message).unwrap();
        }
    });
    send_one_a_round(&mut tx, ROUNDS, &started, &acks);
    assert!(goes.join().unwrap() > 0, "it was never woken");
    drop(tx);
    sleeps.join().unwrap();
}
