//! What is sent: numbers, singly, in a wider message, or many at once.

use std::array;

use droves_benches::Tally;

/// A message made of consecutive numbers.
///
/// The bounds beyond `Send` are there for peers that need them.
pub(crate) trait Message: Copy + Default + Send + Sync + Unpin + 'static {
    /// How many numbers it carries.
    const NUMBERS: u64;

    /// Carries `first` and the numbers after it.
    fn carrying(first: u64) -> Self;

    /// Counts all numbers it carries in.
    fn count_into(&self, tally: &mut Tally);
}

impl Message for u64 {
    const NUMBERS: u64 = 1;

    #[inline]
    fn carrying(first: u64) -> Self {
        first
    }

    #[inline]
    fn count_into(&self, tally: &mut Tally) {
        tally.add(*self);
    }
}

/// 64 bytes that carry one number.
pub(crate) type Wide = [u64; 8];

impl Message for Wide {
    const NUMBERS: u64 = 1;

    #[inline]
    fn carrying(first: u64) -> Self {
        [first; 8]
    }

    #[inline]
    fn count_into(&self, tally: &mut Tally) {
        // A torn message gives another number.
        tally.add(self.iter().fold(u64::MAX, |all, word| all & word));
    }
}

/// How many messages a batch has.
pub(crate) const BATCH: usize = 32;

/// A whole batch in one message.
pub(crate) type Chunk = [u64; BATCH];

impl Message for Chunk {
    const NUMBERS: u64 = BATCH as u64;

    #[inline]
    fn carrying(first: u64) -> Self {
        let mut next = first..;
        array::from_fn(|_| next.next().unwrap_or(u64::MAX))
    }

    #[inline]
    fn count_into(&self, tally: &mut Tally) {
        for &number in self {
            tally.add(number);
        }
    }
}
