//! Executors of async-executor, with async-io's timers.
//!
//! ```
//! use core::time::Duration;
//! use std::rc::Rc;
//! use droves::async_executor::LocalExecutor;
//! use droves::runtime::{Clock, Spawn, Timer};
//!
//! let executor = Rc::new(async_executor::LocalExecutor::new());
//! let local = LocalExecutor::new(&executor);
//! futures_lite::future::block_on(executor.run(async {
//!     let kept = Rc::new("need not be `Send`");
//!     local.spawn(async move { println!("{kept}") }).unwrap();
//!     local.sleep_until(local.now().saturating_add(Duration::from_millis(1))).await;
//! }));
//! ```

use core::future::Future;
use std::rc::{Rc, Weak as RcWeak};
use std::sync::{Arc, Weak};

use ::async_executor as upstream;

use super::real;
use crate::runtime::{Clock, Spawn, SpawnError, Timer};
use crate::time::Instant;

pub use super::reactor::Sleep;

/// Spawns on an executor that threads share.
///
/// It does not keep the executor alive: tasks hold one of these, and the executor holds the tasks.
#[derive(Clone, Debug)]
pub struct Executor(Reference);

/// Spawns on an executor that stays on its thread; the futures need not be `Send`.
///
/// It does not keep the executor alive: tasks hold one of these, and the executor holds the tasks.
#[derive(Clone, Debug)]
pub struct LocalExecutor(RcWeak<upstream::LocalExecutor<'static>>);

#[derive(Clone, Debug)]
enum Reference {
    Counted(Weak<upstream::Executor<'static>>),
    Static(&'static upstream::Executor<'static>),
}

impl Executor {
    /// Spawns on this executor while it is there.
    ///
    /// # Cost
    /// An atomic increment.
    #[must_use]
    pub fn new(executor: &Arc<upstream::Executor<'static>>) -> Self {
        Self(Reference::Counted(Arc::downgrade(executor)))
    }

    /// Spawns on an executor that is always there.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn from_static(executor: &'static upstream::Executor<'static>) -> Self {
        Self(Reference::Static(executor))
    }
}

impl LocalExecutor {
    /// Spawns on this executor while it is there.
    ///
    /// # Cost
    /// Constant time.
    #[must_use]
    pub fn new(executor: &Rc<upstream::LocalExecutor<'static>>) -> Self {
        Self(Rc::downgrade(executor))
    }
}

impl Clock for Executor {
    fn now(&self) -> Instant {
        real::now()
    }
}

impl Timer for Executor {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::until(at)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Executor {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        match &self.0 {
            Reference::Counted(executor) => {
                executor.upgrade().ok_or(SpawnError::NoRuntime)?.spawn(future).detach();
            }
            Reference::Static(executor) => executor.spawn(future).detach(),
        }
        Ok(())
    }
}

impl Clock for LocalExecutor {
    fn now(&self) -> Instant {
        real::now()
    }
}

impl Timer for LocalExecutor {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::until(at)
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for LocalExecutor {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        self.0.upgrade().ok_or(SpawnError::NoRuntime)?.spawn(future).detach();
        Ok(())
    }
}
