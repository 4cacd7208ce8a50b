//! The mailbox's futures, each with the handle that it borrows, so that it can be kept.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use droves::mailbox::{Pointer, Receiver, SendError, SendManyError, Sender};

use super::census::Message;
use super::model::{End, How};

/// What becomes of a future at the next poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    GoOn,
    Cancel,
    Leak,
}

pub type Orders = Rc<Cell<Order>>;

/// Polls `future` until it is done. `None` if it was ordered to end before.
async fn until<F: Future + Unpin>(mut future: F, orders: &Orders) -> Option<F::Output> {
    let result = poll_fn(|cx| match orders.get() {
        Order::GoOn => Pin::new(&mut future).poll(cx).map(Some),
        Order::Cancel | Order::Leak => Poll::Ready(None),
    })
    .await;
    if orders.get() == Order::Leak {
        std::mem::forget(future);
    }
    result
}

fn ids(messages: impl IntoIterator<Item = Message>) -> Vec<usize> {
    messages.into_iter().map(|message| message.id).collect()
}

pub async fn send<P: Pointer<Message = Message>>(
    mut handle: Sender<Message, P>,
    message: Message,
    orders: Orders,
) -> (Sender<Message, P>, End) {
    let (how, sent, ids) = match until(handle.send(message), &orders).await {
        Some(Ok(())) => (How::Done, 1, vec![]),
        Some(Err(SendError::Closed(message))) => (How::Closed, 0, vec![message.id]),
        None => (How::Cancelled, 0, vec![]),
    };
    (handle, End { how, sent, ids })
}

pub async fn send_from<P: Pointer<Message = Message>>(
    mut handle: Sender<Message, P>,
    message: Message,
    orders: Orders,
) -> (Sender<Message, P>, End) {
    let mut from = Some(message);
    let (how, sent) = match until(handle.send_from(&mut from), &orders).await {
        Some(Ok(())) => (How::Done, 1),
        Some(Err(_)) => (How::Closed, 0),
        None => (How::Cancelled, 0),
    };
    (handle, End { how, sent, ids: ids(from) })
}

pub async fn send_many<P: Pointer<Message = Message>>(
    mut handle: Sender<Message, P>,
    messages: Vec<Message>,
    orders: Orders,
) -> (Sender<Message, P>, End) {
    let mut messages = messages.into_iter();
    let (how, sent, refused) = match until(handle.send_many(&mut messages), &orders).await {
        Some(Ok(sent)) => (How::Done, sent, None),
        Some(Err(SendManyError { sent, error, .. })) => {
            assert!(error.is_closed());
            (How::Closed, sent, Some(error.into_inner()))
        }
        None => (How::Cancelled, 0, None),
    };
    (handle, End { how, sent, ids: ids(refused.into_iter().chain(messages)) })
}

pub async fn recv<P: Pointer<Message = Message>>(
    mut handle: Receiver<Message, P>,
    orders: Orders,
) -> (Receiver<Message, P>, End) {
    let (how, message) = match until(handle.recv(), &orders).await {
        Some(Some(message)) => (How::Done, Some(message)),
        Some(None) => (How::Closed, None),
        None => (How::Cancelled, None),
    };
    (handle, End { how, sent: 0, ids: ids(message) })
}

pub async fn recv_many<P: Pointer<Message = Message>>(
    mut handle: Receiver<Message, P>,
    max: usize,
    orders: Orders,
) -> (Receiver<Message, P>, End) {
    let mut messages = Vec::new();
    let how = match until(handle.recv_many(&mut messages, max), &orders).await {
        Some(0) if max > 0 => How::Closed,
        Some(count) => {
            assert_eq!(count, messages.len());
            How::Done
        }
        None => How::Cancelled,
    };
    (handle, End { how, sent: 0, ids: ids(messages) })
}
