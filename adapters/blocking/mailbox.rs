//! The mailbox's blocking calls: its futures, run by a thread that parks.

use std::time::Instant;

use super::super::park::park;
use super::super::patience::patiently;
use crate::mailbox::{
    Closed, Pointer, Receiver, RecvDeadlineError, SendDeadlineError, SendError, Sender,
    TryRecvError, TrySendError,
};

impl<T, P: Pointer<Message = T>> Sender<T, P> {
    /// Sends a message, and blocks the thread while there is no room.
    ///
    /// # Errors
    /// The message comes back if the mailbox is closed.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send) while there is room; then a few tries with pauses, then the
    /// thread parks. A thread's first wait allocates.
    pub fn send_blocking(&mut self, message: T) -> Result<(), SendError<T>> {
        let mut from = Some(message);
        match (self.block(&mut from, None), from) {
            (Some(Err(Closed)), Some(message)) => Err(SendError::Closed(message)),
            _ => Ok(()),
        }
    }

    /// Sends a message, and blocks the thread while there is no room, until the deadline. With a deadline
    /// in the past it tries and does not park.
    ///
    /// # Errors
    /// The message comes back if the mailbox is closed, or was full until the deadline.
    ///
    /// # Cost
    /// As [`send_blocking`](Self::send_blocking).
    pub fn send_deadline(
        &mut self,
        message: T,
        deadline: Instant,
    ) -> Result<(), SendDeadlineError<T>> {
        let mut from = Some(message);
        match (self.block(&mut from, Some(deadline)), from) {
            (Some(Err(Closed)), Some(message)) => Err(SendDeadlineError::Closed(message)),
            (None, Some(message)) => Err(SendDeadlineError::Timeout(message)),
            _ => Ok(()),
        }
    }

    /// Leaves the message in `from` if it was not sent; `None` if the deadline passed.
    fn block(
        &mut self,
        from: &mut Option<T>,
        deadline: Option<Instant>,
    ) -> Option<Result<(), Closed>> {
        let sent = patiently(|| match self.try_send(from.take()?) {
            Ok(()) => Some(Ok(())),
            Err(TrySendError::Full(message)) => {
                *from = Some(message);
                None
            }
            Err(TrySendError::Closed(message)) => {
                *from = Some(message);
                Some(Err(Closed))
            }
        });
        sent.or_else(|| park(self.send_from(from), deadline))
    }
}

impl<T, P: Pointer<Message = T>> Receiver<T, P> {
    /// Receives a message, and blocks the thread while there is none. `None` once the mailbox is
    /// closed and drained.
    ///
    /// # Cost
    /// As [`try_recv`](Self::try_recv) while there are messages; then a few tries with pauses, then
    /// the thread parks. A thread's first wait allocates.
    pub fn recv_blocking(&mut self) -> Option<T> {
        self.block(None)?.ok()
    }

    /// Receives a message, and blocks the thread while there is none, until the deadline. With a deadline
    /// in the past it tries and does not park.
    ///
    /// # Errors
    /// `Timeout`, or `Closed` if the mailbox is closed and drained.
    ///
    /// # Cost
    /// As [`recv_blocking`](Self::recv_blocking).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, RecvDeadlineError> {
        match self.block(Some(deadline)) {
            Some(Ok(message)) => Ok(message),
            Some(Err(Closed)) => Err(RecvDeadlineError::Closed),
            None => Err(RecvDeadlineError::Timeout),
        }
    }

    /// `None` if the deadline passed.
    fn block(&mut self, deadline: Option<Instant>) -> Option<Result<T, Closed>> {
        let received = patiently(|| match self.try_recv() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(Closed)),
        });
        received.or_else(|| park(self.recv(), deadline).map(|message| message.ok_or(Closed)))
    }
}
