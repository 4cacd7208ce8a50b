//! What all doors refuse, and how starting them and waiting for them can end.

use alloc::vec::Vec;
use core::fmt;

use crate::config::ConfigError;
use crate::runtime::SpawnError;

/// Why work is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room for one more.
    Full,
    /// It is quiet, until it is resumed.
    Quiet,
    /// It is shutting down, or has.
    ShuttingDown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room",
            Self::Quiet => "it is quiet",
            Self::ShuttingDown => "it is shutting down, or does not run",
        })
    }
}

impl core::error::Error for Refusal {}

/// What could not be started: the builder comes back, with everything in it.
pub struct StartError<B> {
    /// Why.
    pub kind: StartErrorKind,
    /// What was to be started.
    pub builder: B,
}

/// Why something could not be started.
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

/// Waiting for the end was in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// The caller is a job or a handler of that from which it waits, and would wait for itself.
    Inside,
    /// The runtime went away before the end. What had not been done is left over.
    RuntimeGone,
    /// The deadline passed.
    Timeout {
        /// The workers that were busy then, by their index.
        busy: Vec<usize>,
    },
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside => f.write_str("a worker cannot wait for its own end"),
            Self::RuntimeGone => f.write_str("the runtime went away before the end"),
            Self::Timeout { busy } => write!(f, "it has not ended in time; busy: {busy:?}"),
        }
    }
}

impl core::error::Error for JoinError {}
