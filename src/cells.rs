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

    /// Drops the message where it is.
    ///
    /// # Safety
    /// The caller owns the cell's index, and the cell is full; from now on it is empty.
    pub(crate) unsafe fn discard(&self) {
        self.0.with_mut(|place| {
            // SAFETY: as in `read`, but that the message does not move.
            unsafe { place.cast::<T>().drop_in_place() };
        });
    }

    /// The place itself, for writing a message where it will lie.
    ///
    /// # Safety
    /// The caller owns the cell's index for as long as it uses the pointer.
    pub(crate) unsafe fn place(&self) -> *mut T {
        self.0.with_mut(<*mut MaybeUninit<T>>::cast)
    }
}

#[cfg(feature = "alloc")]
pub(crate) use array::CellArray;

#[cfg(feature = "alloc")]
mod array {
    use alloc::alloc::{alloc, dealloc, handle_alloc_error};
    use core::alloc::Layout;
    use core::marker::PhantomData;
    use core::ptr::NonNull;

    use super::Cell;

    /// What a cache fetches at once.
    const LINE: usize = 64;

    /// Cells on the heap. Those of a line and more each begin on a line, so that a message does not
    /// move one line more than it has to.
    #[derive(Debug)]
    pub(crate) struct CellArray<T> {
        first: NonNull<u8>,
        count: usize,
        owned: PhantomData<Cell<T>>,
    }

    // SAFETY: it owns its cells, as a `Box<[Cell<T>]>` would.
    unsafe impl<T: Send> Send for CellArray<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send> Sync for CellArray<T> {}

    impl<T> CellArray<T> {
        const ALIGN: usize = if size_of::<Cell<T>>() >= LINE && align_of::<Cell<T>>() < LINE {
            LINE
        } else {
            align_of::<Cell<T>>()
        };
        const STRIDE: usize = size_of::<Cell<T>>().next_multiple_of(Self::ALIGN);

        /// How many cells an allocation can hold.
        pub(crate) const MAX: usize = (isize::MAX as usize - LINE) / Self::STRIDE_OR_ONE;
        const STRIDE_OR_ONE: usize = if Self::STRIDE == 0 { 1 } else { Self::STRIDE };

        fn layout(count: usize) -> Layout {
            let size = Self::STRIDE.checked_mul(count);
            size.and_then(|size| Layout::from_size_align(size, Self::ALIGN).ok())
                .expect("a mailbox's cells fit in memory")
        }

        pub(crate) fn new(count: usize) -> Self {
            let layout = Self::layout(count);
            let first = if layout.size() == 0 {
                NonNull::<Cell<T>>::dangling().cast()
            } else {
                // SAFETY: the layout's size is not zero.
                let allocated = unsafe { alloc(layout) };
                NonNull::new(allocated).unwrap_or_else(|| handle_alloc_error(layout))
            };
            let cells = Self { first, count, owned: PhantomData };
            // A cell is uninitialized to begin with, but loom's has something to set up.
            #[cfg(droves_loom)]
            for index in 0..count {
                // SAFETY: the place is inside the allocation, aligned, and nobody else's yet.
                unsafe { cells.place(index).write(Cell::new()) };
            }
            cells
        }

        pub(crate) fn len(&self) -> usize {
            self.count
        }

        /// Where a cell is: for an index below `count`.
        #[inline]
        fn place(&self, index: usize) -> *mut Cell<T> {
            self.first.as_ptr().wrapping_add(index * Self::STRIDE).cast()
        }

        #[inline]
        pub(crate) fn get(&self, index: usize) -> Option<&Cell<T>> {
            // SAFETY: below `count`, where a cell is until drop; its content may be anything.
            (index < self.count).then(|| unsafe { &*self.place(index) })
        }
    }

    impl<T> Drop for CellArray<T> {
        fn drop(&mut self) {
            // Messages were taken out before: a cell does not drop them.
            #[cfg(droves_loom)]
            for index in 0..self.count {
                // SAFETY: a cell was written there, and nobody borrows it any more.
                unsafe { self.place(index).drop_in_place() };
            }
            let layout = Self::layout(self.count);
            if layout.size() != 0 {
                // SAFETY: it was allocated with this layout in `new`.
                unsafe { dealloc(self.first.as_ptr(), layout) };
            }
        }
    }
}
