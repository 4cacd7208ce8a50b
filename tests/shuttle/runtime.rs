//! A runtime of threads, whose clock jumps and whose tasks may be dropped at any of their polls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as PlainArc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::time::Instant;
use shuttle::thread;

use crate::explore::{Run, below};

#[derive(Clone)]
pub struct Threads {
    now: PlainArc<AtomicU64>,
    /// One poll in so many is the end of its task; 0 is none.
    deadly: usize,
    /// One spawn in so many is refused; 0 is none.
    refuses: usize,
    /// Whether no sleep ends.
    still: bool,
    run: Run,
}

impl Threads {
    pub fn new(run: &Run) -> Self {
        Self { now: PlainArc::default(), deadly: 0, refuses: 0, still: false, run: run.clone() }
    }

    pub fn deadly(run: &Run) -> Self {
        Self { deadly: 6, ..Self::new(run) }
    }

    pub fn full(run: &Run) -> Self {
        Self { refuses: 3, ..Self::new(run) }
    }

    pub fn still(run: &Run) -> Self {
        Self { still: true, ..Self::new(run) }
    }
}

impl Clock for Threads {
    fn now(&self) -> Instant {
        // Not one of shuttle's: time orders nothing.
        Instant::from_nanos(self.now.fetch_add(1, Ordering::Relaxed))
    }
}

impl Timer for Threads {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { now: self.now.clone(), at, turns: (!self.still).then(|| below(4)) }
    }
}

/// Ends after a few polls, and takes the clock with it.
pub struct Sleep {
    now: PlainArc<AtomicU64>,
    at: Instant,
    /// `None` if it does not end.
    turns: Option<usize>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(turns) = &mut self.turns else { return Poll::Pending };
        thread::yield_now();
        if *turns == 0 {
            self.now.fetch_max(self.at.as_nanos(), Ordering::Relaxed);
            return Poll::Ready(());
        }
        *turns -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Threads {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        if self.refuses > 0 && below(self.refuses) == 0 {
            self.run.met("a spawn was refused");
            return Err(SpawnError::Limit);
        }
        let task = Task { future: Some(Box::pin(future)), deadly: self.deadly };
        let run = self.run.clone();
        thread::spawn(move || {
            if !shuttle::future::block_on(task) {
                run.met("a task was dropped");
            }
        });
        Ok(())
    }
}

/// `false` if it was dropped before its end.
struct Task<F> {
    future: Option<Pin<Box<F>>>,
    deadly: usize,
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        if self.deadly > 0 && below(self.deadly) == 0 {
            self.future = None;
            return Poll::Ready(false);
        }
        let future = self.future.as_mut().expect("not polled after its end");
        let polled = future.as_mut().poll(cx).map(|()| true);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}
