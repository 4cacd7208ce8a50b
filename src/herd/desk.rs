//! Where the driver of a herd works: it makes items ready when their time has come, and notices that all have ended.

use core::future::Future;
use core::marker::PhantomData;
use core::task::Poll;

use super::item::{Item, Mark, SharedClock};
use super::outcome::Fault;
use super::shared::Shared;
use super::slab::{Claim, Giver, Lane, Taker};
use super::station::HerdStation;
use crate::control::Phase;
use crate::runtime::Timer;
use crate::sync::{Arc, Ordering, Word};
use crate::time::Instant;
use crate::timer::HeapTimers;
use crate::workers::driver::Desk;
use crate::workers::state::Event;

/// Where the driver of a herd works.
pub struct HerdDesk<F, Fut, B: 'static, R: 'static, E: 'static> {
    shared: Arc<Shared<B, R, E>>,
    handler: Arc<F>,
    clock: Option<SharedClock>,
    seed: u64,
    /// Made when the first item has to wait for its time.
    timers: Option<HeapTimers<Claim>>,
    ready: Giver,
    scheduled: Taker,
    aside: Taker,
    /// When it is to be cancelled, if it has not ended.
    drain_by: Option<Instant>,
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
            handler,
            clock,
            seed,
            timers: None,
            ready: shared.slab.ready.giver().expect("a new lane has free seats"),
            scheduled: taker(&shared.slab.scheduled),
            aside: taker(&shared.slab.aside),
            shared,
            drain_by: None,
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
            let Some(claim) = claim else {
                return;
            };
            let record = self.shared.slab.items.get(&claim);
            let counter = self.counter(record.mark);
            match record.due(now) {
                None => {
                    // Closed only when no item is left.
                    let _ = self.ready.give(claim);
                }
                Some(at) => {
                    counter.fetch_add(1, Ordering::Relaxed);
                    let capacity = self.shared.capacity;
                    let timers = self.timers.get_or_insert_with(|| {
                        HeapTimers::with_capacity(capacity).expect("a lane could be as large")
                    });
                    timers.insert(at, claim).expect("there is room for every claim");
                }
            }
        }
    }

    /// The number of items in the timers with this mark.
    fn counter(&self, mark: Mark) -> &crate::sync::AtomicWord {
        match mark {
            Mark::Scheduled => &self.shared.scheduled.0,
            _ => &self.shared.backing_off,
        }
    }

    /// Makes ready what is due. Returns when the next is.
    fn make_ready(&mut self, now: &impl Fn() -> Instant) -> Option<Instant> {
        loop {
            let timers = self.timers.as_mut()?;
            let next = timers.next_deadline()?;
            let now = now();
            if next > now {
                return Some(next);
            }
            while let Some((_, claim)) = self.timers.as_mut()?.pop_due(now) {
                let mark = self.shared.slab.items.get(&claim).mark;
                self.counter(mark).fetch_sub(1, Ordering::Relaxed);
                let _ = self.ready.give(claim);
            }
        }
    }

    /// Ends a herd that takes no more, when all that it took has ended, or when its time is over.
    fn end(&mut self, now: &impl Fn() -> Instant) {
        if let Some(within) = self.shared.take_drain_within() {
            let by = now().saturating_add(within);
            self.drain_by = Some(self.drain_by.map_or(by, |earlier| earlier.min(by)));
        }
        // Whoever began to close it may not have done so yet: until then some may come.
        self.shared.slab.scheduled.close();
        self.take_up(now);
        // See `HerdStation::tell_driver`.
        self.shared.slab.ready.meet();
        let unfinished: Word = self.shared.unfinished();
        if unfinished == 0 {
            self.shared.slab.ready.close();
            self.shared.enter(Event::Drain);
        } else if self.drain_by.is_some_and(|by| now() >= by) {
            self.shared.enter(Event::Cancel);
        }
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

    fn station(&self, index: usize) -> Option<Self::Station> {
        let entropy = self.seed.wrapping_add((index as u64) << 32);
        HerdStation::new(self.shared.clone(), self.handler.clone(), self.clock.clone(), entropy)
    }

    fn tend(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        // What is not done by then is left over where it is.
        if self.shared.crew.state().phase >= Phase::Draining {
            return None;
        }
        self.take_up(&now);
        let next = self.make_ready(&now);
        if self.shared.slab.free.is_closed() {
            self.end(&now);
        }
        next.into_iter().chain(self.drain_by).min()
    }

    fn leave(&mut self) {
        let Some(timers) = &mut self.timers else {
            return;
        };
        while let Some((_, claim)) = timers.pop() {
            let _ = self.shared.slab.aside.give(claim);
        }
    }
}
