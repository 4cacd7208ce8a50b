//! The pool's blocking calls.

use std::time::Instant;

use super::super::park::{block_on, park};
use super::super::patience::linger;
use crate::job::IntoJob;
use crate::pool::{JoinError, Leftovers, Pool, Refusal, Refused};

impl<E: 'static, C: 'static> Pool<E, C> {
    /// Gives a job to the pool, and blocks the thread while there is no room.
    ///
    /// # Errors
    /// The job comes back if the pool takes none any more. In one of the pool's own jobs it does not block, since that
    /// might be for itself: there it answers `Full`.
    ///
    /// # Cost
    /// As [`assign`](Self::assign) while there is room; then a handle of the mailbox for the time of the wait.
    pub fn send_blocking<J: IntoJob<E, C, K>, K>(&self, job: J) -> Result<(), Refused<J>> {
        match self.assign_patiently(job) {
            Err(error) if error.is_full() => block_on(self.send(error.into_inner())),
            result => result,
        }
    }

    /// Assigns a job; if there is no room, again after a little time, as long as that is better than to park.
    fn assign_patiently<J: IntoJob<E, C, K>, K>(&self, job: J) -> Result<(), Refused<J>> {
        let mut round = 0;
        let mut result = self.assign(job);
        loop {
            match result {
                Err(error) if error.is_full() && linger(round) => {
                    round += 1;
                    result = self.assign(error.into_inner());
                }
                _ => return result,
            }
        }
    }

    /// Gives a job to the pool, and blocks the thread while there is no room, until the deadline. With a deadline
    /// in the past it tries and does not block.
    ///
    /// # Errors
    /// As [`send_blocking`](Self::send_blocking); `Full` if there was no room until the deadline.
    ///
    /// # Cost
    /// As [`send_blocking`](Self::send_blocking).
    pub fn send_deadline<J: IntoJob<E, C, K>, K>(
        &self,
        job: J,
        deadline: Instant,
    ) -> Result<(), Refused<J>> {
        let job = match self.assign_patiently(job) {
            Err(error) if error.is_full() => error.into_inner(),
            result => return result,
        };
        let mut send = self.send(job);
        match park(&mut send, Some(deadline)) {
            Some(result) => result,
            None => send.give_up(Refusal::Full),
        }
    }

    /// Blocks the thread until the pool has ended: see [`join`](Self::join).
    ///
    /// # Errors
    /// As [`join`](Self::join).
    ///
    /// # Cost
    /// The thread parks.
    pub fn join_blocking(&self) -> Result<Leftovers<E, C>, JoinError> {
        block_on(self.join())
    }

    /// Blocks the thread until the pool has ended, or until the deadline.
    ///
    /// # Errors
    /// As [`join`](Self::join); [`Timeout`](JoinError::Timeout), with the workers that are still busy, if the
    /// deadline passes.
    ///
    /// # Cost
    /// The thread parks; eight loads for each worker if the deadline passes.
    pub fn join_deadline(&self, deadline: Instant) -> Result<Leftovers<E, C>, JoinError> {
        park(self.join(), Some(deadline)).unwrap_or_else(|| {
            let busy = self.workers().filter(|worker| worker.busy);
            let busy = busy.map(|worker| worker.index).collect();
            // It may have ended just now.
            if self.is_stopped() { block_on(self.join()) } else { Err(JoinError::Timeout { busy }) }
        })
    }
}
