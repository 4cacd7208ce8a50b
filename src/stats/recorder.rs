//! One thread's counts.

use core::time::Duration;

use super::buckets::{BUCKETS, bucket_of};
use super::histogram::Histogram;
use crate::sync::{AtomicWord, OnceBox, Ordering, Word};

/// Sum and maximum are counted in units of 2 to this nanoseconds.
const UNIT: u32 = if Word::BITS == 64 { 0 } else { 20 };

/// Counts durations for one thread.
///
/// No thread that records waits for another one, or for one that reads. Two that record at the same time do no harm
/// but that one of the durations may get lost, in the counts or in the sum: give each a recorder of its own.
///
/// See the [module](super) for its buckets and its size.
#[derive(Debug)]
pub struct Recorder {
    table: OnceBox<Table>,
}

/// Lies on lines that belong to nobody else.
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
#[derive(Debug)]
struct Table {
    sum: AtomicWord,
    /// What of the sum is less than a unit.
    rest: AtomicWord,
    max: AtomicWord,
    counts: [AtomicWord; BUCKETS],
}

impl Recorder {
    /// One that has counted nothing.
    ///
    /// # Cost
    /// None: it allocates when the first duration is recorded.
    #[must_use]
    pub fn new() -> Self {
        Self { table: OnceBox::new() }
    }

    /// Counts a duration. One of more than 2^64 ns (584 years) is taken for that.
    ///
    /// # Cost
    /// A few loads and stores, none of them locked, on three lines of memory; the first time an allocation.
    #[inline]
    pub fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.table.get().unwrap_or_else(|| self.make_table()).record(nanos);
    }

    /// Adds what has been counted to a histogram. Of what is being recorded meanwhile, all or some may be in it; what
    /// is in its counts is in its sum and its maximum too.
    ///
    /// # Cost
    /// Reads 610 words, and allocates as many if the histogram is empty.
    pub fn add_to(&self, histogram: &mut Histogram) {
        if let Some(table) = self.table.get() {
            table.add_to(histogram);
        }
    }

    /// What has been counted.
    ///
    /// # Cost
    /// As [`add_to`](Self::add_to).
    #[must_use]
    pub fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::default();
        self.add_to(&mut histogram);
        histogram
    }

    #[cold]
    fn make_table(&self) -> &Table {
        self.table.get_or_set(Table::new);
        self.table.get().expect("it is made, and stays")
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    fn new() -> Self {
        let zero = || AtomicWord::new(0);
        let counts = core::array::from_fn(|_| zero());
        Self { sum: zero(), rest: zero(), max: zero(), counts }
    }

    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "a word may be narrower; what does not fit is made to"
    )]
    fn record(&self, nanos: u64) {
        // Relaxed, as all here but one: only this thread writes them.
        let mut units = nanos >> UNIT;
        if Word::BITS < 64 {
            let below = (1 << UNIT) - 1;
            let rest = (nanos & below) + u64::from(self.rest.load(Ordering::Relaxed));
            units += rest >> UNIT;
            self.rest.store((rest & below) as Word, Ordering::Relaxed);
        }
        let word = |units: u64| units.min(Word::MAX.into()) as Word;
        let sum = self.sum.load(Ordering::Relaxed).saturating_add(word(units));
        self.sum.store(sum, Ordering::Relaxed);
        let max = word(nanos.div_ceil(1 << UNIT));
        if max > self.max.load(Ordering::Relaxed) {
            self.max.store(max, Ordering::Relaxed);
        }
        let count = &self.counts[bucket_of(nanos)];
        // Release: pairs with the load in `add_to`, so that who sees the count sees the sum and the maximum.
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    #[allow(clippy::useless_conversion, reason = "a word may be narrower")]
    fn add_to(&self, histogram: &mut Histogram) {
        // Acquire: what was counted comes before sum and maximum, which are read after it.
        let counts = self.counts.iter().map(|count| u64::from(count.load(Ordering::Acquire)));
        histogram.add_counts(counts);
        let word = |word: &AtomicWord| u64::from(word.load(Ordering::Relaxed));
        histogram.add_sum((word(&self.sum) << UNIT) + word(&self.rest));
        histogram.raise_max(word(&self.max) << UNIT);
    }
}
