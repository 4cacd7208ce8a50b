//! What a queue refuses.

use core::error::Error;
use core::fmt;

/// There are as many items as there may be. Holds the one that was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> Full<T> {
    /// The item that was refused.
    ///
    /// # Cost
    /// A move.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Drops the item and keeps the reason: an error that `?` takes, whatever `T` is.
    ///
    /// # Cost
    /// That of dropping the item.
    #[must_use]
    pub fn discard(self) -> Full<()> {
        Full(())
    }
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Full").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are as many deadlines as there may be")
    }
}

impl<T> Error for Full<T> {}
