//! How long to wait before the next attempt.

use core::fmt;
use core::time::Duration;

/// A function from the number of failed attempts to the delay before the next: see [`Backoff::custom`].
pub type DelayFn = fn(u32) -> Option<Duration>;

/// How long to wait after each failed attempt.
///
/// A delay is computed (as [`none`](Backoff::none), [`constant`](Backoff::constant),
/// [`exponential`](Backoff::exponential) or [`custom`](Backoff::custom) says), put between
/// [`min`](Backoff::min) and [`max`](Backoff::max), and shortened by the jitter, which does not go below
/// `min` either. So what comes out lies from `min` to `max`, jitter included.
///
/// The default is 100 ms, doubled each time, up to 10 s, with full jitter.
///
/// ```
/// use core::time::Duration;
/// use droves::retry::Backoff;
///
/// let ms = Duration::from_millis;
/// let backoff = Backoff::exponential(ms(100)).max(Duration::from_secs(10)).full_jitter();
/// assert_eq!(backoff.delay(1, 0), Some(ms(0)));
/// assert_eq!(backoff.delay(1, u64::MAX), Some(ms(100)));
/// assert_eq!(backoff.delay(50, u64::MAX), Some(ms(10_000)));
/// ```
#[derive(Clone, Copy)]
pub struct Backoff<F = DelayFn> {
    shape: Shape<F>,
    min: u64,
    max: u64,
    jitter: Jitter,
}

#[derive(Clone, Copy)]
enum Shape<F> {
    Constant(u64),
    Exponential(u64),
    Custom(F),
}

#[derive(Clone, Copy, Debug)]
enum Jitter {
    None,
    Equal,
    Full,
}

impl Backoff {
    /// No delay.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(Shape::Constant(0))
    }

    /// Always the same delay.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self::new(Shape::Constant(nanos(delay)))
    }

    /// `first` after the first failed attempt, and twice as long after each further one.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self::new(Shape::Exponential(nanos(first)))
    }
}

impl<F> Backoff<F> {
    const fn new(shape: Shape<F>) -> Self {
        Self { shape, min: 0, max: u64::MAX, jitter: Jitter::None }
    }

    /// Never a shorter delay than this, jitter included.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn min(mut self, min: Duration) -> Self {
        self.min = nanos(min);
        self
    }

    /// Never a longer delay than this, jitter included. If it is less than the minimum, the maximum holds
    /// and every delay is that.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = nanos(max);
        self
    }

    /// Takes a delay anywhere from the minimum to the computed one: the best spread.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn full_jitter(mut self) -> Self {
        self.jitter = Jitter::Full;
        self
    }

    /// Takes a delay anywhere from half the computed one to the whole: always some rest.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn equal_jitter(mut self) -> Self {
        self.jitter = Jitter::Equal;
        self
    }

    /// Takes the computed delay as it is, which is so unless said otherwise.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn no_jitter(mut self) -> Self {
        self.jitter = Jitter::None;
        self
    }
}

impl<F: Fn(u32) -> Option<Duration>> Backoff<F> {
    /// What the function says: it gets the number of failed attempts, from 1, and returns `None` to stop.
    ///
    /// ```
    /// use core::time::Duration;
    /// use droves::retry::Backoff;
    ///
    /// let table = [1, 5, 30].map(Duration::from_secs);
    /// let backoff = Backoff::custom(|failed| table.get(failed as usize - 1).copied());
    /// assert_eq!(backoff.delay(2, 0), Some(Duration::from_secs(5)));
    /// assert_eq!(backoff.delay(4, 0), None);
    /// ```
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn custom(delay: F) -> Self {
        Self::new(Shape::Custom(delay))
    }

    /// The delay after the attempt with the number `attempt`, which is at least 1 (0 is taken for 1).
    /// `None` if a custom function says stop.
    ///
    /// `entropy` chooses from what the jitter leaves open: 0 is the shortest, `u64::MAX` the longest. It must
    /// differ between devices, processes and items, or they all come back together.
    ///
    /// # Cost
    /// A few instructions, or the custom function.
    #[must_use]
    pub fn delay(&self, attempt: u32, entropy: u64) -> Option<Duration> {
        let attempt = attempt.max(1);
        let computed = match &self.shape {
            Shape::Constant(delay) => *delay,
            Shape::Exponential(first) => doubled(*first, attempt - 1),
            Shape::Custom(delay) => nanos(delay(attempt)?),
        };
        // Not `clamp`, which panics if they are the wrong way round.
        let longest = computed.max(self.min).min(self.max);
        let shortest = match self.jitter {
            Jitter::None => longest,
            Jitter::Equal => (longest / 2).max(self.min).min(longest),
            Jitter::Full => self.min.min(longest),
        };
        Some(Duration::from_nanos(between(shortest, longest, entropy)))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        let max = Duration::from_secs(10);
        Self::exponential(Duration::from_millis(100)).max(max).full_jitter()
    }
}

impl<F> fmt::Debug for Backoff<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = Duration::from_nanos;
        let mut out = f.debug_struct("Backoff");
        match &self.shape {
            Shape::Constant(delay) => out.field("constant", &duration(*delay)),
            Shape::Exponential(first) => out.field("exponential", &duration(*first)),
            Shape::Custom(_) => out.field("custom", &format_args!("_")),
        };
        out.field("min", &duration(self.min)).field("max", &duration(self.max));
        out.field("jitter", &self.jitter).finish()
    }
}

/// The nanoseconds of a duration, or as many as there are.
#[expect(clippy::cast_possible_truncation, reason = "checked just before")]
pub(super) const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// `first` times 2 to the power of `times`, or the largest number.
const fn doubled(first: u64, times: u32) -> u64 {
    if first != 0 && times > first.leading_zeros() { u64::MAX } else { first.wrapping_shl(times) }
}

/// The number in `low..=high` that stands where `entropy` stands among all numbers.
///
/// By multiplication and shift (Daniel Lemire, Fast Random Integer Generation in an Interval, 2019); what is
/// left of bias is far below a nanosecond's worth.
const fn between(low: u64, high: u64, entropy: u64) -> u64 {
    let count = (high - low) as u128 + 1;
    low + ((entropy as u128 * count) >> 64) as u64
}
