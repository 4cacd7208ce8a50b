//! What a pool tells about itself.

use crate::sync::Word;
use crate::time::Instant;

pub use crate::workers::state::Phase;

/// Numbers of a pool, each as it was at some moment during the call. Counts wrap; on targets without 64-bit
/// atomics after 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What may still happen.
    pub phase: Phase,
    /// How many workers there should be.
    pub size: usize,
    /// How many there are, or are about to be.
    pub live: usize,
    /// How many of them wait for work.
    pub idle: usize,
    /// Jobs that have been accepted and have not begun.
    pub waiting: usize,
    /// Jobs that are being done.
    pub running: u64,
    /// Jobs that have ended well.
    pub succeeded: u64,
    /// Jobs that returned an error.
    pub failed: u64,
    /// Jobs that panicked.
    pub panicked: u64,
    /// Jobs that were dropped before their end.
    pub aborted: u64,
    /// Jobs that were dropped before they began, as [`Overflow::DropOldest`](super::Overflow::DropOldest) says.
    pub dropped: u64,
    /// Error handlers that panicked.
    pub handler_panics: u64,
    /// Workers that could not be had, or that their runtime dropped.
    pub lost_workers: u64,
}

/// What is known of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerFacts {
    /// Which one it is. A worker that is gone leaves its index to another.
    pub index: usize,
    /// Whether it does a job.
    pub busy: bool,
    /// Whether it will take no further job once none is left.
    pub stopping: bool,
    /// How many jobs it has begun, and those before it with its index.
    pub started: u64,
    /// When it began the last one, by its runtime's clock. `None` unless the pool is
    /// [`timed`](super::Builder::timed). On targets without 64-bit atomics in whole milliseconds, which come round
    /// after 49 days.
    pub last_started: Option<Instant>,
    /// When it ended the last one.
    pub last_finished: Option<Instant>,
}

#[allow(clippy::useless_conversion, reason = "a word has 64 bits or fewer")]
pub(super) fn wide(word: Word) -> u64 {
    word.into()
}
