//! Runs a future on the thread that waits for it.

#![cfg_attr(not(feature = "threads"), allow(dead_code, reason = "only `threads` sleeps"))]

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;
use std::vec::Vec;

use crate::sync::{AtomicWord, Ordering, Word};

/// Wakes a thread that runs a future. It remembers that itself: whatever else parks the thread meanwhile takes the
/// thread's own token.
struct Unpark {
    thread: Thread,
    woken: AtomicWord,
}

impl Unpark {
    fn new() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), woken: AtomicWord::new(0) })
    }

    /// Whether it was woken since the last call.
    fn take(&self) -> bool {
        // Acquire: pairs with `wake`. The exchange is only for who was woken: the word is mostly zero here.
        self.woken.load(Ordering::Acquire) != 0 && self.woken.fetch_and(0, Ordering::Acquire) != 0
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: what was done before is visible to the poll that follows.
        self.woken.fetch_or(1, Ordering::Release);
        // Also if it was woken already: whoever did that may have stopped before this line.
        self.thread.unpark();
    }
}

std::thread_local! {
    /// The waker of this thread's outermost future, made once.
    static OUTERMOST: Arc<Unpark> = Unpark::new();
    /// How many futures this thread runs, one inside the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The sleeps that it has to end.
    static SLEEPS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A sleep, and whom to wake at its end.
struct Entry {
    at: Instant,
    number: Word,
    waker: Waker,
}

/// Runs a future on this thread until it is done.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    park(future, None).unwrap_or_else(|| unreachable!("there is no deadline"))
}

/// Runs a future on this thread until it is done, or until the deadline. It is polled at least once.
pub(super) fn park<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    let inside = Inside::enter();
    // A future inside another has a waker of its own, as has one on a thread that is about to end.
    let outermost = OUTERMOST.try_with(Arc::clone).ok().filter(|_| inside.depth == 0);
    let unpark = outermost.unwrap_or_else(Unpark::new);
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        while !unpark.take() {
            let Some(until) = earlier(deadline, next_sleep()) else {
                thread::park();
                continue;
            };
            let now = Instant::now();
            if until > now {
                thread::park_timeout(until - now);
            } else if deadline.is_some_and(|deadline| deadline <= now) {
                return None;
            }
            end_sleeps();
        }
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// When the first of this thread's sleeps ends.
fn next_sleep() -> Option<Instant> {
    SLEEPS.try_with(|sleeps| sleeps.borrow().iter().map(|entry| entry.at).min()).ok().flatten()
}

/// Wakes those whose sleep is over.
fn end_sleeps() {
    let now = Instant::now();
    let over = |sleeps: &RefCell<Vec<Entry>>| {
        let mut sleeps = sleeps.borrow_mut();
        let at = sleeps.iter().position(|entry| entry.at <= now)?;
        Some(sleeps.swap_remove(at))
    };
    // Woken outside the borrow: a waker may be anything.
    while let Some(entry) = SLEEPS.try_with(over).ok().flatten() {
        entry.waker.wake();
    }
}

/// Counts a future in, and out again even if it panics.
struct Inside {
    /// How many there were before it.
    depth: usize,
}

impl Inside {
    fn enter() -> Self {
        Self { depth: DEPTH.try_with(|depth| depth.replace(depth.get() + 1)).unwrap_or(0) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

/// The sleep of a future that a thread runs by parking.
///
/// # Cancel safety
/// Dropping it ends the sleep, and nothing is lost.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    at: Instant,
    /// Its number in the lists of the threads that polled it, in each at most once.
    number: Word,
}

impl Sleep {
    pub(super) fn until(at: Instant) -> Self {
        static NUMBERS: AtomicWord = AtomicWord::new(0);
        // Relaxed: only to be different.
        Self { at, number: NUMBERS.fetch_add(1, Ordering::Relaxed) }
    }

    /// Takes it off this thread's list. In the list of another it stays until its time, and wakes somebody for nothing.
    fn forget(&self) {
        let entry = SLEEPS.try_with(|sleeps| {
            let mut sleeps = sleeps.borrow_mut();
            let at = sleeps.iter().position(|entry| entry.number == self.number)?;
            Some(sleeps.swap_remove(at))
        });
        // Dropped outside the borrow: a waker may be anything.
        drop(entry);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget();
        if self.at <= Instant::now() {
            return Poll::Ready(());
        }
        assert!(
            DEPTH.with(Cell::get) > 0,
            "a sleep of `Threads` was polled outside `droves::threads::block_on`, where nobody would end it"
        );
        let entry = Entry { at: self.at, number: self.number, waker: cx.waker().clone() };
        SLEEPS.with(|sleeps| sleeps.borrow_mut().push(entry));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
