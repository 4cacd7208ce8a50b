//! Storage in place.

use super::order::{Link, Tables};
use super::storage::{Parts, Storage};

/// Storage for `N` items in place: see [`StaticTimers`](super::StaticTimers).
pub struct Inline<T, const N: usize> {
    links: [Link; N],
    front: [u32; N],
    items: [Option<T>; N],
}

impl<T, const N: usize> Inline<T, N> {
    pub(super) const fn new() -> Self {
        const { assert!(N <= 1 << 30, "at most 2^30 deadlines") }
        Self { links: [Link::FREE; N], front: [0; N], items: [const { None }; N] }
    }
}

impl<T, const N: usize> Storage for Inline<T, N> {
    type Item = T;
}

impl<T, const N: usize> Parts<T> for Inline<T, N> {
    #[inline]
    fn parts(&mut self) -> (Tables<'_>, &mut [Option<T>]) {
        let tables = Tables { links: &mut self.links, front: &mut self.front, buckets: None };
        (tables, &mut self.items)
    }

    fn items(&self) -> &[Option<T>] {
        &self.items
    }

    fn links(&self) -> &[Link] {
        &self.links
    }
}
