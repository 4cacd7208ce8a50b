//! The part of a pool that its handles, its workers and its driver share.

use alloc::boxed::Box;
use core::fmt;

use super::builder::MAX_SIZE;
use super::put::{Fresh, Put, put};
use super::{
    AlreadyStopping, Phase, Refusal, Refused, RefusedMany, ResizeError, Stats, WorkerFacts, facts,
};
use crate::cancel::CancelToken;
use crate::config::ConfigError;
use crate::job::{IntoJob, Job, JobError};
use crate::mailbox::{HeapMailbox, Sender};
use crate::panic::swallow;
use crate::sync::{Arc, AtomicWord, Ordering, Stack};
use crate::workers::crew::{Crew, Door, Sizing, apply, grow};
use crate::workers::refused;
use crate::workers::slots::End;
use crate::workers::state::{Effect, Event};

/// What a pool does with a job for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is given back.
    #[default]
    Refuse,
    /// The job that has waited longest is dropped for it, and [counted](Stats::dropped).
    DropOldest,
}

pub(super) type MakeState<C> = Box<dyn Fn() -> C + Send + Sync>;
pub(super) type OnError<E, C> = Box<dyn Fn(JobError<E>, &Shared<E, C>) + Send + Sync>;

/// A pool, by reference: all that can be done with it. [`Pool`](super::Pool) is a handle to one; error handlers
/// are given it as it is.
pub struct Shared<E: 'static, C: 'static> {
    pub(crate) crew: Crew,
    pub(super) jobs: Arc<HeapMailbox<Job<E, C>>>,
    /// Jobs that were taken from the mailbox by workers who then were too many.
    pub(super) put_back: Stack<Job<E, C>>,
    pub(super) make_state: Arc<MakeState<C>>,
    pub(super) on_error: Option<Arc<OnError<E, C>>>,
    pub(super) overflow: Overflow,
    pub(super) dropped: AtomicWord,
    pub(super) handler_panics: AtomicWord,
}

impl<E: 'static, C: 'static> Shared<E, C> {
    /// Gives a job to the pool: to an idle worker, or to a new one if there may be more, or else it waits for
    /// one. Never blocks and never spawns.
    ///
    /// # Errors
    /// The job comes back if there is no room for it, or if the pool takes none.
    ///
    /// # Cost
    /// That of [`Pool::assign`](super::Pool::assign), and some six atomic operations more. Lock-free.
    pub fn assign<J: IntoJob<E, C, K>, K>(&self, job: J) -> Result<(), Refused<J>> {
        self.visit(Fresh(job.into_work()))
            .map_err(|error| error.map(|Fresh(work)| J::from_work(work)))
    }

    /// As [`assign`](Self::assign), with a job made before.
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    ///
    /// # Cost
    /// As [`assign`](Self::assign), and a move of the job.
    pub fn assign_job(&self, job: Job<E, C>) -> Result<(), Refused<Job<E, C>>> {
        self.visit(job)
    }

    /// Gives jobs to the pool as long as it takes them. Returns how many.
    ///
    /// # Errors
    /// The first job that is refused comes back, with the number of those before it. What is left in the
    /// iterator stays there if it is passed as `&mut iterator`.
    ///
    /// # Cost
    /// [`assign`](Self::assign) for each.
    pub fn assign_many<J: IntoJob<E, C, K>, K>(
        &self,
        jobs: impl IntoIterator<Item = J>,
    ) -> Result<usize, RefusedMany<J>> {
        refused::each(jobs, |job| self.assign(job))
    }

    /// Puts work into the mailbox by a handle that lasts as long as the call.
    pub(super) fn visit<W: Put<E, C>>(&self, work: W) -> Result<(), Refused<W>> {
        if let Some(kind) = self.refusal() {
            return Err(Refused::new(kind, work));
        }
        match Sender::visiting(self.jobs.clone()) {
            Ok(mut sender) => put(self, &mut sender, work),
            // There are more calls at once than there can be handles.
            Err(_) => Err(Refused::new(Refusal::Full, work)),
        }
    }

    /// Why the pool takes no jobs now, whatever room it has.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.crew.state().phase {
            Phase::Running => None,
            Phase::Quiet => Some(Refusal::Quiet),
            _ => Some(Refusal::ShuttingDown),
        }
    }

    /// Drops the job that has waited longest, if one waits.
    pub(super) fn drop_oldest(&self) {
        if let Ok(oldest) = self.jobs.try_recv() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            swallow(|| drop(oldest));
        }
    }

    /// Tells the error handler, whose panic takes nobody with it.
    pub(super) fn report(&self, error: JobError<E>) -> End {
        let end = match &error {
            JobError::Failed(_) => End::Failed,
            JobError::Panicked(_) => End::Panicked,
            JobError::Aborted => End::Aborted,
        };
        let (name, panicked) = match end {
            End::Panicked => ("panicked", true),
            End::Aborted => ("aborted", false),
            _ => ("failed", false),
        };
        let told = swallow(|| match &self.on_error {
            Some(on_error) => on_error(error, self),
            None => drop(error),
        });
        if !told {
            self.handler_panics.fetch_add(1, Ordering::Relaxed);
        }
        crate::trace::job(name, panicked);
        end
    }

    /// Refuses jobs from now on, until [`resume`](Self::resume). Those that were accepted are done.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it takes none any more anyway.
    ///
    /// # Cost
    /// One compare-and-swap.
    pub fn quiet(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Quiet)
    }

    /// Accepts jobs again.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it cannot any more.
    ///
    /// # Cost
    /// One compare-and-swap.
    pub fn resume(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Resume)
    }

    /// Refuses jobs for good. Those that were accepted are done, and then the pool ends; with a size of 0, where
    /// nobody can do them, they are left over. Does not wait: see [`Pool::join`](super::Pool::join).
    ///
    /// # Errors
    /// [`AlreadyStopping`] if that is so already.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each idle worker.
    pub fn shutdown(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Drain)
    }

    /// Refuses jobs for good, and cancels the pool's [tokens](Self::cancel_token). Jobs that run go on; those that
    /// have not begun are left over.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it is cancelled already.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each idle worker and each who waits for the token.
    pub fn cancel(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Cancel)
    }

    /// As [`cancel`](Self::cancel), and jobs that are futures are dropped where they wait. A closure that runs
    /// cannot be stopped.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it is aborted already.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each worker and each who waits for the token.
    pub fn abort(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Abort)
    }

    fn enter(&self, event: Event) -> Result<(), AlreadyStopping> {
        match apply(self, event) {
            Effect::Refused => Err(AlreadyStopping),
            _ => Ok(()),
        }
    }

    /// Changes how many workers there should be. If there are more, as many go as soon as they have done what
    /// they are at, and until then nobody takes another job. A job that was just being taken may still begin while
    /// this call returns; none does once [`Stats::live`] is down to the size. With a size of 0 jobs wait.
    ///
    /// # Errors
    /// [`ResizeError`] if the size is out of range: that of a dynamic pool, or from 0 to 261 116 (1004 with 32-bit
    /// words); or if the pool is cancelled, or over.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each idle worker if there are to be fewer. Workers are
    /// spawned by the pool's driver.
    pub fn resize(&self, size: usize) -> Result<(), ResizeError> {
        let (min, max) = match self.crew.sizing {
            Sizing::Fixed => (0, MAX_SIZE),
            Sizing::Dynamic { min, max, .. } => (min, max),
        };
        ConfigError::check("size", size, min as usize, max as usize)
            .map_err(ResizeError::Config)?;
        #[allow(clippy::cast_possible_truncation, reason = "checked just now")]
        let size = size as u32;
        match apply(self, Event::Resize(size)) {
            Effect::Refused => Err(ResizeError::Stopping),
            _ => Ok(()),
        }
    }

    /// A token that tells jobs that they should stop: cancelled when the pool is cancelled or aborted, or its runtime goes
    /// away. Whoever cancels it himself cancels nothing else.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.crew.cancelled.child()
    }

    /// How many jobs can wait.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.jobs.capacity()
    }

    /// The pool's numbers.
    ///
    /// # Cost
    /// A few loads, and eight for each worker.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.crew.state();
        let slots = &self.crew.slots;
        let sum = |end| slots.iter().map(|slot| facts::wide(slot.ended(end))).sum();
        let (succeeded, panicked, aborted) =
            (sum(End::Succeeded), sum(End::Panicked), sum(End::Aborted));
        let failed = sum(End::Failed) + panicked;
        let dropped = facts::wide(self.dropped.load(Ordering::Relaxed));
        let (waiting, running) = (self.waiting(), slots.busy());
        let present = (waiting + running) as u64;
        Stats {
            idle: self.jobs.idle_receivers(),
            submitted: present + succeeded + failed + aborted + dropped,
            waiting,
            running,
            succeeded,
            failed,
            panicked,
            aborted,
            dropped,
            handler_panics: facts::wide(self.handler_panics.load(Ordering::Relaxed)),
            lost_workers: facts::wide(self.crew.lost()),
            ..Stats::new(state.phase, state.target as usize, state.live as usize)
        }
    }

    /// What is known of each worker that there is.
    ///
    /// # Cost
    /// Eight loads for each.
    pub fn workers(&self) -> impl Iterator<Item = WorkerFacts> {
        let state = self.crew.state();
        let stopping = state.phase >= Phase::Draining;
        let taken = self.crew.slots.iter().enumerate().filter(|(_, slot)| slot.is_taken());
        taken.map(move |(index, slot)| WorkerFacts {
            index,
            busy: slot.is_busy(),
            stopping,
            started: facts::wide(slot.started()),
            last_started: slot.started_at(),
            last_finished: slot.ended_at(),
        })
    }

    /// Whether nothing of the pool is left but its handles and what is left over.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.crew.stopped.is_set()
    }

    /// How many jobs have not begun.
    pub(super) fn waiting(&self) -> usize {
        self.put_back.len() + self.jobs.len()
    }

    /// Whether the calling thread is in one of the pool's jobs; `false` without `std`, where nobody knows.
    pub(super) fn is_inside(&self) -> bool {
        crate::workers::inside::is_inside(core::ptr::from_ref(self).cast())
    }
}

impl<E: 'static, C: 'static> Door for Shared<E, C> {
    fn crew(&self) -> &Crew {
        &self.crew
    }

    fn close(&self) {
        self.jobs.close();
    }

    fn is_empty(&self) -> bool {
        self.put_back.len() == 0 && self.jobs.confirm_empty()
    }

    fn has_idle(&self) -> bool {
        self.jobs.has_idle_receiver()
    }

    fn wake_idle(&self) {
        self.jobs.wake_receivers();
    }
}

impl<E: 'static, C: 'static> Shared<E, C> {
    /// Nobody was idle.
    #[inline]
    pub(super) fn grow(&self) {
        grow(self);
    }
}

// Whatever panics, jobs and handlers included, leaves a pool as usable as before.
impl<E, C> core::panic::UnwindSafe for Shared<E, C> {}
impl<E, C> core::panic::RefUnwindSafe for Shared<E, C> {}

impl<E: 'static, C: 'static> fmt::Debug for Shared<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.crew.state();
        f.debug_struct("Pool")
            .field("phase", &state.phase)
            .field("size", &state.target)
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
