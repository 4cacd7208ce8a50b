//! The places that messages lie in.
//!
//! A cell does not know whether it is full. Whoever owns its index knows, and is alone with it: an
//! index is either in an entry of the [`ring`](crate::ring), or the spare of one handle, and an
//! exchange swaps the two.

#![allow(unsafe_code, reason = "the storage that the ring hands out")]

use core::mem::MaybeUninit;

use crate::sync::{SharedCell, const_fn};

/// A place for one message.
#[derive(Debug)]
pub struct Cell<T>(SharedCell<MaybeUninit<T>>);

// SAFETY: a cell is reached only by the owner of its index, and the exchange that passes the index
// on is a release for the one and an acquire for the other; so sharing cells only moves `T`s.
unsafe impl<T: Send> Sync for Cell<T> {}

impl<T> Cell<T> {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self(SharedCell::new(MaybeUninit::uninit()))
        }
    }

    /// Puts a message in.
    ///
    /// # Safety
    /// The caller owns the cell's index, and the cell is empty (a message in it would be leaked).
    #[inline]
    pub(crate) unsafe fn write(&self, message: T) {
        self.0.with_mut(|place| {
            // SAFETY: the pointer is valid, and nobody else reads or writes the cell meanwhile,
            // since the caller owns its index.
            unsafe { place.cast::<T>().write(message) };
        });
    }

    /// Takes the message out.
    ///
    /// # Safety
    /// The caller owns the cell's index, and the cell is full; from now on it is empty.
    #[inline]
    pub(crate) unsafe fn read(&self) -> T {
        self.0.with_mut(|place| {
            // SAFETY: the pointer is valid and alone, as in `write`, and a message was written and
            // not read since, as the caller promises. A `MaybeUninit<T>` lies as a `T` does.
            unsafe { place.cast::<T>().read() }
        })
    }

    /// The place itself, for writing a message where it will lie.
    ///
    /// # Safety
    /// The caller owns the cell's index for as long as it uses the pointer.
    pub(crate) unsafe fn place(&self) -> *mut T {
        self.0.with_mut(<*mut MaybeUninit<T>>::cast)
    }
}
