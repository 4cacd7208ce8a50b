//! Threads that block, and deadlines.

use std::thread;
use std::time::{Duration, Instant};

use droves::mailbox::{RecvDeadlineError, SendDeadlineError, SendError, StaticMailbox, channel};

use super::help::{Bell, pend};

fn from_now(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}

fn long_ago() -> Instant {
    Instant::now().checked_sub(Duration::from_secs(1)).unwrap()
}

#[test]
fn a_deadline_in_the_past_tries_but_does_not_wait() {
    let (mut tx, mut rx) = channel(1).unwrap();
    assert_eq!(rx.recv_deadline(long_ago()), Err(RecvDeadlineError::Timeout));
    assert_eq!(tx.send_deadline(1, long_ago()), Ok(()));
    assert_eq!(tx.send_deadline(2, long_ago()), Err(SendDeadlineError::Timeout(2)));
    assert_eq!(rx.recv_deadline(long_ago()), Ok(1));
    rx.close();
    assert_eq!(tx.send_deadline(3, long_ago()), Err(SendDeadlineError::Closed(3)));
    assert_eq!(rx.recv_deadline(long_ago()), Err(RecvDeadlineError::Closed));
}

#[test]
fn promise_09_a_wait_does_not_end_before_its_deadline() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let deadline = from_now(30);
    assert_eq!(rx.recv_deadline(deadline), Err(RecvDeadlineError::Timeout));
    assert!(Instant::now() >= deadline);

    tx.try_send(1).unwrap();
    let deadline = from_now(30);
    assert_eq!(tx.send_deadline(2, deadline), Err(SendDeadlineError::Timeout(2)));
    assert!(Instant::now() >= deadline);
    assert_eq!(rx.recv_deadline(deadline), Ok(1));
}

#[test]
fn a_wait_ends_early_when_it_can() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let deadline = from_now(60_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(10));
            tx.try_send(1).unwrap();
        });
        assert_eq!(rx.recv_deadline(deadline), Ok(1));
    });
    tx.try_send(2).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(10));
            rx.try_recv().unwrap();
        });
        assert_eq!(tx.send_deadline(3, deadline), Ok(()));
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(10));
            rx.close();
        });
        assert_eq!(tx.send_deadline(4, deadline), Err(SendDeadlineError::Closed(4)));
    });
    assert_eq!(rx.recv_deadline(deadline), Ok(3));
    assert_eq!(rx.recv_deadline(deadline), Err(RecvDeadlineError::Closed));
    assert!(Instant::now() < deadline);
}

#[test]
fn promise_07_a_wait_that_timed_out_leaves_no_waiter() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = rx.clone();
    let bell = Bell::new();
    assert_eq!(rx.recv_deadline(from_now(1)), Err(RecvDeadlineError::Timeout));
    let mut recv = other.recv();
    pend(&mut recv, &bell);
    tx.try_send(1).unwrap();
    assert_eq!(bell.rung(), 1);

    let mut other = tx.clone();
    assert_eq!(tx.send_deadline(2, from_now(1)), Err(SendDeadlineError::Timeout(2)));
    let mut send = other.send(3);
    pend(&mut send, &bell);
    rx.mailbox().try_recv().unwrap();
    assert_eq!(bell.rung(), 2);
}

#[test]
fn blocked_threads_go_on_when_they_can() {
    let (mut tx, mut rx) = channel(1).unwrap();
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let received: Vec<u32> = std::iter::from_fn(|| rx.recv_blocking()).collect();
            received
        });
        for i in 0..100 {
            if i % 10 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            tx.send_blocking(i).unwrap();
        }
        drop(tx);
        assert!(receiver.join().unwrap().into_iter().eq(0..100));
    });
}

#[test]
fn promise_06_a_blocked_sender_gets_its_message_back_on_close() {
    let (mut tx, rx) = channel(1).unwrap();
    tx.try_send(1).unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(move || tx.send_blocking(2));
        thread::sleep(Duration::from_millis(10));
        rx.close();
        assert_eq!(blocked.join().unwrap(), Err(SendError::Closed(2)));
    });
    assert_eq!(rx.len(), 1);
}

#[test]
fn blocking_works_while_a_thread_ends() {
    static MAILBOX: StaticMailbox<u32, 2> = StaticMailbox::new();
    struct Farewell;
    impl Drop for Farewell {
        fn drop(&mut self) {
            let (mut tx, mut rx) = (MAILBOX.sender().unwrap(), MAILBOX.receiver().unwrap());
            assert_eq!(rx.recv_deadline(from_now(1)), Err(RecvDeadlineError::Timeout));
            tx.send_blocking(7).unwrap();
        }
    }
    thread_local!(static LAST: Farewell = const { Farewell });
    thread::spawn(|| {
        LAST.with(|_| ());
        // Made later than the other, so it may be gone first.
        let (mut tx, mut rx) = channel(1).unwrap();
        tx.send_blocking(1).unwrap();
        assert_eq!(rx.recv_blocking(), Some(1));
    })
    .join()
    .unwrap();
    assert_eq!(MAILBOX.try_recv(), Ok(7));
}
