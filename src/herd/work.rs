//! An item with what is special about it.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use super::every::{Every, Recurring};
use super::item::{Extra, When};
use crate::cancel::CancelToken;
use crate::retry::Policy;
use crate::time::Instant;

/// An item to be sent, with what is special about it.
///
/// Moments are those of the clock of the herd's runtime.
pub struct Work<B> {
    /// By which its result is known. Others may have the same.
    pub id: u64,
    /// What the handler is given.
    pub body: B,
    pub(super) when: When,
    pub(super) extra: Option<Box<Extra<B>>>,
}

impl<B> Work<B> {
    /// An item about which nothing is special.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn new(id: u64, body: B) -> Self {
        Self { id, body, when: When::Now, extra: None }
    }

    /// It is not begun before this moment, which may be past.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn at(self, at: Instant) -> Self {
        Self { when: When::At(at), ..self }
    }

    /// It is not begun before so much time has passed since it was accepted.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { when: When::After(delay), ..self }
    }

    /// It has failed if it has not succeeded by this moment: no attempt begins then, and one that runs is
    /// treated as one that [takes too long](super::Builder::timeout). What waits is looked at when its turn comes.
    ///
    /// # Cost
    /// An allocation, for all that is special.
    #[must_use]
    pub fn deadline(self, deadline: Instant) -> Self {
        self.with(|extra| extra.deadline = Some(deadline))
    }

    /// A timeout for each of its attempts, in place of the [herd's](super::Builder::timeout).
    ///
    /// # Cost
    /// An allocation, for all that is special.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|extra| extra.timeout = Some(timeout))
    }

    /// How often, after what delays and for how long it is tried, in place of the [herd's](super::Builder::policy).
    ///
    /// # Cost
    /// An allocation, for all that is special.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.with(|extra| extra.policy = Some(policy))
    }

    /// Again and again, until the herd takes no more, or until its [token](Self::cancelled_by) is cancelled, which it sees when the
    /// next is due: copies of it are begun at the times of `every`, and each has a
    /// result of its own. It keeps a place itself, besides those of its copies, and is left over in the end. A copy for which there
    /// is no place is left out, and counted as [refused](crate::control::Stats::refused). A [ticket](super::Herd::send_for_result) is for
    /// the original, which has no result unless it is cancelled or too late.
    ///
    /// A [deadline](Self::deadline) is for it and all of its copies.
    ///
    /// # Cost
    /// An allocation, for all that is special, here and for each copy.
    #[must_use]
    pub fn every(self, every: Every) -> Self
    where
        B: Clone,
    {
        self.every_by(every, B::clone)
    }

    pub(crate) fn every_by(self, every: Every, copy: fn(&B) -> B) -> Self {
        let first = every.first();
        self.with(|extra| extra.every = Some(Recurring::new(every, copy))).after(first)
    }

    /// Once this token is cancelled no attempt begins, and one that runs [sees it](super::Item::is_cancelled).
    ///
    /// # Cost
    /// An allocation, for all that is special.
    #[must_use]
    pub fn cancelled_by(self, token: &CancelToken) -> Self {
        self.with(|extra| extra.cancel = Some(token.clone()))
    }

    /// So many attempts there have been already.
    pub(crate) fn attempted(self, attempts: u32) -> Self {
        if attempts == 0 { self } else { self.with(|extra| extra.attempts = attempts) }
    }

    pub(super) fn with(mut self, set: impl FnOnce(&mut Extra<B>)) -> Self {
        set(self.extra.get_or_insert_default());
        self
    }
}

impl<B> From<(u64, B)> for Work<B> {
    fn from((id, body): (u64, B)) -> Self {
        Self::new(id, body)
    }
}

impl<B> fmt::Debug for Work<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("id", &self.id).finish_non_exhaustive()
    }
}
