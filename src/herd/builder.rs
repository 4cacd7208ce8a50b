//! How a herd is made.

use alloc::boxed::Box;
use core::fmt;
use core::future::{Future, Ready, ready};
use core::marker::PhantomData;
use core::time::Duration;

use super::desk::HerdDesk;
use super::item::{Item, Record, SharedClock};
use super::outcome::{About, Failure, Fault, Trouble};
use super::shared::{Callbacks, Shared};
use super::slab::Slab;
use super::{Driver, Herd, Results, StartError, StartErrorKind, Worker};
use crate::config::ConfigError;
use crate::mailbox::MAX_SEATS;
use crate::retry::{Backoff, Policy};
use crate::runtime::{Clock, Spawn, Threaded, Timer};
use crate::sync::{Arc, Word};
use crate::workers::crew::{Crew, Sizing};
use crate::workers::driver;
use crate::workers::state::MAX_WORKERS;

/// The most workers: each needs a seat in each lane, and some are for handles.
pub(crate) const MAX_SIZE: u32 = {
    let handles = if Word::BITS == 64 { 1024 } else { 16 };
    let seats = MAX_SEATS - handles;
    #[allow(clippy::cast_possible_truncation, reason = "the lesser of the two")]
    if seats < MAX_WORKERS as usize { seats as u32 } else { MAX_WORKERS }
};

/// Makes a [`Herd`].
///
/// `F` is the handler and `Fut` its future; `M` tells whether it blocks.
pub struct Builder<B: 'static, R: 'static, E: 'static, F, Fut, M = Async> {
    handler: Arc<F>,
    settings: Settings,
    callbacks: Callbacks<B, R, E>,
    /// By which times are measured.
    clock: Option<SharedClock>,
    kind: PhantomData<fn() -> (Fut, M)>,
}

/// The handler is a future, which can be dropped when its time is over.
#[derive(Debug)]
pub enum Async {}

/// The handler is a function, which blocks its thread.
#[derive(Debug)]
pub enum Blocking {}

#[derive(Clone, Copy, Debug)]
struct Settings {
    size: usize,
    capacity: usize,
    policy: Policy,
    timeout: Option<Duration>,
    timed: bool,
    seed: Option<u64>,
}

impl Settings {
    fn new() -> Self {
        let policy = Policy::retries(0);
        Self { size: 4, capacity: 256, policy, timeout: None, timed: false, seed: None }
    }

    /// Where the jitter begins.
    fn seed(&self) -> u64 {
        #[cfg(feature = "std")]
        let other = || {
            use core::hash::{BuildHasher, Hasher};
            std::collections::hash_map::RandomState::new().build_hasher().finish()
        };
        #[cfg(not(feature = "std"))]
        let other = || 0;
        self.seed.unwrap_or_else(other)
    }
}

/// A builder for a handler that blocks.
pub type BlockingBuilder<B, R, E, F> = Builder<B, R, E, F, Ready<Result<R, Fault<E>>>, Blocking>;

/// A herd that has started, and its results; or else the builder, and why not.
pub type Started<B, R, E, Builder> = Result<(Herd<B, R, E>, Results<B, R, E>), StartError<Builder>>;

/// What a herd starts with.
type Made<B, R, E, F, Fut> = (Herd<B, R, E>, Results<B, R, E>, HerdDesk<F, Fut, B, R, E>);

impl<B, R, E, F, Fut> Builder<B, R, E, F, Fut, Async>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
{
    pub(super) fn new(handler: F) -> Self {
        Self::of(handler)
    }
}

/// The handler of a blocking herd, as one whose future is done at once.
#[allow(clippy::type_complexity, reason = "it has no name")]
pub(super) fn blocking<B: 'static, R: 'static, E: 'static, F>(
    handler: F,
) -> BlockingBuilder<B, R, E, impl Fn(Item<B>) -> Ready<Result<R, Fault<E>>>>
where
    F: Fn(&mut Item<B>) -> Result<R, Fault<E>>,
{
    Builder::of(move |mut item| ready(handler(&mut item)))
}

#[allow(clippy::result_large_err, reason = "an error gives the builder back, once")]
impl<B, R, E, F, Fut, M> Builder<B, R, E, F, Fut, M> {
    fn of(handler: F) -> Self {
        let callbacks = Callbacks { on_success: None, on_failure: None, on_retry: None };
        let (handler, settings) = (Arc::new(handler), Settings::new());
        Self { handler, settings, callbacks, clock: None, kind: PhantomData }
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// How many items are worked on at a time, until the herd is [resized](Herd::resize). With 0 they wait. The default
    /// is 4.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn size(self, size: usize) -> Self {
        self.with(|settings| settings.size = size)
    }

    /// How many items there may be in the herd, from their admission until their result is taken: waiting, scheduled,
    /// running, backing off and unread ones. The default is 256.
    ///
    /// # Cost
    /// Room for them is made when the herd starts.
    #[must_use]
    pub fn capacity(self, items: usize) -> Self {
        self.with(|settings| settings.capacity = items)
    }

    /// How often an item is tried again after a [`Fault::Retry`] or a timeout: 3 means at most 4 attempts. The
    /// default is 0. An attempt that is [interrupted](super::Mark::Interrupted), since its worker was lost, is made again:
    /// it counts as an attempt, and there may be that many more than 4.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn max_retries(self, retries: u32) -> Self {
        self.with(|settings| settings.policy = settings.policy.max_retries(retries))
    }

    /// How long an item waits between attempts. The default is [`Backoff::default`].
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.with(|settings| settings.policy = settings.policy.backoff(backoff))
    }

    /// How often, after what delays and for how long an item is tried: all that can be said of it.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.with(|settings| settings.policy = policy)
    }

    /// How long an attempt may take. Then its future is dropped; a blocking handler sees that it is
    /// [cancelled](Item::is_cancelled), and what it returns later counts if it is a success. An attempt that has timed
    /// out is followed by another as if it had returned [`Fault::Retry`]. There is no timeout unless it is set.
    ///
    /// # Cost
    /// A look at the clock for each attempt, and a sleep for those that have to wait.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.timeout = Some(timeout))
    }

    /// Lets callbacks know how much time has [passed](About::elapsed).
    ///
    /// # Cost
    /// A look at the clock for each attempt, and for each call.
    #[must_use]
    pub fn timed(self) -> Self {
        self.with(|settings| settings.timed = true)
    }

    /// Lets the herd keep [histograms](Herd::times) of how long items wait and run, by this clock: e.g. that of its runtime.
    ///
    /// # Cost
    /// Two looks at the clock for each attempt, and one more if the worker had to wait for it; ten KiB for each worker.
    #[must_use]
    pub fn measured(mut self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(Box::new(clock)));
        self
    }

    /// Where the jitter of the backoff begins. With `std` it is random unless it is set; without, it is 0, and devices
    /// should set it to something that differs.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.with(|settings| settings.seed = Some(seed))
    }

    /// Calls `on_success` once for each item that succeeds, on the worker, before its result can be taken.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_success(mut self, call: impl Fn(&About<'_, B>, &R) + Send + Sync + 'static) -> Self {
        self.callbacks.on_success = Some(Arc::new(Box::new(call)));
        self
    }

    /// Calls `on_failure` once for each item that fails, on the worker, before its result can be taken.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_failure(
        mut self,
        call: impl Fn(&About<'_, B>, &Failure<E>) + Send + Sync + 'static,
    ) -> Self {
        self.callbacks.on_failure = Some(Arc::new(Box::new(call)));
        self
    }

    /// Calls `on_retry` once for each attempt that is to be followed by another, with the delay until then.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_retry(
        mut self,
        call: impl Fn(&About<'_, B>, &Trouble<E>, Duration) + Send + Sync + 'static,
    ) -> Self {
        self.callbacks.on_retry = Some(Arc::new(Box::new(call)));
        self
    }

    /// Makes the herd, but for its driver.
    fn make(&self, clock: Option<SharedClock>) -> Result<Made<B, R, E, F, Fut>, ConfigError> {
        let Settings { size, capacity, policy, timeout, timed, .. } = self.settings;
        ConfigError::check("size", size, 0, MAX_SIZE as usize)?;
        let slab = Slab::new(capacity, Record::new)?;
        #[allow(clippy::cast_possible_truncation, reason = "checked just now")]
        let crew = Crew::new(size as u32, Sizing::Fixed, false);
        let callbacks = self.callbacks.clone();
        let shared =
            Shared::new(crew, slab, callbacks, (policy, timeout, timed), self.clock.clone());
        let shared = Arc::new(shared);
        let desk = HerdDesk::new(shared.clone(), self.handler.clone(), clock, self.settings.seed());
        Ok((Herd::new(shared.clone()), Results::new(shared), desk))
    }

    fn launch<Rt, Sp>(
        self,
        clock: Option<SharedClock>,
        runtime: &Rt,
        workers: &Sp,
    ) -> Started<B, R, E, Self>
    where
        F: Fn(Item<B>) -> Fut,
        Fut: Future<Output = Result<R, Fault<E>>>,
        Rt: Timer + Clone + Spawn<Driver<Rt, Sp, F, Fut, B, R, E>>,
        Sp: Timer + Clone + Spawn<Worker<Sp, F, Fut, B, R, E>>,
    {
        let (herd, results, desk) = match self.make(clock) {
            Ok(made) => made,
            Err(error) => {
                return Err(StartError { kind: StartErrorKind::Config(error), builder: self });
            }
        };
        // A runtime that cannot sleep says so to the caller, and not later to the driver.
        drop(runtime.sleep_until(runtime.now()));
        drop(workers.sleep_until(workers.now()));
        match runtime.spawn(driver::Driver::new(desk, runtime.clone(), workers.clone())) {
            Ok(_detached) => Ok((herd, results)),
            Err(error) => Err(StartError { kind: StartErrorKind::Spawn(error), builder: self }),
        }
    }
}

#[allow(clippy::result_large_err, reason = "an error gives the builder back, once")]
impl<B, R, E, F, Fut> Builder<B, R, E, F, Fut, Async>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
{
    /// Starts the herd: its driver and its workers are tasks of `runtime`.
    ///
    /// # Errors
    /// [`StartError`] if a value is out of range or the driver can't be spawned. The builder comes back in it. A
    /// worker that can't be spawned is [counted](crate::control::Stats::lost_workers), and tried again.
    ///
    /// # Panics
    /// If a runtime cannot sleep, as tokio's without `enable_time`.
    ///
    /// # Cost
    /// Room for the items is made now. Workers are spawned by the driver.
    pub fn start<Rt>(self, runtime: &Rt) -> Started<B, R, E, Self>
    where
        Rt: Timer
            + Clone
            + Spawn<Worker<Rt, F, Fut, B, R, E>>
            + Spawn<Driver<Rt, Rt, F, Fut, B, R, E>>,
    {
        self.start_with(runtime, runtime)
    }

    /// Starts the herd with its driver on one runtime and its workers on another.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    ///
    /// # Cost
    /// As [`start`](Self::start).
    pub fn start_with<Rt, Sp>(self, runtime: &Rt, workers: &Sp) -> Started<B, R, E, Self>
    where
        Rt: Timer + Clone + Spawn<Driver<Rt, Sp, F, Fut, B, R, E>>,
        Sp: Timer + Clone + Spawn<Worker<Sp, F, Fut, B, R, E>>,
    {
        self.launch(None, runtime, workers)
    }
}

#[allow(clippy::result_large_err, reason = "an error gives the builder back, once")]
impl<B, R, E, F, Fut> Builder<B, R, E, F, Fut, Blocking>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
{
    /// Starts the herd: its driver and its workers are threads of `runtime`.
    ///
    /// # Errors
    /// [`StartError`] if a value is out of range or the driver can't be spawned. The builder comes back in it.
    ///
    /// # Panics
    /// If the runtime cannot sleep.
    ///
    /// # Cost
    /// Room for the items is made now. Workers are spawned by the driver.
    pub fn start<Rt>(self, runtime: &Rt) -> Started<B, R, E, Self>
    where
        Rt: Timer
            + Threaded
            + Clone
            + Send
            + Sync
            + 'static
            + Spawn<Worker<Rt, F, Fut, B, R, E>>
            + Spawn<Driver<Rt, Rt, F, Fut, B, R, E>>,
    {
        self.start_with(runtime, runtime)
    }

    /// Starts the herd with its driver on one runtime, which may be asynchronous, and its workers on threads.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// If a runtime cannot sleep, as tokio's without `enable_time`.
    ///
    /// # Cost
    /// As [`start`](Self::start).
    pub fn start_with<Rt, Sp>(self, runtime: &Rt, workers: &Sp) -> Started<B, R, E, Self>
    where
        Rt: Timer + Clone + Spawn<Driver<Rt, Sp, F, Fut, B, R, E>>,
        Sp: Timer + Threaded + Clone + Send + Sync + 'static + Spawn<Worker<Sp, F, Fut, B, R, E>>,
    {
        let clock: Box<dyn Clock + Send + Sync> = Box::new(workers.clone());
        self.launch(Some(Arc::new(clock)), runtime, workers)
    }
}

impl<B, R, E, F, Fut, M> fmt::Debug for Builder<B, R, E, F, Fut, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
