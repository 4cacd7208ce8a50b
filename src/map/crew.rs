//! The workers of a map, and what is on its way to them and back.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::worker::{Common, Outcome, Returned, Worker};
use crate::config::ConfigError;
use crate::latch::Latch;
use crate::mailbox::{HeapMailbox, MAX_SEATS, Receiver, Sender};
use crate::panic::{Panic, resume};
use crate::runtime::{Spawn, SpawnError, Task};
use crate::sync::Arc;

/// Half of the handles that a mailbox may have, since one that waits may need a second seat for a moment.
const MAX_LIMIT: usize = MAX_SEATS / 2;

/// How many items may be on the way for each worker: one in work and one ready, or one that waits.
const FOR_EACH: usize = 2;

/// Why a map ends early.
pub(super) enum Failure {
    Panicked(Panic),
    Refused(SpawnError),
    Lost,
}

impl Failure {
    /// Tells the caller.
    pub(super) fn raise(self) -> ! {
        match self {
            Self::Panicked(panic) => resume(panic),
            Self::Refused(error) => panic!("no worker of a map could be spawned: {error}"),
            Self::Lost => panic!("the runtime has dropped a worker of a map"),
        }
    }
}

/// Dropping it stops the workers, and waits for them where that can be.
///
/// Numbers of items count on for ever: they are compared by their differences, which are small.
pub(super) struct Crew<Rt, T, F, Fut>
where
    Fut: Future,
    Rt: Spawn<Worker<T, F, Fut>>,
{
    runtime: Rt,
    common: Arc<Common<T, F, Fut>>,
    items: Sender<(usize, T)>,
    pub(super) results: Receiver<Outcome<Fut::Output>>,
    tasks: Vec<Rt::Task>,
    /// How many workers there may be.
    limit: usize,
    /// How many items may be pulled and not given.
    room: usize,
    pub(super) ordered: bool,
    /// What has ended and has not been given; with gaps, if it is ordered.
    ended: VecDeque<Option<Returned<Fut::Output>>>,
    /// How many items were pulled; have come back; were given.
    pulled: usize,
    returned: usize,
    given: usize,
    /// Whether more items may come.
    open: bool,
    failure: Option<Failure>,
}

impl<Rt, T, F, Fut> Crew<Rt, T, F, Fut>
where
    Fut: Future,
    Rt: Spawn<Worker<T, F, Fut>>,
{
    pub(super) fn new(
        runtime: Rt,
        limit: usize,
        f: F,
        call: fn(&F, T) -> Fut,
    ) -> Result<Self, ConfigError> {
        ConfigError::check("limit", limit, 1, MAX_LIMIT)?;
        let room = FOR_EACH * limit;
        let items = Arc::new(HeapMailbox::with_capacity(room)?);
        let results = Arc::new(HeapMailbox::with_capacity(room)?);
        let free = "a new mailbox has free seats";
        Ok(Self {
            runtime,
            items: Sender::new(items.clone()).expect(free),
            results: Receiver::new(results.clone()).expect(free),
            common: Arc::new(Common { f, call, items, results, stop: Latch::new() }),
            tasks: Vec::new(),
            limit,
            room,
            ordered: false,
            ended: VecDeque::new(),
            pulled: 0,
            returned: 0,
            given: 0,
            open: true,
            failure: None,
        })
    }

    /// Whether nothing has been pulled.
    pub(super) fn is_fresh(&self) -> bool {
        self.pulled == 0 && self.open
    }

    /// How many items were pulled and not given.
    pub(super) fn on_the_way(&self) -> usize {
        self.pulled.wrapping_sub(self.given)
    }

    /// Pulls an item, if there is one now and room for it. Returns whether there may be another.
    pub(super) fn feed<S>(&mut self, mut input: Pin<&mut Option<S>>, cx: &mut Context<'_>) -> bool
    where
        S: Stream<Item = T>,
    {
        let has_room = self.open && self.on_the_way() < self.room;
        let Some(items) = input.as_mut().as_pin_mut().filter(|_| has_room) else { return false };
        match items.poll_next(cx) {
            Poll::Ready(Some(item)) => self.put(item),
            Poll::Ready(None) => {
                input.set(None);
                self.close();
                return false;
            }
            Poll::Pending => return false,
        }
        true
    }

    /// Gives an item to the workers, one more of them if all may be busy.
    fn put(&mut self, item: T) {
        if self.items.try_send((self.pulled, item)).is_err() {
            // There is room, so that it was closed, by the last worker.
            return self.fail(Failure::Lost);
        }
        self.pulled = self.pulled.wrapping_add(1);
        let busy = self.pulled.wrapping_sub(self.returned);
        if self.tasks.len() < self.limit.min(busy) {
            let worker = Worker::new(self.common.clone()).map_err(|_| SpawnError::Limit);
            match worker.and_then(|worker| self.runtime.spawn(worker)) {
                Ok(task) => self.tasks.push(task),
                // The others do it.
                Err(_) if !self.tasks.is_empty() => self.limit = self.tasks.len(),
                Err(error) => self.fail(Failure::Refused(error)),
            }
        }
    }

    /// No more items come. Workers that find none left go; when all have gone, the results are closed.
    fn close(&mut self) {
        self.open = false;
        self.items.close();
        if self.tasks.is_empty() {
            self.results.close();
        }
    }

    /// Keeps what has come back until it is its turn.
    pub(super) fn keep(&mut self, (number, outcome): Outcome<Fut::Output>) {
        self.returned = self.returned.wrapping_add(1);
        let Some(returned) = outcome else { return self.fail(Failure::Lost) };
        if !self.ordered {
            return self.ended.push_back(Some(returned));
        }
        let turn = number.wrapping_sub(self.given);
        if self.ended.len() <= turn {
            self.ended.resize_with(turn + 1, || None);
        }
        self.ended[turn] = Some(returned);
    }

    /// The next to be given, if it is there. After a failure there is none.
    pub(super) fn next(&mut self) -> Option<Fut::Output> {
        if self.failure.is_some() || !matches!(self.ended.front(), Some(Some(_))) {
            return None;
        }
        self.given = self.given.wrapping_add(1);
        match self.ended.pop_front().flatten()? {
            Ok(value) => Some(value),
            Err(panic) => {
                self.fail(Failure::Panicked(panic));
                None
            }
        }
    }

    /// Why it ended, now that the results are closed; `None` if all items were done.
    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        let lost = self.open || self.pulled != self.returned;
        self.failure.take().or_else(|| lost.then_some(Failure::Lost))
    }

    /// Ends it, for the first reason that there is.
    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.stop();
    }

    fn stop(&mut self) {
        self.common.stop.set();
        self.close();
    }
}

impl<Rt, T, F, Fut> Drop for Crew<Rt, T, F, Fut>
where
    Fut: Future,
    Rt: Spawn<Worker<T, F, Fut>>,
{
    fn drop(&mut self) {
        self.stop();
        self.tasks.drain(..).for_each(Task::join);
    }
}
