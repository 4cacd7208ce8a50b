//! The herd's blocking calls.

use std::time::Instant;

use super::super::park::{block_on, park};
use crate::herd::{Done, Herd, JoinError, Leftovers, Refusal, Refused, Results};

impl<B: 'static, R: 'static, E: 'static> Herd<B, R, E> {
    /// Sends an item, and blocks the thread while there is no room.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send) while there is room; then a handle for the time of the wait.
    pub fn send_blocking(&self, id: u64, body: B) -> Result<(), Refused<B>> {
        block_on(self.send(id, body))
    }

    /// Sends an item, and blocks the thread while there is no room, until the deadline. With a deadline in the past it
    /// tries and does not block.
    ///
    /// # Errors
    /// As [`send`](Self::send); `Full` if there was no room until the deadline.
    ///
    /// # Cost
    /// As [`send_blocking`](Self::send_blocking).
    pub fn send_deadline(&self, id: u64, body: B, deadline: Instant) -> Result<(), Refused<B>> {
        let mut send = self.send(id, body);
        match park(&mut send, Some(deadline)) {
            Some(result) => result,
            None => send.give_up(Refusal::Full),
        }
    }

    /// Blocks the thread until the herd has ended: see [`join`](Self::join).
    ///
    /// # Errors
    /// As [`join`](Self::join).
    ///
    /// # Cost
    /// The thread parks.
    pub fn join_blocking(&self) -> Result<Leftovers<B, R, E>, JoinError> {
        block_on(self.join())
    }

    /// Blocks the thread until the herd has ended, or until the deadline.
    ///
    /// # Errors
    /// As [`join`](Self::join); [`Timeout`](JoinError::Timeout), with the workers that are still busy, if the
    /// deadline passes.
    ///
    /// # Cost
    /// The thread parks; eight loads for each worker if the deadline passes.
    pub fn join_deadline(&self, deadline: Instant) -> Result<Leftovers<B, R, E>, JoinError> {
        park(self.join(), Some(deadline)).unwrap_or_else(|| {
            // It may have ended just now.
            if self.is_stopped() {
                return block_on(self.join());
            }
            Err(JoinError::Timeout { busy: self.shared().busy() })
        })
    }
}

impl<B: 'static, R: 'static, E: 'static> Results<B, R, E> {
    /// The next result; blocks the thread until there is one. `None` when all items have ended, and the herd has.
    ///
    /// # Cost
    /// As [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Option<Done<B, R, E>> {
        block_on(self.next())
    }
}
