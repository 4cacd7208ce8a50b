//! Plain threads: the mailbox's futures, driven by a thread that parks.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

use crate::mailbox::{Pointer, Receiver, RecvDeadlineError, SendDeadlineError, SendError, Sender};

impl<T, P: Pointer<Message = T>> Sender<T, P> {
    /// Sends a message, and blocks the thread while there is no room.
    ///
    /// # Errors
    /// The message comes back if the mailbox is closed.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send) while there is room; then a short spin, then the thread parks.
    /// A thread's first wait allocates.
    pub fn send_blocking(&mut self, message: T) -> Result<(), SendError<T>> {
        match block_on(self.send(message), None) {
            Some(result) => result,
            None => unreachable!("there is no deadline"),
        }
    }

    /// Sends a message, and blocks the thread while there is no room, until the deadline. A deadline
    /// in the past means a single try.
    ///
    /// # Errors
    /// The message comes back if the mailbox is closed, or was full until the deadline.
    ///
    /// # Cost
    /// As [`send_blocking`](Self::send_blocking).
    pub fn send_deadline(
        &mut self,
        message: T,
        deadline: Instant,
    ) -> Result<(), SendDeadlineError<T>> {
        let mut from = Some(message);
        let result = block_on(self.send_from(&mut from), Some(deadline));
        match (result, from) {
            (Some(Err(_)), Some(message)) => Err(SendDeadlineError::Closed(message)),
            (None, Some(message)) => Err(SendDeadlineError::Timeout(message)),
            (_, None) | (Some(Ok(())), _) => Ok(()),
        }
    }
}

impl<T, P: Pointer<Message = T>> Receiver<T, P> {
    /// Receives a message, and blocks the thread while there is none. `None` once the mailbox is
    /// closed and drained.
    ///
    /// # Cost
    /// As [`try_recv`](Self::try_recv) while there are messages; then a short spin, then the thread
    /// parks. A thread's first wait allocates.
    pub fn recv_blocking(&mut self) -> Option<T> {
        block_on(self.recv(), None).flatten()
    }

    /// Receives a message, and blocks the thread while there is none, until the deadline. A deadline
    /// in the past means a single try.
    ///
    /// # Errors
    /// `Timeout`, or `Closed` if the mailbox is closed and drained.
    ///
    /// # Cost
    /// As [`recv_blocking`](Self::recv_blocking).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, RecvDeadlineError> {
        match block_on(self.recv(), Some(deadline)) {
            Some(Some(message)) => Ok(message),
            Some(None) => Err(RecvDeadlineError::Closed),
            None => Err(RecvDeadlineError::Timeout),
        }
    }
}

/// Wakes a thread by unparking it.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

std::thread_local! {
    /// This thread's waker, made once.
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Runs a future on this thread until it is done, or until the deadline. It is polled at least once.
fn block_on<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    // A thread that is about to end may have lost its waker already.
    let waker = WAKER
        .try_with(Waker::clone)
        .unwrap_or_else(|_| Waker::from(Arc::new(Unpark(thread::current()))));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        match deadline {
            None => thread::park(),
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return None,
            },
        }
    }
}
