//! What a handler is given: an item, for as long as it holds the guard.

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use alloc::boxed::Box;

use super::every::{Recurring, Run};
use super::slab::{Claim, Slab};
use crate::cancel::{CancelToken, Cancelled};
use crate::mailbox::{HeapMailbox, Sender};
use crate::retry::Policy;
use crate::runtime::Clock;
use crate::sync::{Arc, AtomicWord, Ordering, TryLock, Word, low};
use crate::time::Instant;
use crate::workers::crew::Crew;

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
    /// An attempt has begun and was dropped.
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

/// What a worker and the guard that it lends have in common.
///
/// A thread that is stopped in `WAKING` keeps its worker, which asks again and again, from going.
///
/// ```text
///        begin                 drop of the guard
///  IDLE --------> OUT --------------------------> BACK + index --> IDLE
///                  |  ^                            ^
///      worker waits v  | worker waits by another waker
///                 AWAITED ------> WAKING ---------'   (the guard wakes the worker)
///                  |
///     worker goes  v
///                 LEFT -------------------------> the item is put aside, interrupted
/// ```
pub(super) struct Bench<B> {
    slab: Arc<Slab<Record<B>>>,
    state: AtomicWord,
    /// The worker's, which waits for the guard. For the guard in `WAKING`, and else for the worker.
    waker: TryLock<Option<Waker>>,
    cancelled: CancelToken,
    /// The driver's.
    bell: Arc<HeapMailbox<()>>,
    /// By which handlers that nobody can drop learn that their time is over.
    clock: Option<SharedClock>,
}

const IDLE: Word = 0;
const OUT: Word = 1;
const AWAITED: Word = 2;
const WAKING: Word = 3;
const LEFT: Word = 4;
/// The least of those that carry an index.
const BACK: Word = 5;

impl<B> Bench<B> {
    pub(super) fn new(slab: Arc<Slab<Record<B>>>, crew: &Crew, clock: Option<SharedClock>) -> Self {
        let (waker, state) = (TryLock::new(None), AtomicWord::new(IDLE));
        let (cancelled, bell) = (crew.cancelled.clone(), crew.bell.clone());
        Self { slab, state, waker, cancelled, bell, clock }
    }

    /// Lends an item, for an attempt that must end before `end`.
    pub(super) fn lend(bench: &Arc<Self>, claim: Claim, end: Option<Instant>) -> Item<B> {
        // Relaxed: whoever has the guard got it from here.
        bench.state.store(OUT, Ordering::Relaxed);
        Item { bench: bench.clone(), claim: Some(claim), end, body: PhantomData }
    }

    /// The claim of the guard that was lent, once it is back.
    pub(super) fn poll_back(&self, cx: &mut Context<'_>) -> Poll<Claim> {
        loop {
            if let Some(claim) = self.take_back() {
                return Poll::Ready(claim);
            }
            match self.state.load(Ordering::Acquire) {
                BACK.. => {}
                // To replace the waker it must be sure that nobody uses it.
                AWAITED => {
                    self.step(AWAITED, OUT);
                }
                WAKING => {
                    // By the waker that was left; whether that is still this task's, nobody knows.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                _ => {
                    let _ = self.waker.with((), |waker, ()| *waker = Some(cx.waker().clone()));
                    if self.step(OUT, AWAITED) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The claim of the guard that was lent, if it is back.
    pub(super) fn take_back(&self) -> Option<Claim> {
        // Acquire: what was done by the guard is done.
        let index = self.state.load(Ordering::Acquire).checked_sub(BACK)?;
        self.state.store(IDLE, Ordering::Relaxed);
        Some(Claim::from_index(low(index)))
    }

    /// The worker goes: who has the guard is to put the item aside. Returns the claim if it is back already.
    pub(super) fn leave(&self) -> Option<Claim> {
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state {
                IDLE | LEFT => return None,
                BACK.. => return self.take_back(),
                // For the time in which the guard's thread takes a waker.
                WAKING => crate::sync::retry(),
                _ if self.step(state, LEFT) => return None,
                _ => {}
            }
        }
    }

    fn step(&self, from: Word, to: Word) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Gives the guard's claim back.
    fn give_back(&self, mut claim: Claim) {
        loop {
            match self.state.load(Ordering::Acquire) {
                // AcqRel: what was done to the item is done when the worker sees it.
                OUT if self.step(OUT, BACK + claim.index() as Word) => return claim.forget(),
                AWAITED if self.step(AWAITED, WAKING) => return self.wake(claim),
                LEFT => {
                    self.slab.items.get_mut(&mut claim).interrupt();
                    // That lane is never closed.
                    drop(self.slab.aside.give(claim));
                    // The driver has it done again.
                    self.bell.ring();
                    return;
                }
                // The worker waits by another waker, or has just gone.
                _ => crate::sync::retry(),
            }
        }
    }

    fn wake(&self, claim: Claim) {
        // Nobody else uses it.
        let waker = self.waker.with((), |waker, ()| waker.take());
        // Release: what was done to the item is done, and the waker is taken.
        self.state.store(BACK + claim.index() as Word, Ordering::Release);
        claim.forget();
        if let Ok(Some(waker)) = waker {
            waker.wake();
        }
    }
}

impl<B> fmt::Debug for Bench<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bench")
    }
}

/// An item that is being worked on: a guard that points to its body, which the handler may change.
///
/// The attempt lasts until the handler has returned *and* the guard is dropped. A guard that is kept for longer keeps its
/// worker, which waits for it.
pub struct Item<B> {
    bench: Arc<Bench<B>>,
    /// `None` when it is being dropped.
    claim: Option<Claim>,
    end: Option<Instant>,
    /// Who shares the guard shares the body:
    /// ```compile_fail
    /// fn shared<T: Sync>() {}
    /// shared::<droves::herd::Item<std::cell::Cell<u64>>>();
    /// ```
    body: PhantomData<B>,
}

impl<B> Item<B> {
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
        self.bench.cancelled.is_cancelled()
            || self.record().is_cancelled()
            || self.bench.clock.as_ref().is_some_and(late)
    }

    /// Waits until the handler should stop.
    ///
    /// # Cost
    /// The first poll takes a place to wait, in each token, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn cancelled(&self) -> ItemCancelled {
        ItemCancelled::of(&self.bench.cancelled, self.record().token())
    }

    /// The token that is cancelled with the herd.
    pub(crate) fn herd_token(&self) -> &CancelToken {
        &self.bench.cancelled
    }

    fn record(&self) -> &Record<B> {
        self.bench.slab.items.get(self.claim.as_ref().expect("not dropped yet"))
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
        let claim = self.claim.as_mut().expect("not dropped yet");
        self.bench.slab.items.get_mut(claim).body.as_mut().expect("an item has its body")
    }
}

impl<B> Drop for Item<B> {
    fn drop(&mut self) {
        if let Some(claim) = mem::take(&mut self.claim) {
            self.bench.give_back(claim);
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
