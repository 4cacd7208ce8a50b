//! Messages, mailboxes, and calls.

use std::future::Future;
use std::pin::Pin;

use droves::mailbox::{
    Heap, HeapMailbox, Mailbox, Pointer, Receiver, SendError, Sender, SharedRecvError,
    SharedSendError, TryRecvError, TrySendError, channel,
};
use loom::alloc::Track;
use loom::sync::Arc;

use crate::explore::turn;
use crate::history::{Closed, Did, Empty, Ended, Full, Received, Refused, Sent};
use crate::threads::{Call, block_on};

/// Loom tells if it leaks; a second drop is a double free.
pub type Message = Box<Track<u32>>;
pub type Ends = (Sender<Message>, Receiver<Message>);

#[allow(clippy::unnecessary_box_returns, reason = "a message is a box, and so is freed")]
pub fn message(number: u32) -> Message {
    Box::new(Track::new(number))
}

#[allow(clippy::boxed_local, clippy::needless_pass_by_value, reason = "it takes the message")]
pub fn number(message: Message) -> u32 {
    *message.get_ref()
}

/// A mailbox that holds messages from 0 on.
pub fn holding(messages: u32, capacity: usize) -> Ends {
    let (mut tx, rx) = channel(capacity).unwrap();
    for n in 0..messages {
        tx.try_send(message(n)).unwrap();
    }
    (tx, rx)
}

/// A mailbox whose lap counter wraps after one lap.
pub fn before_wrap(capacity: usize) -> Ends {
    let mailbox = Arc::new(HeapMailbox::starting_before_wrap(capacity, 1).unwrap());
    (Sender::new(mailbox.clone()).unwrap(), Receiver::new(mailbox).unwrap())
}

pub fn try_send<P: Pointer<Message = Message>>(tx: &mut Sender<Message, P>, n: u32) -> Did {
    turn();
    match tx.try_send(message(n)) {
        Ok(()) => Sent(n),
        Err(TrySendError::Full(back)) => Full(number(back)),
        Err(TrySendError::Closed(back)) => Refused(number(back)),
    }
}

pub fn try_recv<P: Pointer<Message = Message>>(rx: &mut Receiver<Message, P>) -> Did {
    turn();
    match rx.try_recv() {
        Ok(message) => Received(number(message)),
        Err(TryRecvError::Empty) => Empty,
        Err(TryRecvError::Closed) => Ended,
    }
}

/// As [`try_send`], without a handle.
pub fn shared_send(mailbox: &Mailbox<Heap<Message>>, n: u32) -> Did {
    turn();
    match mailbox.try_send(message(n)) {
        Ok(()) => Sent(n),
        Err(SharedSendError::Full(back)) => Full(number(back)),
        Err(SharedSendError::Closed(back)) => Refused(number(back)),
        Err(SharedSendError::Busy(_)) => panic!("seats can be added"),
    }
}

/// As [`try_recv`], without a handle.
pub fn shared_recv(mailbox: &Mailbox<Heap<Message>>) -> Did {
    turn();
    match mailbox.try_recv() {
        Ok(message) => Received(number(message)),
        Err(SharedRecvError::Empty) => Empty,
        Err(SharedRecvError::Closed) => Ended,
        Err(SharedRecvError::Busy) => panic!("seats can be added"),
    }
}

pub fn send(tx: &mut Sender<Message>, n: u32) -> (Did, bool) {
    let (result, parked) = block_on(tx.send(message(n)));
    (sent(n, result), parked)
}

pub fn sent(n: u32, result: Result<(), SendError<Message>>) -> Did {
    match result {
        Ok(()) => Sent(n),
        Err(SendError::Closed(back)) => Refused(number(back)),
    }
}

pub fn recv(rx: &mut Receiver<Message>) -> (Did, bool) {
    let (message, parked) = block_on(rx.recv());
    (received(message), parked)
}

/// A call in a race of three threads. Two that still have to register are too much for plain loom:
/// there they wait already when the race begins.
pub fn begin<T, F: Future<Output = T>>(future: F) -> Call<Pin<Box<F>>> {
    let future = Box::pin(future);
    if cfg!(droves_strong) { Call::new(future) } else { Call::waiting(future) }
}

/// Receives, and gives the handle back.
pub async fn receive(mut rx: Receiver<Message>) -> (Did, Receiver<Message>) {
    (received(rx.recv().await), rx)
}

/// Sends, and gives the handle back.
pub async fn deliver(mut tx: Sender<Message>, n: u32) -> (Did, Sender<Message>) {
    let result = tx.send(message(n)).await;
    (sent(n, result), tx)
}

pub fn received(message: Option<Message>) -> Did {
    message.map_or(Ended, |message| Received(number(message)))
}

pub fn close(mailbox: &Mailbox<Heap<Message>>) -> Did {
    turn();
    Closed { first: mailbox.close() }
}

/// All that is left, for when nobody else uses the mailbox; up to the `Empty` or `Ended`.
pub fn rest(rx: &mut Receiver<Message>) -> Vec<Did> {
    let mut did = vec![try_recv(rx)];
    while let Some(Received(_)) = did.last() {
        did.push(try_recv(rx));
    }
    did
}
