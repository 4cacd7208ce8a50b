//! The part of a herd that its handles, its workers and its driver share.

use alloc::boxed::Box;
use core::task::Poll;
use core::time::Duration;

use super::every::Recurring;
use super::item::{Extra, Mark, Record, SharedClock, When};
use super::outcome::{About, Done, Failure, Outcome, Trouble};
use super::slab::{Claim, Shelf, Slab, Taker};
use crate::control::{Phase, Stats, Times};
use crate::panic::swallow;
use crate::retry::Policy;
use crate::ring::Padded;
use crate::stats::Recorder;
use crate::sync::{Arc, AtomicWord, Ordering, Word};
use crate::time::Instant;
use crate::workers::crew::{Crew, Door, apply};
use crate::workers::error::Refusal;
use crate::workers::slots::{Blocks, End};
use crate::workers::state::{Effect, Event};

use super::Work;

pub(super) type OnSuccess<B, R> = Arc<Box<dyn Fn(&About<'_, B>, &R) + Send + Sync>>;
pub(super) type OnFailure<B, E> = Arc<Box<dyn Fn(&About<'_, B>, &Failure<E>) + Send + Sync>>;
pub(super) type OnRetry<B, E> =
    Arc<Box<dyn Fn(&About<'_, B>, &Trouble<E>, Duration) + Send + Sync>>;

/// Who is told of what happens to items.
#[allow(clippy::struct_field_names, reason = "what they are called in the builder")]
pub struct Callbacks<B, R, E> {
    pub(super) on_success: Option<OnSuccess<B, R>>,
    pub(super) on_failure: Option<OnFailure<B, E>>,
    pub(super) on_retry: Option<OnRetry<B, E>>,
}

/// What is shared.
pub struct Shared<B: 'static, R: 'static, E: 'static> {
    pub(super) crew: Crew,
    pub(super) slab: Arc<Slab<Record<B>>>,
    pub(super) outcomes: Shelf<Option<Outcome<R, E>>>,
    /// Written by senders.
    pub(super) submitted: Padded<AtomicWord>,
    refused: AtomicWord,
    pub(super) timed_out: AtomicWord,
    handler_panics: AtomicWord,
    /// Handles; the last closes the herd.
    pub(super) handles: AtomicWord,
    /// Sends that wait for a place.
    pub(super) waits: AtomicWord,
    /// Within how many nanoseconds it is to end, plus one, until the driver has seen it.
    drain_within: AtomicWord,
    /// Whether what is scheduled or backs off is to be left over at the end.
    finishing: AtomicWord,
    /// Whether what is left over is to be dropped at the end.
    abandoned: AtomicWord,
    pub(super) callbacks: Callbacks<B, R, E>,
    pub(super) policy: Policy,
    pub(super) timeout: Option<Duration>,
    /// Whether callbacks are to know how much time has passed.
    pub(super) timed: bool,
    pub(super) capacity: usize,
    /// `None` if times are not measured.
    pub(super) measure: Option<Measure>,
}

/// By what times are measured, and where they are kept.
pub(super) struct Measure {
    pub(super) clock: SharedClock,
    pub(super) tallies: Blocks<Tally>,
}

/// The times that one worker has measured.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) waiting: Recorder,
    pub(super) running: Recorder,
}

/// Durations are passed on in as many nanoseconds.
const UNIT: u64 = if Word::BITS == 64 { 1 } else { 1_000_000 };

#[allow(clippy::useless_conversion, reason = "a word has 64 bits or fewer")]
fn wide(word: Word) -> u64 {
    word.into()
}

impl<B, R, E> Clone for Callbacks<B, R, E> {
    fn clone(&self) -> Self {
        Self {
            on_success: self.on_success.clone(),
            on_failure: self.on_failure.clone(),
            on_retry: self.on_retry.clone(),
        }
    }
}

impl<B: 'static, R: 'static, E: 'static> Shared<B, R, E> {
    pub(super) fn new(
        crew: Crew,
        slab: Slab<Record<B>>,
        callbacks: Callbacks<B, R, E>,
        (policy, timeout, timed): (Policy, Option<Duration>, bool),
        clock: Option<SharedClock>,
    ) -> Self {
        let capacity = slab.capacity();
        let zero = || AtomicWord::new(0);
        Self {
            crew,
            slab: Arc::new(slab),
            outcomes: Shelf::new(capacity, || None),
            submitted: Padded(zero()),
            refused: zero(),
            timed_out: zero(),
            handler_panics: zero(),
            handles: zero(),
            waits: zero(),
            drain_within: zero(),
            finishing: zero(),
            abandoned: zero(),
            callbacks,
            policy,
            timeout,
            timed,
            capacity,
            measure: clock.map(|clock| Measure { clock, tallies: Blocks::new() }),
        }
    }

    /// Why nothing is admitted now, whatever room there is.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.crew.state().phase {
            Phase::Running if !self.slab.free.is_closed() => None,
            Phase::Quiet if !self.slab.free.is_closed() => Some(Refusal::Quiet),
            _ => Some(Refusal::ShuttingDown),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "counts wrap")]
    pub(super) fn count_refused(&self, number: u64) {
        if number > 0 {
            self.refused.fetch_add(number as Word, Ordering::Relaxed);
        }
    }

    /// Takes a free place.
    #[inline]
    pub(super) fn admit(free: &mut Taker) -> Result<Claim, Refusal> {
        match free.try_take() {
            Poll::Ready(Some(claim)) => Ok(claim),
            Poll::Ready(None) => Err(Refusal::ShuttingDown),
            Poll::Pending => Err(Refusal::Full),
        }
    }

    /// Puts work into a place, and gives it to the workers by `ready`, or to the driver.
    ///
    /// # Errors
    /// The work comes back if the herd closes meanwhile.
    #[inline]
    pub(super) fn submit(
        &self,
        mut claim: Claim,
        work: Work<B>,
        ready: impl FnOnce(Claim) -> Result<(), Claim>,
    ) -> Result<(), Work<B>> {
        // Counted first: of this one and the driver, which looks after the close whether all have ended, the second sees
        // the first. AcqRel: that is so.
        self.submitted.0.fetch_add(1, Ordering::AcqRel);
        // Who waited for the place may find that the herd closed before.
        if self.slab.free.is_closed() {
            let _ = self.slab.free.give(claim);
            self.count_back();
            return Err(work);
        }
        let (id, when) = (work.id, work.when);
        let record = self.slab.items.get_mut(&mut claim);
        record.fill(work);
        let mark = record.mark;
        record.since = self.moment();
        let given = match mark {
            Mark::Scheduled => {
                // Counted first, as one that was taken out is counted already.
                let count = self.slab.count(mark);
                count.fetch_add(1, Ordering::Relaxed);
                let given = self.slab.scheduled.give(claim);
                if given.is_err() {
                    count.fetch_sub(1, Ordering::Relaxed);
                }
                self.crew.ring();
                given
            }
            _ => ready(claim),
        };
        given.map_err(|claim| {
            let (cleared, _) = self.clear(claim);
            self.count_back();
            Work { id, body: cleared.body, when, extra: cleared.extra }
        })
    }

    /// What was counted as submitted is refused.
    fn count_back(&self) {
        self.submitted.0.fetch_sub(1, Ordering::AcqRel);
        // The driver may wait for it to end.
        self.crew.ring();
    }

    /// Takes all out of a place, and gives the place back.
    pub(super) fn clear(&self, mut claim: Claim) -> (Cleared<B>, Option<Outcome<R, E>>) {
        let outcome = self.outcomes.get_mut(&mut claim).take();
        let record = self.slab.items.get_mut(&mut claim);
        let cleared = Cleared {
            id: record.id,
            body: record.body.take().expect("an item has its body"),
            attempts: record.attempts,
            mark: record.mark,
            due: match record.when {
                When::At(at) => Some(at),
                When::Now | When::After(_) => None,
            },
            extra: record.extra.take(),
        };
        // When it is closed, nobody needs the place any more.
        let _ = self.slab.free.give(claim);
        (cleared, outcome)
    }

    pub(super) fn is_recurring(&self, claim: &Claim) -> bool {
        self.slab.items.get(claim).every().is_some()
    }

    /// Takes out an item that has ended, by `free`.
    #[inline]
    pub(super) fn take_done(
        &self,
        mut claim: Claim,
        free: impl FnOnce(Claim) -> Result<(), Claim>,
    ) -> Done<B, R, E> {
        let outcome = self.outcomes.get_mut(&mut claim).take().expect("it has ended");
        let record = self.slab.items.get_mut(&mut claim);
        let body = record.body.take().expect("an item has its body");
        let done = Done { id: record.id, body, attempts: record.attempts, outcome };
        let extra = record.extra.take();
        let _ = free(claim);
        drop(extra);
        done
    }

    /// Drops an item that has ended, as nobody wants its result.
    pub(super) fn discard(&self, claim: Claim) {
        swallow(|| drop(self.clear(claim)));
    }

    /// How many items have been accepted and have not ended. Zero only if there was none at some moment during the call.
    pub(super) fn unfinished(&self) -> Word {
        // What ended is read first: it is then no more than what was submitted until the second look.
        let slots = &self.crew.slots;
        let ends = [End::Succeeded, End::Failed, End::Panicked];
        let ended = slots.iter().flat_map(|slot| ends.map(|end| slot.ended(end)));
        let ended = ended.fold(0, Word::wrapping_add);
        self.submitted.0.fetch_add(0, Ordering::AcqRel).wrapping_sub(ended)
    }

    /// As [`close_input`](Self::close_input), and what is scheduled or backs off is left over.
    pub(super) fn finish(&self) -> bool {
        // Release: the driver sees it when it sees that the input is closed.
        self.finishing.store(1, Ordering::Release);
        self.close_input()
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Acquire) != 0
    }

    /// Closes it, and has what is left over dropped at the end.
    pub(super) fn abandon(&self) {
        // AcqRel: either the last of driver and workers, who looks at it when it has stopped, sees it; or this sees that it has.
        self.abandoned.fetch_or(1, Ordering::AcqRel);
        self.close_input();
        if self.crew.state().phase == Phase::Stopped {
            self.drop_rest();
        }
    }

    /// Drops what is left over.
    fn drop_rest(&self) {
        while let Some(claim) = self.slab.take_left() {
            self.discard(claim);
        }
    }

    /// Takes no further item; what was accepted is done. Returns whether it took some before.
    pub(super) fn close_input(&self) -> bool {
        let first = self.slab.free.close();
        self.slab.scheduled.close();
        self.crew.ring();
        first
    }

    /// As [`close_input`](Self::close_input), and it is to end within a time.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::useless_conversion,
        reason = "a word may be narrower, and then it is cut"
    )]
    pub(super) fn drain_within(&self, within: Duration) {
        let units = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX).div_ceil(UNIT);
        let units = units.min(u64::from(Word::MAX - 1)) as Word;
        let mut seen = self.drain_within.load(Ordering::Relaxed);
        // The shortest counts.
        while seen == 0 || units + 1 < seen {
            let order = (Ordering::Release, Ordering::Relaxed);
            match self.drain_within.compare_exchange(seen, units + 1, order.0, order.1) {
                Ok(_) => break,
                Err(found) => seen = found,
            }
            crate::sync::retry();
        }
        self.close_input();
    }

    /// Within what time it is to end, if that was asked for since the last call.
    pub(super) fn take_drain_within(&self) -> Option<Duration> {
        if self.drain_within.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let units = self.drain_within.fetch_and(0, Ordering::AcqRel).checked_sub(1)?;
        Some(Duration::from_nanos(wide(units).saturating_mul(UNIT)))
    }

    pub(super) fn enter(&self, event: Event) -> bool {
        !matches!(apply(self, event), Effect::Refused)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.crew.state().phase {
            Phase::Running | Phase::Quiet if self.slab.free.is_closed() => Phase::Draining,
            phase => phase,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.crew.state();
        let slots = &self.crew.slots;
        let sum = |end| slots.iter().map(|slot| wide(slot.ended(end))).sum();
        let count = |mark| crate::sync::low(self.slab.count(mark).load(Ordering::Relaxed));
        // Against the way of an item, so that one that goes on meanwhile is rather missed than met twice.
        let unread = self.slab.done.len();
        let panicked = sum(End::Panicked);
        Stats {
            unread,
            idle: self.slab.ready.idle(),
            refused: wide(self.refused.load(Ordering::Relaxed)),
            succeeded: sum(End::Succeeded),
            failed: sum(End::Failed) + panicked,
            running: slots.busy(),
            waiting: self.slab.ready.len(),
            scheduled: count(Mark::Scheduled),
            backing_off: count(Mark::BackingOff),
            retried: sum(End::Retried),
            timed_out: wide(self.timed_out.load(Ordering::Relaxed)),
            panicked,
            aborted: sum(End::Aborted),
            handler_panics: wide(self.handler_panics.load(Ordering::Relaxed)),
            lost_workers: wide(self.crew.lost()),
            // Last, so that nothing seems to have ended that was not submitted.
            submitted: wide(self.submitted.0.load(Ordering::Acquire)),
            ..Stats::new(self.phase(), state.target as usize, state.live as usize)
        }
    }

    /// The time, if times are measured.
    pub(super) fn moment(&self) -> Option<Instant> {
        let clock = &self.measure.as_ref()?.clock;
        look(|| clock.now())
    }

    pub(super) fn times(&self) -> Option<Times> {
        let mut times = Times::default();
        for Tally { waiting, running } in self.measure.as_ref()?.tallies.iter() {
            waiting.add_to(&mut times.waiting);
            running.add_to(&mut times.running);
        }
        Some(times)
    }

    /// Whether the calling thread is in one of the herd's handlers; `false` without `std`, where nobody knows.
    pub(super) fn is_inside(&self) -> bool {
        crate::workers::inside::is_inside(core::ptr::from_ref(self).cast())
    }

    /// Which workers are busy.
    #[cfg(feature = "std")]
    pub(crate) fn busy(&self) -> alloc::vec::Vec<usize> {
        let slots = self.crew.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.is_busy()).map(|(index, _)| index).collect()
    }

    /// Calls somebody who is told, and whose panic takes nobody with it.
    pub(super) fn tell(&self, call: impl FnOnce()) {
        if !swallow(call) {
            self.handler_panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The time, unless the clock panics.
pub(super) fn look(clock: impl FnOnce() -> Instant) -> Option<Instant> {
    let mut now = None;
    swallow(|| now = Some(clock()));
    now
}

impl<B> Slab<Record<B>> {
    /// How many items with this mark wait for their time, or are left over. Whoever lets one wait counts it before,
    /// and whoever makes it ready, or takes it out, counts it off; its mark stays until then.
    pub(super) const fn count(&self, mark: Mark) -> &AtomicWord {
        match mark {
            Mark::Scheduled => &self.later.0,
            _ => &self.again.0,
        }
    }

    /// Lets an item wait that a worker has had.
    pub(super) fn put_aside(&self, claim: Claim) {
        self.count(self.items.get(&claim).mark).fetch_add(1, Ordering::Relaxed);
        // That lane is never closed.
        let _ = self.aside.give(claim);
    }

    /// Takes out an item that is left over.
    pub(super) fn take_left(&self) -> Option<Claim> {
        self.ready.take().or_else(|| {
            let claim = self.scheduled.take().or_else(|| self.aside.take())?;
            self.count(self.items.get(&claim).mark).fetch_sub(1, Ordering::Relaxed);
            Some(claim)
        })
    }
}

/// What was in a place.
pub(super) struct Cleared<B> {
    pub(super) id: u64,
    pub(super) body: B,
    pub(super) attempts: u32,
    pub(super) mark: Mark,
    pub(super) due: Option<Instant>,
    pub(super) extra: Option<Box<Extra<B>>>,
}

impl<B> Record<B> {
    pub(super) fn about(&self, now: impl FnOnce() -> Instant) -> About<'_, B> {
        let body = self.body.as_ref().expect("an item has its body");
        let elapsed = self.begun.map(|begun| now().saturating_since(begun));
        About { id: self.id, body, attempts: self.attempts, elapsed }
    }

    /// Puts work in.
    pub(super) fn fill(&mut self, work: Work<B>) {
        let Work { id, body, when, extra } = work;
        let mark = if matches!(when, When::Now) { Mark::Waiting } else { Mark::Scheduled };
        let (body, begun, since) = (Some(body), None, None);
        let attempts = extra.as_ref().map_or(0, |extra| extra.attempts);
        *self = Self { id, body, attempts, mark, when, begun, since, extra };
    }

    /// Another run of what recurs.
    pub(super) fn copy(&self) -> Option<Work<B>> {
        let extra = self.extra.as_ref()?;
        let every = extra.every.as_ref()?;
        let copied = Extra {
            deadline: extra.deadline,
            timeout: extra.timeout,
            cancel: extra.token().cloned(),
            policy: extra.policy,
            every: None,
            run: Some(every.run()),
            attempts: 0,
            ticket: None,
            ticket_token: None,
        };
        let body = (every.copy)(self.body.as_ref()?);
        Some(Work { id: self.id, body, when: When::Now, extra: Some(Box::new(copied)) })
    }

    pub(super) fn every(&self) -> Option<&Recurring<B>> {
        self.extra.as_ref()?.every.as_ref()
    }

    /// When it is to be made ready, for one who knows the time.
    pub(super) fn due(&self, now: impl Fn() -> Instant) -> Option<Instant> {
        match self.when {
            When::Now => None,
            When::At(at) => Some(at),
            When::After(delay) => Some(now().saturating_add(delay)),
        }
    }
}

impl<B: 'static, R: 'static, E: 'static> Door for Shared<B, R, E> {
    fn crew(&self) -> &Crew {
        &self.crew
    }

    fn close(&self) {
        self.slab.free.close();
        self.slab.scheduled.close();
        if self.crew.state().phase == Phase::Stopped {
            self.slab.ready.close();
            self.slab.done.close();
            if self.abandoned.fetch_or(0, Ordering::AcqRel) != 0 {
                self.drop_rest();
            }
        } else {
            // Those that are to go; when it drains, they learn from the lane that nothing will come.
            self.slab.ready.wake();
        }
    }

    fn is_empty(&self) -> bool {
        self.slab.ready.confirm_empty()
    }

    fn has_idle(&self) -> bool {
        self.slab.ready.idle() != 0
    }

    fn wake_idle(&self) {
        self.slab.ready.wake();
    }
}

// Whatever panics, bodies and handlers included, leaves a herd as usable as before.
impl<B, R, E> core::panic::UnwindSafe for Shared<B, R, E> {}
impl<B, R, E> core::panic::RefUnwindSafe for Shared<B, R, E> {}

impl<B, R, E> core::fmt::Debug for Shared<B, R, E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let state = self.crew.state();
        f.debug_struct("Herd")
            .field("phase", &self.phase())
            .field("size", &state.target)
            .field("waiting", &self.slab.ready.len())
            .finish_non_exhaustive()
    }
}
