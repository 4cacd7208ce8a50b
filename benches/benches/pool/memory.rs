//! An allocator that counts while it is asked to. Otherwise it costs a load, so that contenders that
//! allocate are not slowed down by it.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cold]
fn count(allocations: u64, added: usize, removed: usize) {
    let (added, removed) = (i64::try_from(added), i64::try_from(removed));
    ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
    BYTES.fetch_add(added.unwrap_or(0) - removed.unwrap_or(0), Ordering::Relaxed);
}

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(1, layout.size(), 0);
        }
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(1, layout.size(), 0);
        }
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            count(1, size, layout.size());
        }
        // SAFETY: the caller keeps the same promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if COUNTS.load(Ordering::Relaxed) {
            count(0, 0, layout.size());
        }
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Counts what all threads allocate, from now until it is dropped. One at a time.
pub(crate) struct Count(());

impl Count {
    pub(crate) fn begin() -> Self {
        ALLOCATIONS.store(0, Ordering::SeqCst);
        BYTES.store(0, Ordering::SeqCst);
        COUNTS.store(true, Ordering::SeqCst);
        Self(())
    }

    /// How many allocations there were.
    #[expect(clippy::unused_self, reason = "there is a number only while it counts")]
    pub(crate) fn allocations(&self) -> u64 {
        ALLOCATIONS.load(Ordering::SeqCst)
    }

    /// How many bytes more are allocated than at the beginning.
    #[expect(clippy::unused_self, reason = "there is a number only while it counts")]
    pub(crate) fn bytes(&self) -> i64 {
        BYTES.load(Ordering::SeqCst)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        COUNTS.store(false, Ordering::SeqCst);
    }
}
