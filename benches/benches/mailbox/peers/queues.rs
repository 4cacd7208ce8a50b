//! Peers of the try cells: bounded, safe, first in first out for each producer.

use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::ArrayQueue;
use crossfire::{MRx, MTx, mpmc};
use lfqueue::AllocBoundedQueue;
use omango::queue::mpmc as omango_mpmc;
use thingbuf::ThingBuf;

use crate::handles::{Handles, Opens, SharedQueue, TryReceiver, TrySender};
use crate::load::Shape;
use crate::message::Message;

impl<T: Message> SharedQueue<T> for ArrayQueue<T> {
    const NAME: &'static str = "ArrayQueue";

    fn with_capacity(capacity: usize) -> Self {
        Self::new(capacity)
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), T> {
        Self::push(self, message)
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        Self::pop(self)
    }
}

impl<T: Message> SharedQueue<T> for ConcurrentQueue<T> {
    const NAME: &'static str = "concurrent-queue";

    fn with_capacity(capacity: usize) -> Self {
        Self::bounded(capacity)
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), T> {
        Self::push(self, message).map_err(concurrent_queue::PushError::into_inner)
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        Self::pop(self).ok()
    }
}

/// SCQ with two rings of indices; powers of two only.
impl<T: Message> SharedQueue<T> for AllocBoundedQueue<T> {
    const NAME: &'static str = "lfqueue";
    const LOCK_FREE: bool = true;

    fn with_capacity(capacity: usize) -> Self {
        let queue = Self::new(capacity);
        assert_eq!(queue.capacity(), capacity);
        queue
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), T> {
        self.enqueue(message)
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        self.dequeue()
    }
}

/// Powers of two only.
impl<T: Message, const N: usize> SharedQueue<T> for heapless::mpmc::Queue<T, N> {
    const NAME: &'static str = "heapless";

    fn with_capacity(capacity: usize) -> Self {
        assert_eq!(capacity, N);
        #[expect(deprecated, reason = "deprecated for not being lock-free, which is marked")]
        Self::new()
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), T> {
        self.enqueue(message)
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        self.dequeue()
    }
}

impl<T: Message> SharedQueue<T> for ThingBuf<T> {
    const NAME: &'static str = "thingbuf";

    fn with_capacity(capacity: usize) -> Self {
        Self::new(capacity)
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), T> {
        Self::push(self, message).map_err(thingbuf::Full::into_inner)
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        Self::pop(self)
    }
}

/// A channel for threads, used without waiting.
pub(crate) struct Crossfire;

impl<T: Message> Opens<T> for Crossfire {
    const NAME: &'static str = "crossfire";

    type Sender = MTx<mpmc::Array<T>>;
    type Receiver = MRx<mpmc::Array<T>>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = mpmc::bounded_blocking(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for MTx<mpmc::Array<T>> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        (**self).try_send(message).map_err(crossfire::TrySendError::into_inner)
    }
}

impl<T: Message> TryReceiver<T> for MRx<mpmc::Array<T>> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        (**self).try_recv().ok()
    }
}

/// A channel for threads, used without waiting.
pub(crate) struct Omango;

impl<T: Message> Opens<T> for Omango {
    const NAME: &'static str = "omango";

    type Sender = omango_mpmc::BSender<T>;
    type Receiver = omango_mpmc::BReceiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let capacity = capacity.try_into().expect("a small capacity");
        let (sender, receiver) = omango_mpmc::bounded(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for omango_mpmc::BSender<T> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        Self::try_send(self, message).map_err(omango::error::TrySendError::into_inner)
    }
}

impl<T: Message> TryReceiver<T> for omango_mpmc::BReceiver<T> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        Self::try_recv(self).ok()
    }
}
