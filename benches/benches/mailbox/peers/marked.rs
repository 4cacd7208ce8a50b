//! Peers of the try cells that are shown but not raced, because they promise less.

use kanal::{Receiver, Sender};
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::handles::{Handles, Opens, TryReceiver, TrySender};
use crate::load::Shape;
use crate::message::Message;

/// One producer, one consumer.
pub(crate) struct Rtrb;

impl<T: Message> Opens<T> for Rtrb {
    const NAME: &'static str = "rtrb";
    const LOCK_FREE: bool = true;

    type Sender = rtrb::Producer<T>;
    type Receiver = rtrb::Consumer<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = rtrb::RingBuffer::new(capacity);
        Handles::pair(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for rtrb::Producer<T> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        self.push(message).map_err(|rtrb::PushError::Full(message)| message)
    }
}

impl<T: Message> TryReceiver<T> for rtrb::Consumer<T> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        self.pop().ok()
    }
}

/// One producer, one consumer.
pub(crate) struct Ringbuf;

impl<T: Message> Opens<T> for Ringbuf {
    const NAME: &'static str = "ringbuf";
    const LOCK_FREE: bool = true;

    type Sender = HeapProd<T>;
    type Receiver = HeapCons<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = HeapRb::new(capacity).split();
        Handles::pair(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for HeapProd<T> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        self.try_push(message)
    }
}

impl<T: Message> TryReceiver<T> for HeapCons<T> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        self.try_pop()
    }
}

/// Loses a message when an asynchronous receive is cancelled.
pub(crate) struct Kanal;

impl<T: Message> Opens<T> for Kanal {
    const NAME: &'static str = "kanal";

    type Sender = Sender<T>;
    type Receiver = Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = kanal::bounded(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for Sender<T> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        // `try_send` drops what it has no room for.
        match self.try_send_option(&mut Some(message)) {
            Ok(true) => Ok(()),
            _ => Err(message),
        }
    }
}

impl<T: Message> TryReceiver<T> for Receiver<T> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        Self::try_recv(self).ok().flatten()
    }
}
