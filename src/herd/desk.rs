//! Where the driver of a herd works: it makes items ready when their time has come, and notices that all have ended.

use alloc::vec::Vec;
use core::future::Future;
use core::marker::PhantomData;
use core::mem;
use core::task::Poll;

use super::every::Recurring;
use super::item::{Item, Mark, SharedClock, When};
use super::outcome::Fault;
use super::shared::Shared;
use super::slab::{Claim, Giver, Lane, Taker};
use super::station::HerdStation;
use crate::control::Phase;
use crate::panic::swallow;
use crate::runtime::Timer;
use crate::sync::{Arc, Ordering, Word};
use crate::time::Instant;
use crate::timer::HeapTimers;
use crate::workers::driver::Desk;
use crate::workers::state::Event;

/// Where the driver of a herd works.
pub struct HerdDesk<F, Fut, B: 'static, R: 'static, E: 'static> {
    shared: Arc<Shared<B, R, E>>,
    /// `None` after the end.
    handler: Option<Arc<F>>,
    clock: Option<SharedClock>,
    /// Where the jitter of the next worker begins.
    seed: u64,
    /// Made when the first item has to wait for its time.
    timers: Option<HeapTimers<Claim>>,
    ready: Giver,
    scheduled: Taker,
    aside: Taker,
    /// When it is to be cancelled, if it has not ended.
    drain_by: Option<Instant>,
    free: Taker,
    /// What waits for the end of one of its copies, and when the next is due.
    owed: Vec<(Instant, Claim)>,
    /// What will be left over.
    left: Vec<Claim>,
    /// Whether what recurs has been taken out of the timers.
    told: bool,
    attempts: PhantomData<fn() -> Fut>,
}

impl<F, Fut, B, R, E> Unpin for HerdDesk<F, Fut, B, R, E> {}

impl<F, Fut, B, R, E> HerdDesk<F, Fut, B, R, E> {
    pub(super) fn new(
        shared: Arc<Shared<B, R, E>>,
        handler: Arc<F>,
        clock: Option<SharedClock>,
        seed: u64,
    ) -> Self {
        let taker = |lane: &Lane| lane.taker().expect("a new lane has free seats");
        Self {
            handler: Some(handler),
            clock,
            seed,
            timers: None,
            ready: shared.slab.ready.giver().expect("a new lane has free seats"),
            scheduled: taker(&shared.slab.scheduled),
            aside: taker(&shared.slab.aside),
            free: taker(&shared.slab.free),
            shared,
            drain_by: None,
            owed: Vec::new(),
            left: Vec::new(),
            told: false,
            attempts: PhantomData,
        }
    }

    /// Takes up what workers and senders have put aside for later.
    fn take_up(&mut self, now: &impl Fn() -> Instant) {
        loop {
            let claim = match self.aside.try_take() {
                Poll::Ready(claim) => claim,
                Poll::Pending => match self.scheduled.try_take() {
                    Poll::Ready(claim) => claim,
                    Poll::Pending => None,
                },
            };
            let Some(mut claim) = claim else {
                return;
            };
            let record = self.shared.slab.items.get_mut(&mut claim);
            match record.due(now) {
                None if record.mark == Mark::BackingOff && self.shared.is_finishing() => {
                    self.left.push(claim);
                }
                None => self.give(claim),
                Some(at) => self.wait_for(at, claim),
            }
        }
    }

    fn wait_for(&mut self, at: Instant, mut claim: Claim) {
        // As a moment, for whom it may be left over to.
        self.shared.slab.items.get_mut(&mut claim).when = When::At(at);
        if self.shared.slab.free.is_closed() && self.shared.is_recurring(&claim) {
            self.left.push(claim);
            return;
        }
        let capacity = self.shared.capacity;
        let timers = self.timers.get_or_insert_with(|| {
            HeapTimers::with_capacity(capacity).expect("a lane could be as large")
        });
        timers.insert(at, claim).expect("there is room for every claim");
    }

    /// Makes an item ready that has waited.
    fn give(&mut self, mut claim: Claim) {
        let record = self.shared.slab.items.get_mut(&mut claim);
        record.since = self.shared.moment();
        let mark = record.mark;
        // First, so that one that has ended does not count as one that waits.
        self.shared.slab.count(mark).fetch_sub(1, Ordering::Relaxed);
        // Closed only when no item is left.
        let _ = self.ready.give(claim);
    }

    /// Makes ready what is due. Returns when the next is, which may have come meanwhile.
    fn make_ready(&mut self, now: &impl Fn() -> Instant) -> Option<Instant> {
        self.timers.as_mut()?.next_deadline()?;
        let now = now();
        while let Some((at, mut claim)) = self.timers.as_mut()?.pop_due(now) {
            let record = self.shared.slab.items.get_mut(&mut claim);
            // What is cancelled, or too late, ends as others do.
            let is_over =
                record.is_cancelled() || record.deadline().is_some_and(|deadline| now >= deadline);
            if record.every().is_some() && !is_over {
                self.recur(claim, at, now);
                continue;
            }
            self.give(claim);
        }
        self.timers.as_mut()?.next_deadline()
    }

    /// Does what is to be done about a run whose time has come.
    fn recur(&mut self, claim: Claim, at: Instant, now: Instant) {
        let Some(tick) =
            self.shared.slab.items.get(&claim).every().map(|every| every.tick(at, now))
        else {
            return;
        };
        let room = tick.runs.min(self.shared.capacity as u64);
        let begun = (0..room).take_while(|_| self.begin_copy(&claim)).count();
        self.shared.count_refused(tick.runs - begun as u64);
        // Only the end of a copy can tell when it is to be made up for.
        let running = self.shared.slab.items.get(&claim).every().is_some_and(Recurring::is_running);
        if tick.owed && running {
            self.owed.push((tick.next, claim));
        } else {
            self.wait_for(tick.next, claim);
        }
    }

    /// Begins the runs that waited for the end of another.
    fn begin_owed(&mut self, now: &impl Fn() -> Instant) {
        let mut index = 0;
        while let Some((_, claim)) = self.owed.get(index) {
            let runs = self.shared.slab.items.get(claim).every().is_some_and(Recurring::is_running);
            if runs {
                index += 1;
                continue;
            }
            let (next, claim) = self.owed.swap_remove(index);
            let record = self.shared.slab.items.get(&claim);
            // One run for all that were due meanwhile.
            let next = record.every().map_or(next, |every| every.after(next, now()));
            if !record.is_cancelled() && !self.begin_copy(&claim) {
                self.shared.count_refused(1);
            }
            self.wait_for(next, claim);
        }
    }

    /// Makes a copy ready, if there is a place for it.
    fn begin_copy(&mut self, original: &Claim) -> bool {
        let shared = &self.shared;
        let Poll::Ready(Some(mut claim)) = self.free.try_take() else {
            return false;
        };
        let mut copy = None;
        shared.tell(|| copy = shared.slab.items.get(original).copy());
        let Some(work) = copy else {
            let _ = shared.slab.free.give(claim);
            return false;
        };
        let record = shared.slab.items.get_mut(&mut claim);
        record.fill(work);
        record.since = shared.moment();
        shared.submitted.0.fetch_add(1, Ordering::Relaxed);
        // Closed only when no item is left.
        let _ = self.ready.give(claim);
        true
    }

    /// Ends a herd that takes no more, when all that it took has ended, or when its time is over. Returns whether it did.
    fn end(&mut self, now: &impl Fn() -> Instant) -> bool {
        if let Some(within) = self.shared.take_drain_within() {
            let by = now().saturating_add(within);
            self.drain_by = Some(self.drain_by.map_or(by, |earlier| earlier.min(by)));
        }
        // Whoever began to close it may not have done so yet: until then some may come.
        self.shared.slab.scheduled.close();
        self.take_up(now);
        self.leave_recurring();
        // See `HerdStation::tell_driver`.
        self.shared.slab.ready.meet();
        let waiting = self.timers.as_ref().map_or(0, HeapTimers::len);
        let left = self.left.len() + if self.shared.is_finishing() { waiting } else { 0 };
        if self.shared.unfinished() == left as Word {
            self.shared.slab.ready.close();
            self.shared.enter(Event::Drain)
        } else {
            self.drain_by.is_some_and(|by| now() >= by) && self.shared.enter(Event::Cancel)
        }
    }

    /// What would never end is left over.
    fn leave_recurring(&mut self) {
        self.left.extend(self.owed.drain(..).map(|(_, claim)| claim));
        let Some(timers) = &mut self.timers else {
            return;
        };
        if mem::replace(&mut self.told, true) {
            return;
        }
        let shared = &self.shared;
        let recurring = timers.iter().filter(|(_, _, claim)| shared.is_recurring(claim));
        let recurring: Vec<_> = recurring.map(|(key, ..)| key).collect();
        self.left.extend(recurring.into_iter().filter_map(|key| timers.cancel(key)));
    }
}

impl<F, Fut, B, R, E, K> Desk<K> for HerdDesk<F, Fut, B, R, E>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
    K: Timer,
{
    type Door = Shared<B, R, E>;
    type Station = HerdStation<F, Fut, B, R, E, K>;

    fn door(&self) -> &Arc<Shared<B, R, E>> {
        &self.shared
    }

    fn station(&mut self, index: usize) -> Option<Self::Station> {
        self.seed = self.seed.wrapping_add(1 << 32);
        let (shared, clock) = (self.shared.clone(), self.clock.clone());
        HerdStation::new(shared, self.handler.clone()?, clock, index, self.seed)
    }

    fn tend(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        self.take_up(&now);
        // What is not done by then is left over, with its moment.
        if self.shared.crew.state().phase >= Phase::Draining {
            return None;
        }
        if self.shared.slab.free.is_closed() && self.end(&now) {
            return None;
        }
        let mut next = None;
        if !self.shared.is_finishing() {
            self.begin_owed(&now);
            next = self.make_ready(&now);
        }
        next.into_iter().chain(self.drain_by).min()
    }

    fn is_ending(&self) -> bool {
        self.shared.slab.free.is_closed()
    }

    fn leave(&mut self) {
        let handler = self.handler.take();
        swallow(|| drop(handler));
        let mut timers = self.timers.take();
        let waiting = core::iter::from_fn(|| timers.as_mut()?.pop().map(|(_, claim)| claim));
        let owed = mem::take(&mut self.owed).into_iter().map(|(_, claim)| claim);
        for claim in waiting.chain(owed).chain(mem::take(&mut self.left)) {
            // Counted still.
            let _ = self.shared.slab.aside.give(claim);
        }
    }
}
