//! What becomes of an item.

use core::fmt;
use core::time::Duration;

use super::item::Mark;
use crate::panic::Panic;
use crate::retry::Exhausted;
use crate::time::Instant;

/// Why a handler has not done what it should: whether it is to try again.
///
/// `?` on any other error makes it a [`Retry`](Self::Retry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The item is to be tried again, as the herd's policy says.
    Retry(E),
    /// The same, but not sooner than so long from now (Retry-After).
    RetryAfter(E, Duration),
    /// The item has failed, and is not to be tried again.
    Failure(E),
}

impl<E> From<E> for Fault<E> {
    fn from(error: E) -> Self {
        Self::Retry(error)
    }
}

/// Why an attempt is to be followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble<E> {
    /// The handler returned this error.
    Error(E),
    /// It took too long.
    TimedOut,
}

impl<E: fmt::Display> fmt::Display for Trouble<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// What has become of an item.
#[derive(Debug)]
pub enum Outcome<R, E> {
    /// The handler returned this.
    Success(R),
    /// It has failed, for this reason.
    Failure(Failure<E>),
}

/// Why an item has failed.
#[derive(Debug)]
pub enum Failure<E> {
    /// The handler returned [`Fault::Failure`].
    Failed(E),
    /// The last attempt was to be followed by another, and there is to be none.
    Exhausted(Trouble<E>, Exhausted),
    /// The handler panicked.
    Panicked(Panic),
    /// The item's deadline passed before it succeeded.
    Deadline,
    /// It was cancelled before an attempt began, or before another could.
    Cancelled,
}

impl<R, E> Outcome<R, E> {
    /// Which of the three it is.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Success(_) => Kind::Success,
            Self::Failure(_) => Kind::Failure,
        }
    }

    /// What the handler returned, if it has succeeded.
    ///
    /// # Errors
    /// Why it has failed.
    ///
    /// # Cost
    /// A move.
    pub fn into_result(self) -> Result<R, Failure<E>> {
        match self {
            Self::Success(result) => Ok(result),
            Self::Failure(failure) => Err(failure),
        }
    }
}

impl<E> Failure<E> {
    /// In a word.
    pub(super) const fn why(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Exhausted(..) => "exhausted",
            Self::Panicked(_) => "panicked",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
        }
    }

    /// The error that the handler returned last, if that is why.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn error(&self) -> Option<&E> {
        match self {
            Self::Failed(error) | Self::Exhausted(Trouble::Error(error), _) => Some(error),
            Self::Exhausted(Trouble::TimedOut, _)
            | Self::Panicked(_)
            | Self::Deadline
            | Self::Cancelled => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Exhausted(trouble, why) => write!(f, "{trouble}; {why}"),
            Self::Panicked(panic) => panic.fmt(f),
            Self::Deadline => f.write_str("the deadline passed"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Also of an error in a box, which is none itself. What the handler returned is part of the text, and so no source: it is had by
/// [`error`](Failure::error), and from there its own sources.
impl<E: fmt::Debug + fmt::Display> core::error::Error for Failure<E> {}

/// The three outcomes of an attempt, by the words by which they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `success`
    Success,
    /// `retry`
    Retry,
    /// `failure`
    Failure,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Success => "success",
            Self::Retry => "retry",
            Self::Failure => "failure",
        })
    }
}

/// An item that has ended, with what has become of it.
#[derive(Debug)]
pub struct Done<B, R, E> {
    /// As it was sent.
    pub id: u64,
    /// As the handler left it.
    pub body: B,
    /// How many attempts have begun.
    pub attempts: u32,
    /// What has become of it.
    pub outcome: Outcome<R, E>,
}

/// An item that callbacks are told of.
#[derive(Debug)]
#[non_exhaustive]
pub struct About<'a, B> {
    /// As it was sent.
    pub id: u64,
    /// As the handler left it.
    pub body: &'a B,
    /// How many attempts have begun.
    pub attempts: u32,
    /// How long ago the first began. Known where somebody had to look at the clock then: with a timeout, a deadline or
    /// a limit on the total time, and in herds that are [timed](super::Builder::timed).
    pub elapsed: Option<Duration>,
}

/// An item that was accepted and will not be done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Leftover<B> {
    /// As it was sent.
    pub id: u64,
    /// As the handler left it, if one had begun.
    pub body: B,
    /// How many attempts have begun.
    pub attempts: u32,
    /// Where it was.
    pub mark: Mark,
    /// When it was to be begun, if it waited for that.
    pub due: Option<Instant>,
}
