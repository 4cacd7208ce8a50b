//! The contender all this is about.

use std::sync::Arc;

use droves::mailbox::{self, HeapMailbox, Receiver, Sender};

use crate::handles::{
    AsyncReceiver, AsyncSender, BatchReceiver, BatchSender, BlockingReceiver, BlockingSender,
    Handles, Opens, TryReceiver, TrySender,
};
use crate::load::Shape;
use crate::message::Message;

/// The mailbox with run-time capacity, owned by its handles together.
pub(crate) struct Droves;

type Owner<T> = Arc<HeapMailbox<T>>;

impl<T: Message> Opens<T> for Droves {
    const NAME: &'static str = "droves";
    const LOCK_FREE: bool = true;

    type Sender = Sender<T, Owner<T>>;
    type Receiver = Receiver<T, Owner<T>>;

    fn open(capacity: usize, shape: Shape) -> Handles<Self::Sender, Self::Receiver> {
        let (sender, receiver) = mailbox::channel(capacity).expect("a legal capacity");
        Handles::cloned(shape, sender, receiver)
    }
}

impl<T: Message> TrySender<T> for Sender<T, Owner<T>> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), T> {
        Sender::try_send(self, message).map_err(mailbox::TrySendError::into_inner)
    }
}

impl<T: Message> TryReceiver<T> for Receiver<T, Owner<T>> {
    #[inline]
    fn try_recv(&mut self) -> Option<T> {
        Receiver::try_recv(self).ok()
    }
}

impl<T: Message> BatchSender<T> for Sender<T, Owner<T>> {
    #[inline]
    fn try_send_many(&mut self, messages: impl Iterator<Item = T>) -> usize {
        Sender::try_send_many(self, messages).unwrap_or_else(|refused| refused.sent)
    }
}

impl<T: Message> BatchReceiver<T> for Receiver<T, Owner<T>> {
    #[inline]
    fn try_recv_many(&mut self, out: &mut Vec<T>, max: usize) -> usize {
        Receiver::try_recv_many(self, out, max).unwrap_or(0)
    }
}

impl<T: Message> BlockingSender<T> for Sender<T, Owner<T>> {
    #[inline]
    fn send(&mut self, message: T) {
        self.send_blocking(message).expect("receivers are there");
    }
}

impl<T: Message> BlockingReceiver<T> for Receiver<T, Owner<T>> {
    #[inline]
    fn recv(&mut self) -> Option<T> {
        self.recv_blocking()
    }
}

impl<T: Message> AsyncSender<T> for Sender<T, Owner<T>> {
    #[inline]
    async fn send(&mut self, message: T) {
        Sender::send(self, message).await.expect("receivers are there");
    }
}

impl<T: Message> AsyncReceiver<T> for Receiver<T, Owner<T>> {
    #[inline]
    async fn recv(&mut self) -> Option<T> {
        Receiver::recv(self).await
    }
}
