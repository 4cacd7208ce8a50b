//! What was counted, as plain numbers.

use alloc::vec::Vec;
use core::time::Duration;

use super::buckets::{BUCKETS, bucket_of, longest_in};

/// How many durations there were, and how long they were: counts by [bucket](super#buckets).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// For each bucket, or none at all.
    counts: Vec<u64>,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// How many durations there were.
    ///
    /// # Cost
    /// Adds up 610 numbers.
    #[must_use]
    pub fn count(&self) -> u64 {
        total(&self.counts)
    }

    /// All of them together; at most 2^64 ns (584 years).
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// The longest; zero if there was none.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The sum divided by the count, rounded down; zero if there was none.
    ///
    /// # Cost
    /// As [`count`](Self::count).
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or(0))
    }

    /// A duration that at least `p` percent of them do not exceed: the longest of the bucket in which the least such
    /// one is, or [`max`](Self::max) if that is less. Zero if there was none.
    ///
    /// It is never less than the least such one, and more by 1/16 of it at most; or it is up to 63 ns where that is less
    /// than 64 ns, and the longest of all where that is 4.9 hours or more. It is exact for 100.
    ///
    /// `p` is rounded to millionths, and is taken for 0 or 100 if it is beyond. For 0 and if it is not a number, it is
    /// that of the shortest.
    ///
    /// # Cost
    /// Adds up 610 numbers, twice.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the conversion rounds towards what fits, and the rank is at most the count"
    )]
    pub fn percentile(&self, p: f64) -> Duration {
        const ALL: u64 = 100_000_000;
        let millionths = ((p * 1e6 + 0.5) as u64).min(ALL);
        // In integers, so that 99.9 % of 1000 are 999.
        let rank = u128::from(self.count()) * u128::from(millionths);
        let rank = (rank.div_ceil(ALL.into()) as u64).max(1);
        let found = self.cumulative().find(|&(_, count)| count >= rank);
        Duration::from_nanos(found.map_or(0, |(longest, _)| longest.min(self.max)))
    }

    /// The buckets that are not empty: the longest duration that belongs to it, and how many there were up to that. The
    /// last count is [`count`](Self::count).
    ///
    /// # Cost
    /// Looks at 610 numbers.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.cumulative().map(|(longest, count)| (Duration::from_nanos(longest), count))
    }

    /// For each of the bounds how many durations did not exceed it, as in the `le` of a Prometheus histogram.
    ///
    /// None is counted that exceeds the bound. Of those that do not, those are not counted whose bucket goes beyond it:
    /// none that is at most 16/17 of the bound, if that is from 64 ns to 4.9 hours. All are counted if the bound is
    /// [`max`](Self::max) or more.
    ///
    /// # Cost
    /// Adds up 610 numbers for each bound.
    pub fn buckets_le(&self, bounds: &[Duration]) -> impl Iterator<Item = u64> {
        bounds.iter().map(|bound| {
            let bound = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
            if bound >= self.max {
                return self.count();
            }
            let bucket = bucket_of(bound);
            let end = bucket + usize::from(longest_in(bucket) == bound);
            total(self.counts.get(..end).unwrap_or_default())
        })
    }

    /// Adds those of another one.
    ///
    /// # Cost
    /// Adds 610 numbers, and allocates as many if this one is empty and the other is not.
    pub fn merge(&mut self, other: &Self) {
        if !other.counts.is_empty() {
            self.add_counts(other.counts.iter().copied());
            self.add_sum(other.sum);
            self.raise_max(other.max);
        }
    }

    /// Adds to each bucket.
    pub(super) fn add_counts(&mut self, more: impl Iterator<Item = u64>) {
        self.counts.resize(BUCKETS, 0);
        for (count, more) in self.counts.iter_mut().zip(more) {
            *count = count.saturating_add(more);
        }
    }

    pub(super) const fn add_sum(&mut self, more: u64) {
        self.sum = self.sum.saturating_add(more);
    }

    /// Comes after [`add_counts`](Self::add_counts). A maximum that was rounded up is not beyond what was counted.
    pub(super) fn raise_max(&mut self, max: u64) {
        let highest = self.counts.iter().rposition(|&count| count > 0);
        let longest = highest.map_or(0, longest_in);
        self.max = self.max.max(max.min(longest));
    }

    fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut before = 0_u64;
        let filled = self.counts.iter().enumerate().filter(|&(_, &count)| count > 0);
        filled.map(move |(bucket, &count)| {
            before = before.saturating_add(count);
            (longest_in(bucket), before)
        })
    }
}

fn total(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
}
