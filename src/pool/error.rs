//! What a pool refuses, and how waiting for it can end.

use alloc::vec::Vec;
use core::fmt;

use crate::config::ConfigError;
use crate::runtime::SpawnError;

/// Why a pool refuses a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room for one more.
    Full,
    /// It is quiet: see [`Shared::quiet`](super::Shared::quiet).
    Quiet,
    /// It is shutting down, or has.
    ShuttingDown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the pool is full",
            Self::Quiet => "the pool is quiet",
            Self::ShuttingDown => "the pool is shutting down",
        })
    }
}

impl core::error::Error for Refusal {}

/// A job that was refused, and why.
pub struct AssignError<J> {
    /// Why.
    pub kind: Refusal,
    pub(super) job: J,
}

impl<J> AssignError<J> {
    pub(super) fn map<I>(self, f: impl FnOnce(J) -> I) -> AssignError<I> {
        AssignError { kind: self.kind, job: f(self.job) }
    }

    /// The job.
    ///
    /// # Cost
    /// A move of it.
    #[must_use]
    pub fn into_job(self) -> J {
        self.job
    }

    /// The error without the job, which is dropped.
    ///
    /// # Cost
    /// None.
    pub fn discard(self) -> Refusal {
        self.kind
    }

    /// Whether there was no room.
    ///
    /// # Cost
    /// None.
    pub const fn is_full(&self) -> bool {
        matches!(self.kind, Refusal::Full)
    }

    /// Whether the pool is shutting down.
    ///
    /// # Cost
    /// None.
    pub const fn is_shutting_down(&self) -> bool {
        matches!(self.kind, Refusal::ShuttingDown)
    }
}

impl<J> fmt::Debug for AssignError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssignError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for AssignError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<J> core::error::Error for AssignError<J> {}

/// A job that was refused in the middle of several.
pub struct AssignManyError<J> {
    /// How many were assigned before it.
    pub assigned: usize,
    /// The first that was refused.
    pub error: AssignError<J>,
}

impl<J> fmt::Debug for AssignManyError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssignManyError")
            .field("assigned", &self.assigned)
            .field("error", &self.error)
            .finish()
    }
}

impl<J> fmt::Display for AssignManyError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} jobs", self.error, self.assigned)
    }
}

impl<J> core::error::Error for AssignManyError<J> {}

/// A pool that could not be started: the builder comes back, with everything in it.
pub struct StartError<B> {
    /// Why.
    pub kind: StartErrorKind,
    /// What was to be started.
    pub builder: B,
}

/// Why a pool could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// A value of its configuration is out of range.
    Config(ConfigError),
    /// Its driver could not be spawned.
    Spawn(SpawnError),
    /// The error handler was given before the workers' state, which changed what it would be given.
    HandlerBeforeState,
}

impl fmt::Display for StartErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::HandlerBeforeState => f.write_str("`on_error` was called before `state`"),
        }
    }
}

impl core::error::Error for StartErrorKind {}

impl<B> StartError<B> {
    /// The error without the builder.
    ///
    /// # Cost
    /// None.
    pub fn discard(self) -> StartErrorKind {
        self.kind
    }
}

impl<B> fmt::Debug for StartError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<B> fmt::Display for StartError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<B> core::error::Error for StartError<B> {}

/// Waiting for the end of a pool was in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The caller is one of the pool's own jobs, which would wait for itself.
    Inside,
    /// The runtime went away before the end. What had not begun is [left over](super::Pool::leftovers).
    RuntimeGone,
    /// The deadline passed.
    Timeout {
        /// The workers that were busy then, by their [index](super::WorkerFacts::index).
        busy: Vec<usize>,
    },
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside => f.write_str("a job cannot wait for the end of its own pool"),
            Self::RuntimeGone => f.write_str("the runtime went away before the end of the pool"),
            Self::Timeout { busy } => write!(f, "the pool has not ended in time; busy: {busy:?}"),
        }
    }
}

impl core::error::Error for JoinError {}
