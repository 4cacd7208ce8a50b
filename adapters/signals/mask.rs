//! Holding signals back for a while.
#![allow(unsafe_code, reason = "the system's own calls")]

use core::mem::MaybeUninit;
use core::ptr;
use std::io;

use libc::{SIG_BLOCK, SIG_SETMASK, pthread_sigmask, sigaddset, sigemptyset, sigset_t};

/// Signals that are held back on this thread, until it is dropped: those that come meanwhile come then.
#[derive(Debug)]
pub(super) struct Held {
    before: sigset_t,
    /// It is this thread's.
    _here: core::marker::PhantomData<*const ()>,
}

impl Held {
    pub(super) fn back(numbers: &[i32]) -> io::Result<Self> {
        let mut set = MaybeUninit::<sigset_t>::uninit();
        // SAFETY: the pointer is to room for a set, which is written.
        unsafe { sigemptyset(set.as_mut_ptr()) };
        // SAFETY: it has just been made.
        let mut set = unsafe { set.assume_init() };
        for &number in numbers {
            // SAFETY: the pointer is to a set. A wrong number is an error, which changes nothing.
            unsafe { sigaddset(&raw mut set, number) };
        }
        let mut before = MaybeUninit::<sigset_t>::uninit();
        // SAFETY: the one pointer is to a set, the other to room for one.
        let error = unsafe { pthread_sigmask(SIG_BLOCK, &raw const set, before.as_mut_ptr()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: it was written, as there was no error.
        let before = unsafe { before.assume_init() };
        Ok(Self { before, _here: core::marker::PhantomData })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a set, and nobody wants the present one.
        unsafe { pthread_sigmask(SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::Held;
    use crate::signals::{HUP, Signals};

    #[test]
    fn what_is_held_back_comes_later() {
        let mut signals = Signals::new([HUP]).unwrap();
        let held = Held::back(&[HUP]).unwrap();
        // It is this thread's, and so no other can take it.
        signal_hook::low_level::raise(HUP).unwrap();
        std::thread::park_timeout(core::time::Duration::from_millis(50));
        assert_eq!(signals.seen.try_recv().ok(), None);
        drop(held);
        assert_eq!(signals.next_blocking(), Some(HUP));
        signal_hook::low_level::raise(HUP).unwrap();
        assert_eq!(signals.next_blocking(), Some(HUP), "nothing is held back any more");
    }
}
