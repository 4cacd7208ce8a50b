//! What is reported of a task that has failed.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::task::Task;
use crate::herd::{About, Failure, Trouble};
use crate::retry::Exhausted;

/// A task that has failed, once and for all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskError<E> {
    /// The task's number.
    pub id: u64,
    /// What it is called.
    pub name: Cow<'static, str>,
    /// How many attempts have begun.
    pub attempts: u32,
    /// Why there is no further attempt.
    pub why: Why,
    /// The error that the task was [given](Task::error) for this.
    pub error: Option<E>,
    /// How the attempts have failed, the last 16 of them, in their order.
    pub history: Vec<Trouble<E>>,
    /// How many others there were before those.
    pub omitted: u32,
    /// How long it took, from the beginning of the first attempt; `None` if there was none.
    pub elapsed: Option<Duration>,
}

/// Why a task has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Its attempts have failed, and there is to be no other.
    Exhausted(Exhausted),
    /// It panicked, with this message if there was one.
    Panicked(Option<String>),
    /// It was cancelled before an attempt could begin.
    Cancelled,
}

impl<E> TaskError<E> {
    pub(super) fn new(about: &About<'_, Task<E>>, failure: &Failure<()>) -> Self {
        let task = about.body;
        let history = task.take_history();
        let why = match failure {
            Failure::Exhausted(_, why) => Why::Exhausted(*why),
            Failure::Panicked(panic) => Why::Panicked(panic.message().map(ToString::to_string)),
            Failure::Failed(()) | Failure::Deadline | Failure::Cancelled => Why::Cancelled,
        };
        Self {
            id: task.id(),
            name: task.take_name(),
            attempts: about.attempts,
            why,
            error: task.own_error(),
            history: history.attempts,
            omitted: history.omitted,
            elapsed: about.elapsed,
        }
    }

    /// The errors that are known: the task's own first, then those of its attempts, the last first.
    ///
    /// # Cost
    /// None.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        let attempts = self.history.iter().rev().filter_map(|trouble| match trouble {
            Trouble::Error(error) => Some(error),
            Trouble::TimedOut => None,
        });
        self.error.iter().chain(attempts)
    }
}

impl<E: fmt::Display> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = self.attempts;
        let s = if attempts == 1 { "" } else { "s" };
        match &self.error {
            Some(error) => write!(f, "after {attempts} attempt{s}: {error}"),
            None => write!(f, "task failed after {attempts} attempt{s}"),
        }
    }
}

impl<E: Error + 'static> Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors().next().map(|error| error as _)
    }
}
