//! Items that are done again and again.

use core::fmt;
use core::time::Duration;

use crate::sync::{Arc, AtomicWord, Ordering};
use crate::time::Instant;

/// What is done about a run for which there is a reason not to begin it at its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// It is left out.
    #[default]
    Skip,
    /// It is made up for: one run in place of all that there were.
    QueueOne,
    /// Each of them is run, at once, whatever else runs.
    RunAtOnce,
}

/// When something is done again and again: at a first time, and after that at each multiple of a period.
///
/// ```
/// use core::time::Duration;
/// use droves::herd::{Every, Overrun};
///
/// let every = Every::new(Duration::from_secs(60)).starting_after(Duration::ZERO).on_overlap(Overrun::QueueOne);
/// # let _ = every;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Every {
    period: Duration,
    first: Option<Duration>,
    overlap: Overrun,
    missed: Overrun,
}

impl Every {
    /// Each time that such a period is over; the first after one of them. The least is a millisecond.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        let period = period.max(Duration::from_millis(1));
        Self { period, first: None, overlap: Overrun::Skip, missed: Overrun::Skip }
    }

    /// The first run is after this time, not after a period.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn starting_after(mut self, first: Duration) -> Self {
        self.first = Some(first);
        self
    }

    /// What is done when a run's time comes before the last one has ended, all its retries included:
    /// [`Skip`](Overrun::Skip) unless said otherwise. [`QueueOne`](Overrun::QueueOne) begins one as soon as the last has ended.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn on_overlap(mut self, overrun: Overrun) -> Self {
        self.overlap = overrun;
        self
    }

    /// What is done about runs whose time was over before anybody could see to it, e.g. because the machine slept:
    /// those that come a whole period late. [`Skip`](Overrun::Skip) unless said otherwise. The run that comes less than a period late
    /// is not one of them.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn on_missed(mut self, overrun: Overrun) -> Self {
        self.missed = overrun;
        self
    }

    pub(super) fn first(&self) -> Duration {
        self.first.unwrap_or(self.period)
    }
}

/// What makes copies of an item, at its times.
pub(super) struct Recurring<B> {
    every: Every,
    pub(super) copy: fn(&B) -> B,
    /// How many copies have not ended.
    running: Arc<AtomicWord>,
}

/// What is to be done at the time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// How many copies begin now.
    pub(super) runs: u64,
    /// Whether one more is to begin when none runs any more.
    pub(super) owed: bool,
    /// When the next time is.
    pub(super) next: Instant,
}

impl<B> Recurring<B> {
    pub(super) fn new(every: Every, copy: fn(&B) -> B) -> Self {
        Self { every, copy, running: Arc::new(AtomicWord::new(0)) }
    }

    /// What is to be done about the run of the time `at`, which has come.
    pub(super) fn tick(&self, at: Instant, now: Instant) -> Tick {
        let missed = now.saturating_since(at).as_nanos() / self.every.period.as_nanos();
        let missed = u64::try_from(missed).unwrap_or(u64::MAX);
        let next = self.after(at, now);
        let due = 1 + match self.every.missed {
            Overrun::Skip => 0,
            Overrun::QueueOne => missed.min(1),
            Overrun::RunAtOnce => missed,
        };
        match self.every.overlap {
            Overrun::RunAtOnce => Tick { runs: due, owed: false, next },
            Overrun::Skip => Tick { runs: u64::from(!self.is_running()), owed: false, next },
            // What comes after the first of them comes after its end.
            Overrun::QueueOne if !self.is_running() => Tick { runs: 1, owed: due > 1, next },
            Overrun::QueueOne => Tick { runs: 0, owed: true, next },
        }
    }

    /// The first time after `now`, if `at` is one.
    pub(super) fn after(&self, at: Instant, now: Instant) -> Instant {
        if at > now {
            return at;
        }
        let period = self.every.period.as_nanos();
        let passed = period * (now.saturating_since(at).as_nanos() / period + 1);
        at.saturating_add(Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    pub(super) fn is_running(&self) -> bool {
        // Acquire: what the copy did is done.
        self.running.load(Ordering::Acquire) != 0
    }

    /// Counts a copy.
    pub(super) fn run(&self) -> Run {
        self.running.fetch_add(1, Ordering::Relaxed);
        Run(self.running.clone())
    }
}

impl<B> fmt::Debug for Recurring<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.every.fmt(f)
    }
}

/// A copy that has not ended.
#[derive(Debug)]
pub(super) struct Run(Arc<AtomicWord>);

impl Drop for Run {
    fn drop(&mut self) {
        // Release: what it did is done when the next begins.
        self.0.fetch_sub(1, Ordering::Release);
    }
}
