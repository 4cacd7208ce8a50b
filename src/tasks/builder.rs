//! How a task manager is made.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use super::Tasks;
use super::report::TaskError;
use crate::config::ConfigError;
use crate::mailbox::HeapMailbox;
use crate::runtime::SpawnError;
use crate::sync::Arc;
use crate::workers::error::StartErrorKind;

type OnFailure<E> = Box<dyn Fn(TaskError<E>) + Send + Sync>;

/// Makes a [`Tasks`].
pub struct Builder<E: 'static> {
    settings: Settings<E>,
}

/// What a manager is to be like.
pub(super) struct Settings<E> {
    pub(super) name: Cow<'static, str>,
    pub(super) workers: usize,
    pub(super) queue: usize,
    pub(super) keep_scheduled: bool,
    pub(super) on_failure: Option<Arc<OnFailure<E>>>,
}

impl<E> Settings<E> {
    /// How many tasks there may be, those that run included.
    pub(super) const fn capacity(&self) -> usize {
        self.queue.saturating_add(self.workers)
    }
}

impl<E: 'static> Builder<E> {
    pub(super) fn new() -> Self {
        let (name, on_failure) = (Cow::Borrowed("tasks"), None);
        let settings = Settings { name, workers: 4, queue: 64, keep_scheduled: false, on_failure };
        Self { settings }
    }

    fn with(mut self, set: impl FnOnce(&mut Settings<E>)) -> Self {
        set(&mut self.settings);
        self
    }

    /// What the manager is called: "tasks" unless said otherwise.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|settings| settings.name = name.into())
    }

    /// How many tasks are done at a time. The default is 4.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        self.with(|settings| settings.workers = workers)
    }

    /// How many tasks there may be beside as many as there are workers: those that wait for a worker, for their time, or for another
    /// attempt. The default is 64.
    ///
    /// # Cost
    /// Room for them is made beforehand, some 200 bytes each.
    #[must_use]
    pub fn queue(self, tasks: usize) -> Self {
        self.with(|settings| settings.queue = tasks)
    }

    /// Keeps for the next start what is scheduled, recurs or waits for another attempt when the manager is stopped, instead of giving it back.
    ///
    /// Runs of a task that recurs are given back all the same: the task itself is kept, and runs again.
    ///
    /// Moments stay what they were: start it with a runtime of the same clock.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn keep_scheduled(self) -> Self {
        self.with(|settings| settings.keep_scheduled = true)
    }

    /// Calls `on_failure` once for each task that has failed, on the worker.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_failure(self, on_failure: impl Fn(TaskError<E>) + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.on_failure = Some(Arc::new(Box::new(on_failure))))
    }

    /// Makes the manager. It does nothing until it is [started](Tasks::start).
    ///
    /// # Errors
    /// [`BuildError`] if the name is empty, or a number out of range.
    ///
    /// # Cost
    /// Room for the tasks that come before it starts.
    pub fn build(self) -> Result<Tasks<E>, BuildError> {
        let settings = self.settings;
        if settings.name.is_empty() {
            return Err(BuildError::EmptyName);
        }
        let most = crate::herd::MAX_SIZE as usize;
        ConfigError::check("workers", settings.workers, 1, most).map_err(BuildError::Config)?;
        ConfigError::check("queue", settings.queue, 1, crate::mailbox::MAX_CAPACITY - most)
            .map_err(BuildError::Config)?;
        let early = HeapMailbox::with_capacity(settings.capacity()).map_err(BuildError::Config)?;
        Ok(Tasks::new(settings, early))
    }
}

impl<E: 'static> fmt::Debug for Builder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

/// A task manager could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A number is out of range.
    Config(ConfigError),
    /// It has no name.
    EmptyName,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::EmptyName => f.write_str("name is empty, but must have at least one character"),
        }
    }
}

impl core::error::Error for BuildError {}

/// A task manager could not be started, and is what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError(pub SpawnError);

impl StartError {
    pub(super) fn of(kind: StartErrorKind) -> Self {
        match kind {
            StartErrorKind::Spawn(error) => Self(error),
            other => unreachable!("the settings have been checked: {other}"),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for StartError {}
