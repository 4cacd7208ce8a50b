//! What a mailbox does, one thread at a time.

use droves::mailbox::{StaticMailbox, TryRecvError, channel};
use futures_lite::StreamExt;
use futures_lite::future::block_on;

#[test]
fn fifo_and_bounds_over_many_laps() {
    for capacity in [1, 2, 3, 5, 8, 17, 64, 300] {
        let (mut tx, mut rx) = channel(capacity).unwrap();
        let mut next = 0_u64;
        for round in 0..50 {
            let fill = if round % 3 == 0 { capacity } else { round % (capacity + 1) };
            for i in 0..fill {
                assert_eq!(tx.len(), i);
                tx.try_send(next + i as u64).unwrap();
            }
            if fill == capacity {
                assert!(tx.is_full());
                assert_eq!(tx.try_send(99).unwrap_err().into_inner(), 99);
            }
            for _ in 0..fill {
                assert_eq!(rx.try_recv(), Ok(next));
                next += 1;
            }
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            assert!(rx.is_empty());
        }
    }
}

#[test]
fn statics_work_without_handles() {
    static MAILBOX: StaticMailbox<String, 3, 2> = StaticMailbox::new();
    let mut rx = MAILBOX.receiver().unwrap();
    for lap in 0..10 {
        for i in 0..3 {
            MAILBOX.try_send(format!("{lap}.{i}")).unwrap();
        }
        assert!(MAILBOX.try_send("full".into()).unwrap_err().is_full());
        for i in 0..3 {
            assert_eq!(rx.try_recv().unwrap(), format!("{lap}.{i}"));
        }
    }
    let _other = MAILBOX.receiver().unwrap();
    assert!(MAILBOX.receiver().is_err());
    assert!(MAILBOX.try_send("none".into()).unwrap_err().is_busy());
}

#[test]
fn close_then_drain() {
    let (mut tx, mut rx) = channel(2).unwrap();
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert!(rx.close());
    assert!(!rx.close());
    assert!(tx.try_send(3).unwrap_err().is_closed());
    assert_eq!(block_on(rx.next()), Some(1));
    assert_eq!(block_on(rx.recv()), Some(2));
    assert_eq!(block_on(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn threads_wait_for_each_other() {
    for capacity in [1, 2, 7] {
        let (tx, rx) = channel::<u64>(capacity).unwrap();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let mut rx = rx.clone();
                std::thread::spawn(move || {
                    let mut sum = 0;
                    while let Some(value) = rx.recv_blocking() {
                        sum += value;
                    }
                    sum
                })
            })
            .collect();
        let senders: Vec<_> = (0..3_u64)
            .map(|id| {
                let mut tx = tx.clone();
                std::thread::spawn(move || {
                    for i in 0..20_000 {
                        tx.send_blocking(id * 20_000 + i).unwrap();
                    }
                })
            })
            .collect();
        drop((tx, rx));
        for sender in senders {
            sender.join().unwrap();
        }
        let sum: u64 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(sum, 60_000 * 59_999 / 2);
    }
}
