//! Threads, and futures that they wait for.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc as PlainArc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::{self, Thread};

/// Wakes the thread that waits for it.
///
/// Loom's own `block_on` and `join` wake spuriously too, which could hide a lost wake, and they print
/// each wait.
#[derive(Default)]
pub struct Signal {
    set: AtomicBool,
    /// Not part of the model: it changes together with `set`, in one step.
    parked: Mutex<Option<Thread>>,
}

impl Signal {
    pub fn set(&self) {
        self.set.swap(true, Ordering::AcqRel);
        if let Some(thread) = self.parked.lock().unwrap().take() {
            thread.unpark();
        }
    }

    /// Whether it was set since it was asked last.
    pub fn is_set(&self) -> bool {
        self.set.swap(false, Ordering::Relaxed)
    }

    /// Returns whether it had to park.
    pub fn wait(&self) -> bool {
        let mut parked = false;
        while !self.set.swap(false, Ordering::AcqRel) {
            parked = true;
            *self.parked.lock().unwrap() = Some(thread::current());
            thread::park();
        }
        parked
    }
}

impl Wake for Signal {
    fn wake(self: PlainArc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &PlainArc<Self>) {
        self.set();
    }
}

/// A future, and what wakes its thread.
pub struct Call<F> {
    pub future: F,
    pub signal: PlainArc<Signal>,
    pending: bool,
}

impl<F: Future + Unpin> Call<F> {
    pub fn new(future: F) -> Self {
        Self { future, signal: PlainArc::default(), pending: false }
    }

    /// One that waits already when the race begins.
    pub fn waiting(future: F) -> Self {
        let mut call = Self::new(future);
        assert!(call.poll().is_pending());
        call
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.signal.clone());
        let polled = Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker));
        self.pending = polled.is_pending();
        polled
    }

    /// Polls whenever it is woken, until it is done. Tells whether it had to park, too.
    pub fn finish(mut self) -> (F::Output, bool) {
        let mut parked = false;
        loop {
            if self.pending {
                parked |= self.signal.wait();
            }
            if let Poll::Ready(output) = self.poll() {
                return (output, parked);
            }
        }
    }

    /// Polls once, if it is not waiting yet, and drops it.
    pub fn give_up(mut self) -> GaveUp {
        if !self.pending && self.poll().is_ready() {
            return GaveUp::Done;
        }
        GaveUp::Dropped { woken: self.signal.is_set() }
    }
}

/// How a call that was polled once and then dropped ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GaveUp {
    Done,
    /// Dropped while it waited; whether it had been woken by then.
    Dropped {
        woken: bool,
    },
}

impl GaveUp {
    pub const ALL: [Self; 3] =
        [Self::Done, Self::Dropped { woken: false }, Self::Dropped { woken: true }];
}

/// Runs a future. Tells whether it had to park, too.
pub fn block_on<F: Future>(future: F) -> (F::Output, bool) {
    Call::new(pin!(future)).finish()
}

pub struct Joiner<T> {
    result: PlainArc<Mutex<Option<T>>>,
    done: PlainArc<Signal>,
}

pub fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> Joiner<T> {
    let (result, done) = (PlainArc::new(Mutex::new(None)), PlainArc::<Signal>::default());
    let joiner = Joiner { result: result.clone(), done: done.clone() };
    thread::spawn(move || {
        let value = f();
        *result.lock().unwrap() = Some(value);
        done.set();
    });
    joiner
}

impl<T> Joiner<T> {
    pub fn join(self) -> T {
        self.done.wait();
        self.result.lock().unwrap().take().unwrap()
    }
}

/// Runs two threads, this one first. What they return is dropped after both.
pub fn race<A, B: 'static>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let second = spawn(second);
    (first(), second.join())
}

/// Runs three threads, this one first. What they return is dropped after all.
pub fn race3<A, B: 'static, C: 'static>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + 'static,
    third: impl FnOnce() -> C + 'static,
) -> (A, B, C) {
    let (second, third) = (spawn(second), spawn(third));
    (first(), second.join(), third.join())
}
