//! Peers of the async cells: they close, drain, lose no wake-up and can be cancelled.

use crossfire::{MAsyncRx, MAsyncTx, mpmc};
use fibre::{mpmc as fibre_mpmc, mpmc_exp as fibre_ring};
use tokio::sync::mpsc;

use crate::handles::{AsyncReceiver, AsyncSender, Handles, Opens};
use crate::load::Shape;
use crate::message::Message;

pub(crate) struct CrossfireAsync;

impl<T: Message> Opens<T> for CrossfireAsync {
    const NAME: &'static str = "crossfire";

    type Sender = MAsyncTx<mpmc::Array<T>>;
    type Receiver = MAsyncRx<mpmc::Array<T>>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = mpmc::bounded_async(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> AsyncSender<T> for MAsyncTx<mpmc::Array<T>> {
    #[inline]
    async fn send(&mut self, message: T) {
        (**self).send(message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for MAsyncRx<mpmc::Array<T>> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        (**self).recv().await.ok()
    }
}

/// Fibre's usual channel for many receivers.
pub(crate) struct Fibre;

impl<T: Message> Opens<T> for Fibre {
    const NAME: &'static str = "fibre";

    type Sender = fibre_mpmc::AsyncSender<T>;
    type Receiver = fibre_mpmc::AsyncReceiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = fibre_mpmc::bounded_async(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> AsyncSender<T> for fibre_mpmc::AsyncSender<T> {
    #[inline]
    async fn send(&mut self, message: T) {
        Self::send(self, message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for fibre_mpmc::AsyncReceiver<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        Self::recv(self).await.ok()
    }
}

/// Fibre's ring, which it calls experimental.
pub(crate) struct FibreRing;

impl<T: Message> Opens<T> for FibreRing {
    const NAME: &'static str = "fibre (exp)";

    type Sender = fibre_ring::AsyncSender<T>;
    type Receiver = fibre_ring::AsyncReceiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = fibre_ring::bounded_async(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> AsyncSender<T> for fibre_ring::AsyncSender<T> {
    #[inline]
    async fn send(&mut self, message: T) {
        Self::send(self, message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for fibre_ring::AsyncReceiver<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        Self::recv(self).await.ok()
    }
}

pub(crate) struct AsyncChannel;

impl<T: Message> Opens<T> for AsyncChannel {
    const NAME: &'static str = "async-channel";

    type Sender = async_channel::Sender<T>;
    type Receiver = async_channel::Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = async_channel::bounded(capacity);
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> AsyncSender<T> for async_channel::Sender<T> {
    #[inline]
    async fn send(&mut self, message: T) {
        Self::send(self, message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for async_channel::Receiver<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        Self::recv(self).await.ok()
    }
}

/// A single receiver.
pub(crate) struct TokioMpsc;

impl<T: Message> Opens<T> for TokioMpsc {
    const NAME: &'static str = "tokio mpsc";

    type Sender = mpsc::Sender<T>;
    type Receiver = mpsc::Receiver<T>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = mpsc::channel(capacity);
        Handles::one_receiver(shape, sender, receiver)
    }
}

impl<T: Message> AsyncSender<T> for mpsc::Sender<T> {
    #[inline]
    async fn send(&mut self, message: T) {
        Self::send(self, message).await.expect("the receiver is there");
    }
}

impl<T: Message> AsyncReceiver<T> for mpsc::Receiver<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        Self::recv(self).await
    }
}

impl<T: Message> AsyncSender<T> for flume::Sender<T> {
    #[inline]
    async fn send(&mut self, message: T) {
        self.send_async(message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for flume::Receiver<T> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        self.recv_async().await.ok()
    }
}
