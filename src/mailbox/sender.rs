//! The sending handle.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

#[cfg(feature = "alloc")]
use super::Heap;
use super::handle::Handle;
use super::{
    Closed, HandlesError, Mailbox, Permit, Pointer, SendError, SendManyError, TrySendError,
};
use crate::ring::Side;
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// A handle for sending. Clone it for each task that sends.
///
/// `P` is how it points to its mailbox: see [`Pointer`].
pub struct Sender<
    T,
    #[cfg(feature = "alloc")] P: Pointer<Message = T> = Arc<Mailbox<Heap<T>>>,
    #[cfg(not(feature = "alloc"))] P: Pointer<Message = T>,
> {
    pub(super) handle: Handle<P>,
    pub(super) message: PhantomData<fn(T)>,
}

impl<T, P: Pointer<Message = T>> Sender<T, P> {
    /// A handle for sending into the mailbox that `mailbox` points to.
    ///
    /// # Errors
    /// [`HandlesError`] if there are as many handles as the mailbox may have.
    ///
    /// # Cost
    /// A few atomic operations, and a look at each 32 handles that there are.
    pub fn new(mailbox: P) -> Result<Self, HandlesError> {
        Ok(Self { handle: Handle::new(mailbox, Side::Send)?, message: PhantomData })
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

    /// The mailbox that this handle sends to.
    ///
    /// # Cost
    /// None.
    pub fn mailbox(&self) -> &Mailbox<P::Storage> {
        self.handle.mailbox()
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    /// The message comes back if the mailbox is full or closed.
    ///
    /// # Cost
    /// One compare-and-swap, one more for each thread that was faster, and now and then one to share the
    /// position; a handle that was idle first walks over up to 64 entries. Lock-free. May wake a receiver.
    #[inline]
    pub fn try_send(&mut self, message: T) -> Result<(), TrySendError<T>> {
        self.handle.try_put(message)
    }

    /// Sends messages as long as there are any and there is room. Returns how many.
    ///
    /// They stay in order; those of other senders may come between them. Pass `&mut iterator` to go on
    /// later with the rest.
    ///
    /// # Errors
    /// The first message for which there was no room comes back, with the number of those sent.
    ///
    /// # Cost
    /// [`try_send`](Self::try_send) for each message.
    pub fn try_send_many(
        &mut self,
        messages: impl IntoIterator<Item = T>,
    ) -> Result<usize, SendManyError<T>> {
        let mut sent = 0;
        for message in messages {
            if let Err(error) = self.handle.try_put(message) {
                return Err(SendManyError { sent, error });
            }
            sent += 1;
        }
        Ok(sent)
    }

    /// Sends a message, and waits for room if there is none.
    ///
    /// # Errors
    /// The message comes back if the mailbox is closed.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send) while there is room. If there is none it pauses for a few
    /// microseconds at most before it waits, less where that has not paid before, and not at all on bare metal.
    /// Waiting allocates nothing, and clones the task's waker when it is not the one left by the last wait.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done drops the message, which was not sent, and nothing else.
    /// [`send_from`](Self::send_from) keeps even that.
    pub fn send(&mut self, message: T) -> SendFut<'_, T, P> {
        SendFut { waiting: Waiting(&mut self.handle), message: Some(message) }
    }

    /// Sends the message that `from` holds, and waits for room if there is none. Sends nothing if it
    /// holds none.
    ///
    /// # Errors
    /// [`Closed`] if the mailbox is closed; the message is still in `from`.
    ///
    /// # Cost
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// Dropping the future before it is done leaves the message in `from`, and it was not sent.
    pub fn send_from<'a>(&'a mut self, from: &'a mut Option<T>) -> SendFromFut<'a, T, P> {
        SendFromFut { waiting: Waiting(&mut self.handle), from }
    }

    /// Sends all messages, and waits for room whenever there is none. Returns how many there were. It does
    /// not yield to the executor while there is room.
    ///
    /// # Errors
    /// If the mailbox is closed, the first message that was refused comes back, with the number of those sent.
    ///
    /// # Cost
    /// As [`send`](Self::send) for each message.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done drops the one message that it has taken out of the
    /// iterator and not sent. What was sent stays sent, and a `&mut iterator` keeps the rest.
    pub fn send_many<I: IntoIterator<Item = T>>(
        &mut self,
        messages: I,
    ) -> SendManyFut<'_, T, P, I::IntoIter> {
        let messages = messages.into_iter();
        SendManyFut { waiting: Waiting(&mut self.handle), messages, next: None, sent: 0 }
    }

    /// Reserves the place in which a message will lie, to write it there and send it later.
    ///
    /// It is a promise of a cell, which costs nothing, and not of room: that is taken when the message
    /// is sent, which may answer `Full` and then leaves the message where it is.
    ///
    /// # Cost
    /// None.
    pub fn reserve(&mut self) -> Permit<'_, T, P> {
        self.handle.cancel();
        Permit::new(&mut self.handle)
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

    /// Whether somebody closed the mailbox.
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
}

#[cfg(feature = "alloc")]
impl<T> Clone for Sender<T> {
    /// Another handle for the same mailbox.
    ///
    /// # Panics
    /// If there are as many handles as a mailbox may have: 262 140, or 1020 with 32-bit words.
    /// [`try_clone`](Self::try_clone) does not.
    fn clone(&self) -> Self {
        self.try_clone().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl<T, P: Pointer<Message = T>> fmt::Debug for Sender<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// A handle that a future may leave waiting.
pub(super) struct Waiting<'a, P: Pointer>(pub(super) &'a mut Handle<P>);

impl<P: Pointer> Drop for Waiting<'_, P> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The future of [`Sender::send`].
///
/// # Cancel safety
/// Dropping it before it is done drops the message, which was not sent, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct SendFut<'a, T, P: Pointer<Message = T>> {
    waiting: Waiting<'a, P>,
    message: Option<T>,
}

impl<T, P: Pointer<Message = T>> Unpin for SendFut<'_, T, P> {}

impl<T, P: Pointer<Message = T>> Future for SendFut<'_, T, P> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { waiting, message } = &mut *self;
        assert!(message.is_some(), "`send` was polled after it was done");
        waiting.0.poll_put(cx, message).map(|sent| match (sent, message.take()) {
            (Err(Closed), Some(message)) => Err(SendError::Closed(message)),
            _ => Ok(()),
        })
    }
}

/// The future of [`Sender::send_from`].
///
/// # Cancel safety
/// Dropping it before it is done leaves the message where it was, and it was not sent.
#[must_use = "futures do nothing unless polled"]
pub struct SendFromFut<'a, T, P: Pointer<Message = T>> {
    waiting: Waiting<'a, P>,
    from: &'a mut Option<T>,
}

impl<T, P: Pointer<Message = T>> Future for SendFromFut<'_, T, P> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { waiting, from } = &mut *self;
        waiting.0.poll_put(cx, from)
    }
}

/// The future of [`Sender::send_many`].
///
/// # Cancel safety
/// Dropping it before it is done drops the one message that it has taken out of the iterator and not sent.
#[must_use = "futures do nothing unless polled"]
pub struct SendManyFut<'a, T, P: Pointer<Message = T>, I> {
    waiting: Waiting<'a, P>,
    messages: I,
    next: Option<T>,
    sent: usize,
}

impl<T, P: Pointer<Message = T>, I> Unpin for SendManyFut<'_, T, P, I> {}

impl<T, P: Pointer<Message = T>, I: Iterator<Item = T>> Future for SendManyFut<'_, T, P, I> {
    type Output = Result<usize, SendManyError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { waiting, messages, next, sent } = &mut *self;
        loop {
            if next.is_none() {
                *next = messages.next();
            }
            if next.is_none() {
                return Poll::Ready(Ok(*sent));
            }
            match (ready!(waiting.0.poll_put(cx, next)), next.take()) {
                (Err(Closed), Some(message)) => {
                    let error = TrySendError::Closed(message);
                    return Poll::Ready(Err(SendManyError { sent: *sent, error }));
                }
                _ => *sent += 1,
            }
        }
    }
}
