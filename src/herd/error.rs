//! What a herd refuses, and tickets without a result.

use core::fmt;

use crate::workers::error::Refusal;

/// What was refused, and why. `T` is a body, or [`Work`](super::Work).
pub struct SendError<T> {
    /// Why.
    pub kind: Refusal,
    pub(super) refused: T,
}

impl<T> SendError<T> {
    pub(crate) const fn new(kind: Refusal, refused: T) -> Self {
        Self { kind, refused }
    }

    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> SendError<U> {
        SendError { kind: self.kind, refused: f(self.refused) }
    }

    /// What was refused.
    ///
    /// # Cost
    /// A move of it.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.refused
    }

    /// The error without what was refused, which is dropped.
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

    /// Whether the herd takes no more.
    ///
    /// # Cost
    /// None.
    pub const fn is_shutting_down(&self) -> bool {
        matches!(self.kind, Refusal::ShuttingDown)
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<T> core::error::Error for SendError<T> {}

/// What was refused in the middle of several.
pub struct SendManyError<T> {
    /// How many were sent before it.
    pub sent: usize,
    /// The first that was refused.
    pub error: SendError<T>,
}

impl<T> fmt::Debug for SendManyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendManyError")
            .field("sent", &self.sent)
            .field("error", &self.error)
            .finish()
    }
}

impl<T> fmt::Display for SendManyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} items", self.error, self.sent)
    }
}

impl<T> core::error::Error for SendManyError<T> {}

/// A ticket will not have a result: the herd has ended, and the item is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOver;

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the herd has ended, and the item is left over")
    }
}

impl core::error::Error for LeftOver {}
