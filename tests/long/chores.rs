//! What is done: items of which it is known beforehand how they must end.

use std::future::pending;
use std::panic;
use std::thread;
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::herd::{Done, Failure, Fault, Herd, Item, Outcome, Results, Trouble, Work};
use droves::retry::{Backoff, Exhausted};
use droves::time::Instant;

use crate::dice::Dice;
use crate::violated;

pub type Chores = Herd<Chore, u64, &'static str>;
pub type Ends = Results<Chore, u64, &'static str>;
pub type End = Done<Chore, u64, &'static str>;

pub const RETRIES: u32 = 2;
/// A bit of the identity of those that whoever sent them may cancel.
pub const MAY_BE_CANCELLED: u64 = 1 << 63;

const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug)]
pub enum Chore {
    Quick,
    Slow,
    /// Succeeds after so many attempts that have failed.
    Again(u32),
    /// Asks to be tried later, and then succeeds.
    NotBefore,
    Fails,
    Panics,
    /// Each attempt takes too long.
    Overlong,
    /// Its deadline has passed before.
    TooLate,
    /// Cancelled before it is sent.
    Unwanted,
}

/// What a chore panics with.
struct Planned;

/// Nothing is printed about panics that belong to the plan.
pub fn silence_planned_panics() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Planned>() {
            hook(info);
        }
    }));
}

/// Panics according to plan.
pub fn panic_as_planned() -> ! {
    panic::panic_any(Planned)
}

pub fn backoff() -> Backoff {
    Backoff::exponential(MS).full_jitter()
}

impl Chore {
    pub fn any(dice: &mut Dice) -> Self {
        match dice.below(64) {
            0 => Self::Panics,
            1 => Self::Overlong,
            2 => Self::TooLate,
            3 => Self::Unwanted,
            4..8 => Self::Fails,
            8..12 => Self::NotBefore,
            12..20 => Self::Again(1),
            20..24 => Self::Again(2),
            24..32 => Self::Slow,
            _ => Self::Quick,
        }
    }

    pub fn work(self, id: u64) -> Work<Self> {
        let work = Work::new(id, self);
        match self {
            Self::Overlong => work.timeout(3 * MS),
            Self::TooLate => work.deadline(Instant::from_nanos(0)),
            Self::Unwanted => {
                let token = CancelToken::new();
                token.cancel();
                work.cancelled_by(&token)
            }
            _ => work,
        }
    }
}

/// A handler that can be dropped where it waits.
pub async fn slowly(item: Item<Chore>) -> Result<u64, Fault<&'static str>> {
    match *item {
        Chore::Slow => tokio::time::sleep(MS).await,
        Chore::Overlong => pending().await,
        _ => {}
    }
    attempt(&item)
}

/// A handler that blocks its thread.
pub fn blocking(item: &mut Item<Chore>) -> Result<u64, Fault<&'static str>> {
    match **item {
        Chore::Slow => thread::sleep(MS),
        Chore::Overlong => {
            while !item.is_cancelled() {
                thread::sleep(MS / 4);
            }
        }
        _ => {}
    }
    attempt(item)
}

fn attempt(item: &Item<Chore>) -> Result<u64, Fault<&'static str>> {
    match **item {
        Chore::Again(failures) if item.attempt() <= failures => Err(Fault::Retry("again")),
        Chore::NotBefore if item.attempt() == 1 => Err(Fault::RetryAfter("not before", 2 * MS)),
        Chore::Fails => Err(Fault::Failure("it fails")),
        Chore::Panics => panic_as_planned(),
        Chore::Overlong => Err(Fault::Retry("overlong")),
        Chore::TooLate | Chore::Unwanted => violated("what must not begin has begun"),
        _ => Ok(item.id()),
    }
}

/// Ends the program unless the end is what it must be.
pub fn judge(done: &End) {
    let attempts = match (done.body, &done.outcome) {
        (Chore::Quick | Chore::Slow, Outcome::Success(id)) if *id == done.id => 1,
        (Chore::Again(failures), Outcome::Success(id)) if *id == done.id => failures + 1,
        (Chore::NotBefore, Outcome::Success(id)) if *id == done.id => 2,
        (Chore::Fails, Outcome::Failure(Failure::Failed(_)))
        | (Chore::Panics, Outcome::Failure(Failure::Panicked(_))) => 1,
        // When the herd is cancelled, one that blocks returns before its time is over.
        (
            Chore::Overlong,
            Outcome::Failure(Failure::Exhausted(
                Trouble::TimedOut | Trouble::Error("overlong"),
                Exhausted::Attempts,
            )),
        ) => RETRIES + 1,
        (Chore::TooLate, Outcome::Failure(Failure::Deadline))
        | (Chore::Unwanted, Outcome::Failure(Failure::Cancelled)) => 0,
        (_, Outcome::Failure(Failure::Cancelled)) if done.id & MAY_BE_CANCELLED != 0 => {
            done.attempts
        }
        _ => violated(&format!("a wrong end: {done:?}")),
    };
    if attempts != done.attempts {
        violated(&format!("{attempts} attempts were expected: {done:?}"));
    }
}
