//! The receiving handle.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;

#[cfg(feature = "alloc")]
use super::Heap;
use super::handle::{Handle, Stop};
use super::sender::Waiting;
use super::{HandlesError, Mailbox, Pointer, TryRecvError};
use crate::ring::Side;
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// A handle for receiving. Clone it for each task that receives; each message goes to one of them.
///
/// It is a [`Stream`] of messages that ends when the mailbox is closed and drained. A stream cannot
/// tell that one has stopped polling it: one that was polled last to `Pending` is still a waiter,
/// and may be the one that is woken, until it is polled, used or dropped. Futures of
/// [`recv`](Self::recv) do not have that weakness.
///
/// `P` is how it points to its mailbox: see [`Pointer`].
pub struct Receiver<
    T,
    #[cfg(feature = "alloc")] P: Pointer<Message = T> = Arc<Mailbox<Heap<T>>>,
    #[cfg(not(feature = "alloc"))] P: Pointer<Message = T>,
> {
    pub(super) handle: Handle<P>,
    pub(super) message: PhantomData<fn() -> T>,
}

impl<T, P: Pointer<Message = T>> Receiver<T, P> {
    /// A handle for receiving from the mailbox that `mailbox` points to.
    ///
    /// # Errors
    /// [`HandlesError`] if there are as many handles as the mailbox may have.
    ///
    /// # Cost
    /// A few atomic operations, and a look at each 32 handles that there are.
    pub fn new(mailbox: P) -> Result<Self, HandlesError> {
        Ok(Self { handle: Handle::new(mailbox, Side::Receive)?, message: PhantomData })
    }

    /// Another handle for the same mailbox.
    ///
    /// # Errors
    /// [`HandlesError`] if there are as many handles as the mailbox may have.
    ///
    /// # Cost
    /// As [`new`](Self::new).
    pub fn try_clone(&self) -> Result<Self, HandlesError> {
        Self::new(self.handle.pointer().clone())
    }

    /// The mailbox that this handle receives from.
    ///
    /// # Cost
    /// None.
    pub fn mailbox(&self) -> &Mailbox<P::Storage> {
        self.handle.mailbox()
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// `Empty`, or `Closed` if the mailbox is closed and drained.
    ///
    /// # Cost
    /// One compare-and-swap, one more for each thread that was faster, and now and then one to share the
    /// position; a handle that was idle first walks over up to 64 entries. Lock-free. May wake a sender.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.handle.try_take()
    }

    /// Receives up to `max` messages that are there now, and adds them to `out`. Returns how many: not
    /// 0, unless `max` is.
    ///
    /// # Errors
    /// `Empty` if there was none, or `Closed` if the mailbox is closed and drained.
    ///
    /// # Panics
    /// If `out` panics, which a collection of a fixed capacity may when `max` is more than it has room
    /// for. The message that it was given is then gone with it.
    ///
    /// # Cost
    /// [`try_recv`](Self::try_recv) for each message.
    pub fn try_recv_many(
        &mut self,
        out: &mut impl Extend<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        self.handle.cancel();
        match self.take_many(out, max) {
            (0, Some(stop)) => {
                self.handle.give_up(stop);
                Err(stop.into())
            }
            (received, _) => Ok(received),
        }
    }

    /// Receives a message, and waits for one if there is none. `None` once the mailbox is closed and drained.
    ///
    /// # Cost
    /// As [`try_recv`](Self::try_recv) while there are messages. If there is none it pauses for a few
    /// microseconds at most before it waits, less where that has not paid before, and not at all on bare metal.
    /// Waiting allocates nothing, and clones the task's waker when it is not the one left by the last wait.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done loses no message, and no other receiver's wake.
    pub fn recv(&mut self) -> RecvFut<'_, T, P> {
        RecvFut { waiting: Waiting(&mut self.handle), message: PhantomData }
    }

    /// Receives up to `max` messages and adds them to `out`; waits if there is none. Returns how many;
    /// 0 once the mailbox is closed and drained (or if `max` is 0).
    ///
    /// # Panics
    /// As [`try_recv_many`](Self::try_recv_many).
    ///
    /// # Cost
    /// As [`recv`](Self::recv) for each message.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done loses no message: as soon as there is one, it is done.
    pub fn recv_many<'a, E: Extend<T>>(
        &'a mut self,
        out: &'a mut E,
        max: usize,
    ) -> RecvManyFut<'a, T, P, E> {
        RecvManyFut { receiver: self, out, max }
    }

    /// Polls for a message: what [`recv`](Self::recv) and the stream do.
    ///
    /// After `Pending` the handle is a waiter until it is polled, used or dropped.
    ///
    /// # Cost
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.handle.poll_take(cx)
    }

    /// Closes the mailbox: every later send is refused, and receivers get what is left in it.
    ///
    /// Returns whether nobody had closed it before.
    ///
    /// # Cost
    /// As [`Mailbox::close`].
    pub fn close(&self) -> bool {
        self.mailbox().close()
    }

    /// Whether somebody closed the mailbox; messages may be left in it.
    ///
    /// # Cost
    /// One load.
    pub fn is_closed(&self) -> bool {
        self.mailbox().is_closed()
    }

    /// How many messages are in the mailbox: a snapshot, never above the capacity.
    ///
    /// # Cost
    /// As [`Mailbox::len`].
    pub fn len(&self) -> usize {
        self.mailbox().len()
    }

    /// Whether no message was in the mailbox.
    ///
    /// # Cost
    /// As [`Mailbox::len`].
    pub fn is_empty(&self) -> bool {
        self.mailbox().is_empty()
    }

    /// Whether as many messages were in the mailbox as it has room for.
    ///
    /// # Cost
    /// As [`Mailbox::len`].
    pub fn is_full(&self) -> bool {
        self.mailbox().is_full()
    }

    /// How many messages the mailbox has room for.
    ///
    /// # Cost
    /// None.
    pub fn capacity(&self) -> usize {
        self.mailbox().capacity()
    }

    /// Moves up to `max` messages; tells how many, and why not more.
    fn take_many(&mut self, out: &mut impl Extend<T>, max: usize) -> (usize, Option<Stop>) {
        let mut received = 0;
        let mut stop = None;
        out.extend(core::iter::from_fn(|| {
            if received == max {
                return None;
            }
            match self.handle.take() {
                Ok(message) => {
                    received += 1;
                    Some(message)
                }
                Err(why) => {
                    stop = Some(why);
                    None
                }
            }
        }));
        (received, stop)
    }
}

#[cfg(feature = "alloc")]
impl<T> Clone for Receiver<T> {
    /// Another handle for the same mailbox.
    ///
    /// # Panics
    /// If there are as many handles as a mailbox may have: 262 140, or 1020 with 32-bit words.
    /// [`try_clone`](Self::try_clone) does not.
    fn clone(&self) -> Self {
        self.try_clone().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl<T, P: Pointer<Message = T>> fmt::Debug for Receiver<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T, P: Pointer<Message = T>> Unpin for Receiver<T, P> {}

impl<T, P: Pointer<Message = T>> Stream for Receiver<T, P> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// The future of [`Receiver::recv`].
///
/// # Cancel safety
/// Dropping it before it is done loses no message, and no other receiver's wake.
#[must_use = "futures do nothing unless polled"]
pub struct RecvFut<'a, T, P: Pointer<Message = T>> {
    waiting: Waiting<'a, P>,
    message: PhantomData<fn() -> T>,
}

impl<T, P: Pointer<Message = T>> Future for RecvFut<'_, T, P> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.waiting.0.poll_take(cx)
    }
}

/// The future of [`Receiver::recv_many`].
///
/// # Cancel safety
/// Dropping it before it is done loses no message, and no other receiver's wake.
#[must_use = "futures do nothing unless polled"]
pub struct RecvManyFut<'a, T, P: Pointer<Message = T>, E> {
    receiver: &'a mut Receiver<T, P>,
    out: &'a mut E,
    max: usize,
}

impl<T, P: Pointer<Message = T>, E> Drop for RecvManyFut<'_, T, P, E> {
    fn drop(&mut self) {
        self.receiver.handle.cancel();
    }
}

impl<T, P: Pointer<Message = T>, E: Extend<T>> Future for RecvManyFut<'_, T, P, E> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let Self { receiver, out, max } = &mut *self;
        if *max == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(receiver.handle.poll_take(cx)) else {
            return Poll::Ready(0);
        };
        out.extend(Some(first));
        let (more, _) = receiver.take_many(*out, *max - 1);
        Poll::Ready(1 + more)
    }
}
