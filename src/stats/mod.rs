//! How long things took: recorded by many threads, each for itself, and read by any.
//!
//! ```
//! use core::time::Duration;
//! use droves::stats::{Histogram, Recorder};
//!
//! let workers = [Recorder::new(), Recorder::new()]; // one for each thread that records
//! for ms in 1..=99 {
//!     workers[ms as usize % 2].record(Duration::from_millis(ms));
//! }
//! workers[0].record(Duration::from_secs(1));
//!
//! let mut all = Histogram::default();
//! workers.iter().for_each(|worker| worker.add_to(&mut all));
//! assert_eq!((all.count(), all.max()), (100, Duration::from_secs(1)));
//! let median = all.percentile(50.0);
//! assert!(median >= Duration::from_millis(50) && median <= Duration::from_millis(50) * 17 / 16);
//! ```
//!
//! # Buckets
//! What takes less than 64 ns is in one bucket, and what takes 2^44 ns (4.9 hours) or more in another. Between them
//! each power of two has 16 buckets of the same width, so that a bucket is at most 1/16 as wide as what is in it is
//! long: the log-linear histogram of Tene's `HdrHistogram`. These are 610 buckets.
//!
//! # Memory
//! A [`Recorder`] is a pointer, and from its first duration on 4.8 KiB on lines of memory of its own, or half
//! of that where words have 32 bits. A [`Histogram`] has 4.8 KiB, unless it is empty.
//!
//! # Where words have 32 bits
//! A recorder's counts come round after 2^32; its sum and its maximum are at most 52 days. The maximum is rounded up
//! to 2^20 ns (1 ms), though not beyond its bucket. A sum that is read while a duration is recorded may be off by 1 ms.

mod buckets;
mod histogram;
mod recorder;
#[cfg(all(test, not(any(droves_loom, droves_shuttle))))]
mod tests;

pub use histogram::Histogram;
pub use recorder::Recorder;
