//! What a channel must offer to be a contender: one trait to open it, one for each way to use it.
//!
//! A peer is a type that implements [`Opens`], and handles that implement the ways it has. All of it
//! is static: a contender's loop is compiled for that contender alone.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::load::Shape;

/// A bounded channel that can be opened for `T`.
pub(crate) trait Opens<T> {
    /// Its name in the table.
    const NAME: &'static str;
    /// Whether a thread that stops anywhere never holds up the others.
    const LOCK_FREE: bool = false;

    type Sender: Send;
    type Receiver: Send;

    /// Opens a channel for `capacity` messages, with as many handles as the shape asks for.
    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver>;
}

/// A handle for each thread.
pub(crate) struct Handles<S, R> {
    pub(crate) senders: Vec<S>,
    pub(crate) receivers: Vec<R>,
}

impl<S, R> Handles<S, R> {
    /// Clones both handles as often as needed.
    pub(crate) fn cloned(shape: Shape, sender: S, receiver: R) -> Self
    where
        S: Clone,
        R: Clone,
    {
        Self { senders: vec![sender; shape.producers], receivers: vec![receiver; shape.consumers] }
    }

    /// For channels whose receiver cannot be cloned.
    pub(crate) fn one_receiver(shape: Shape, sender: S, receiver: R) -> Self
    where
        S: Clone,
    {
        assert_eq!(shape.consumers, 1, "the channel has a single receiver");
        Self { senders: vec![sender; shape.producers], receivers: vec![receiver] }
    }

    /// For channels of which neither handle can be cloned.
    pub(crate) fn pair(shape: Shape, sender: S, receiver: R) -> Self {
        assert_eq!((shape.producers, shape.consumers), (1, 1), "the channel has a single pair");
        Self { senders: vec![sender], receivers: vec![receiver] }
    }
}

/// Sends without waiting.
pub(crate) trait TrySender<T> {
    /// Gives the message back if there is no room.
    fn try_send(&mut self, message: T) -> Result<(), T>;
}

/// Receives without waiting.
pub(crate) trait TryReceiver<T> {
    /// `None` if there is nothing now.
    fn try_recv(&mut self) -> Option<T>;
}

/// Sends many messages without waiting.
pub(crate) trait BatchSender<T> {
    /// Sends from the front as many as there is room for, and says how many.
    fn try_send_many(&mut self, messages: impl Iterator<Item = T>) -> usize;
}

/// Receives many messages without waiting.
pub(crate) trait BatchReceiver<T> {
    /// Appends at most `max` messages and says how many.
    fn try_recv_many(&mut self, out: &mut Vec<T>, max: usize) -> usize;
}

/// Sends, and blocks the thread while there is no room.
pub(crate) trait BlockingSender<T> {
    fn send(&mut self, message: T);

    /// Closes the channel; called on the last sender only, before it is dropped.
    ///
    /// For channels that do not close by themselves when their senders are gone.
    fn close(&mut self) {}
}

/// Receives, and blocks the thread while there is nothing.
pub(crate) trait BlockingReceiver<T> {
    /// `None` once the channel is closed and empty.
    fn recv(&mut self) -> Option<T>;
}

/// Sends, and lets other tasks run while there is no room.
pub(crate) trait AsyncSender<T>: 'static {
    fn send(&mut self, message: T) -> impl Future<Output = ()> + Send;
}

/// Receives, and lets other tasks run while there is nothing.
pub(crate) trait AsyncReceiver<T>: 'static {
    /// `None` once the channel is closed and empty.
    fn recv(&mut self) -> impl Future<Output = Option<T>> + Send;
}

/// A queue that all threads share by reference: all there is to do for most peers of the try cells.
pub(crate) trait SharedQueue<T>: Send + Sync + Sized {
    const NAME: &'static str;
    const LOCK_FREE: bool = false;

    fn with_capacity(capacity: usize) -> Self;
    fn push(&self, message: T) -> Result<(), T>;
    fn pop(&self) -> Option<T>;
}

/// Opens a [`SharedQueue`].
pub(crate) struct Shared<Q>(PhantomData<Q>);

impl<T, Q: SharedQueue<T>> Opens<T> for Shared<Q> {
    const NAME: &'static str = Q::NAME;
    const LOCK_FREE: bool = Q::LOCK_FREE;

    type Sender = Arc<Q>;
    type Receiver = Arc<Q>;

    fn open(capacity: usize, shape: Shape) -> Handles<Arc<Q>, Arc<Q>> {
        let queue = Arc::new(Q::with_capacity(capacity));
        Handles::cloned(shape, Arc::clone(&queue), queue)
    }
}

impl<T, Q: SharedQueue<T>> TrySender<T> for Arc<Q> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        self.push(message)
    }
}

impl<T, Q: SharedQueue<T>> TryReceiver<T> for Arc<Q> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        self.pop()
    }
}
