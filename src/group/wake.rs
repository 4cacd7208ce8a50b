//! One waker, left by one and called by many.
//!
//! ```text
//!            register               register ends
//!   (idle) ------------> REGISTERING ------------> (idle)
//!     |                      | wake
//!     | wake                 v
//!     v                  REGISTERING + WAKING ---> (idle), and the waker is called by who registered it
//!   WAKING ------------> (idle), and the waker is called
//!            wake ends
//! ```
//!
//! As the `AtomicWaker` of the `atomic-waker` crate; but the waker's place is a [`TryLock`], which the word keeps free.

use core::task::Waker;

use crate::sync::{AtomicWord, Ordering, TryLock, Word, const_fn, retry};

const REGISTERING: Word = 1;
const WAKING: Word = 2;

/// A waker's place. Waking is lock-free; a wake during a registration is not lost.
#[derive(Debug)]
pub(super) struct WakerCell {
    state: AtomicWord,
    waker: TryLock<Option<Waker>>,
}

impl WakerCell {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { state: AtomicWord::new(0), waker: TryLock::new(None) }
        }
    }

    /// Leaves a waker for the next [`wake`](Self::wake). The caller looks again, afterwards, at what it waits for.
    pub(super) fn register(&self, waker: &Waker) {
        let waker = waker.clone();
        // Acquire: pairs with the end of the last wake, which had the place.
        let begun =
            self.state.compare_exchange(0, REGISTERING, Ordering::Acquire, Ordering::Relaxed);
        if begun.is_err() {
            // It is being woken just now, or two wait for the same: it looks again.
            waker.wake();
            retry();
            return;
        }
        let left = self.waker.with(waker, Option::replace);
        // Release: the next wake finds the waker. Acquire: what was done before a wake that came meanwhile is seen.
        let ended =
            self.state.compare_exchange(REGISTERING, 0, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_err() {
            let waker = self.take();
            // Acquire: what was done before each wake since is seen, too; those found that somebody wakes already.
            self.state.fetch_and(0, Ordering::AcqRel);
            waker.into_iter().for_each(Waker::wake);
        }
        drop(left);
    }

    /// Calls the waker that was left, if there is one.
    pub(super) fn wake(&self) {
        // Release: what was done before is seen by a registration that is under way. Acquire: pairs with its end.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) == 0 {
            let waker = self.take();
            self.state.fetch_and(!WAKING, Ordering::Release);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn take(&self) -> Option<Waker> {
        self.waker.with((), |place, ()| place.take()).ok().flatten()
    }
}

#[cfg(all(test, feature = "std", not(any(droves_loom, droves_shuttle))))]
mod tests {
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    use super::WakerCell;
    use crate::sync::{AtomicWord, Ordering, Word};

    struct Count(AtomicWord);

    impl Count {
        fn new() -> Arc<Self> {
            Arc::new(Self(AtomicWord::new(0)))
        }

        fn get(&self) -> Word {
            self.0.load(Ordering::Acquire)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[test]
    fn promise_07_a_wake_finds_the_last_waker_once() {
        let (first, second) = (Count::new(), Count::new());
        let cell = WakerCell::new();
        cell.wake();
        cell.register(&Waker::from(first.clone()));
        cell.register(&Waker::from(second.clone()));
        cell.wake();
        cell.wake();
        assert_eq!((first.get(), second.get()), (0, 1));
    }
}
