//! What the algorithms need of a mailbox's storage.

use super::Control;
use super::seats::Seats;
use crate::cells::Cell;
use crate::ring::Ring;
use crate::sync::Word;

/// How a [`Mailbox`](super::Mailbox) is stored: [`Inline`](super::Inline) or, with `alloc`, `Heap`.
///
/// Sealed: it tells which types there are, and cannot be implemented elsewhere.
pub trait Storage: Parts<Self::Message> {
    /// What the mailbox carries.
    type Message;
}

/// The parts that the algorithms work on.
pub trait Parts<T> {
    fn ring(&self) -> Ring<'_>;
    fn control(&self) -> &Control;
    fn cell(&self, index: usize) -> &Cell<T>;
    /// The block of seats with number `block`, if it exists.
    fn block(&self, block: usize) -> Option<Seats<'_>>;
    /// The block that seat `seat` is in.
    fn block_of(&self, seat: usize) -> Seats<'_>;
    /// Makes the block of seats with number `block`, the first that does not exist yet, if there may
    /// be so many.
    fn grow(&self, block: usize) -> bool;
    /// How many seats there may be.
    fn max_seats(&self) -> usize;
}

/// The most messages that a mailbox may have room for.
pub(crate) const MAX_CAPACITY: usize = if Word::BITS == 64 { 1 << 30 } else { 1 << 20 };
