//! What came out of a bucket together: a few slots, sorted.

use core::cmp::Reverse;

/// How many there may be.
pub(super) const FEW: usize = 512;

/// One slot of them, with what it is ordered by.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) rank: u128,
    pub(super) slot: u32,
}

/// The soonest comes last.
pub(super) struct Run {
    entries: [Entry; FEW],
    len: usize,
}

impl Run {
    #[cfg(feature = "alloc")]
    pub(super) const fn new() -> Self {
        Self { entries: [Entry { rank: 0, slot: 0 }; FEW], len: 0 }
    }

    #[inline]
    pub(super) fn soonest(&self) -> Option<&Entry> {
        self.entries[..self.len].last()
    }

    #[inline]
    pub(super) const fn pop(&mut self) {
        self.len -= 1;
    }

    /// Adds one more, as long as there are fewer than [`FEW`]. After the last comes [`sort`](Self::sort).
    #[inline]
    pub(super) const fn push(&mut self, entry: Entry) {
        self.entries[self.len] = entry;
        self.len += 1;
    }

    pub(super) fn sort(&mut self) {
        self.entries[..self.len].sort_unstable_by_key(|entry| Reverse(entry.rank));
    }

    /// Takes out the slot of a rank that is there.
    pub(super) fn remove(&mut self, rank: u128) {
        let entries = &mut self.entries[..self.len];
        let place = entries.partition_point(|entry| entry.rank > rank);
        entries.copy_within(place + 1.., place);
        self.len -= 1;
    }
}
