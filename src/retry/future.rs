//! One operation, run until it succeeds.

use core::error::Error;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::backoff::DelayFn;
use super::policy::{Exhausted, Policy};
use crate::runtime::Timer;
use crate::time::Instant;

/// After so many attempts in one poll others get their turn.
const ATTEMPTS_A_POLL: u32 = 64;

/// What becomes of an operation that has failed: see [`Retry::judge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again as the policy says.
    Retry,
    /// The same, but not sooner than so long from now (Retry-After).
    RetryAfter(Duration),
    /// It is not tried again.
    Stop,
}

/// A function that judges errors.
pub type VerdictFn<E> = fn(&E) -> Verdict;

/// Runs an operation until it succeeds, or the policy gives up. Between attempts it sleeps.
///
/// The entropy of the jitter comes from the keys of std's hash maps: it differs between calls and, where the
/// operating system has random numbers, between processes.
///
/// ```
/// # #[cfg(feature = "threads")] {
/// use core::time::Duration;
/// use droves::retry::{Backoff, Policy};
/// use droves::threads::{Threads, block_on};
///
/// let rt = Threads::new();
/// let policy = Policy::retries(3).backoff(Backoff::exponential(Duration::from_millis(1)).full_jitter());
/// let mut calls = 0;
/// let done = block_on(droves::retry(policy, &rt, || {
///     calls += 1;
///     let answer = if calls < 3 { Err("not yet") } else { Ok(calls) };
///     async move { answer }
/// }));
/// assert_eq!(done, Ok(3));
/// # }
/// ```
///
/// # Cost
/// A few instructions; no allocation.
#[cfg(feature = "std")]
pub fn retry<Rt, Op, Fut, F, T, E>(
    policy: Policy<F>,
    rt: &Rt,
    operation: Op,
) -> Retry<'_, Rt, Op, Fut, F, VerdictFn<E>>
where
    Rt: Timer,
    Op: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    F: Fn(u32) -> Option<Duration>,
{
    use core::hash::{BuildHasher, Hasher};
    let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
    retry_with_seed(policy, rt, seed, operation)
}

/// Runs an operation as [`retry()`](crate::retry::retry) does, with the jitter that follows from a seed.
///
/// The seed must differ between devices and between calls, or all that fail together try again together.
///
/// # Cost
/// A few instructions; no allocation.
pub fn retry_with_seed<Rt, Op, Fut, F, T, E>(
    policy: Policy<F>,
    rt: &Rt,
    seed: u64,
    operation: Op,
) -> Retry<'_, Rt, Op, Fut, F, VerdictFn<E>>
where
    Rt: Timer,
    Op: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    F: Fn(u32) -> Option<Duration>,
{
    let judge: VerdictFn<E> = |_| Verdict::Retry;
    Retry { policy, rt, operation, judge, seed, failed: 0, start: None, state: State::Ready }
}

pin_project! {
    /// The future of [`retry()`](crate::retry::retry) and [`retry_with_seed`].
    ///
    /// The first poll begins the first attempt. Operations that fail at once, without delays between them, let
    /// other tasks have their turn after every 64.
    ///
    /// # Errors
    /// [`RetryError`], with the error of the last attempt.
    ///
    /// # Panics
    /// If it is polled after it is done.
    ///
    /// # Cancel safety
    /// Dropping it drops the attempt that is running, or ends the sleep. There is no further attempt.
    #[must_use = "futures do nothing unless polled"]
    pub struct Retry<'a, Rt, Op, Fut, F = DelayFn, J = fn(&()) -> Verdict>
    where
        Rt: Timer,
    {
        policy: Policy<F>,
        rt: &'a Rt,
        operation: Op,
        judge: J,
        seed: u64,
        // Failed attempts.
        failed: u32,
        start: Option<Instant>,
        #[pin]
        state: State<Fut, Rt::Sleep>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Fut, Sleep> {
        Ready,
        Running { #[pin] attempt: Fut },
        Sleeping { #[pin] sleep: Sleep },
        Done,
    }
}

impl<'a, Rt, Op, Fut, F, J, T, E> Retry<'a, Rt, Op, Fut, F, J>
where
    Rt: Timer,
    Fut: Future<Output = Result<T, E>>,
{
    /// Judges each error: whether it is worth another attempt, and how soon.
    ///
    /// ```
    /// # #[cfg(feature = "sim")] {
    /// use droves::retry::{Exhausted, Policy, Verdict, retry};
    /// use droves::sim::Sim;
    ///
    /// let sim = Sim::new(0);
    /// let lookup = retry(Policy::retries(9), &sim, || async { Err::<(), _>(404) })
    ///     .judge(|&status| if status < 500 { Verdict::Stop } else { Verdict::Retry });
    /// let failed = sim.block_on(lookup).unwrap_err();
    /// assert_eq!((failed.error, failed.attempts, failed.reason), (404, 1, Exhausted::Stopped));
    /// # }
    /// ```
    ///
    /// # Cost
    /// None.
    pub fn judge<K: FnMut(&E) -> Verdict>(self, judge: K) -> Retry<'a, Rt, Op, Fut, F, K> {
        let Self { policy, rt, operation, seed, failed, start, state, .. } = self;
        Retry { policy, rt, operation, judge, seed, failed, start, state }
    }
}

impl<Rt, Op, Fut, F, J, T, E> Future for Retry<'_, Rt, Op, Fut, F, J>
where
    Rt: Timer,
    Op: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    F: Fn(u32) -> Option<Duration>,
    J: FnMut(&E) -> Verdict,
{
    type Output = Result<T, RetryError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let start = *this.start.get_or_insert_with(|| this.rt.now());
        let mut begun = 0;
        loop {
            match this.state.as_mut().project() {
                StateProj::Ready if begun == ATTEMPTS_A_POLL => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                StateProj::Ready => {
                    begun += 1;
                    let attempt = (this.operation)();
                    this.state.set(State::Running { attempt });
                }
                StateProj::Running { attempt } => {
                    let error = match ready!(attempt.poll(cx)) {
                        Err(error) => error,
                        Ok(value) => {
                            this.state.set(State::Done);
                            return Poll::Ready(Ok(value));
                        }
                    };
                    // The failed attempt is dropped here, before the sleep.
                    this.state.set(State::Done);
                    let now = this.rt.now();
                    *this.failed = this.failed.saturating_add(1);
                    let attempts = *this.failed;
                    let next = match (this.judge)(&error) {
                        Verdict::Stop => Err(Exhausted::Stopped),
                        verdict => {
                            let not_before = match verdict {
                                Verdict::RetryAfter(delay) => Some(delay),
                                _ => None,
                            };
                            let elapsed = now.saturating_since(start);
                            this.policy.next(attempts, elapsed, not_before, random(this.seed))
                        }
                    };
                    match next {
                        Err(reason) => {
                            return Poll::Ready(Err(RetryError { error, attempts, reason }));
                        }
                        Ok(Duration::ZERO) => this.state.set(State::Ready),
                        Ok(delay) => {
                            let sleep = this.rt.sleep_until(now.saturating_add(delay));
                            this.state.set(State::Sleeping { sleep });
                        }
                    }
                }
                StateProj::Sleeping { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Ready);
                }
                StateProj::Done => panic!("a retry was polled after it was done"),
            }
        }
    }
}

impl<Rt: Timer, Op, Fut, F, J> fmt::Debug for Retry<'_, Rt, Op, Fut, F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Retry");
        f.field("policy", &self.policy).field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// The next number of a sequence that passes through all of them: `SplitMix64` (Steele, Lea and Flood, Fast
/// Splittable Pseudorandom Number Generators, 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An operation has failed for the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryError<E> {
    /// Of the last attempt.
    pub error: E,
    /// How many there were.
    pub attempts: u32,
    /// Why there are no more.
    pub reason: Exhausted,
}

impl<E> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed in attempt {}: {}", self.attempts, self.reason)
    }
}

impl<E: Error + 'static> Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
