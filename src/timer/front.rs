//! The soonest deadlines: a heap of slots with four children to a node.
//!
//! The slots know where they stand in it, so that any of them can be taken out.

use super::order::Slot;

const CHILDREN: usize = 4;

/// The heap: the first `len` places of a table.
pub(super) struct Front<'a, T> {
    pub(super) slots: &'a mut [Slot<T>],
    pub(super) places: &'a mut [u32],
    pub(super) len: &'a mut u32,
}

impl<T> Front<'_, T> {
    pub(super) fn push(&mut self, slot: u32) {
        let place = *self.len as usize;
        *self.len += 1;
        self.rise(place, slot);
    }

    /// Takes out the slot at a place.
    pub(super) fn remove(&mut self, place: usize) {
        *self.len -= 1;
        let last = *self.len as usize;
        if place == last {
            return;
        }
        let moved = self.places[last];
        if place > 0 && self.before(moved, self.places[(place - 1) / CHILDREN]) {
            self.rise(place, moved);
        } else {
            self.sink(place, moved);
        }
    }

    /// Puts the slot at the place, or above it.
    fn rise(&mut self, mut place: usize, slot: u32) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            let above = self.places[parent];
            if !self.before(slot, above) {
                break;
            }
            self.put(place, above);
            place = parent;
        }
        self.put(place, slot);
    }

    /// Puts the slot at the place, or below it.
    fn sink(&mut self, mut place: usize, slot: u32) {
        let len = *self.len as usize;
        loop {
            let first = place * CHILDREN + 1;
            if first >= len {
                break;
            }
            let mut least = first;
            for child in first + 1..len.min(first + CHILDREN) {
                if self.before(self.places[child], self.places[least]) {
                    least = child;
                }
            }
            let below = self.places[least];
            if !self.before(below, slot) {
                break;
            }
            self.put(place, below);
            place = least;
        }
        self.put(place, slot);
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "below the capacity, which is at most 2^30"
    )]
    fn put(&mut self, place: usize, slot: u32) {
        self.places[place] = slot;
        self.slots[slot as usize].link.stand_in_front(place as u32);
    }

    fn before(&self, a: u32, b: u32) -> bool {
        self.slots[a as usize].link.rank() < self.slots[b as usize].link.rank()
    }
}
