//! Trying again: how long to wait before the next attempt, and when to give up.
//!
//! | you want | take |
//! |---|---|
//! | the delays alone | [`Backoff`] |
//! | delays, and limits on attempts and time | [`Policy`] |
//! | to run one operation until it succeeds | [`retry()`], [`retry_with_seed`] |
//!
//! ```
//! use core::time::Duration;
//! use droves::retry::{Backoff, Exhausted, Policy};
//!
//! let ms = Duration::from_millis;
//! let policy = Policy::retries(3).backoff(Backoff::exponential(ms(100)).max(ms(300)));
//! let next = |attempt| policy.next(attempt, Duration::ZERO, None, 0);
//!
//! assert_eq!(next(1), Ok(ms(100)));
//! assert_eq!(next(2), Ok(ms(200)));
//! assert_eq!(next(3), Ok(ms(300)));
//! assert_eq!(next(4), Err(Exhausted::Attempts)); // 3 retries are 4 attempts
//! ```
//!
//! # Time and chance
//! [`Policy`] and [`Backoff`] are arithmetic on integers: they read no clock and draw no numbers. Who uses
//! them says how much time has passed and gives the entropy of the jitter. Nothing overflows: what is too
//! large is the largest there is. Durations count in nanoseconds up to 2^64 of them (584 years); longer
//! ones are taken for that.
//!
//! # Jitter
//! Without it, all whom one failure has hit come back at the same moment. *Full* and *equal* jitter are
//! those of Marc Brooker, [Exponential Backoff and Jitter][aws] (2015).
//!
//! [aws]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

mod backoff;
mod future;
mod policy;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, DelayFn};
#[cfg(feature = "std")]
pub use future::retry;
pub use future::{Retry, RetryError, Verdict, VerdictFn, retry_with_seed};
pub use policy::{Exhausted, Policy};
