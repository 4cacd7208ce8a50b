//! Storage on the heap.

use alloc::boxed::Box;
use alloc::vec;

use super::order::{Buckets, Link, Tables};
use super::storage::{Parts, Storage};
use crate::ConfigError;

/// Fewer than this have no buckets.
const MANY: usize = 256;

/// Storage on the heap: see [`HeapTimers`](super::HeapTimers).
pub struct Heap<T> {
    links: Box<[Link]>,
    front: Box<[u32]>,
    items: Box<[Option<T>]>,
    buckets: Option<Box<Buckets>>,
}

impl<T> Heap<T> {
    pub(super) fn with_capacity(capacity: usize) -> Result<Self, ConfigError> {
        ConfigError::check("capacity", capacity, 1, 1 << 30)?;
        Ok(Self {
            links: vec![Link::FREE; capacity].into(),
            front: vec![0; capacity].into(),
            items: (0..capacity).map(|_| None).collect(),
            buckets: (capacity >= MANY).then(|| Box::new(Buckets::new())),
        })
    }
}

impl<T> Storage for Heap<T> {
    type Item = T;
}

impl<T> Parts<T> for Heap<T> {
    #[inline]
    fn parts(&mut self) -> (Tables<'_>, &mut [Option<T>]) {
        let buckets = self.buckets.as_deref_mut();
        let tables = Tables { links: &mut self.links, front: &mut self.front, buckets };
        (tables, &mut self.items)
    }

    fn items(&self) -> &[Option<T>] {
        &self.items
    }

    fn links(&self) -> &[Link] {
        &self.links
    }
}
