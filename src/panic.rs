//! Panics as values.

#![allow(unsafe_code, reason = "what was thrown is not shared, but its text is")]

use core::fmt;

pub(crate) use imp::catch;
#[cfg(feature = "alloc")]
pub(crate) use imp::resume;

/// A panic that was caught, with what it was called with. Without `std` none is caught, and there is no such value.
pub struct Panic(imp::Payload);

// SAFETY: whoever shares it sees by reference only the text, and texts may be shared; all else takes the panic itself. So what was
// thrown must never be given out by reference.
unsafe impl Sync for Panic {}

impl Panic {
    /// The message, if it had one, as most have.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        imp::message(&self.0)
    }

    /// What `panic_any` was called with, or the message; e.g. for `resume_unwind`.
    ///
    /// # Cost
    /// None.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn into_payload(self) -> alloc::boxed::Box<dyn core::any::Any + Send> {
        self.0
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "panicked: {message}"),
            None => f.write_str("panicked"),
        }
    }
}

impl core::error::Error for Panic {}

#[cfg(feature = "std")]
mod imp {
    use alloc::boxed::Box;
    use alloc::string::String;
    use core::any::Any;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::Panic;

    pub(super) type Payload = Box<dyn Any + Send>;

    pub(super) fn message(payload: &Payload) -> Option<&str> {
        let text = payload.downcast_ref::<&str>().copied();
        text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }

    /// Calls `f`, and makes a value of its panic, where there is unwinding.
    #[inline]
    pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
        catch_unwind(AssertUnwindSafe(f)).map_err(Panic)
    }

    /// Goes on with a panic that was caught.
    pub(crate) fn resume(Panic(payload): Panic) -> ! {
        resume_unwind(payload)
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    use super::Panic;

    pub(super) type Payload = core::convert::Infallible;

    pub(super) fn message(payload: &Payload) -> Option<&str> {
        match *payload {}
    }

    /// Calls `f`.
    #[allow(clippy::unnecessary_wraps, reason = "with `std` it is")]
    #[inline]
    pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
        Ok(f())
    }

    /// There is none to go on with.
    #[cfg(feature = "alloc")]
    pub(crate) fn resume(Panic(payload): Panic) -> ! {
        match payload {}
    }
}

/// Calls `f`. Returns whether it did not panic; if it did, not even what it panicked with panics any more.
#[cfg(feature = "alloc")]
pub(crate) fn swallow(f: impl FnOnce()) -> bool {
    let caught = catch(f);
    #[cfg(feature = "std")]
    if let Err(panic) = caught {
        // What is dropped here may be anything. If that panics too, it is better lost.
        if let Err(panic) = catch(|| drop(panic)) {
            core::mem::forget(panic);
        }
        return false;
    }
    #[cfg(not(feature = "std"))]
    let Ok(()) = caught;
    true
}

/// Calls `next` until it has nothing more, also if it panics on the way; twice is an abort.
pub(crate) fn finish_each(next: impl FnMut() -> Option<()>) {
    struct Rest<F: FnMut() -> Option<()>>(F);
    impl<F: FnMut() -> Option<()>> Drop for Rest<F> {
        fn drop(&mut self) {
            while (self.0)().is_some() {}
        }
    }
    let mut rest = Rest(next);
    while (rest.0)().is_some() {}
}
