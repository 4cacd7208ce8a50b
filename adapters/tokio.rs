//! tokio: its tasks, its timers and its clock, which tests may pause.
//!
//! ```
//! use core::time::Duration;
//! use droves::runtime::{Clock, Spawn, Timer};
//! use droves::tokio::Tokio;
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//! runtime.block_on(async {
//!     let tokio = Tokio::current().unwrap();
//!     tokio.spawn(async { println!("a task of tokio") }).unwrap();
//!     tokio.sleep_until(tokio.now().saturating_add(Duration::from_millis(1))).await;
//! });
//! ```

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::boxed::Box;
use std::rc::{Rc, Weak};

use ::tokio::runtime::{Handle, RuntimeFlavor};
use ::tokio::task::LocalSet;
use ::tokio::time::{Instant as TokioInstant, Sleep as TokioSleep, sleep_until};
use futures_core::Stream;

use crate::map::Map;
use crate::runtime::{Clock, Spawn, SpawnError, Timer};
use crate::time::Instant;

/// Spawns on a runtime of tokio. It does not keep the runtime alive.
///
/// A future that is spawned after the runtime was shut down is dropped, and `spawn` returns `Ok` all the
/// same, as tokio does not tell.
///
/// What blocks would hold up other tasks, and so is refused; it can have workers on threads beside a driver here:
/// ```compile_fail,E0277
/// use droves::herd::{Fault, Herd, Item};
/// use droves::tokio::Tokio;
///
/// let handler = |item: &mut Item<u64>| Ok::<_, Fault<()>>(**item);
/// let (herd, results) = Herd::blocking_builder(handler).start(&Tokio::current()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "threads", doc = "```no_run")]
#[cfg_attr(not(feature = "threads"), doc = "```text")]
/// # use droves::herd::{Fault, Herd, Item};
/// # use droves::threads::Threads;
/// # use droves::tokio::Tokio;
/// # let handler = |item: &mut Item<u64>| Ok::<_, Fault<()>>(**item);
/// let (herd, results) =
///     Herd::blocking_builder(handler).start_with(&Tokio::current()?, &Threads::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Handle,
    start: TokioInstant,
}

impl Tokio {
    /// The runtime that the caller runs on.
    ///
    /// # Errors
    /// [`SpawnError::NoRuntime`] outside of one.
    ///
    /// # Cost
    /// A look at the clock.
    pub fn current() -> Result<Self, SpawnError> {
        Handle::try_current().map(Self::new).map_err(|_| SpawnError::NoRuntime)
    }

    /// The runtime of a handle. Clones share their clock; another `new` makes another.
    ///
    /// # Cost
    /// A look at the clock.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        let start = now_at(&handle);
        Self { handle, start }
    }
}

/// The present moment of that runtime's clock, which may be paused if the runtime has one thread.
fn now_at(handle: &Handle) -> TokioInstant {
    if handle.runtime_flavor() == RuntimeFlavor::MultiThread {
        // Not tokio's `now`: the caller may be in another runtime, whose clock is paused.
        return TokioInstant::from_std(std::time::Instant::now());
    }
    let _inside = handle.enter();
    TokioInstant::now()
}

impl Clock for Tokio {
    fn now(&self) -> Instant {
        Instant::from_nanos(0).saturating_add(now_at(&self.handle).duration_since(self.start))
    }
}

impl Timer for Tokio {
    type Sleep = Sleep;

    /// tokio counts milliseconds, so it may sleep one longer.
    ///
    /// # Panics
    /// If the runtime was built without `enable_time`. The sleep panics if it is polled after the runtime
    /// was shut down.
    fn sleep_until(&self, at: Instant) -> Sleep {
        // A moment that the system cannot tell is so far away that nobody sees the difference.
        let far = self.start + Duration::from_secs(1 << 32);
        let at = self.start.checked_add(Duration::from_nanos(at.as_nanos())).unwrap_or(far);
        let _inside = self.handle.enter();
        Sleep { sleep: Box::pin(sleep_until(at)), fresh: Some(self.handle.clone()) }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Tokio {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        drop(self.handle.spawn(future));
        Ok(())
    }
}

/// Calls `f` for each item of a stream, at most `limit` at a time, as tasks of the runtime that the caller runs on: see
/// [`map`](crate::map).
///
/// In the order of the items:
/// ```
/// #[tokio::main]
/// async fn main() {
///     let mut squares = droves::tokio::map(8, droves::map::iter(0..), |n: u64| async move {
///         tokio::time::sleep(std::time::Duration::from_millis(10 - n % 10)).await;
///         n * n
///     })
///     .ordered();
///     assert_eq!(squares.next().await, Some(0));
///     assert_eq!(squares.next().await, Some(1));
/// } // no further call begins, and the futures that run are dropped
/// ```
///
/// # Panics
/// Outside of a runtime, and if `limit` is 0 or above 131 070 (510 with 32-bit words).
///
/// # Cost
/// A few allocations, of some 4·`limit` items and results.
#[track_caller]
pub fn map<S, F, Fut>(limit: usize, items: S, f: F) -> Map<Tokio, S, F, Fut>
where
    S: Stream<Item: Send + 'static>,
    F: Fn(S::Item) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    match Tokio::current() {
        Ok(tokio) => crate::map::map(tokio, limit, items, f),
        Err(error) => panic!("{error}"),
    }
}

/// Spawns on a [`LocalSet`]; the futures need not be `Send`.
///
/// It does not keep the set alive: tasks hold one of these, and the set holds the tasks.
#[derive(Clone)]
pub struct TokioLocal {
    tokio: Tokio,
    set: Weak<LocalSet>,
}

impl TokioLocal {
    /// Spawns on this set while it is there, and sleeps on that runtime.
    ///
    /// # Cost
    /// Constant time.
    #[must_use]
    pub fn new(tokio: Tokio, set: &Rc<LocalSet>) -> Self {
        Self { tokio, set: Rc::downgrade(set) }
    }
}

impl Clock for TokioLocal {
    fn now(&self) -> Instant {
        self.tokio.now()
    }
}

impl Timer for TokioLocal {
    type Sleep = Sleep;

    /// As [`Tokio`]'s.
    fn sleep_until(&self, at: Instant) -> Sleep {
        self.tokio.sleep_until(at)
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for TokioLocal {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        let set = self.set.upgrade().ok_or(SpawnError::NoRuntime)?;
        drop(set.spawn_local(future));
        Ok(())
    }
}

impl fmt::Debug for TokioLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioLocal").field("tokio", &self.tokio).finish_non_exhaustive()
    }
}

/// A sleep that tokio ends. It has an allocation of its own.
///
/// # Cancel safety
/// Dropping it ends the sleep, and nothing is lost.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    sleep: Pin<Box<TokioSleep>>,
    /// Until the first poll.
    fresh: Option<Handle>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // tokio lets a sleep whose time is past wait for the next tick, or for the task's next turn.
        if let Some(handle) = self.fresh.take() {
            if self.sleep.deadline() <= now_at(&handle) {
                return Poll::Ready(());
            }
        }
        self.sleep.as_mut().poll(cx)
    }
}
