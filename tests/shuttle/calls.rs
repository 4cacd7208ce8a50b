//! Calls that wait, and calls that are given up.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc as PlainArc;
use std::task::{Context, Poll, Wake, Waker};

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread::{self, Thread};

use crate::explore::{Run, below, linger};

/// Wakes the thread that made it. Each call has its own, so that a wake that comes late for one call
/// does not help the next: that could hide a lost wake.
pub struct Signal {
    pub set: AtomicBool,
    pub thread: Thread,
}

impl Signal {
    pub fn new() -> PlainArc<Self> {
        PlainArc::new(Self { set: AtomicBool::new(false), thread: thread::current() })
    }
}

impl Wake for Signal {
    fn wake(self: PlainArc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &PlainArc<Self>) {
        self.set.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

pub struct Call<'a, F: Future> {
    pub future: Pin<&'a mut F>,
    pub signal: PlainArc<Signal>,
}

impl<'a, F: Future> Call<'a, F> {
    pub fn new(future: Pin<&'a mut F>) -> Self {
        Self { future, signal: Signal::new() }
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.signal.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Waits to be woken; tells whether that took a while.
    pub fn wait(&self) -> bool {
        let mut parked = false;
        while !self.signal.set.swap(false, Ordering::SeqCst) {
            parked = true;
            thread::park();
        }
        parked
    }

    pub fn finish(mut self, run: &Run, parked: &'static str) -> F::Output {
        loop {
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
            if self.wait() {
                run.met(parked);
            }
        }
    }

    /// Polls up to three times, each time that it is woken, and gives up then, or before.
    pub fn give_up(mut self) -> Option<F::Output> {
        for left in (0..=below(3)).rev() {
            if let Poll::Ready(output) = self.poll() {
                return Some(output);
            }
            linger();
            if left > 0 && self.signal.set.swap(false, Ordering::SeqCst) {
                continue;
            }
            break;
        }
        None
    }
}

pub fn block_on<F: Future>(run: &Run, parked: &'static str, future: F) -> F::Output {
    Call::new(pin!(future)).finish(run, parked)
}

pub fn give_up<F: Future>(future: F) -> Option<F::Output> {
    Call::new(pin!(future)).give_up()
}
