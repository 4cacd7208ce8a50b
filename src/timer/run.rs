//! What came out of a bucket together: a few slots, sorted.

/// How many there may be.
pub(super) const FEW: usize = 32;

/// One slot of them, with what it is ordered by.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) rank: (u64, u64),
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
        Self { entries: [Entry { rank: (0, 0), slot: 0 }; FEW], len: 0 }
    }

    #[inline]
    pub(super) fn soonest(&self) -> Option<&Entry> {
        self.entries[..self.len].last()
    }

    #[inline]
    pub(super) const fn pop(&mut self) {
        self.len -= 1;
    }

    /// Adds one more, as long as there are fewer than [`FEW`].
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        let mut place = self.len;
        self.len += 1;
        while place > 0 && self.entries[place - 1].rank < entry.rank {
            self.entries[place] = self.entries[place - 1];
            place -= 1;
        }
        self.entries[place] = entry;
    }

    /// Takes out a slot that is there.
    pub(super) fn remove(&mut self, slot: u32) {
        let entries = &mut self.entries[..self.len];
        let Some(place) = entries.iter().position(|entry| entry.slot == slot) else { return };
        entries.copy_within(place + 1.., place);
        self.len -= 1;
    }
}
