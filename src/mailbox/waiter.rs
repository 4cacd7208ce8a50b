//! One waiter: a waker that its owner leaves, and that others may use while they are needed.
//!
//! ```text
//! word       | generation | readers (8 bits) | side | woken | chosen | waiting |
//!
//!            enlist            lend                deliver
//!   (idle) ---------> waiting ------> chosen ------------------> woken
//!     ^                  |               |                         |
//!     +------------------+---------------+-------------------------+   withdraw, by the owner
//! ```
//!
//! A notifier must not take the waker away and then call it: if it stopped in between, the waiter
//! would be gone from the set and never be woken. So the waker stays where it is, notifiers count
//! themselves as its readers, and a waiter that is chosen but not yet woken can be lent again, to be
//! woken by somebody else. Once woken it needs nobody any more.
//!
//! The owner replaces the waker only when there is no reader. A new registration has a new
//! generation, so that a notifier which comes late does not take it for woken.

#![allow(unsafe_code, reason = "the waker that owner and notifiers share")]

use core::task::Waker;

use crate::ring::Side;
use crate::sync::{AtomicWord, Ordering, SharedCell, Word, const_fn, retry};

const WAITING: Word = 1;
const CHOSEN: Word = 1 << 1;
const WOKEN: Word = 1 << 2;
/// Set if it waits to receive. A seat may pass from a sender to a receiver while a notifier has the
/// old one in mind, so the word itself must tell which side it is on.
const RECEIVES: Word = 1 << 3;
const READER: Word = 1 << 4;
const READERS: Word = 0xff << 4;
const GENERATION: Word = 1 << 12;

const fn waiting_on(side: Side) -> Word {
    match side {
        Side::Send => WAITING,
        Side::Receive => WAITING | RECEIVES,
    }
}

/// A waker's place.
#[derive(Debug)]
pub struct Waiter {
    state: AtomicWord,
    waker: SharedCell<Option<Waker>>,
}

// SAFETY: the waker is written by the owner alone, when it is not waiting and there is no reader;
// it is read by those who counted themselves as readers while it was waiting. Wakers are `Sync`.
unsafe impl Sync for Waiter {}

/// What had become of a waiter when it was withdrawn.
#[derive(Clone, Copy, Debug)]
#[must_use = "a waiter that was chosen and does not go on owes its wake to another"]
pub(crate) struct Withdrawn {
    pub(crate) chosen: bool,
    pub(crate) woken: bool,
}

impl Waiter {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { state: AtomicWord::new(0), waker: SharedCell::new(None) }
        }
    }

    /// Leaves a waker and starts to wait. For the owner, which is not waiting.
    ///
    /// Returns false, and does not wait, if a notifier is still at work on another waker.
    pub(crate) fn enlist(&self, side: Side, waker: &Waker) -> bool {
        // Acquire: pairs with `Loan::drop`, so that the readers that are gone are done.
        let mut state = self.state.load(Ordering::Acquire);
        debug_assert_eq!(state & WAITING, 0, "the waiter is enlisted already");
        let fits = self.waker.with(|place| {
            // SAFETY: only the owner writes the waker, and that is the caller; readers only read.
            let left = unsafe { &*place };
            left.as_ref().is_some_and(|left| left.will_wake(waker))
        });
        if !fits {
            if state & READERS != 0 {
                return false;
            }
            self.replace(Some(waker.clone()));
        }
        loop {
            // Release: pairs with `lend`, which then may read the waker.
            match self.state.compare_exchange(
                state,
                state | waiting_on(side),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                // A late reader left.
                Err(now) => state = now,
            }
            retry();
        }
    }

    /// Stops waiting. For the owner.
    pub(crate) fn withdraw(&self) -> Withdrawn {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let idle = (state & !(WAITING | CHOSEN | WOKEN | RECEIVES)).wrapping_add(GENERATION);
            // Acquire: what the notifier did before it chose this waiter is visible from now on.
            match self.state.compare_exchange(state, idle, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    return Withdrawn { chosen: state & CHOSEN != 0, woken: state & WOKEN != 0 };
                }
                Err(now) => state = now,
            }
            retry();
        }
    }

    /// Borrows the waker of a waiter of `side` that needs to be woken; of one that somebody else has chosen,
    /// but not woken yet, only if `again`.
    pub(crate) fn lend(&self, side: Side, again: bool) -> Option<Loan<'_>> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = state & CHOSEN != 0 && !again;
            let needy = state & (WAITING | RECEIVES | WOKEN) == waiting_on(side);
            if !needy || taken || state & READERS == READERS {
                return None;
            }
            let lent = (state | CHOSEN) + READER;
            // Acquire: pairs with `enlist`. Release: pairs with `withdraw`.
            match self.state.compare_exchange(state, lent, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    return Some(Loan { waiter: self, state: lent });
                }
                Err(now) => state = now,
            }
            retry();
        }
    }

    /// Lets go of the waker that was left. For the owner, which is not waiting.
    pub(crate) fn clear(&self) {
        // Acquire: as in `enlist`. A reader that is still there keeps the waker until the next use.
        if self.state.load(Ordering::Acquire) & READERS == 0 {
            self.replace(None);
        }
    }

    /// Replaces the waker. For the owner, which is not waiting, when there is no reader.
    fn replace(&self, waker: Option<Waker>) {
        let old = self.waker.with_mut(|place| {
            // SAFETY: nobody reads now, and nobody can begin to: `lend` needs the waiter to wait.
            unsafe { core::mem::replace(&mut *place, waker) }
        });
        drop(old);
    }
}

/// A waker on loan.
#[derive(Debug)]
pub(crate) struct Loan<'a> {
    waiter: &'a Waiter,
    state: Word,
}

impl Loan<'_> {
    /// Wakes the waiter, and calls `on_woken` if it needs nobody any more now, by this call.
    ///
    /// If the waker panics, the waiter counts as woken, and the panic goes on.
    pub(crate) fn deliver(self, on_woken: impl FnMut()) {
        struct Finish<'a, F: FnMut()>(Loan<'a>, F);
        impl<F: FnMut()> Drop for Finish<'_, F> {
            fn drop(&mut self) {
                if self.0.finish() {
                    (self.1)();
                }
            }
        }
        let finish = Finish(self, on_woken);
        finish.0.waiter.waker.with(|place| {
            // SAFETY: a loan is a reader, so the owner does not write.
            let waker = unsafe { &*place };
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        });
    }

    /// Stops reading, and marks the waiter as woken if it still waits as it did.
    fn finish(&self) -> bool {
        let mut state = self.waiter.state.load(Ordering::Relaxed);
        loop {
            let same = state & WAITING != 0 && (state ^ self.state) < GENERATION;
            let first = same && state & WOKEN == 0;
            let done = if first { state | WOKEN } else { state } - READER;
            // Release: pairs with `enlist` and `clear`, which may then write the waker.
            match self.waiter.state.compare_exchange(
                state,
                done,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return first,
                Err(now) => state = now,
            }
            retry();
        }
    }
}
