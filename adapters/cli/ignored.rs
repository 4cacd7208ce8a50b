//! Signals that whoever has started the process wants it to ignore.
#![allow(unsafe_code, reason = "the system's own call")]

use core::mem::MaybeUninit;
use core::ptr;

use libc::{SIG_IGN, sigaction};

/// Whether a signal is ignored: by `nohup`, or by a shell that has no job control and starts something in the background.
/// What is to be ignored ought not to be caught, as every program that is started by this one would then not ignore it.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut now = MaybeUninit::<sigaction>::uninit();
    // SAFETY: the one pointer is null, so that nothing is changed, the other is to room for what is told.
    let error = unsafe { sigaction(signal, ptr::null(), now.as_mut_ptr()) };
    if error != 0 {
        // There is no such signal.
        return false;
    }
    // SAFETY: it was written, as there was no error.
    let now = unsafe { now.assume_init() };
    now.sa_sigaction == SIG_IGN
}
