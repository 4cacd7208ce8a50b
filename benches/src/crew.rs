//! Threads that start together and are timed together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Regime;

/// From when to when a thread or a task was at work.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    /// The span from `start` until now.
    #[must_use]
    pub fn since(start: Instant) -> Self {
        Self { start, end: Instant::now() }
    }

    /// From the earliest start to the latest end.
    #[must_use]
    pub fn cover(spans: impl IntoIterator<Item = Self>) -> Duration {
        spans
            .into_iter()
            .reduce(|a, b| Self { start: a.start.min(b.start), end: a.end.max(b.end) })
            .map_or(Duration::ZERO, |all| all.end - all.start)
    }
}

/// What one thread of a crew does.
pub type Job<'a, R> = Box<dyn FnOnce() -> R + Send + 'a>;

/// Gives each job a thread of its own, releases all of them at once and waits for all.
///
/// Returns the time from the first start to the last end, without the spawning and joining, and the
/// jobs' results in order.
///
/// # Panics
/// If a job does.
#[must_use]
pub fn run_crew<R: Send>(regime: Regime, jobs: Vec<Job<'_, R>>) -> (Duration, Vec<R>) {
    let missing = AtomicUsize::new(jobs.len());
    let finished: Vec<(Span, R)> = thread::scope(|scope| {
        let threads: Vec<_> = jobs
            .into_iter()
            .enumerate()
            .map(|(index, job)| {
                let missing = &missing;
                scope.spawn(move || {
                    regime.settle(index);
                    missing.fetch_sub(1, Ordering::AcqRel);
                    // Not a `Barrier`: it would wake the threads one after the other.
                    while missing.load(Ordering::Acquire) > 0 {
                        thread::yield_now();
                    }
                    let start = Instant::now();
                    let result = job();
                    (Span::since(start), result)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a contender panicked")).collect()
    });
    let elapsed = Span::cover(finished.iter().map(|(span, _)| *span));
    (elapsed, finished.into_iter().map(|(_, result)| result).collect())
}
