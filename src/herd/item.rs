//! What a handler is given: an item, for as long as it holds the guard.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use alloc::boxed::Box;

use super::bench::Loan;
use super::every::{Recurring, Run};
use super::slab::Claim;
use crate::cancel::{CancelToken, Cancelled};
use crate::mailbox::Sender;
use crate::retry::Policy;
use crate::runtime::Clock;
use crate::sync::Arc;
use crate::time::Instant;

/// A clock for handlers that block.
pub(super) type SharedClock = Arc<Box<dyn Clock + Send + Sync>>;

/// Where an item is when it is not being worked on, for those to whom it is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// No attempt has begun.
    Waiting,
    /// No attempt has begun, since it was to wait for its time.
    Scheduled,
    /// An attempt has failed, and another was to follow.
    BackingOff,
    /// An attempt has begun and was dropped. It counts as an attempt; if the herd goes on, it is made again, even if no
    /// retry is left.
    Interrupted,
}

/// When an item is to be begun.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Now,
    At(Instant),
    /// So long after the driver has heard of it.
    After(Duration),
}

/// What lies in a place of the slab.
pub struct Record<B> {
    pub(super) id: u64,
    /// `None` in a free place.
    pub(super) body: Option<B>,
    pub(super) attempts: u32,
    pub(super) mark: Mark,
    pub(super) when: When,
    /// When the first attempt began, where somebody has to know.
    pub(super) begun: Option<Instant>,
    /// When it was made ready, or last began, in a herd that is timed.
    pub(super) since: Option<Instant>,
    /// What few items have.
    pub(super) extra: Option<Box<Extra<B>>>,
}

/// What few items have.
pub(super) struct Extra<B> {
    pub(super) deadline: Option<Instant>,
    pub(super) timeout: Option<Duration>,
    pub(super) cancel: Option<CancelToken>,
    pub(super) policy: Option<Policy>,
    /// Again and again, if it is to be. Such an item is never begun; what is, are its copies.
    pub(super) every: Option<Recurring<B>>,
    /// Held by a copy, until it has ended.
    pub(super) run: Option<Run>,
    /// How many attempts there were before it was sent.
    pub(super) attempts: u32,
    /// Where the claim goes when it has ended: to a ticket.
    pub(super) ticket: Option<Sender<Claim>>,
    /// The ticket's token, which is a child of the item's own.
    pub(super) ticket_token: Option<CancelToken>,
}

impl<B> Default for Extra<B> {
    fn default() -> Self {
        Self {
            deadline: None,
            timeout: None,
            cancel: None,
            policy: None,
            every: None,
            run: None,
            attempts: 0,
            ticket: None,
            ticket_token: None,
        }
    }
}

impl<B> Extra<B> {
    /// By which the item can be cancelled alone.
    pub(super) fn token(&self) -> Option<&CancelToken> {
        self.ticket_token.as_ref().or(self.cancel.as_ref())
    }
}

impl<B> Record<B> {
    pub(super) const fn new() -> Self {
        Self {
            id: 0,
            body: None,
            attempts: 0,
            mark: Mark::Waiting,
            when: When::Now,
            begun: None,
            since: None,
            extra: None,
        }
    }

    /// It was cut off, and can be begun again at once.
    pub(super) fn interrupt(&mut self) {
        self.mark = Mark::Interrupted;
        self.when = When::Now;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.extra.as_ref()?.deadline
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        self.extra.as_ref()?.timeout
    }

    pub(super) fn policy(&self) -> Option<Policy> {
        self.extra.as_ref()?.policy
    }

    /// By which it can be cancelled alone.
    fn token(&self) -> Option<&CancelToken> {
        self.extra.as_ref()?.token()
    }

    /// Whether whoever sent it does not want it done any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.token().is_some_and(CancelToken::is_cancelled)
    }
}

/// An item that is being worked on: a guard that points to its body, which the handler may change.
///
/// The attempt lasts until the handler has returned *and* the guard is dropped. A guard that is kept for longer keeps its
/// worker, which waits for it.
pub struct Item<B> {
    /// `None` when it is being dropped.
    loan: Option<Loan<B>>,
    end: Option<Instant>,
    /// Who shares the guard shares the body:
    /// ```compile_fail
    /// fn shared<T: Sync>() {}
    /// shared::<droves::herd::Item<std::cell::Cell<u64>>>();
    /// ```
    body: PhantomData<B>,
}

impl<B> Item<B> {
    pub(super) fn new(loan: Loan<B>, end: Option<Instant>) -> Self {
        Self { loan: Some(loan), end, body: PhantomData }
    }

    /// The identity that the item was sent with. Others may have the same.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.record().id
    }

    /// Which attempt this is: from 1.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.record().attempts
    }

    /// When this attempt must have ended, by the clock of the workers' runtime: the earlier of its timeout and the item's deadline.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.end
    }

    /// Whether the handler should stop: the herd has been cancelled, or the item has. In blocking herds also when the
    /// time is over.
    ///
    /// # Cost
    /// A few loads; in a blocking herd with timeouts a look at the clock.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let late = |clock: &SharedClock| self.end.is_some_and(|end| clock.now() >= end);
        let bench = self.loan().bench();
        bench.cancelled.is_cancelled()
            || self.record().is_cancelled()
            || bench.clock.as_ref().is_some_and(late)
    }

    /// Waits until the handler should stop.
    ///
    /// # Cost
    /// The first poll takes a place to wait, in each token, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn cancelled(&self) -> ItemCancelled {
        ItemCancelled::of(self.herd_token(), self.record().token())
    }

    /// The token that is cancelled with the herd.
    pub(crate) fn herd_token(&self) -> &CancelToken {
        &self.loan().bench().cancelled
    }

    fn record(&self) -> &Record<B> {
        self.loan().record()
    }

    fn loan(&self) -> &Loan<B> {
        self.loan.as_ref().expect("not dropped yet")
    }
}

impl<B> Deref for Item<B> {
    type Target = B;

    fn deref(&self) -> &B {
        self.record().body.as_ref().expect("an item has its body")
    }
}

impl<B> DerefMut for Item<B> {
    fn deref_mut(&mut self) -> &mut B {
        let record = self.loan.as_mut().expect("not dropped yet").record_mut();
        record.body.as_mut().expect("an item has its body")
    }
}

impl<B> Drop for Item<B> {
    fn drop(&mut self) {
        if let Some(loan) = self.loan.take() {
            loan.give_back();
        }
    }
}

impl<B> fmt::Debug for Item<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.id())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

/// The future of [`Item::cancelled`].
///
/// # Cancel safety
/// Dropping it takes nobody's wake.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ItemCancelled {
    herd: Cancelled,
    own: Option<Cancelled>,
}

impl ItemCancelled {
    pub(crate) fn of(herd: &CancelToken, own: Option<&CancelToken>) -> Self {
        Self { herd: herd.cancelled(), own: own.map(CancelToken::cancelled) }
    }
}

impl Future for ItemCancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let herd = Pin::new(&mut self.herd).poll(cx);
        match &mut self.own {
            Some(own) if herd.is_pending() => Pin::new(own).poll(cx),
            _ => herd,
        }
    }
}
