//! An answer on its way to one who waits for it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::wake::WakerCell;
use crate::sync::{Arc, AtomicWord, Ordering, TryLock};

#[derive(Debug)]
struct Cell<T> {
    /// Whether it was answered, or will not be.
    settled: AtomicWord,
    value: TryLock<Option<T>>,
    waker: WakerCell,
}

/// Gives an answer. Dropped without one, it says that there is none.
#[derive(Debug)]
pub(super) struct Reply<T>(Arc<Cell<T>>);

/// Waits for an answer: `None` if there will be none.
#[derive(Debug)]
pub(super) struct Answer<T>(Arc<Cell<T>>);

pub(super) fn reply<T>() -> (Reply<T>, Answer<T>) {
    let cell =
        Cell { settled: AtomicWord::new(0), value: TryLock::new(None), waker: WakerCell::new() };
    let cell = Arc::new(cell);
    (Reply(cell.clone()), Answer(cell))
}

impl<T> Reply<T> {
    pub(super) fn give(self, value: T) {
        // Nobody else is there before it is settled, in `drop`.
        let _ = self.0.value.with(value, |place, value| *place = Some(value));
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        // Release: pairs with the load in `poll`.
        self.0.settled.store(1, Ordering::Release);
        self.0.waker.wake();
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let cell = &*self.0;
        if cell.settled.load(Ordering::Acquire) == 0 {
            cell.waker.register(cx.waker());
            if cell.settled.load(Ordering::Acquire) == 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(cell.value.with((), |place, ()| place.take()).ok().flatten())
    }
}
