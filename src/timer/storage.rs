//! What the algorithm needs of a queue's storage.

use super::order::{Slot, Tables};

/// How [`Timers`](super::Timers) are stored: [`Inline`](super::Inline) or, with `alloc`, `Heap`.
///
/// Sealed: it tells which types there are, and cannot be implemented elsewhere.
pub trait Storage: Parts<Self::Item> {
    /// What the queue holds.
    type Item;
}

/// The parts that the algorithm works on.
pub trait Parts<T> {
    fn tables(&mut self) -> Tables<'_, T>;
    fn slots(&self) -> &[Slot<T>];
}
