//! Peers of the blocking cells: they close, drain, and lose no wake-up.

use std::sync::mpsc;

use crossfire::{MRx, MTx, mpmc};
use omango::queue::mpmc as omango_mpmc;

use crate::handles::{BlockingReceiver, BlockingSender, Handles, Opens};
use crate::load::Shape;
use crate::message::Message;

pub(crate) struct Crossbeam;

impl<T: Message> Opens<T> for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";

    type Sender = crossbeam_channel::Sender<T>;
    type Receiver = crossbeam_channel::Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> BlockingSender<T> for crossbeam_channel::Sender<T> {
    #[inline]
    fn send(&mut self, message: T) {
        Self::send(self, message).expect("receivers are there");
    }
}

impl<T: Message> BlockingReceiver<T> for crossbeam_channel::Receiver<T> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        Self::recv(self).ok()
    }
}

impl<T: Message> BlockingSender<T> for MTx<mpmc::Array<T>> {
    #[inline]
    fn send(&mut self, message: T) {
        (**self).send(message).expect("receivers are there");
    }
}

impl<T: Message> BlockingReceiver<T> for MRx<mpmc::Array<T>> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        (**self).recv().ok()
    }
}

impl<T: Message> BlockingSender<T> for omango_mpmc::BSender<T> {
    #[inline]
    fn send(&mut self, message: T) {
        Self::send(self, message).expect("receivers are there");
    }

    fn close(&mut self) {
        Self::close(self);
    }
}

impl<T: Message> BlockingReceiver<T> for omango_mpmc::BReceiver<T> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        Self::recv(self).ok()
    }
}

/// `std::sync::mpsc::sync_channel`; a single receiver.
pub(crate) struct Std;

impl<T: Message> Opens<T> for Std {
    const NAME: &'static str = "std sync_channel";

    type Sender = mpsc::SyncSender<T>;
    type Receiver = mpsc::Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        Handles::one_receiver(shape, sender, receiver)
    }
}

impl<T: Message> BlockingSender<T> for mpsc::SyncSender<T> {
    #[inline]
    fn send(&mut self, message: T) {
        Self::send(self, message).expect("the receiver is there");
    }
}

impl<T: Message> BlockingReceiver<T> for mpsc::Receiver<T> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        Self::recv(self).ok()
    }
}

/// Blocking and asynchronous.
pub(crate) struct Flume;

impl<T: Message> Opens<T> for Flume {
    const NAME: &'static str = "flume";

    type Sender = flume::Sender<T>;
    type Receiver = flume::Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = flume::bounded(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> BlockingSender<T> for flume::Sender<T> {
    #[inline]
    fn send(&mut self, message: T) {
        Self::send(self, message).expect("receivers are there");
    }
}

impl<T: Message> BlockingReceiver<T> for flume::Receiver<T> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        Self::recv(self).ok()
    }
}
