//! Wakers that count, messages that are counted, and panics that are expected.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use droves::mailbox::{Mailbox, Storage};

/// A waker that counts its calls.
#[derive(Default)]
pub struct Bell(AtomicUsize);

impl Bell {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn rung(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls a future once, with `bell` to wake it.
pub fn poll<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Poll<F::Output> {
    poll_with(future, &Waker::from(bell.clone()))
}

/// Polls a future once, with any waker.
pub fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Asserts that a future has to wait.
#[track_caller]
pub fn pend<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) {
    assert!(poll(future, bell).is_pending(), "there is nothing to wait for");
}

/// Counts the messages that are alive.
#[derive(Clone, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    pub fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub fn message(&self, id: usize) -> Counted {
        self.make(id, false)
    }

    /// A message whose drop panics.
    pub fn bomb(&self, id: usize) -> Counted {
        self.make(id, true)
    }

    fn make(&self, id: usize, panics: bool) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { id, panics, census: self.clone() }
    }
}

/// A message that is counted while it lives. Neither `Debug` nor `Clone`.
pub struct Counted {
    pub id: usize,
    panics: bool,
    census: Census,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.census.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a message was dropped twice");
        assert!(!self.panics, "message {} panics when it is dropped", self.id);
    }
}

/// Runs `f`, which panics. Returns what it said.
#[track_caller]
pub fn panics<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast_ref::<&str>().expect("a text")).to_owned(),
    }
}

/// Messages still go through, as many as there is room for, and in order.
#[track_caller]
pub fn check_usable<S: Storage<Message = Counted>>(mailbox: &Mailbox<S>, census: &Census) {
    while mailbox.try_recv().is_ok() {}
    let outside = census.alive();
    for _ in 0..3 {
        for id in 0..mailbox.capacity() {
            mailbox.try_send(census.message(id)).unwrap();
        }
        assert!(mailbox.is_full());
        assert!(mailbox.try_send(census.message(0)).unwrap_err().is_full());
        for id in 0..mailbox.capacity() {
            assert_eq!(mailbox.try_recv().unwrap().id, id);
        }
        assert!(mailbox.is_empty() && mailbox.try_recv().is_err());
    }
    assert_eq!(census.alive(), outside, "messages were leaked");
}
