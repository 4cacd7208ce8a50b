//! A waker that sets a flag, and the smallest executor on it.

use core::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

static WOKEN: AtomicBool = AtomicBool::new(false);

static TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| set(), |_| set(), |_| {});
const RAW: RawWaker = RawWaker::new(core::ptr::null(), &TABLE);

fn set() {
    WOKEN.store(true, SeqCst);
}

fn waker() -> Waker {
    // SAFETY: the table's functions ignore their pointer, and touch one atomic flag only.
    unsafe { Waker::from_raw(RAW) }
}

/// Polls once, with the flag cleared before.
pub fn poll_once<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    WOKEN.store(false, SeqCst);
    future.poll(&mut Context::from_waker(&waker()))
}

/// Whether the waker of the last [`poll_once`] was called since.
pub fn woken() -> bool {
    WOKEN.load(SeqCst)
}

/// Polls to the end; sleeps until the next interrupt while nothing has called the waker.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
        while !woken() {
            // With interrupts held back, one that comes after the look still ends the sleep.
            cortex_m::interrupt::free(|_| {
                if !woken() {
                    cortex_m::asm::wfi();
                }
            });
        }
    }
}
