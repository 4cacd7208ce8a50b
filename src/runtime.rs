//! The ports: what the core asks of whatever runs it.
//!
//! One trait for each capability. The adapters implement them for threads, tokio, smol, async-executor
//! and the simulator; implement them yourself to run on something else.

use core::fmt;
use core::future::Future;

use crate::time::Instant;

/// Tells the time.
pub trait Clock {
    /// The present moment: never earlier than one that was returned before.
    fn now(&self) -> Instant;
}

/// Sleeps.
pub trait Timer: Clock {
    /// The future of [`sleep_until`](Self::sleep_until). Dropping it ends the sleep.
    type Sleep: Future<Output = ()>;

    /// Sleeps until a moment, and never shorter. If it is past, the first poll is the last.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
}

/// Runs futures of type `F` beside the caller.
pub trait Spawn<F> {
    /// A running future.
    type Task: Task;

    /// Starts to run a future. It may run before this returns, and on another thread.
    ///
    /// # Errors
    /// [`SpawnError`] if it can't be run. The future is dropped then.
    fn spawn(&self, future: F) -> Result<Self::Task, SpawnError>;

    /// Passes a little time, if a future that has found nothing to do may try again before it waits in earnest.
    ///
    /// Called with 0, 1, 2, … until it returns `false`. Where many futures share a thread, that is at once, as it
    /// is unless said otherwise.
    #[must_use]
    fn linger(round: u32) -> bool {
        let _ = round;
        false
    }
}

/// A runtime that gives each future a thread of its own: one that blocks holds up no other. The workers of a
/// [herd that blocks](crate::herd::Herd::blocking_builder) need one. What is said of a runtime here is not checked, and if it is not true,
/// futures wait for each other; one that wraps another says it again. A pool takes jobs that block wherever it is started.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may run many futures on one thread, and what blocks would hold them all up",
    note = "the workers can be threads, beside a driver on any runtime: `.start_with(&runtime, &Threads::new())`"
)]
pub trait Threaded {}

/// A future that was spawned. It goes on when this is dropped.
pub trait Task {
    /// Waits until nothing is left of it, if the runtime can tell and the caller may wait for that: threads are
    /// joined. Called when the future is done, or as good as done.
    fn join(self);
}

/// Where there is nothing to wait for.
impl Task for () {
    fn join(self) {}
}

/// A future that could not be spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no runtime, or it has been shut down.
    NoRuntime,
    /// There are as many threads or tasks as there may be now.
    Limit,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRuntime => "no runtime to spawn on, or it has been shut down",
            Self::Limit => "the limit of threads or tasks is reached",
        })
    }
}

impl core::error::Error for SpawnError {}
