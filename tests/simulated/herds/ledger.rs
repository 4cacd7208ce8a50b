//! What became of each item, and of each of its attempts.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use droves::herd::{Done, Failure, Leftover, Mark, Outcome, Trouble};
use droves::retry::Exhausted;
use droves::time::Instant;

use crate::seeds::Met;

/// What handlers fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    Retry,
    RetryAfter(Duration),
    Failed,
    Panicked,
    TimedOut,
    /// Dropped before its time was over.
    CutOff,
}

/// What was said about an item's attempts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub max_retries: u32,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    pub max_total: Option<Duration>,
    pub timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a thing of its own")]
pub struct Fate {
    pub accepted: bool,
    /// Not to begin before.
    pub not_before: Instant,
    pub scheduled: bool,
    pub deadline: Option<Instant>,
    pub rules: Rules,
    pub cancelled: bool,
    pub attempts: u32,
    pub begun: Option<Instant>,
    /// Whether an attempt has begun and neither has been dropped wholly nor has given its guard back.
    pub running: bool,
    pub verdict: Option<Verdict>,
    pub retries: u32,
    pub successes: u32,
    pub failures: u32,
    pub read: bool,
    pub left: bool,
    pub drops: u32,
}

impl Fate {
    /// Whether its place is not free yet.
    fn is_inside(&self) -> bool {
        self.accepted && !self.read && !self.left && self.drops == 0
    }
}

#[derive(Default)]
pub struct Book {
    pub fates: Vec<Fate>,
    /// How many items there may be.
    pub capacity: usize,
    pub running: usize,
    /// Items that failed as their handler panicked.
    pub panicked: u64,
    pub handler_panics: u64,
    /// Attempts that were dropped before their time.
    pub cut_off: u64,
    pub met: Met,
}

/// Shared by all of a run.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

impl Ledger {
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn met(&self, what: &'static str) {
        *self.book().met.entry(what).or_insert(0) += 1;
    }

    pub fn met_if(&self, met: bool, what: &'static str) {
        if met {
            self.met(what);
        }
    }

    /// A new body, whose fate begins so.
    pub fn body(&self, fate: Fate) -> Body {
        let mut book = self.book();
        book.fates.push(fate);
        Body { id: book.fates.len() - 1, ledger: self.clone() }
    }

    pub fn accept(&self, id: usize) {
        let mut book = self.book();
        book.fates[id].accepted = true;
        // Promise: never more than the capacity.
        let inside = book.fates.iter().filter(|fate| fate.is_inside()).count();
        let capacity = book.capacity;
        assert!(inside <= capacity, "{inside} are inside, and there is room for {capacity}");
        if inside == capacity {
            *book.met.entry("as many as there is room for").or_insert(0) += 1;
        }
    }

    /// How many have not been taken out.
    pub fn inside(&self) -> usize {
        self.book().fates.iter().filter(|fate| fate.is_inside()).count()
    }

    pub fn count(&self, which: impl Fn(&Fate) -> bool) -> u64 {
        self.book().fates.iter().filter(|fate| which(fate)).count() as u64
    }

    pub fn sum(&self, what: impl Fn(&Fate) -> u32) -> u64 {
        self.book().fates.iter().map(|fate| u64::from(what(fate))).sum()
    }

    fn change<R>(&self, id: usize, change: impl FnOnce(&mut Fate) -> R) -> R {
        change(&mut self.book().fates[id])
    }

    /// An attempt begins. Returns how many run then.
    pub fn begin(&self, id: usize, attempt: u32, now: Instant, end: Option<Instant>) -> usize {
        let mut book = self.book();
        let fate = &mut book.fates[id];
        assert!(!fate.running && fate.drops == 0 && !fate.read && !fate.left, "{fate:?}");
        assert_eq!((fate.successes, fate.failures), (0, 0), "{fate:?}");
        assert!(now >= fate.not_before, "at {now:?}, too early: {fate:?}");
        assert!(!fate.cancelled, "begun after it was cancelled: {fate:?}");
        assert!(fate.deadline.is_none_or(|deadline| now < deadline), "at {now:?}, late: {fate:?}");
        fate.attempts += 1;
        assert_eq!(fate.attempts, attempt);
        assert!(fate.attempts <= fate.rules.max_retries + 1, "{fate:?}");
        assert_eq!(fate.attempts, fate.retries + 1, "{fate:?}");
        fate.begun = fate.begun.or(Some(now));
        fate.verdict = None;
        fate.running = true;
        let timeout = fate.rules.timeout.map(|timeout| now.saturating_add(timeout));
        assert_eq!(end, timeout.into_iter().chain(fate.deadline).min(), "{fate:?}");
        book.running += 1;
        book.running
    }

    /// The handler has returned, or was dropped.
    pub fn judge(&self, id: usize, verdict: Verdict) {
        let mut book = self.book();
        book.cut_off += u64::from(verdict == Verdict::CutOff);
        let fate = &mut book.fates[id];
        assert!(fate.running && fate.verdict.is_none(), "{fate:?}");
        fate.verdict = Some(verdict);
    }

    /// Nothing is left of the attempt.
    pub fn end(&self, id: usize) {
        let mut book = self.book();
        book.running -= 1;
        book.fates[id].running = false;
    }

    /// What `on_retry` is told.
    pub fn retry(&self, id: usize, trouble: Trouble<Refused>, delay: Duration, now: Instant) {
        self.change(id, |fate| {
            let rules = fate.rules;
            let expected = match trouble {
                Trouble::Error(Refused) => [Verdict::Retry, Verdict::RetryAfter(delay)],
                Trouble::TimedOut => [Verdict::TimedOut; 2],
            };
            let mut longest = rules.backoff_max;
            if let Some(Verdict::RetryAfter(least)) = fate.verdict {
                assert!(delay >= least && trouble == Trouble::Error(Refused), "{fate:?}");
                longest = longest.max(least);
            } else {
                assert!(
                    fate.verdict.is_some_and(|verdict| expected.contains(&verdict)),
                    "{fate:?}"
                );
            }
            assert!((rules.backoff_min..=longest).contains(&delay), "{delay:?}: {fate:?}");
            assert!(fate.attempts <= rules.max_retries, "{fate:?}");
            let begun = fate.begun.expect("it has begun");
            let total = now.saturating_since(begun) + delay;
            assert!(rules.max_total.is_none_or(|most| total <= most), "{total:?}: {fate:?}");
            fate.not_before = now.saturating_add(delay);
            fate.retries += 1;
            assert_eq!(fate.retries, fate.attempts, "{fate:?}");
        });
    }

    pub fn success(&self, id: usize) {
        self.change(id, |fate| {
            fate.successes += 1;
            assert_eq!((fate.successes, fate.failures), (1, 0), "{fate:?}");
            assert_eq!(fate.verdict, Some(Verdict::Succeeded));
        });
    }

    pub fn failure(&self, id: usize, failure: &Failure<Refused>) {
        self.book().panicked += u64::from(matches!(failure, Failure::Panicked(_)));
        self.change(id, |fate| {
            fate.failures += 1;
            assert_eq!((fate.successes, fate.failures), (0, 1), "{fate:?}");
        });
        self.fits(id, failure);
    }

    /// Whether an item may have failed so.
    fn fits(&self, id: usize, failure: &Failure<Refused>) {
        let what = self.change(id, |fate| {
            let rules = fate.rules;
            let asked = |asked: &[Verdict]| fate.verdict.is_some_and(|last| asked.contains(&last));
            let retry_after = matches!(fate.verdict, Some(Verdict::RetryAfter(_)));
            let (fits, what) = match failure {
                Failure::Failed(Refused) => (asked(&[Verdict::Failed]), "failed"),
                Failure::Exhausted(trouble, why) => {
                    let trouble = match trouble {
                        Trouble::Error(Refused) => asked(&[Verdict::Retry]) || retry_after,
                        Trouble::TimedOut => asked(&[Verdict::TimedOut]),
                    };
                    match why {
                        Exhausted::Attempts => {
                            (trouble && fate.attempts == rules.max_retries + 1, "no more attempts")
                        }
                        Exhausted::Time => {
                            (trouble && rules.max_total.is_some(), "no more time in all")
                        }
                        Exhausted::Stopped => (false, "stopped"),
                    }
                }
                Failure::Panicked(_) => (asked(&[Verdict::Panicked]), "panicked"),
                Failure::Deadline => (fate.deadline.is_some(), "missed its deadline"),
                Failure::Cancelled => (fate.cancelled, "was cancelled"),
            };
            assert!(fits, "{failure:?}: {fate:?}");
            what
        });
        self.met(what);
    }

    /// A result, as it was read.
    pub fn read(&self, done: &Done<Body, usize, Refused>) {
        let id = done.body.id;
        assert_eq!(done.id, id as u64);
        self.change(id, |fate| {
            assert!(!fate.read && !fate.left && fate.drops == 0 && !fate.running, "{fate:?}");
            fate.read = true;
            assert_eq!(done.attempts, fate.attempts, "{fate:?}");
            let (successes, failures) = match &done.outcome {
                Outcome::Success(result) => {
                    assert_eq!(*result, id);
                    (1, 0)
                }
                Outcome::Failure(_) => (0, 1),
            };
            assert_eq!((fate.successes, fate.failures), (successes, failures), "{fate:?}");
        });
    }

    pub fn leave(&self, left: &Leftover<Body>) {
        let id = left.body.id;
        assert_eq!(left.id, id as u64);
        let what = self.change(id, |fate| {
            assert!(fate.accepted && !fate.read && !fate.left && fate.drops == 0, "{fate:?}");
            assert!(!fate.running && fate.successes + fate.failures == 0, "{fate:?}");
            fate.left = true;
            assert_eq!(left.attempts, fate.attempts, "{fate:?}");
            let (fits, what) = match left.mark {
                Mark::Waiting => (fate.attempts == 0 && !fate.scheduled, "left over waiting"),
                Mark::Scheduled => (fate.attempts == 0 && fate.scheduled, "left over scheduled"),
                Mark::BackingOff => {
                    (fate.retries > 0 && fate.retries == fate.attempts, "left over backing off")
                }
                Mark::Interrupted => (fate.attempts > fate.retries, "left over interrupted"),
            };
            assert!(fits, "{left:?}: {fate:?}");
            what
        });
        self.met(what);
    }

    /// When nothing is left of the herd. Results may have been dropped unread, or what was left over with the herd.
    pub fn settle(&self, dropped: bool, gone: bool) {
        let book = self.book();
        for (id, fate) in book.fates.iter().enumerate() {
            assert_eq!(fate.drops, 1, "item {id}: {fate:?}");
            assert!(!fate.running, "item {id}: {fate:?}");
            let ended = fate.successes + fate.failures;
            if fate.accepted {
                assert!(gone || ended == u32::from(!fate.left), "item {id} has no end: {fate:?}");
                assert!(fate.read || fate.left || dropped, "item {id} is lost: {fate:?}");
            } else {
                assert_eq!((fate.attempts, ended), (0, 0), "item {id} was refused: {fate:?}");
                assert!(!fate.read && !fate.left, "item {id} was refused: {fate:?}");
            }
        }
        assert_eq!(book.running, 0);
    }
}

/// Lies in an item, and tells the ledger what happens to it.
#[derive(Debug)]
pub struct Body {
    pub id: usize,
    pub ledger: Ledger,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.ledger.change(self.id, |fate| {
            assert!(!fate.running, "dropped while it runs: {fate:?}");
            fate.drops += 1;
        });
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}
