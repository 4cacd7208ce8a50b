//! Whether this thread is inside a worker: who waits there for that worker would wait for ever.
//!
//! Known with `std` only.

#[cfg(feature = "std")]
std::thread_local! {
    /// The doors whose workers are being polled on this thread, the innermost last.
    static DOORS: core::cell::RefCell<std::vec::Vec<*const ()>> =
        const { core::cell::RefCell::new(std::vec::Vec::new()) };
}

/// Lasts as long as a worker is being polled.
#[derive(Debug)]
pub(crate) struct Inside(core::marker::PhantomData<*const ()>);

impl Inside {
    /// The calling thread is in a worker of this door.
    pub(crate) fn enter(door: *const ()) -> Self {
        #[cfg(feature = "std")]
        let _ = DOORS.try_with(|doors| doors.borrow_mut().push(door));
        #[cfg(not(feature = "std"))]
        let _ = door;
        Self(core::marker::PhantomData)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        #[cfg(feature = "std")]
        let _ = DOORS.try_with(|doors| doors.borrow_mut().pop());
    }
}

/// Whether the calling thread is in a worker of this door.
pub(crate) fn is_inside(door: *const ()) -> bool {
    #[cfg(feature = "std")]
    return DOORS.try_with(|doors| doors.borrow().contains(&door)).unwrap_or(false);
    #[cfg(not(feature = "std"))]
    {
        let _ = door;
        false
    }
}
