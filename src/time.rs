//! Moments in time, as the core counts them.

use core::time::Duration;

/// A moment: nanoseconds since a start that each [`Clock`](crate::runtime::Clock) chooses for itself.
///
/// Moments of different clocks have nothing to do with each other.
///
/// ```
/// use core::time::Duration;
/// use droves::time::Instant;
///
/// let start = Instant::from_nanos(5);
/// let later = start.saturating_add(Duration::from_micros(1));
/// assert_eq!(later.as_nanos(), 1_005);
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment so many nanoseconds after the clock's start.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// How many nanoseconds after the clock's start it is.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment so much later, or the last that there is: 584 years after the start.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long ago `earlier` was; zero if it is later.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
