//! What a pool tells about itself.

use crate::sync::Word;
use crate::time::Instant;

pub use crate::control::{Phase, Stats};

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
