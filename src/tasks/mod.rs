//! Tasks: things to do now, later, at a time, or again and again, with retries, and a report of what has failed.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use core::time::Duration;
//! use droves::tasks::{Task, Tasks};
//! use droves::threads::{Threads, block_on};
//!
//! let mut tasks = Tasks::<std::io::Error>::builder()
//!     .name("reports")
//!     .on_failure(|error| eprintln!("{}: {error}", error.name))
//!     .build()?;
//! tasks.start(&Threads::new())?;
//! tasks.try_queue(Task::new(|| async { Ok(()) }))?;
//! tasks.try_delay(Duration::from_millis(1), Task::new(|| async { Ok(()) }).retries(2))?;
//! let left = block_on(tasks.stop())?; // what is scheduled comes back, if its time has not come
//! assert!(left.len() <= 1);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The end
//! What [`Tasks::stop`] does about a task in each state:
//!
//! | state | it |
//! |---|---|
//! | waits for a worker | is done |
//! | runs | goes on to the end of its attempt |
//! | has failed, and waits for its next attempt | comes back |
//! | waits for its time, even if that has just come, or recurs | comes back |
//! | comes | is refused, and comes back |
//!
//! With [`Builder::keep_scheduled`] what comes back is kept for the next [`start`](Tasks::start) instead.
//! [`Tasks::cancel`] and a runtime that goes away are those of a [herd](crate::herd#the-end): what has not begun comes back
//! from the `stop` that follows.

mod builder;
mod managed;
mod report;
mod sender;
mod task;

pub use crate::control::{AlreadyStopping, Phase, ResizeError, Stats};
pub use crate::herd::{Every, Mark, Overrun, Trouble};
pub use crate::workers::error::{JoinError, Refusal};
pub use crate::workers::refused::Refused;
pub use builder::{BuildError, Builder, StartError};
pub use managed::Managed;
pub use report::{TaskError, Why};
pub use sender::{QueueFut, Sender};
pub use task::{Attempt, Context, Task};

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::herd::{self, Herd, Item};
use crate::job::Error;
use crate::mailbox::HeapMailbox;
use crate::panic::swallow;
use crate::runtime::{Spawn, Timer};
use crate::sync::{Arc, AtomicWord};
use crate::time::Instant;
use builder::Settings;

/// How each task is handled.
type Handler<E> = fn(Item<Task<E>>) -> Attempt<E>;

/// A worker of a task manager, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done interrupts the task that it does, which is tried again. The driver replaces it.
pub type Worker<Rt, E> = herd::Worker<Rt, Handler<E>, Attempt<E>, Task<E>, (), ()>;

/// The driver of a task manager, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done aborts what runs: its runtime is gone.
pub type Driver<Rt, E> = herd::Driver<Rt, Rt, Handler<E>, Attempt<E>, Task<E>, (), ()>;

/// What task managers of errors `E` ask of a runtime.
///
/// Implemented for whatever has it all.
pub trait Runtime<E: 'static>:
    Timer + Clone + Spawn<Worker<Self, E>> + Spawn<Driver<Self, E>>
{
}

impl<Rt, E: 'static> Runtime<E> for Rt where
    Rt: Timer + Clone + Spawn<Worker<Rt, E>> + Spawn<Driver<Rt, E>>
{
}

/// A task that has not been done when its manager stopped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pending<E: 'static> {
    /// The task, with all that was said of it.
    pub task: Task<E>,
    /// Where it was.
    pub mark: Mark,
    /// When it was to be begun, by the runtime's clock, if it waited for that.
    pub due: Option<Instant>,
}

/// Waiting for the end was in vain.
#[derive(Debug)]
pub struct StopError<E: 'static> {
    /// Why. After [`JoinError::Inside`] the manager still has all of its tasks, takes no others, and is about to end.
    pub kind: JoinError,
    /// What has not been done.
    pub left: Vec<Pending<E>>,
}

impl<E> fmt::Display for StopError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<E: fmt::Debug> core::error::Error for StopError<E> {}

/// Does tasks: so many at a time, at their times.
///
/// Tasks that come before it [starts](Self::start) are kept until then. It can be started again after it was
/// [stopped](Self::stop). Dropping it is like closing a [herd](Herd::close): all but what recurs is done, at its time, and nobody waits.
pub struct Tasks<E: 'static = Error> {
    settings: Settings<E>,
    sender: Sender<E>,
}

impl<E: 'static> Tasks<E> {
    /// Begins to make a task manager.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn builder() -> Builder<E> {
        Builder::new()
    }

    fn new(settings: Settings<E>, early: HeapMailbox<herd::Work<Task<E>>>) -> Self {
        early.keep_open();
        let ids = Arc::new(AtomicWord::new(0));
        Self {
            settings,
            sender: Sender { herd: None, early: Arc::new(early), stopped: false, ids },
        }
    }

    /// Starts it, if it does not run. Returns whether it did not.
    ///
    /// # Errors
    /// [`StartError`] if its driver can't be spawned.
    ///
    /// # Cost
    /// That of starting a [herd](herd::Builder::start).
    pub fn start<Rt: Runtime<E>>(&mut self, runtime: &Rt) -> Result<bool, StartError> {
        if self.is_running() {
            return Ok(false);
        }
        let handler: Handler<E> = Attempt::new;
        let mut builder = Herd::builder::<Task<E>, (), (), _, _>(handler)
            .size(self.settings.workers)
            .capacity(self.settings.capacity())
            .timed();
        if let Some(on_failure) = self.settings.on_failure.clone() {
            builder = builder
                .on_failure(move |about, failure| on_failure(TaskError::new(about, failure)));
        }
        // Nobody reads results.
        let (herd, _) = builder.start(runtime).map_err(|error| StartError::of(error.discard()))?;
        while let Ok(work) = self.sender.early.try_recv() {
            // There is room for as many.
            if let Err(error) = herd.try_send_work(work) {
                let _ = self.sender.early.try_send(error.into_inner());
                break;
            }
        }
        self.sender.herd = Some(herd);
        Ok(true)
    }

    /// Whether it has been started, and not stopped.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.sender.herd.is_some()
    }

    /// What it is called.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// A handle for giving it tasks, while it runs; `None` if it does not. It is of no use after the next [`stop`](Self::stop).
    ///
    /// # Cost
    /// That of a handle of a herd.
    #[must_use]
    pub fn sender(&self) -> Option<Sender<E>> {
        self.sender.running()
    }

    /// Takes no further task, and waits until all that wait have been done. Gives back those that are scheduled, that recur, or
    /// that wait for another attempt; see [above](self#the-end). Nothing runs when it is done. If it does not run, there is nothing to do.
    ///
    /// # Errors
    /// [`StopError`] in one of its own tasks (known with `std`), or if the runtime went away first.
    ///
    /// # Cost
    /// A place to wait.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a manager that takes no tasks and is about to end; the next `stop` goes on.
    pub async fn stop(&mut self) -> Result<Vec<Pending<E>>, StopError<E>> {
        let Some(herd) = &self.sender.herd else {
            return Ok(Vec::new());
        };
        herd.finish();
        let joined = match herd.join().await {
            Ok(_) => Ok(()),
            Err(JoinError::Inside) => {
                return Err(StopError { kind: JoinError::Inside, left: Vec::new() });
            }
            Err(kind) => Err(kind),
        };
        let mut left = Vec::new();
        for leftover in herd.leftovers() {
            let herd::Leftover { body: task, mark, due, attempts, .. } = leftover;
            // One whose time nobody knows any more, since the runtime went away first, would begin too early.
            let waited = mark == Mark::Scheduled || mark == Mark::BackingOff && joined.is_err();
            let timeless = due.is_none() && waited;
            let keep = self.settings.keep_scheduled && !timeless && !task.is_copy();
            let kept = if keep { self.sender.keep(task, due, attempts) } else { Err(task) };
            left.extend(kept.err().map(|task| Pending { task, mark, due }));
        }
        self.sender.herd = None;
        self.sender.stopped = true;
        match joined {
            Ok(()) => Ok(left),
            Err(kind) => Err(StopError { kind, left }),
        }
    }

    /// Takes no further task, and tells those that run that they [should stop](Context::is_cancelled). The others come back from the
    /// [`stop`](Self::stop) that is to follow.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if that is so already, or if it does not run.
    ///
    /// # Cost
    /// As [`Herd::cancel`].
    pub fn cancel(&self) -> Result<(), AlreadyStopping> {
        self.sender.herd.as_ref().map_or(Err(AlreadyStopping), Herd::cancel)
    }

    /// As [`cancel`](Self::cancel), and tasks are dropped where they wait.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    ///
    /// # Cost
    /// As [`Herd::abort`].
    pub fn abort(&self) -> Result<(), AlreadyStopping> {
        self.sender.herd.as_ref().map_or(Err(AlreadyStopping), Herd::abort)
    }
}

impl<E: 'static> Drop for Tasks<E> {
    fn drop(&mut self) {
        if let Some(herd) = &self.sender.herd {
            herd.abandon();
        }
        // They may hold senders, which keep this.
        while let Ok(work) = self.sender.early.try_recv() {
            swallow(|| drop(work));
        }
    }
}

impl<E: 'static> Deref for Tasks<E> {
    type Target = Sender<E>;

    fn deref(&self) -> &Sender<E> {
        &self.sender
    }
}

impl<E: 'static> fmt::Debug for Tasks<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("name", &self.settings.name)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
