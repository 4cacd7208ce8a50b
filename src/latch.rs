//! An event that happens once, and any number of waiters for it: the close of a mailbox without messages.

use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::mailbox::{HeapMailbox, Receiver};
use crate::sync::Arc;

/// An event that happens once. Clones are the same event.
#[derive(Clone)]
pub(crate) struct Latch {
    mailbox: Arc<HeapMailbox<Infallible>>,
}

impl Latch {
    pub(crate) fn new() -> Self {
        let mailbox = HeapMailbox::with_capacity(1).expect("one is a capacity");
        // Waiters come and go: only `set` is to close it.
        mailbox.keep_receiving();
        Self { mailbox: Arc::new(mailbox) }
    }

    /// Sets it, and wakes all who wait. Returns whether it was not set before.
    pub(crate) fn set(&self) -> bool {
        self.mailbox.close()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Waits until it is set.
    pub(crate) fn wait(&self) -> Wait {
        Wait { latch: self.clone(), receiver: None }
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latch").field(&self.is_set()).finish()
    }
}

/// Waits until a latch is set.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Wait {
    latch: Latch,
    /// Taken when it has to wait.
    receiver: Option<Receiver<Infallible>>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { latch, receiver } = &mut *self;
        if latch.is_set() {
            return Poll::Ready(());
        }
        if receiver.is_none() {
            *receiver = Receiver::new(latch.mailbox.clone()).ok();
        }
        if let Some(receiver) = receiver {
            // Nothing comes but the end.
            return receiver.poll_recv(cx).map(|_| ());
        }
        // As many wait as can; this one asks again and again.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
