//! How members end.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::machine::Cut;
use crate::job::Error;
use crate::runtime::SpawnError;
use crate::sync::Arc;
use crate::time::Instant;

/// How a run of a member has ended.
#[derive(Clone, Debug)]
pub enum Exit {
    /// Without an error.
    Clean,
    /// With its own error.
    Failed(Arc<Error>),
    /// It panicked, with this message.
    Panicked(Arc<String>),
    /// It could not be spawned.
    Refused(SpawnError),
    /// The runtime dropped it before its end.
    Lost,
    /// It had not ended in time, and was dropped.
    Abandoned,
    /// It was to be started again, but was made for [one run](crate::group::Member::once).
    Spent,
}

impl Exit {
    /// An exit with an error.
    ///
    /// # Cost
    /// An allocation or two.
    pub fn failed(error: impl Into<Error>) -> Self {
        Self::Failed(Arc::new(error.into()))
    }

    /// Whether it ended without an error.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Clean)
    }

    /// Its text, also if the error's own panics.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if !crate::panic::swallow(|| text = self.to_string()) {
            text = "an error whose text panics".into();
        }
        text
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("nil"),
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(message) => f.write_str(message),
            Self::Refused(error) => error.fmt(f),
            Self::Lost => f.write_str("the runtime dropped it"),
            Self::Abandoned => f.write_str("it did not end in time and was abandoned"),
            Self::Spent => f.write_str("it cannot be started again"),
        }
    }
}

/// What a member's future may return: nothing, or a `Result` with an error.
pub trait IntoExit {
    /// How it has ended.
    fn into_exit(self) -> Exit;
}

impl IntoExit for () {
    fn into_exit(self) -> Exit {
        Exit::Clean
    }
}

impl IntoExit for Exit {
    fn into_exit(self) -> Exit {
        self
    }
}

impl<E: Into<Error>> IntoExit for Result<(), E> {
    fn into_exit(self) -> Exit {
        self.map_or_else(Exit::failed, |()| Exit::Clean)
    }
}

/// The end of a member.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExitEvent {
    pub(super) name: Arc<String>,
    /// How its last run ended.
    pub exit: Exit,
    /// What was done to it because it was too slow.
    pub cut: Option<Cut>,
    /// When, by the runtime's clock.
    pub at: Instant,
    /// How often it had been started again.
    pub restarts: u32,
}

impl ExitEvent {
    /// The member's name.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it counts as an error: if it ended with one, or was not ready in time.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !self.exit.is_clean() || self.cut == Some(Cut::NotReady)
    }
}

impl fmt::Display for ExitEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, exit) = (&**self.name, &self.exit);
        match (exit, self.cut) {
            (Exit::Clean, Some(Cut::NotReady)) => {
                write!(f, "{name} exited with error: it was not ready in time")
            }
            (Exit::Abandoned, Some(Cut::NotReady)) => {
                write!(f, "{name} exited with error: it was not ready in time, and was abandoned")
            }
            (Exit::Clean, _) => write!(f, "{name} exited with nil"),
            (exit, Some(Cut::NotReady)) => {
                write!(f, "{name} exited with error: it was not ready in time: {exit}")
            }
            (exit, _) => write!(f, "{name} exited with error: {exit}"),
        }
    }
}

/// The ends of a group's members, in their order. Clones share it.
///
/// Its text has a line for each, `NAME exited with nil` or `NAME exited with error: …`.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    exits: Vec<ExitEvent>,
    omitted: u64,
    failed: bool,
}

impl Trace {
    pub(super) fn new(exits: Vec<ExitEvent>, omitted: u64, failed: bool) -> Self {
        Self(Arc::new(Inner { exits, omitted, failed }))
    }

    /// The ends, in their order.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn exits(&self) -> &[ExitEvent] {
        &self.0.exits
    }

    /// How many more there were: a dynamic group keeps the last ones only, and of those that are clean none.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.0.omitted
    }

    /// Whether any end was an error, also if it was omitted.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.failed
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, exit) in self.exits().iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            write!(f, "{line}{exit}")?;
        }
        Ok(())
    }
}

/// A group has not ended well.
#[derive(Clone, Debug)]
pub enum EndError {
    /// A member ended with an error. The trace holds all.
    Failed(Trace),
    /// The runtime went away first. The trace holds those that had ended.
    RuntimeGone(Trace),
}

impl EndError {
    /// The ends of members.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        match self {
            Self::Failed(trace) | Self::RuntimeGone(trace) => trace,
        }
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(trace) => trace.fmt(f),
            Self::RuntimeGone(_) => f.write_str("the runtime went away before the end"),
        }
    }
}

impl core::error::Error for EndError {}

/// The text of a panic, which is dropped here.
#[cfg_attr(not(feature = "std"), allow(clippy::needless_pass_by_value))]
pub(super) fn panicked(panic: crate::panic::Panic) -> Exit {
    let text = panic.to_string();
    // What was thrown may panic when it is dropped.
    #[cfg(feature = "std")]
    crate::panic::swallow(|| drop(panic));
    Exit::Panicked(Arc::new(text))
}
