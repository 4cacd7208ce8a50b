//! Delays, and when to give up.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::backoff::{Backoff, DelayFn, nanos};

/// Whether to try again, and after what delay.
///
/// The default is no retry at all; what is retried backs off as [`Backoff::default`] unless said otherwise.
#[derive(Clone, Copy)]
pub struct Policy<F = DelayFn> {
    backoff: Backoff<F>,
    max_retries: u32,
    max_total: Option<u64>,
}

impl Policy {
    /// So many retries, that is one attempt more. `u32::MAX` is no limit.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn retries(max_retries: u32) -> Self {
        Self { backoff: Backoff::default(), max_retries, max_total: None }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::retries(0)
    }
}

impl<F> Policy<F> {
    /// The delays between attempts.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn backoff<G>(self, backoff: Backoff<G>) -> Policy<G> {
        Policy { backoff, max_retries: self.max_retries, max_total: self.max_total }
    }

    /// So many retries, that is one attempt more. `u32::MAX` is no limit.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// No attempt is to begin later than this after the beginning of the first. One that has begun is not
    /// cut short. It is decided when an attempt has failed, for the time at which the next is due: in a herd that one may begin
    /// later, if it has to wait for a worker.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn max_total(mut self, max_total: Duration) -> Self {
        self.max_total = Some(nanos(max_total));
        self
    }
}

#[cfg(feature = "alloc")]
impl<F> Policy<F> {
    /// Whether it matters when the first attempt began.
    pub(crate) const fn has_max_total(&self) -> bool {
        self.max_total.is_some()
    }
}

impl<F: Fn(u32) -> Option<Duration>> Policy<F> {
    /// The delay after the failed attempt with the number `attempt`, from 1 (0 is taken for 1).
    ///
    /// - `elapsed` is the time since the beginning of the first attempt.
    /// - `not_before` is how long the failed attempt was told to wait (Retry-After): the delay is at least
    ///   that, even above the maximum of the [`Backoff`]. The total time ends it none the less.
    /// - `entropy` as for [`Backoff::delay`].
    ///
    /// # Errors
    /// [`Exhausted`], with the first reason that applies. It stays so for every later attempt with the same
    /// `not_before` and `entropy`, unless a custom function that has said stop changes its mind.
    ///
    /// # Cost
    /// A few instructions, or the custom function.
    pub fn next(
        &self,
        attempt: u32,
        elapsed: Duration,
        not_before: Option<Duration>,
        entropy: u64,
    ) -> Result<Duration, Exhausted> {
        if attempt.max(1) > self.max_retries {
            return Err(Exhausted::Attempts);
        }
        let delay = self.backoff.delay(attempt, entropy).ok_or(Exhausted::Stopped)?;
        let delay = delay.max(Duration::from_nanos(not_before.map_or(0, nanos)));
        let end = nanos(elapsed).saturating_add(nanos(delay));
        match self.max_total {
            Some(max_total) if end > max_total => Err(Exhausted::Time),
            _ => Ok(delay),
        }
    }
}

impl<F> fmt::Debug for Policy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Policy");
        out.field("backoff", &self.backoff).field("max_retries", &self.max_retries);
        out.field("max_total", &self.max_total.map(Duration::from_nanos)).finish()
    }
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exhausted {
    /// There were as many as there may be.
    Attempts,
    /// It would begin after the end of the total time.
    Time,
    /// The policy, or who judged the error, said stop.
    Stopped,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attempts => "no attempts are left",
            Self::Time => "no time is left for another attempt",
            Self::Stopped => "another attempt is not wanted",
        })
    }
}

impl Error for Exhausted {}
