//! Plain threads: one for each future.
//!
//! ```
//! use core::time::Duration;
//! use droves::runtime::{Clock, Timer};
//! use droves::threads::{Threads, block_on};
//!
//! let threads = Threads::new();
//! let later = threads.now().saturating_add(Duration::from_millis(1));
//! block_on(threads.sleep_until(later));
//! assert!(threads.now() >= later);
//! ```

use core::future::Future;
use std::string::String;
use std::thread::{self, JoinHandle};

use super::real;
use crate::runtime::{Clock, Spawn, SpawnError, Task, Timer};
use crate::time::Instant;

pub use super::park::Sleep;

/// Runs each future on a thread of its own.
#[derive(Clone, Debug)]
pub struct Threads {
    name: String,
    stack_size: Option<usize>,
}

impl Threads {
    /// Threads of the name "droves" and of the standard stack size.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn new() -> Self {
        Self { name: "droves".into(), stack_size: None }
    }

    /// The name that threads get. What follows a zero byte in it is left out.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        let name = name.split('\0').next().unwrap_or_default();
        Self { name: name.into(), ..self }
    }

    /// The size of their stacks, in bytes.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn stack_size(self, bytes: usize) -> Self {
        Self { stack_size: Some(bytes), ..self }
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Threads {
    fn now(&self) -> Instant {
        real::now()
    }
}

/// A sleep must be polled inside [`block_on`], as all that is spawned here is; elsewhere it panics.
impl Timer for Threads {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::until(real::moment(at))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Threads {
    type Task = Joined;

    fn spawn(&self, future: F) -> Result<Joined, SpawnError> {
        let mut builder = thread::Builder::new().name(self.name.clone());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        match builder.spawn(move || block_on(future)) {
            Ok(handle) => Ok(Joined(handle)),
            Err(_) => Err(SpawnError::Limit),
        }
    }

    /// A thread has nothing else to do, and to park and be woken costs it many microseconds.
    fn linger(round: u32) -> bool {
        super::patience::linger(round)
    }
}

/// A thread that runs a future.
#[derive(Debug)]
pub struct Joined(JoinHandle<()>);

impl Task for Joined {
    /// Waits until the thread has ended, unless it is the caller's.
    fn join(self) {
        if self.0.thread().id() != thread::current().id() {
            // Its future's panic has been reported by the panic hook.
            let _ = self.0.join();
        }
    }
}

/// Runs a future on this thread until it is done.
///
/// # Panics
/// If the future does.
///
/// # Cost
/// The thread parks while the future is pending. A thread's first call allocates.
pub fn block_on<F: Future>(future: F) -> F::Output {
    super::park::block_on(future)
}
