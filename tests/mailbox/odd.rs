//! A waker that panics on request.

#![allow(unsafe_code, reason = "only a raw waker can panic when it is cloned")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What a waker panics at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Nothing,
    Clone,
    Wake,
    Drop,
}

/// What the wakers made of it share. Its reference count tells how many there are.
pub struct Odd {
    at: AtomicUsize,
    rung: AtomicUsize,
}

impl Odd {
    pub fn new(at: At) -> Arc<Self> {
        Arc::new(Self { at: AtomicUsize::new(at as usize), rung: AtomicUsize::new(0) })
    }

    pub fn panic_at(&self, at: At) {
        self.at.store(at as usize, Ordering::Relaxed);
    }

    pub fn rung(&self) -> usize {
        self.rung.load(Ordering::Relaxed)
    }

    pub fn waker(self: &Arc<Self>) -> Waker {
        let data = Arc::into_raw(self.clone()).cast();
        // SAFETY: the functions of the table do what a waker's must: see there.
        unsafe { Waker::new(data, &TABLE) }
    }

    fn maybe_panic(&self, at: At) {
        assert!(self.at.load(Ordering::Relaxed) != at as usize, "waker panics at {at:?}");
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// Another waker, which has a reference of its own; or a panic, and then no new reference.
unsafe fn clone(data: *const ()) -> RawWaker {
    let odd = data.cast::<Odd>();
    // SAFETY: a waker's data comes from `Arc::into_raw`, and lives as long as the waker.
    unsafe { &*odd }.maybe_panic(At::Clone);
    // SAFETY: as above.
    unsafe { Arc::increment_strong_count(odd) };
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller gives its waker up, and with it one reference.
    let odd = unsafe { Arc::from_raw(data.cast::<Odd>()) };
    odd.rung.fetch_add(1, Ordering::Relaxed);
    odd.maybe_panic(At::Wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: a waker's data lives as long as the waker.
    let odd = unsafe { &*data.cast::<Odd>() };
    odd.rung.fetch_add(1, Ordering::Relaxed);
    odd.maybe_panic(At::Wake);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the caller gives its waker up, and with it one reference.
    let odd = unsafe { Arc::from_raw(data.cast::<Odd>()) };
    odd.maybe_panic(At::Drop);
}
