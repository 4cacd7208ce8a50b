//! What a door refuses comes back, with the reason.

use core::fmt;

use super::error::Refusal;

/// What was refused, and why.
pub struct Refused<T> {
    /// Why.
    pub kind: Refusal,
    pub(crate) inner: T,
}

impl<T> Refused<T> {
    pub(crate) const fn new(kind: Refusal, inner: T) -> Self {
        Self { kind, inner }
    }

    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Refused<U> {
        Refused { kind: self.kind, inner: f(self.inner) }
    }

    /// What was refused.
    ///
    /// # Cost
    /// A move of it.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The reason alone: what was refused is dropped.
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

    /// Whether no more is taken.
    ///
    /// # Cost
    /// None.
    pub const fn is_shutting_down(&self) -> bool {
        matches!(self.kind, Refusal::ShuttingDown)
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<T> core::error::Error for Refused<T> {}

/// The first of several that was refused.
pub struct RefusedMany<T> {
    /// How many were accepted before it.
    pub accepted: usize,
    /// It, and why.
    pub error: Refused<T>,
}

/// Has each of several accepted, up to the first that is refused.
pub(crate) fn each<T, U>(
    all: impl IntoIterator<Item = T>,
    mut accept: impl FnMut(T) -> Result<(), Refused<U>>,
) -> Result<usize, RefusedMany<U>> {
    let mut accepted = 0;
    for one in all {
        accept(one).map_err(|error| RefusedMany { accepted, error })?;
        accepted += 1;
    }
    Ok(accepted)
}

impl<T> fmt::Debug for RefusedMany<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedMany")
            .field("accepted", &self.accepted)
            .field("error", &self.error)
            .finish()
    }
}

impl<T> fmt::Display for RefusedMany<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} were accepted", self.error, self.accepted)
    }
}

impl<T> core::error::Error for RefusedMany<T> {}
