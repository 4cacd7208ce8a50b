//! All ways to send and to receive.

use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use droves::mailbox::{
    Pointer, Receiver, RecvDeadlineError, SendDeadlineError, SendError, SendManyError, Sender,
    SharedRecvError, SharedSendError, TryRecvError, TrySendError,
};
use futures_lite::StreamExt;
use futures_lite::future::{block_on, poll_once};

use super::ledger::{Ledger, Message, Source};

/// A way to send or receive some messages.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Try,
    /// Without a handle.
    Shared,
    /// Written in place; received as a stream.
    Place,
    TryBatch,
    Block,
    Deadline,
    Await,
    AwaitBatch,
    /// A future that is dropped if it is not done soon.
    Cancel,
    /// Go on with another handle.
    Change,
}

/// The mailbox is closed, and for receivers drained.
pub struct Ended;

fn soon() -> Instant {
    Instant::now() + Duration::from_micros(50)
}

impl Way {
    /// Sends messages, at least one if there are any.
    pub fn send<P: Pointer<Message = Message>>(
        self,
        tx: &mut Sender<Message, P>,
        source: &mut Source,
    ) -> Result<(), Ended> {
        let refused = match self {
            Self::TryBatch => match tx.try_send_many(source.by_ref().take(7)) {
                Ok(_) => None,
                Err(SendManyError { error: TrySendError::Closed(message), .. }) => Some(message),
                // Its turn is now, before the rest.
                Err(SendManyError { error: TrySendError::Full(message), .. }) => {
                    tx.send_blocking(message).err().map(SendError::into_inner)
                }
            },
            Self::AwaitBatch => match block_on(tx.send_many(source.by_ref().take(7))) {
                Ok(_) => None,
                Err(SendManyError { error, .. }) => Some(error.into_inner()),
            },
            Self::Change => {
                *tx = tx.try_clone().unwrap();
                None
            }
            _ => match source.next() {
                Some(message) => self.send_one(tx, message),
                None => None,
            },
        };
        match refused {
            Some(message) => {
                source.take_back(&message);
                Err(Ended)
            }
            None => Ok(()),
        }
    }

    /// Sends a message. It comes back if the mailbox is closed.
    fn send_one<P: Pointer<Message = Message>>(
        self,
        tx: &mut Sender<Message, P>,
        mut message: Message,
    ) -> Option<Message> {
        loop {
            message = match self {
                Self::Shared => match tx.mailbox().try_send(message) {
                    Ok(()) => return None,
                    Err(SharedSendError::Closed(message)) => return Some(message),
                    Err(SharedSendError::Full(message) | SharedSendError::Busy(message)) => message,
                },
                Self::Place => match tx.reserve().write(message).try_send() {
                    Ok(()) => return None,
                    Err(refused) if refused.error.is_closed() => {
                        return Some(refused.message.into_inner());
                    }
                    Err(refused) => refused.message.into_inner(),
                },
                Self::Block => return tx.send_blocking(message).err().map(SendError::into_inner),
                Self::Deadline => match tx.send_deadline(message, soon()) {
                    Ok(()) => return None,
                    Err(SendDeadlineError::Closed(message)) => return Some(message),
                    Err(SendDeadlineError::Timeout(message)) => message,
                },
                Self::Await => return block_on(tx.send(message)).err().map(SendError::into_inner),
                Self::Cancel => {
                    let mut from = Some(message);
                    let result = block_on(async {
                        let mut sending = pin!(tx.send_from(&mut from));
                        let first = poll_once(&mut sending).await;
                        thread::yield_now();
                        first
                    });
                    match (result, from) {
                        (Some(Ok(())), None) => return None,
                        (Some(Err(_)), Some(message)) => return Some(message),
                        (None, Some(message)) => message,
                        (_, _) => panic!("the message is neither sent nor kept"),
                    }
                }
                _ => match tx.try_send(message) {
                    Ok(()) => return None,
                    Err(TrySendError::Closed(message)) => return Some(message),
                    Err(TrySendError::Full(message)) => message,
                },
            };
            thread::yield_now();
        }
    }

    /// Receives messages, if there are any, or waits for them.
    pub fn recv<P: Pointer<Message = Message>>(
        self,
        rx: &mut Receiver<Message, P>,
        ledger: &mut Ledger,
    ) -> Result<(), Ended> {
        let mut keep = |message| ledger.extend(Some(message));
        match self {
            Self::Try => match rx.try_recv() {
                Ok(message) => keep(message),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Closed) => return Err(Ended),
            },
            Self::Shared => match rx.mailbox().try_recv() {
                Ok(message) => keep(message),
                Err(SharedRecvError::Empty | SharedRecvError::Busy) => thread::yield_now(),
                Err(SharedRecvError::Closed) => return Err(Ended),
            },
            Self::Place => keep(block_on(rx.next()).ok_or(Ended)?),
            Self::TryBatch => match rx.try_recv_many(ledger, 7) {
                Ok(_) => {}
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Closed) => return Err(Ended),
            },
            Self::Block => keep(rx.recv_blocking().ok_or(Ended)?),
            Self::Deadline => match rx.recv_deadline(soon()) {
                Ok(message) => keep(message),
                Err(RecvDeadlineError::Timeout) => {}
                Err(RecvDeadlineError::Closed) => return Err(Ended),
            },
            Self::Await => keep(block_on(rx.recv()).ok_or(Ended)?),
            Self::AwaitBatch => {
                if block_on(rx.recv_many(ledger, 7)) == 0 {
                    return Err(Ended);
                }
            }
            Self::Cancel => {
                let received = block_on(async {
                    let mut receiving = pin!(rx.recv());
                    let first = poll_once(&mut receiving).await;
                    thread::yield_now();
                    first
                });
                match received {
                    Some(Some(message)) => keep(message),
                    Some(None) => return Err(Ended),
                    None => {}
                }
            }
            Self::Change => *rx = rx.try_clone().unwrap(),
        }
        Ok(())
    }
}
