//! How a pool is made.

use alloc::boxed::Box;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use super::shared::{MakeState, OnError};
use super::station::PoolDesk;
use super::{Driver, Overflow, Pool, Runtime, Shared, StartError, StartErrorKind, Worker};
use crate::config::ConfigError;
use crate::job::{Error, JobError};
use crate::mailbox::{HeapMailbox, MAX_SEATS};
use crate::runtime::{Clock, Spawn, Timer};
use crate::sync::{Arc, AtomicWord, Stack, Word};
use crate::workers::crew::{Crew, Sizing};
use crate::workers::state::MAX_WORKERS;

/// The most workers: each needs a seat in the mailbox, and some are for handles.
pub(super) const MAX_SIZE: u32 = {
    let handles = if Word::BITS == 64 { 1024 } else { 16 };
    let seats = MAX_SEATS - handles;
    #[allow(clippy::cast_possible_truncation, reason = "the lesser of the two")]
    if seats < MAX_WORKERS as usize { seats as u32 } else { MAX_WORKERS }
};

/// The most jobs that wait unless [`Builder::capacity`] says otherwise: room for them is made beforehand.
const MOST_BY_DEFAULT: usize = 65_536;

/// Makes a [`Pool`].
pub struct Builder<E: 'static = Error, C: 'static = ()> {
    settings: Settings,
    make_state: Arc<MakeState<C>>,
    on_error: Option<Arc<OnError<E, C>>>,
    /// Whether an error handler was given before `state`, which it does not fit any more.
    unfit_handler: bool,
}

/// What does not depend on errors or states.
#[derive(Clone, Copy, Debug)]
struct Settings {
    sizes: Sizes,
    initial: Option<usize>,
    mailbox: usize,
    capacity: Option<usize>,
    idle_timeout: Duration,
    overflow: Overflow,
    timed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Sizes {
    Fixed(usize),
    Dynamic { min: usize, max: usize },
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings {
                sizes: Sizes::Fixed(4),
                initial: None,
                mailbox: 16,
                capacity: None,
                idle_timeout: Duration::from_secs(10),
                overflow: Overflow::Refuse,
                timed: false,
            },
            make_state: Arc::new(Box::new(|| ())),
            on_error: None,
            unfit_handler: false,
        }
    }
}

#[allow(clippy::result_large_err, reason = "an error gives the builder back, once")]
impl<E: 'static, C: 'static> Builder<E, C> {
    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// So many workers, from the start to the end, unless the pool is [resized](Shared::resize). The default is 4.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn fixed(self, size: usize) -> Self {
        self.with(|settings| settings.sizes = Sizes::Fixed(size))
    }

    /// Workers as needed: one more when a job finds nobody idle, one less when somebody was idle for long, and
    /// always from `min` to `max`.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn dynamic(self, sizes: RangeInclusive<usize>) -> Self {
        let (min, max) = sizes.into_inner();
        self.with(|settings| settings.sizes = Sizes::Dynamic { min, max })
    }

    /// How many workers a dynamic pool has at first: its least number unless said otherwise. A fixed pool
    /// ignores it.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn initial(self, size: usize) -> Self {
        self.with(|settings| settings.initial = Some(size))
    }

    /// How many jobs can wait for each worker that there may be; 0 is taken as 1, and the default is 16. They
    /// all wait in one place, from which every worker takes them.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn mailbox(self, jobs: usize) -> Self {
        self.with(|settings| settings.mailbox = jobs)
    }

    /// How many jobs can wait. The default is [`mailbox`](Self::mailbox) for each worker, at most 65 536.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn capacity(self, jobs: usize) -> Self {
        self.with(|settings| settings.capacity = Some(jobs))
    }

    /// How long a worker of a dynamic pool is idle before it goes: at least so long, and at most twice. The
    /// default is 10 seconds, the least a millisecond.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        self.with(|settings| settings.idle_timeout = idle_timeout)
    }

    /// What is done with a job for which there is no room.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.with(|settings| settings.overflow = overflow)
    }

    /// Lets workers tell when they [began and ended](super::WorkerFacts::last_started) their last job.
    ///
    /// # Cost
    /// Two looks at the clock for each job.
    #[must_use]
    pub fn timed(self) -> Self {
        self.with(|settings| settings.timed = true)
    }

    /// Gives each worker a state of its own, e.g. a connection, which it lends to jobs that are made of a closure with
    /// an argument `&mut C`.
    ///
    /// It is made by the worker, before its first job, and dropped when it goes. If making it panics, the
    /// worker is lost, and another tries a little later.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn state<N: 'static>(self, make: impl Fn() -> N + Send + Sync + 'static) -> Builder<E, N> {
        Builder {
            settings: self.settings,
            make_state: Arc::new(Box::new(make)),
            on_error: None,
            unfit_handler: self.unfit_handler || self.on_error.is_some(),
        }
    }

    /// Calls `on_error` with each error that a job returns, and with each panic, on the worker that had it.
    ///
    /// It is given the pool, and may assign: the same work again, if it knows from the error what that was, as the job itself is gone. As
    /// everywhere, that is refused when the pool is full or shuts down; a [herd](crate::herd) tries again by itself, and keeps room for it.
    ///
    /// Call it after [`state`](Self::state), which changes what it is given: else the pool does not start. It should not own a handle of the pool: that
    /// one would never be dropped.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_error<N: 'static>(
        self,
        on_error: impl Fn(JobError<N>, &Shared<N, C>) + Send + Sync + 'static,
    ) -> Builder<N, C> {
        Builder {
            settings: self.settings,
            make_state: self.make_state,
            on_error: Some(Arc::new(Box::new(on_error))),
            unfit_handler: self.unfit_handler,
        }
    }

    /// Starts the pool: its driver and its workers are tasks of `runtime`.
    ///
    /// Jobs that block should not run on an async runtime's threads: there, let the workers be
    /// [threads](Self::start_with).
    ///
    /// # Errors
    /// [`StartError`] if a value is out of range or the driver can't be spawned. The builder comes back in it. A
    /// worker that can't be spawned is [counted](super::Stats::lost_workers), and tried again.
    ///
    /// # Cost
    /// The room for the jobs that may wait, 128 bytes for each, is made now. Workers are spawned by the driver.
    pub fn start<Rt: Runtime<E, C>>(self, runtime: &Rt) -> Result<Pool<E, C>, StartError<Self>> {
        self.start_with(runtime, runtime)
    }

    /// Starts the pool with its driver on one runtime and its workers on another, e.g. the workers on threads for
    /// jobs that block.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Cost
    /// As [`start`](Self::start).
    pub fn start_with<Rt, Sp>(
        self,
        runtime: &Rt,
        workers: &Sp,
    ) -> Result<Pool<E, C>, StartError<Self>>
    where
        Rt: Timer + Clone + Spawn<Driver<Rt, Sp, E, C>>,
        Sp: Clock + Clone + Spawn<Worker<Sp, E, C>>,
    {
        if self.unfit_handler {
            return Err(StartError { kind: StartErrorKind::HandlerBeforeState, builder: self });
        }
        let (jobs, target, sizing) = match self.settings.prepare() {
            Ok(prepared) => prepared,
            Err(error) => {
                return Err(StartError { kind: StartErrorKind::Config(error), builder: self });
            }
        };
        // Workers come and go; only the pool's handles are to close it.
        jobs.keep_receiving();
        let shared = Arc::new(Shared {
            crew: Crew::new(target, sizing, self.settings.timed),
            jobs: Arc::new(jobs),
            put_back: Stack::new(),
            make_state: self.make_state.clone(),
            on_error: self.on_error.clone(),
            overflow: self.settings.overflow,
            dropped: AtomicWord::new(0),
            handler_panics: AtomicWord::new(0),
        });
        if let Sizing::Dynamic { .. } = sizing {
            // A runtime that cannot sleep says so to the caller, and not later to the driver.
            drop(runtime.sleep_until(runtime.now()));
        }
        let pool = Pool::new(shared.clone());
        let driver = Driver::new(PoolDesk(shared), runtime.clone(), workers.clone());
        match runtime.spawn(driver) {
            Ok(_detached) => Ok(pool),
            Err(error) => Err(StartError { kind: StartErrorKind::Spawn(error), builder: self }),
        }
    }
}

impl Settings {
    /// Checks the configuration, and makes the room for the jobs.
    fn prepare<T>(&self) -> Result<(HeapMailbox<T>, u32, Sizing), ConfigError> {
        let most = MAX_SIZE as usize;
        let narrow = |size: usize| u32::try_from(size).expect("at most `MAX_SIZE`");
        let (max, target, sizing) = match self.sizes {
            Sizes::Fixed(size) => {
                ConfigError::check("size", size, 1, most)?;
                (size, narrow(size), Sizing::Fixed)
            }
            Sizes::Dynamic { min, max } => {
                ConfigError::check("max", max, 1, most)?;
                ConfigError::check("min", min, 0, max)?;
                let initial = self.initial.unwrap_or(min);
                ConfigError::check("initial", initial, min, max)?;
                let idle_timeout = self.idle_timeout.max(Duration::from_millis(1));
                let (min, max) = (narrow(min), narrow(max));
                (max as usize, narrow(initial), Sizing::Dynamic { min, max, idle_timeout })
            }
        };
        let capacity = match self.capacity {
            Some(capacity) => capacity,
            None => self.mailbox.max(1).saturating_mul(max).min(MOST_BY_DEFAULT),
        };
        let mut jobs = HeapMailbox::with_capacity(capacity)?;
        jobs.wake_lowest_first();
        Ok((jobs, target, sizing))
    }
}

impl<E: 'static, C: 'static> fmt::Debug for Builder<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
