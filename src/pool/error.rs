//! What a pool refuses.

use core::fmt;

use crate::workers::error::Refusal;

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
