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

use core::fmt;
use core::future::{Future, Ready, ready};
use std::string::String;
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

use super::real;
use crate::map::{self, Iter, Worker};
use crate::runtime::{Clock, Spawn, SpawnError, Task, Threaded, Timer};
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

impl Threaded for Threads {}

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

/// Calls `f` for each item, at most `limit` at a time, on threads that live as long as the map: see [`map`](crate::map).
///
/// Items, results and `f` are `'static`; [`map_scoped`] is for others.
///
/// # Panics
/// If `limit` is 0 or above 131 070 (510 with 32-bit words). For `next`, see [`Map`].
///
/// # Cost
/// A few allocations, of some 4·`limit` items and results.
#[track_caller]
pub fn map<I, F, R>(limit: usize, items: I, f: F) -> Map<I::IntoIter, F, R>
where
    I: IntoIterator<Item: Send + 'static>,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    let call = |f: &F, item| ready(f(item));
    Map(map::Map::new(Threads::new(), limit, map::iter(items), f, call))
}

/// As [`map()`], on threads of a scope: items, results and `f` may borrow what outlives it. A map that is leaked keeps
/// the scope waiting for ever.
///
/// ```
/// let words = ["one".to_string(), "three".to_string()];
/// let most = std::thread::scope(|scope| {
///     droves::threads::map_scoped(scope, 4, &words, |word| word.len()).max()
/// });
/// assert_eq!(most, Some(5));
/// ```
///
/// # Panics
/// As [`map()`].
///
/// # Cost
/// As [`map()`].
#[track_caller]
pub fn map_scoped<'scope, 'env, I, F, R>(
    scope: &'scope Scope<'scope, 'env>,
    limit: usize,
    items: I,
    f: F,
) -> Map<I::IntoIter, F, R, Scoped<'scope, 'env>>
where
    I: IntoIterator<Item: Send + 'scope>,
    F: Fn(I::Item) -> R + Send + Sync + 'scope,
    R: Send + 'scope,
{
    let call = |f: &F, item| ready(f(item));
    Map(map::Map::new(Scoped(scope), limit, map::iter(items), f, call))
}

/// The iterator of [`map()`] and [`map_scoped`]: results of calls that run at the same time.
///
/// Dropping it, and its end, wait until the calls that run have returned and the threads have ended.
///
/// # Panics
/// `next` panics with the panic of a call, or if there are no threads to be had.
#[must_use = "a map does nothing unless it is iterated"]
pub struct Map<I, F, R, Rt = Threads>(map::Map<Rt, Iter<I>, F, Ready<R>>)
where
    I: Iterator,
    Rt: Spawn<Worker<I::Item, F, Ready<R>>>;

impl<I, F, R, Rt> Map<I, F, R, Rt>
where
    I: Iterator,
    Rt: Spawn<Worker<I::Item, F, Ready<R>>>,
{
    /// Gives the results in the order of the items.
    ///
    /// # Panics
    /// If it has pulled an item, or come to its end.
    ///
    /// # Cost
    /// Room for as many results as may wait for others.
    #[track_caller]
    pub fn ordered(self) -> Self {
        Self(self.0.ordered())
    }
}

impl<I, F, R, Rt> Iterator for Map<I, F, R, Rt>
where
    I: Iterator,
    Rt: Spawn<Worker<I::Item, F, Ready<R>>>,
{
    type Item = R;

    fn next(&mut self) -> Option<R> {
        block_on(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        futures_core::Stream::size_hint(&self.0)
    }
}

impl<I, F, R, Rt> core::iter::FusedIterator for Map<I, F, R, Rt>
where
    I: Iterator,
    Rt: Spawn<Worker<I::Item, F, Ready<R>>>,
{
}

impl<I, F, R, Rt> fmt::Debug for Map<I, F, R, Rt>
where
    I: Iterator,
    Rt: Spawn<Worker<I::Item, F, Ready<R>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Runs each future on a thread of a scope.
#[derive(Clone, Copy, Debug)]
pub struct Scoped<'scope, 'env>(&'scope Scope<'scope, 'env>);

impl<'scope, F: Future<Output = ()> + Send + 'scope> Spawn<F> for Scoped<'scope, '_> {
    type Task = ScopedJoined<'scope>;

    fn spawn(&self, future: F) -> Result<ScopedJoined<'scope>, SpawnError> {
        let builder = thread::Builder::new().name("droves".into());
        match builder.spawn_scoped(self.0, move || block_on(future)) {
            Ok(handle) => Ok(ScopedJoined(handle)),
            Err(_) => Err(SpawnError::Limit),
        }
    }
}

/// A thread of a scope, that runs a future.
#[derive(Debug)]
pub struct ScopedJoined<'scope>(ScopedJoinHandle<'scope, ()>);

impl Task for ScopedJoined<'_> {
    /// Waits until the thread has ended, unless it is the caller's.
    fn join(self) {
        if self.0.thread().id() != thread::current().id() {
            let _ = self.0.join();
        }
    }
}
