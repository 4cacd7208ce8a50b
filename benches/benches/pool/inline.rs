//! A closure in a cache line, without an allocation: as small and as quick as such a thing can be made,
//! for the peers that carry one. It neither catches panics nor takes large closures.

#![allow(unsafe_code, reason = "closures of any type in one place")]

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

type Space = [u64; 6];

/// A closure of at most 48 bytes.
#[repr(align(64))]
pub(crate) struct InlineJob {
    space: MaybeUninit<Space>,
    call: unsafe fn(*mut Space),
    destroy: unsafe fn(*mut Space),
    /// Not `Sync`: closures are only `Send`.
    not_sync: PhantomData<*mut ()>,
}

// SAFETY: `new` asks the same of the closure, and there is nothing else in it.
unsafe impl Send for InlineJob {}

impl InlineJob {
    #[inline]
    pub(crate) fn new<F: FnOnce() + Send + 'static>(closure: F) -> Self {
        const {
            assert!(size_of::<F>() <= size_of::<Space>() && align_of::<F>() <= align_of::<Space>());
        }
        let mut space = MaybeUninit::<Space>::uninit();
        // SAFETY: it has room for an `F`, as was asserted.
        unsafe { space.as_mut_ptr().cast::<F>().write(closure) };
        Self { space, call: call::<F>, destroy: destroy::<F>, not_sync: PhantomData }
    }

    #[inline]
    pub(crate) fn run(self) {
        let mut job = ManuallyDrop::new(self);
        let call = job.call;
        // SAFETY: the closure is there, and is not dropped again.
        unsafe { call(job.space.as_mut_ptr()) }
    }
}

impl Drop for InlineJob {
    fn drop(&mut self) {
        // SAFETY: the closure is there: `run` does not come here.
        unsafe { (self.destroy)(self.space.as_mut_ptr()) }
    }
}

unsafe fn call<F: FnOnce()>(space: *mut Space) {
    // SAFETY: the caller says that an `F` is there, and leaves it to this.
    let closure = unsafe { space.cast::<F>().read() };
    closure();
}

unsafe fn destroy<F>(space: *mut Space) {
    // SAFETY: the caller says that an `F` is there, and leaves it to this.
    unsafe { space.cast::<F>().drop_in_place() }
}
