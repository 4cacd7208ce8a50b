//! Giving tasks to their manager.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::task::Task;
use crate::control::Stats;
use crate::herd::{Herd, Refused, SendWorkFut, Work};
use crate::mailbox::{HeapMailbox, SharedSendError};
use crate::sync::{Arc, AtomicWord, Ordering};
use crate::time::Instant;
use crate::workers::error::Refusal;

pub(super) type TaskHerd<E> = Herd<Task<E>, (), ()>;

/// By which tasks are given to a manager that [runs](super::Tasks::start), from tasks too. [`Tasks`](super::Tasks) can do all of it itself.
pub struct Sender<E: 'static> {
    /// `None` while it does not run.
    pub(super) herd: Option<TaskHerd<E>>,
    /// For tasks that come before it runs, and for those that are kept.
    pub(super) early: Arc<HeapMailbox<Work<Task<E>>>>,
    /// Whether it has been stopped: then none come before it runs.
    pub(super) stopped: bool,
    pub(super) ids: Arc<AtomicWord>,
}

/// When a task is to be begun.
#[derive(Clone, Copy)]
enum When {
    Now,
    After(Duration),
    At(Instant),
}

impl<E> Sender<E> {
    pub(super) fn running(&self) -> Option<Self> {
        let herd = Some(self.herd.clone()?);
        Some(Self { herd, early: self.early.clone(), stopped: false, ids: self.ids.clone() })
    }

    /// Keeps a task for the next start.
    ///
    /// # Errors
    /// The task comes back if there is no room.
    pub(super) fn keep(
        &self,
        task: Task<E>,
        due: Option<Instant>,
        attempts: u32,
    ) -> Result<(), Task<E>> {
        let work = self.work(task, due.map_or(When::Now, When::At)).attempted(attempts);
        let kept = self.early.try_send(work);
        kept.map_err(|error| error.into_inner().body)
    }

    /// A task as work, with a number.
    #[allow(clippy::useless_conversion, reason = "a word has 64 bits or fewer")]
    fn work(&self, mut task: Task<E>, when: When) -> Work<Task<E>> {
        if task.id == 0 {
            task.id = u64::from(self.ids.fetch_add(1, Ordering::Relaxed)) + 1;
        }
        let work = task.into_work();
        match when {
            When::Now => work,
            When::After(delay) => work.after(delay),
            When::At(at) => work.at(at),
        }
    }

    fn try_send(&self, mut task: Task<E>, when: When) -> Result<u64, Refused<Task<E>>> {
        task.forget_history();
        let work = self.work(task, when);
        let id = work.id;
        let sent = match &self.herd {
            Some(herd) => herd.try_send_work(work),
            None if self.stopped => Err(Refused::new(Refusal::ShuttingDown, work)),
            None => self.early.try_send(work).map_err(|error| match error {
                SharedSendError::Closed(work) => Refused::new(Refusal::ShuttingDown, work),
                SharedSendError::Full(work) | SharedSendError::Busy(work) => {
                    Refused::new(Refusal::Full, work)
                }
            }),
        };
        sent.map(|()| id).map_err(|error| error.map(|work| work.body))
    }

    fn send(&self, mut task: Task<E>, when: When) -> QueueFut<'_, E> {
        match &self.herd {
            Some(herd) => {
                task.forget_history();
                let work = self.work(task, when);
                QueueFut { id: work.id, state: State::Sending(herd.send_work(work)) }
            }
            None => QueueFut { id: 0, state: State::Done(Some(self.try_send(task, when))) },
        }
    }

    /// Has a task done as soon as there is a worker, and waits for room if there is none. Gives the task's number.
    ///
    /// # Errors
    /// The task comes back if the manager has been stopped. Where waiting might be for oneself, in a task of the same
    /// manager and before it runs, it answers `Full`.
    ///
    /// # Cost
    /// That of [`Herd::send`].
    ///
    /// # Cancel safety
    /// Dropping the future before it is done drops the task, which was not accepted, and nothing else.
    pub fn queue(&self, task: Task<E>) -> QueueFut<'_, E> {
        self.send(task, When::Now)
    }

    /// As [`queue`](Self::queue), but does not wait for room.
    ///
    /// # Errors
    /// The task comes back if there is no room, or if the manager has been stopped.
    ///
    /// # Cost
    /// That of [`Herd::try_send`].
    pub fn try_queue(&self, task: Task<E>) -> Result<u64, Refused<Task<E>>> {
        self.try_send(task, When::Now)
    }

    /// Has a task done after a time, never earlier; the time begins when the manager runs. Waits for room if there is none.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    ///
    /// # Cost
    /// As [`queue`](Self::queue), and a wake of the driver.
    ///
    /// # Cancel safety
    /// As [`queue`](Self::queue).
    pub fn delay(&self, delay: Duration, task: Task<E>) -> QueueFut<'_, E> {
        self.send(task, When::After(delay))
    }

    /// As [`delay`](Self::delay), but does not wait for room.
    ///
    /// # Errors
    /// As [`try_queue`](Self::try_queue).
    ///
    /// # Cost
    /// As [`delay`](Self::delay).
    pub fn try_delay(&self, delay: Duration, task: Task<E>) -> Result<u64, Refused<Task<E>>> {
        self.try_send(task, When::After(delay))
    }

    /// Has a task done at a moment of the runtime's clock, never earlier, and at once if it is past. Those of the same moment are begun in the
    /// order in which they came. Waits for room if there is none.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    ///
    /// # Cost
    /// As [`delay`](Self::delay).
    ///
    /// # Cancel safety
    /// As [`queue`](Self::queue).
    pub fn schedule(&self, at: Instant, task: Task<E>) -> QueueFut<'_, E> {
        self.send(task, When::At(at))
    }

    /// As [`schedule`](Self::schedule), but does not wait for room.
    ///
    /// # Errors
    /// As [`try_queue`](Self::try_queue).
    ///
    /// # Cost
    /// As [`schedule`](Self::schedule).
    pub fn try_schedule(&self, at: Instant, task: Task<E>) -> Result<u64, Refused<Task<E>>> {
        self.try_send(task, When::At(at))
    }

    /// How many tasks have been accepted and have not begun, those included that wait for their time or for another attempt.
    ///
    /// # Cost
    /// As [`Herd::stats`].
    #[must_use]
    pub fn queue_len(&self) -> usize {
        let waiting = |stats: Stats| stats.waiting + stats.scheduled + stats.backing_off;
        self.early.len() + self.stats().map_or(0, waiting)
    }

    /// The numbers of the tasks since the manager was started; `None` while it does not run.
    ///
    /// # Cost
    /// As [`Herd::stats`].
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        self.herd.as_ref().map(Herd::stats)
    }
}

impl<E> fmt::Debug for Sender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("herd", &self.herd).finish_non_exhaustive()
    }
}

/// The future of [`Sender::queue`] and its like.
///
/// # Cancel safety
/// Dropping it before it is done drops the task, which was not accepted, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct QueueFut<'a, E: 'static> {
    id: u64,
    state: State<'a, E>,
}

enum State<'a, E: 'static> {
    Sending(SendWorkFut<'a, Task<E>, (), ()>),
    Done(Option<Result<u64, Refused<Task<E>>>>),
}

impl<E> Unpin for QueueFut<'_, E> {}

impl<E> QueueFut<'_, E> {
    /// Ends the wait; gives back the task if it was not sent.
    #[cfg(feature = "std")]
    pub(crate) fn give_up(&mut self, kind: Refusal) -> Result<u64, Refused<Task<E>>> {
        match &mut self.state {
            State::Sending(send) => {
                send.give_up(kind).map(|()| self.id).map_err(|error| error.map(|work| work.body))
            }
            State::Done(done) => done.take().unwrap_or(Ok(self.id)),
        }
    }
}

impl<E> Future for QueueFut<'_, E> {
    type Output = Result<u64, Refused<Task<E>>>;

    /// # Panics
    /// If it is polled after it is done.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        match &mut self.state {
            State::Sending(send) => Pin::new(send)
                .poll(cx)
                .map(|sent| sent.map(|()| id).map_err(|error| error.map(|work| work.body))),
            State::Done(done) => Poll::Ready(done.take().expect("polled after it was done")),
        }
    }
}

impl<E> fmt::Debug for QueueFut<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueFut")
    }
}
