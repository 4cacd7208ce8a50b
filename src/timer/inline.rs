//! Storage in place.

use super::order::{Slot, Tables};
use super::storage::{Parts, Storage};

/// Storage for `N` items in place: see [`StaticTimers`](super::StaticTimers).
pub struct Inline<T, const N: usize> {
    slots: [Slot<T>; N],
    front: [u32; N],
}

impl<T, const N: usize> Inline<T, N> {
    pub(super) const fn new() -> Self {
        const { assert!(N <= 1 << 30, "at most 2^30 deadlines") }
        Self { slots: [const { Slot::FREE }; N], front: [0; N] }
    }
}

impl<T, const N: usize> Storage for Inline<T, N> {
    type Item = T;
}

impl<T, const N: usize> Parts<T> for Inline<T, N> {
    #[inline]
    fn tables(&mut self) -> Tables<'_, T> {
        Tables { slots: &mut self.slots, front: &mut self.front, buckets: None }
    }

    fn slots(&self) -> &[Slot<T>] {
        &self.slots
    }
}
