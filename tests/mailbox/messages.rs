//! Any message will do, whatever its size, alignment and destructor.

use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use droves::mailbox::{HeapMailbox, Pointer, Receiver, Sender, StaticMailbox, channel};
use futures_lite::future::block_on;

use super::help::Census;

/// Sends in every way and receives in every way, over several laps.
#[allow(clippy::needless_pass_by_value, reason = "it is a pointer")]
fn pass<T, P: Pointer<Message = T>>(
    mailbox: P,
    make: impl Fn(usize) -> T,
    check: impl Fn(usize, &T),
) {
    let mut tx = Sender::new(mailbox.clone()).unwrap();
    let mut rx = Receiver::new(mailbox.clone()).unwrap();
    for n in 0..20 {
        tx.try_send(make(n)).unwrap();
        check(n, &rx.try_recv().unwrap());
        mailbox.try_send(make(n)).unwrap();
        check(n, &mailbox.try_recv().unwrap());
        let filled = tx.reserve().write(make(n));
        check(n, &filled);
        filled.try_send().unwrap();
        check(n, &block_on(rx.recv()).unwrap());
        block_on(tx.send(make(n))).unwrap();
        let mut out = Vec::new();
        rx.try_recv_many(&mut out, 1).unwrap();
        block_on(tx.send_from(&mut Some(make(n)))).unwrap();
        rx.try_recv_many(&mut out, 1).unwrap();
        tx.try_send_many([make(n)]).unwrap();
        block_on(rx.recv_many(&mut out, 5));
        assert_eq!(out.len(), 3);
        for message in &out {
            check(n, message);
        }
    }
}

fn pass_everywhere<T>(make: impl Fn(usize) -> T, check: impl Fn(usize, &T)) {
    for capacity in [1, 3, 8] {
        pass(&HeapMailbox::with_capacity(capacity).unwrap(), &make, &check);
    }
    pass(&StaticMailbox::<T, 1>::new(), &make, &check);
    pass(&StaticMailbox::<T, 3, 3>::new(), &make, &check);
}

#[test]
fn promise_01_messages_of_no_size() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Unit;
    impl Drop for Unit {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = AtomicUsize::new(0);
    let make = |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Unit
    };
    pass_everywhere(make, |_, Unit| {});
    assert_eq!(DROPPED.load(Ordering::Relaxed), count.load(Ordering::Relaxed));
}

#[test]
fn promise_01_large_messages() {
    let make = |n| -> [usize; 512] { std::array::from_fn(|i| i * 7 + n) };
    pass_everywhere(make, |n, message| assert_eq!(*message, make(n)));
}

#[test]
fn promise_01_over_aligned_messages() {
    #[derive(Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(usize);
    fn check(n: usize, message: &Aligned) {
        assert_eq!(*message, Aligned(n));
        assert!(ptr::from_ref(message).is_aligned());
    }
    pass_everywhere(Aligned, check);
}

#[test]
fn promise_01_messages_that_own_and_borrow() {
    let words = ["one", "two", "three"].map(String::from);
    pass_everywhere(|n| Box::new(&words[n % 3]), |n, message| assert_eq!(**message, &words[n % 3]));
    let shared = Rc::new(5);
    pass_everywhere(|_| shared.clone(), |_, message| assert!(Rc::ptr_eq(message, &shared)));
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn promise_01_every_message_is_dropped_once() {
    let census = Census::default();
    pass_everywhere(|n| census.message(n), |n, message| assert_eq!(message.id, n));
    assert_eq!(census.alive(), 0);

    // What is never received is dropped with the mailbox, from any position.
    for position in 0..6 {
        let (mut tx, mut rx) = channel(3).unwrap();
        for i in 0..position {
            tx.try_send(census.message(i)).unwrap();
            drop(rx.try_recv());
        }
        assert_eq!(tx.try_send_many((0..3).map(|i| census.message(i))).unwrap(), 3);
        assert_eq!(census.alive(), 3);
        drop((tx, rx));
        assert_eq!(census.alive(), 0);
    }
}
