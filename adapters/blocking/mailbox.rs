//! The mailbox's blocking calls: its futures, run by a thread that parks.

use std::thread;
use std::time::Instant;

use super::super::park::park;
use crate::mailbox::{
    Closed, Pointer, Receiver, RecvDeadlineError, SendDeadlineError, SendError, Sender,
    TryRecvError, TrySendError,
};
use crate::sync::retry;

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

/// Tries, and tries again after pauses: most waits are short, while to park and be woken costs many
/// microseconds.
///
/// The first pause is long enough for a few messages to come: who looks again at once finds one, and then the
/// two sides move the same cache lines to and fro for each. A few yields at the end help where
/// there are more threads than cores; more of them would make the thread slow to be woken later.
fn patiently<R>(mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
    const PAUSES: [u32; 4] = [8, 16, 32, 64];
    const YIELDS: usize = 4;
    for pauses in PAUSES {
        if let Some(done) = attempt() {
            return Some(done);
        }
        for _ in 0..pauses {
            retry();
        }
    }
    for _ in 0..YIELDS {
        if let Some(done) = attempt() {
            return Some(done);
        }
        #[allow(clippy::disallowed_methods, reason = "a few of them do no harm")]
        thread::yield_now();
    }
    None
}
