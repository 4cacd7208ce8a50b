//! Bounded worker pools: closures and futures to run, some at a time.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use droves::pool::Pool;
//! use droves::threads::Threads;
//!
//! let pool = Pool::builder().fixed(4).start(&Threads::new())?;
//! for number in 0..32 {
//!     pool.assign(move || println!("{number}"))?;
//! }
//! pool.shutdown()?;
//! pool.join_blocking()?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Jobs
//! A job is a closure, a future, or a closure that is given its worker's [own state](Builder::state); see
//! [`IntoJob`]. Up to 64 bytes are stored in place, without an allocation. A job returns
//! nothing, or a `Result<(), E>` whose error, like a panic, goes to the pool's [error handler](Builder::on_error).
//! Jobs wait in one place, in the order in which they came, so a busy worker keeps none of them waiting while another
//! is idle. Only those that were being taken when the pool was made smaller may be out of that order.
//!
//! # The end
//! | call | jobs that run | jobs that wait | jobs that come |
//! |---|---|---|---|
//! | [`quiet`](Shared::quiet) | go on | are done | are refused, until [`resume`](Shared::resume) |
//! | [`shutdown`](Shared::shutdown), or the last handle is dropped | go on | are done | are refused |
//! | [`cancel`](Shared::cancel) | are asked to stop | are left over | are refused |
//! | [`abort`](Shared::abort) | futures are dropped | are left over | are refused |
//! | the runtime goes away | as it does | are left over | are refused |
//!
//! None of them waits. [`Pool::join`] does, and gives back what is left over: when it is done, every job has returned
//! or been dropped, and every worker is gone.
//!
//! # Cost of a worker
//! A task of its runtime, a handle of the mailbox with one cell, and a line of counts: some 400 bytes beside
//! the runtime's own. A pool that does nothing costs no time.

mod builder;
mod control;
mod facts;
mod join;
mod put;
mod runner;
mod send;
mod shared;
mod station;

pub use crate::control::{AlreadyStopping, ResizeError};
pub use crate::workers::error::{JoinError, Refusal, StartError, StartErrorKind};
pub use crate::workers::refused::{Refused, RefusedMany};
pub use builder::Builder;
pub use facts::{Phase, Stats, WorkerFacts};
pub use join::{JoinFut, Leftovers};
pub use send::{SendFut, SendJobFut};
pub use shared::{Overflow, Shared};

use core::fmt;
use core::ops::Deref;

use crate::job::{Error, IntoJob, Job};
use crate::mailbox::Sender;
use crate::runtime::{Spawn, Timer};
use crate::sync::{Arc, TryLock};
use crate::workers::crew::apply;
use crate::workers::refused;
use crate::workers::state::Event;
use put::{Fresh, Put, put};

/// What a pool of errors `E` and states `C` asks of a runtime on which both its driver and its workers run.
///
/// Implemented for whatever has it all.
pub trait Runtime<E: 'static, C: 'static>:
    Timer + Clone + Spawn<Worker<Self, E, C>> + Spawn<Driver<Self, Self, E, C>>
{
}

impl<Rt, E: 'static, C: 'static> Runtime<E, C> for Rt where
    Rt: Timer + Clone + Spawn<Worker<Rt, E, C>> + Spawn<Driver<Rt, Rt, E, C>>
{
}

/// A worker of a pool, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done drops the job that it does, which counts as aborted. The driver replaces it.
pub type Worker<Sp, E, C> = crate::workers::worker::Worker<Sp, station::PoolStation<E, C>>;

/// The driver of a pool, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done aborts the pool: its runtime is gone.
pub type Driver<Rt, Sp, E, C> = crate::workers::driver::Driver<Rt, Sp, station::PoolDesk<E, C>>;

/// A handle to a pool of workers. Clone it for each thread or task that assigns.
///
/// `E` is what jobs fail with, `C` is what each worker has of its own. Handles give access to all that
/// [`Shared`] can do. When the last one is dropped, the pool shuts down: what was accepted is done, and nobody waits for
/// it. A handle that a waiting job owns counts as any other.
pub struct Pool<E: 'static = Error, C: 'static = ()> {
    /// For the one thread at a time that assigns by this handle. Dropped before the owner.
    sender: TryLock<Sender<Job<E, C>>>,
    owner: Owner<E, C>,
}

/// Shuts the pool down when its mailbox has closed because the last handle was dropped.
struct Owner<E: 'static, C: 'static>(Arc<Shared<E, C>>);

impl<E: 'static, C: 'static> Drop for Owner<E, C> {
    fn drop(&mut self) {
        if self.0.jobs.is_closed() {
            let _ = apply(&*self.0, Event::Drain);
        }
    }
}

impl Pool {
    /// Begins to make a pool.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<E: 'static, C: 'static> Pool<E, C> {
    fn new(shared: Arc<Shared<E, C>>) -> Self {
        let sender = Sender::new(shared.jobs.clone());
        Self {
            sender: TryLock::new(sender.unwrap_or_else(|error| panic!("{error}"))),
            owner: Owner(shared),
        }
    }

    /// Gives a job to the pool: to an idle worker, or to a new one if there may be more, or else it waits for
    /// one. Never blocks and never spawns.
    ///
    /// # Errors
    /// The job comes back if there is no room for it, or if the pool takes none.
    ///
    /// # Cost
    /// Three atomic operations, and one more for each thread that was faster. Lock-free: while another thread
    /// assigns by the same handle it costs more, as [`Shared::assign`] does, and waits for nobody. May wake a worker. Allocates
    /// if the job has more than 64 bytes.
    #[inline]
    pub fn assign<J: IntoJob<E, C, K>, K>(&self, job: J) -> Result<(), Refused<J>> {
        self.put(Fresh(job.into_work()))
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
        self.put(job)
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

    #[inline]
    fn put<W: Put<E, C>>(&self, work: W) -> Result<(), Refused<W>> {
        if let Some(kind) = self.refusal() {
            return Err(Refused::new(kind, work));
        }
        match self.sender.with(work, |sender, work| put(self, sender, work)) {
            Ok(result) => result,
            Err(work) => self.visit(work),
        }
    }

    /// Gives a job to the pool, and waits for room if there is none.
    ///
    /// # Errors
    /// The job comes back if the pool takes none any more. In one of the pool's own jobs it does not wait, since that
    /// might be for itself: there it answers `Full`.
    ///
    /// # Cost
    /// As [`assign`](Self::assign) while there is room; then a handle of the mailbox for the time of the wait.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done drops the job, which was not assigned, and nothing else.
    pub fn send<J: IntoJob<E, C, K>, K>(&self, job: J) -> SendFut<'_, E, C, J, K> {
        SendFut::new(self, job)
    }

    /// As [`send`](Self::send), with a job made before.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cost
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub fn send_job(&self, job: Job<E, C>) -> SendJobFut<'_, E, C> {
        SendJobFut::new(self, job)
    }

    /// Takes back jobs that have not begun, at any time; after the end, those that are left over.
    ///
    /// # Cost
    /// One atomic operation, and a receive for each job.
    pub fn leftovers(&self) -> Leftovers<E, C> {
        Leftovers::new(self.owner.0.clone())
    }

    /// Waits until the pool has ended: every job has returned or been dropped, and every worker is gone. Does not
    /// end it.
    ///
    /// # Errors
    /// [`JoinError`] in one of the pool's own jobs (known with `std`), or if the runtime went away first.
    ///
    /// # Cost
    /// A place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake, and nothing of what is left over.
    pub fn join(&self) -> JoinFut<E, C> {
        JoinFut::new(self.owner.0.clone())
    }
}

// As for what it points to.
impl<E, C> core::panic::UnwindSafe for Pool<E, C> {}
impl<E, C> core::panic::RefUnwindSafe for Pool<E, C> {}

impl<E: 'static, C: 'static> Deref for Pool<E, C> {
    type Target = Shared<E, C>;

    fn deref(&self) -> &Shared<E, C> {
        &self.owner.0
    }
}

impl<E: 'static, C: 'static> Clone for Pool<E, C> {
    /// Another handle to the same pool.
    ///
    /// # Panics
    /// If there are as many handles and workers as a mailbox may have: 262 140, or 1020 with 32-bit words.
    fn clone(&self) -> Self {
        Self::new(self.owner.0.clone())
    }
}

impl<E: 'static, C: 'static> fmt::Debug for Pool<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
