//! What the algorithm needs of a queue's storage.

use super::order::{Link, Tables};

/// How [`Timers`](super::Timers) are stored: [`Inline`](super::Inline) or, with `alloc`, `Heap`.
///
/// Sealed: it tells which types there are, and cannot be implemented elsewhere.
pub trait Storage: Parts<Self::Item> {
    /// What the queue holds.
    type Item;
}

/// The parts that the algorithm works on. All have the same length.
pub trait Parts<T> {
    fn parts(&mut self) -> (Tables<'_>, &mut [Option<T>]);
    fn items(&self) -> &[Option<T>];
    fn links(&self) -> &[Link];
}
