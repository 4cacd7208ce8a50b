//! Storage on the heap.

use alloc::boxed::Box;
use alloc::vec;

use super::order::{Buckets, Slot, Tables};
use super::storage::{Parts, Storage};
use crate::ConfigError;

/// Fewer than this have no buckets.
const MANY: usize = 2048;

/// Storage on the heap: see [`HeapTimers`](super::HeapTimers).
pub struct Heap<T> {
    slots: Box<[Slot<T>]>,
    front: Box<[u32]>,
    buckets: Option<Box<Buckets>>,
}

/// Buckets, which pass over the stack on their way to the heap: not over that of whoever has but few timers.
#[cold]
#[inline(never)]
fn buckets() -> Box<Buckets> {
    Box::new(Buckets::new())
}

impl<T> Heap<T> {
    pub(super) fn with_capacity(capacity: usize) -> Result<Self, ConfigError> {
        ConfigError::check("capacity", capacity, 1, 1 << 30)?;
        Ok(Self {
            slots: (0..capacity).map(|_| Slot::FREE).collect(),
            front: vec![0; capacity].into(),
            buckets: (capacity >= MANY).then(buckets),
        })
    }
}

impl<T> Storage for Heap<T> {
    type Item = T;
}

impl<T> Parts<T> for Heap<T> {
    #[inline]
    fn tables(&mut self) -> Tables<'_, T> {
        let buckets = self.buckets.as_deref_mut();
        Tables { slots: &mut self.slots, front: &mut self.front, buckets }
    }

    fn slots(&self) -> &[Slot<T>] {
        &self.slots
    }
}
