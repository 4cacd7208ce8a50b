//! How a worker lends an item to its handler, and has it back.

#![allow(
    unsafe_code,
    reason = "the loan's reference to the bench lies in the bench while nothing is lent"
)]

use core::fmt;
use core::task::{Context, Poll, Waker};

use super::item::{Record, SharedClock};
use super::slab::{Claim, Slab};
use crate::cancel::CancelToken;
use crate::mailbox::HeapMailbox;
use crate::sync::{Arc, AtomicWord, Ordering, SharedCell, TryLock, Word, low};
use crate::workers::crew::Crew;

/// What a worker and the loan that it makes have in common.
///
/// A thread that is stopped in `WAKING` keeps its worker, which asks again and again, from going.
///
/// ```text
///        begin                 the loan is over
///  IDLE --------> OUT --------------------------> BACK + index --> IDLE
///                  |  ^                            ^
///      worker waits v  | worker waits by another waker
///                 AWAITED ------> WAKING ---------'   (it wakes the worker)
///                  |
///     worker goes  v
///                 LEFT -------------------------> the item is put aside, interrupted
/// ```
pub(super) struct Bench<B> {
    slab: Arc<Slab<Record<B>>>,
    state: AtomicWord,
    /// The reference that a loan has to its bench, so that to lend costs no counting: for the worker in `IDLE` and
    /// `BACK`, and else for the loan.
    pass: SharedCell<Option<Arc<Self>>>,
    /// The worker's, which waits for the loan. For the loan in `WAKING`, and else for the worker.
    waker: TryLock<Option<Waker>>,
    pub(super) cancelled: CancelToken,
    /// The driver's.
    bell: Arc<HeapMailbox<()>>,
    /// By which handlers that nobody can drop learn that their time is over.
    pub(super) clock: Option<SharedClock>,
}

// SAFETY: all but the pass may be shared if bodies may be sent; and the pass is touched by the one whom the state
// names, which changes by releases and acquires.
unsafe impl<B: Send> Sync for Bench<B> {}

const IDLE: Word = 0;
const OUT: Word = 1;
const AWAITED: Word = 2;
const WAKING: Word = 3;
const LEFT: Word = 4;
/// The least of those that carry an index.
const BACK: Word = 5;

impl<B> Bench<B> {
    pub(super) fn new(slab: Arc<Slab<Record<B>>>, crew: &Crew, clock: Option<SharedClock>) -> Self {
        let (pass, waker) = (SharedCell::new(None), TryLock::new(None));
        let (cancelled, bell) = (crew.cancelled.clone(), crew.bell.clone());
        Self { slab, state: AtomicWord::new(IDLE), pass, waker, cancelled, bell, clock }
    }

    /// Lends an item, for the worker. Nothing is lent yet.
    pub(super) fn lend(bench: &Arc<Self>, claim: Claim) -> Loan<B> {
        let pass = bench.take_pass().unwrap_or_else(|| bench.clone());
        // Relaxed: whoever has the loan got it from here.
        bench.state.store(OUT, Ordering::Relaxed);
        Loan { bench: pass, claim }
    }

    /// Takes the pass, for the worker when the loan is over.
    fn take_pass(&self) -> Option<Arc<Self>> {
        // SAFETY: called in `IDLE` and `BACK`, where the pass is the worker's: the loan had put it there before it said
        // that it was over.
        self.pass.with_mut(|pass| unsafe { (*pass).take() })
    }

    /// The claim that was lent, once it is back.
    pub(super) fn poll_back(&self, cx: &mut Context<'_>) -> Poll<Claim> {
        loop {
            if let Some(claim) = self.take_back() {
                return Poll::Ready(claim);
            }
            match self.state.load(Ordering::Acquire) {
                BACK.. => {}
                // To replace the waker it must be sure that nobody uses it.
                AWAITED => {
                    step(&self.state, AWAITED, OUT);
                }
                WAKING => {
                    // By the waker that was left; whether that is still this task's, nobody knows.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                _ => {
                    let _ = self.waker.with((), |waker, ()| *waker = Some(cx.waker().clone()));
                    if step(&self.state, OUT, AWAITED) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// The claim that was lent, if it is back.
    pub(super) fn take_back(&self) -> Option<Claim> {
        // Acquire: what was done by the loan is done.
        let index = self.state.load(Ordering::Acquire).checked_sub(BACK)?;
        self.state.store(IDLE, Ordering::Relaxed);
        Some(Claim::from_index(low(index)))
    }

    /// The worker goes: who has the loan is to put the item aside. Returns the claim if it is back already.
    pub(super) fn leave(&self) -> Option<Claim> {
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state {
                LEFT => return None,
                IDLE | BACK.. => {
                    // The bench would keep itself.
                    drop(self.take_pass());
                    return self.take_back();
                }
                // For the time in which the loan's thread takes a waker.
                WAKING => crate::sync::retry(),
                _ if step(&self.state, state, LEFT) => return None,
                _ => {}
            }
        }
    }
}

impl<B> fmt::Debug for Bench<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bench")
    }
}

/// An item that was lent. It must be given back.
pub(super) struct Loan<B> {
    bench: Arc<Bench<B>>,
    claim: Claim,
}

impl<B> Loan<B> {
    pub(super) fn bench(&self) -> &Bench<B> {
        &self.bench
    }

    pub(super) fn record(&self) -> &Record<B> {
        self.bench.slab.items.get(&self.claim)
    }

    pub(super) fn record_mut(&mut self) -> &mut Record<B> {
        self.bench.slab.items.get_mut(&mut self.claim)
    }

    /// Gives the item back.
    pub(super) fn give_back(self) {
        let Self { bench: pass, claim } = self;
        // No reference from here on: the bench may be gone before one would be.
        let bench = Arc::as_ptr(&pass);
        // SAFETY: the bench lives until the state says that the loan is over: by the worker's own reference until that
        // has left, and after that by the pass, which lies in it from now on.
        let place = unsafe { &(*bench).pass };
        // SAFETY: the pass is the loan's until the state says that it is over.
        place.with_mut(|place| unsafe { *place = Some(pass) });
        // SAFETY: as above.
        let state = unsafe { &(*bench).state };
        let back = BACK + claim.index() as Word;
        loop {
            match state.load(Ordering::Acquire) {
                // AcqRel: what was done to the item is done when the worker sees it.
                OUT if step(state, OUT, back) => return claim.forget(),
                AWAITED if step(state, AWAITED, WAKING) => {
                    // SAFETY: as above.
                    let waker = unsafe { &(*bench).waker };
                    // Nobody else uses it.
                    let waker = waker.with((), |waker, ()| waker.take());
                    // Release: what was done to the item is done, and the waker is taken.
                    state.store(back, Ordering::Release);
                    claim.forget();
                    return waker.ok().flatten().into_iter().for_each(Waker::wake);
                }
                LEFT => {
                    // SAFETY: the worker has gone, so that this is the loan's.
                    let pass = place.with_mut(|place| unsafe { (*place).take() });
                    if let Some(bench) = pass {
                        bench.put_aside(claim);
                    }
                    return;
                }
                // The worker waits by another waker, or has just gone.
                _ => crate::sync::retry(),
            }
        }
    }
}

impl<B> Bench<B> {
    /// Lets an item be done again whose worker has gone.
    fn put_aside(&self, mut claim: Claim) {
        self.slab.items.get_mut(&mut claim).interrupt();
        self.slab.put_aside(claim);
        self.bell.ring();
    }
}

fn step(state: &AtomicWord, from: Word, to: Word) -> bool {
    state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}
