//! What can be asked of every door while it works, whatever it is made of.

use core::fmt;

use core::time::Duration;

use crate::config::ConfigError;
use crate::stats::Histogram;
use crate::sync::Arc;

/// A door, whatever it is made of: what a control plane, a command or a group of services needs of it.
///
/// Implemented by `Pool` and `Herd`, whose methods of the same names tell more.
pub trait Control {
    /// How many workers there may be.
    fn max_size(&self) -> usize;

    /// Changes how many workers there should be. Never waits.
    ///
    /// # Errors
    /// [`ResizeError`], with the range if the size is out of it.
    fn resize(&self, size: usize) -> Result<(), ResizeError>;

    /// Its numbers, size and phase among them.
    fn stats(&self) -> Stats;

    /// How long work has waited and run, if that is measured.
    fn times(&self) -> Option<Times> {
        None
    }

    /// Refuses work until `resume`.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it takes none any more anyway.
    fn quiet(&self) -> Result<(), AlreadyStopping>;

    /// Accepts work again.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it cannot any more.
    fn resume(&self) -> Result<(), AlreadyStopping>;

    /// Refuses work for good, does what was accepted, and ends. What is not done within the time, if one is given, is left
    /// over as by `cancel`; a pool keeps no time, and does it all.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it does so already.
    fn drain(&self, within: Option<Duration>) -> Result<(), AlreadyStopping>;

    /// Refuses work for good, asks what runs to stop, and leaves over the rest.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it does so already.
    fn cancel(&self) -> Result<(), AlreadyStopping>;
}

/// A door that several own, or that is known only as `dyn Control`.
impl<T: Control + ?Sized> Control for Arc<T> {
    fn max_size(&self) -> usize {
        T::max_size(self)
    }

    fn resize(&self, size: usize) -> Result<(), ResizeError> {
        T::resize(self, size)
    }

    fn stats(&self) -> Stats {
        T::stats(self)
    }

    fn times(&self) -> Option<Times> {
        T::times(self)
    }

    fn quiet(&self) -> Result<(), AlreadyStopping> {
        T::quiet(self)
    }

    fn resume(&self) -> Result<(), AlreadyStopping> {
        T::resume(self)
    }

    fn drain(&self, within: Option<Duration>) -> Result<(), AlreadyStopping> {
        T::drain(self, within)
    }

    fn cancel(&self) -> Result<(), AlreadyStopping> {
        T::cancel(self)
    }
}

/// A door's numbers, each as it was at some moment during the call. Counts wrap; on targets without 64-bit
/// atomics after 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What may still happen.
    pub phase: Phase,
    /// How many workers there should be.
    pub size: usize,
    /// How many there are, or are about to be.
    pub live: usize,
    /// How many of them wait for work.
    pub idle: usize,
    /// What has been accepted. In a herd that has come to rest as many as have succeeded, failed, are scheduled or left over.
    pub submitted: u64,
    /// What was refused, because there was no room or for good. A pool does not count these.
    pub refused: u64,
    /// What could begin, if there were a worker for it.
    pub waiting: usize,
    /// What waits for its time.
    pub scheduled: usize,
    /// What failed, and waits to be tried again; at the end of a herd, also what was interrupted and is left over.
    pub backing_off: usize,
    /// What is being done.
    pub running: usize,
    /// Results that nobody has taken.
    pub unread: usize,
    /// What has ended well.
    pub succeeded: u64,
    /// What has failed for good, by an error, a timeout or a panic.
    pub failed: u64,
    /// Attempts that were, or are to be, followed by another.
    pub retried: u64,
    /// Attempts that took too long.
    pub timed_out: u64,
    /// Of those that failed, those that panicked.
    pub panicked: u64,
    /// What was dropped, or interrupted, before its end.
    pub aborted: u64,
    /// What was dropped before it began, as a policy says.
    pub dropped: u64,
    /// Handlers of errors and results that panicked.
    pub handler_panics: u64,
    /// Workers that could not be had, or that their runtime dropped.
    pub lost_workers: u64,
}

/// How long work has waited and run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Times {
    /// From when it could have begun until it began, for each attempt.
    pub waiting: Histogram,
    /// From the beginning of each attempt to its end.
    pub running: Histogram,
}

impl Stats {
    /// Numbers of a door of which nothing is known but this.
    pub(crate) const fn new(phase: Phase, size: usize, live: usize) -> Self {
        Self {
            phase,
            size,
            live,
            idle: 0,
            submitted: 0,
            refused: 0,
            waiting: 0,
            scheduled: 0,
            backing_off: 0,
            running: 0,
            unread: 0,
            succeeded: 0,
            failed: 0,
            retried: 0,
            timed_out: 0,
            panicked: 0,
            aborted: 0,
            dropped: 0,
            handler_panics: 0,
            lost_workers: 0,
        }
    }
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Work is accepted and done.
    Running,
    /// Work is refused; what was accepted is done.
    Quiet,
    /// Work is refused for good; what was accepted is done.
    Draining,
    /// What runs is asked to stop; what waits is left over.
    Cancelling,
    /// What runs is dropped where it can be.
    Aborting,
    /// Every worker is gone.
    Stopped,
}

impl Phase {
    pub(crate) const ALL: [Self; 6] = [
        Self::Running,
        Self::Quiet,
        Self::Draining,
        Self::Cancelling,
        Self::Aborting,
        Self::Stopped,
    ];
}

/// The size was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeError {
    /// It is out of range.
    Config(ConfigError),
    /// It is cancelled, or has stopped.
    Stopping,
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Stopping => f.write_str("it is stopping, or has stopped"),
        }
    }
}

impl core::error::Error for ResizeError {}

/// What was asked for has been done before, or comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStopping;

impl fmt::Display for AlreadyStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is stopping already, or does not run")
    }
}

impl core::error::Error for AlreadyStopping {}
