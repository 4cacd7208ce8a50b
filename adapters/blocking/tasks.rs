//! The task manager's blocking calls.

use std::time::Instant;
use std::vec::Vec;

use super::super::park::{block_on, park};
use crate::tasks::{Pending, Refusal, Refused, Sender, StopError, Task, Tasks};

impl<E: 'static> Sender<E> {
    /// Has a task done as soon as there is a worker, and blocks the thread while there is no room. Gives the task's number.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    ///
    /// # Cost
    /// As [`try_queue`](Self::try_queue) while there is room; then a handle for the time of the wait.
    pub fn queue_blocking(&self, task: Task<E>) -> Result<u64, Refused<Task<E>>> {
        block_on(self.queue(task))
    }

    /// As [`queue_blocking`](Self::queue_blocking), until the deadline. With a deadline in the past it tries and does not
    /// block.
    ///
    /// # Errors
    /// As [`queue`](Self::queue); `Full` if there was no room until the deadline.
    ///
    /// # Cost
    /// As [`queue_blocking`](Self::queue_blocking).
    pub fn queue_deadline(
        &self,
        task: Task<E>,
        deadline: Instant,
    ) -> Result<u64, Refused<Task<E>>> {
        let mut queue = self.queue(task);
        match park(&mut queue, Some(deadline)) {
            Some(result) => result,
            None => queue.give_up(Refusal::Full),
        }
    }
}

impl<E: 'static> Tasks<E> {
    /// Blocks the thread until the manager has stopped: see [`stop`](Self::stop).
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    ///
    /// # Cost
    /// The thread parks.
    pub fn stop_blocking(&mut self) -> Result<Vec<Pending<E>>, StopError<E>> {
        block_on(self.stop())
    }
}
