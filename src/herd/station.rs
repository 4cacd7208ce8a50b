//! Where one worker of a herd works: it takes items, has them handled, and says what becomes of them.

use alloc::boxed::Box;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::bench::Bench;
use super::item::{Item, Mark, SharedClock, When};
use super::outcome::{Failure, Fault, Outcome, Trouble};
use super::shared::{Shared, look};
use super::slab::{Claim, Giver, Taker};
use crate::control::Phase;
use crate::panic::{Panic, catch, swallow};
use crate::runtime::Timer;
use crate::sync::{Arc, Ordering};
use crate::time::Instant;
use crate::trace::{self, Span};
use crate::workers::slots::End;
use crate::workers::worker::Station;

/// A worker's place in a herd.
pub struct HerdStation<F, Fut, B: 'static, R: 'static, E: 'static, K: Timer> {
    shared: Arc<Shared<B, R, E>>,
    handler: Arc<F>,
    bench: Arc<Bench<B>>,
    ready: Taker,
    done: Giver,
    stage: Stage<R, E>,
    /// The handler's future: made once, and set again and again.
    attempt: Pin<Box<Option<Fut>>>,
    span: Span,
    /// When it must have ended.
    end: Option<Instant>,
    /// Until then: made once, and set again and again.
    sleep: Option<Pin<Box<K::Sleep>>>,
    /// Whether the sleep is for this attempt.
    armed: bool,
    /// What is to be given on when it has been counted.
    onward: Option<(Claim, Lane)>,
    /// For the places of items whose result nobody wants; made for the first.
    free: Option<Giver>,
    /// When the last attempt ended, if times are measured and the next begins at once.
    looked: Option<Instant>,
    index: usize,
    entropy: u64,
}

/// How far the work on an item is.
enum Stage<R, E> {
    Idle,
    /// Nothing has begun.
    Taken(Claim),
    /// The handler's future is being polled.
    Running,
    /// It has ended so, and the guard is not back yet.
    Returning(Verdict<R, E>),
}

/// How an attempt has ended.
enum Verdict<R, E> {
    Returned(Result<R, Fault<E>>),
    Panicked(Panic),
    TimedOut,
    Aborted,
}

/// Where an item goes.
enum Lane {
    Ready,
    Aside,
    Done,
}

impl<F, Fut, B, R, E, K: Timer> Unpin for HerdStation<F, Fut, B, R, E, K> {}

impl<F, Fut, B, R, E, K: Timer> HerdStation<F, Fut, B, R, E, K> {
    pub(super) fn new(
        shared: Arc<Shared<B, R, E>>,
        handler: Arc<F>,
        clock: Option<SharedClock>,
        index: usize,
        entropy: u64,
    ) -> Option<Self> {
        let bench = Bench::new(shared.slab.clone(), &shared.crew, clock);
        Some(Self {
            handler,
            bench: Arc::new(bench),
            ready: shared.slab.ready.taker()?,
            done: shared.slab.done.giver()?,
            shared,
            stage: Stage::Idle,
            attempt: Box::pin(None),
            span: Span::none(),
            end: None,
            sleep: None,
            armed: false,
            onward: None,
            free: None,
            looked: None,
            index,
            entropy,
        })
    }

    /// The next number for a jitter: Sebastiano Vigna's `SplitMix64`.
    fn entropy(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.entropy ^ (self.entropy >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn note(&mut self, taken: Poll<Option<Claim>>) -> Poll<bool> {
        if taken.is_pending() {
            self.looked = None;
        }
        taken.map(|claim| {
            let found = claim.is_some();
            if let Some(claim) = claim {
                self.stage = Stage::Taken(claim);
            }
            found
        })
    }

    /// Drops the handler's future.
    fn drop_attempt(&mut self) {
        swallow(|| self.span.within(|| self.attempt.set(None)));
        swallow(|| self.span = Span::none());
    }

    /// An item that was cut off comes back.
    fn interrupt(&self, mut claim: Claim) {
        self.shared.slab.items.get_mut(&mut claim).interrupt();
        self.shared.slab.put_aside(claim);
        self.shared.crew.ring();
    }

    /// Drops an item that has ended, as nobody wants its result.
    fn discard(&mut self, claim: Claim) {
        let shared = &self.shared;
        self.free = self.free.take().or_else(|| shared.slab.free.giver());
        match &mut self.free {
            Some(free) => {
                swallow(|| drop(shared.take_done(claim, |claim| free.give(claim))));
            }
            None => shared.discard(claim),
        }
    }

    /// Tells the driver, if it waits for the last item to end.
    fn tell_driver(&self) {
        // So that the driver, which meets there too, sees what was counted here, or else this sees that it is closing.
        self.shared.slab.ready.meet();
        if self.shared.slab.free.is_closed() {
            self.shared.crew.ring();
        }
    }
}

impl<F, Fut, B, R, E, K> HerdStation<F, Fut, B, R, E, K>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
    K: Timer,
{
    /// Begins an attempt; or says how the item ends without one.
    fn begin(&mut self, mut claim: Claim, clock: &K) -> Option<End> {
        let shared = &self.shared;
        let record = shared.slab.items.get_mut(&mut claim);
        if record.is_cancelled() {
            return Some(self.fail(claim, Failure::Cancelled, clock));
        }
        let (deadline, timeout) = (record.deadline(), record.timeout().or(shared.timeout));
        self.end = None;
        self.armed = false;
        let policy = record.policy().unwrap_or(shared.policy);
        let timed = shared.timed || policy.has_max_total() && record.begun.is_none();
        if deadline.is_some() || timeout.is_some() || timed {
            let now = look(|| clock.now());
            if is_over(deadline, now) {
                return Some(self.fail(claim, Failure::Deadline, clock));
            }
            record.begun = record.begun.or(now);
            let timeout = timeout.and_then(|timeout| Some(now?.saturating_add(timeout)));
            self.end = deadline.into_iter().chain(timeout).min();
        }
        if let Some(measure) = &shared.measure {
            let now = self.looked.take().or_else(|| shared.moment());
            let since = mem::replace(&mut record.since, now);
            let tally = measure.tallies.get_or_make(self.index);
            tally.waiting.record(between(since, now));
        }
        record.attempts = record.attempts.saturating_add(1);
        let (id, attempt) = (record.id, record.attempts);
        swallow(|| self.span = Span::attempt(id, attempt));
        let item = Item::new(Bench::lend(&self.bench, claim), self.end);
        self.stage = match catch(|| self.span.within(|| (self.handler)(item))) {
            Ok(attempt) => {
                self.attempt.set(Some(attempt));
                Stage::Running
            }
            Err(panic) => Stage::Returning(Verdict::Panicked(panic)),
        };
        None
    }

    /// Polls the handler's future, as long as its time is not over.
    fn poll_attempt(&mut self, clock: &K, cx: &mut Context<'_>) -> Poll<Verdict<R, E>> {
        let attempt = self.attempt.as_mut().as_pin_mut().expect("it runs");
        let verdict = match catch(|| self.span.within(|| attempt.poll(cx))) {
            Err(panic) => Verdict::Panicked(panic),
            // What comes late counts if it is good.
            Ok(Poll::Ready(Err(fault))) if is_over(self.end, look(|| clock.now())) => {
                swallow(|| drop(fault));
                Verdict::TimedOut
            }
            Ok(Poll::Ready(result)) => Verdict::Returned(result),
            Ok(Poll::Pending) => {
                let Some(end) = self.end else {
                    return Poll::Pending;
                };
                if self.poll_sleep(end, clock, cx).is_pending() {
                    return Poll::Pending;
                }
                Verdict::TimedOut
            }
        };
        self.drop_attempt();
        Poll::Ready(verdict)
    }

    fn poll_sleep(&mut self, end: Instant, clock: &K, cx: &mut Context<'_>) -> Poll<()> {
        if !mem::replace(&mut self.armed, true) {
            let next = clock.sleep_until(end);
            match &mut self.sleep {
                Some(sleep) => sleep.set(next),
                None => self.sleep = Some(Box::pin(next)),
            }
        }
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }

    /// Says what becomes of an item after an attempt.
    fn conclude(&mut self, claim: Claim, verdict: Verdict<R, E>, clock: &K) -> End {
        if let Some(measure) = &self.shared.measure {
            let since = self.shared.slab.items.get(&claim).since;
            let tally = measure.tallies.get_or_make(self.index);
            self.looked = self.shared.moment();
            tally.running.record(between(since, self.looked));
        }
        match verdict {
            Verdict::Returned(Ok(result)) => self.succeed(claim, result, clock),
            Verdict::Returned(Err(Fault::Failure(error))) => {
                self.fail(claim, Failure::Failed(error), clock)
            }
            Verdict::Returned(Err(Fault::Retry(error))) => {
                self.retry(claim, Trouble::Error(error), None, clock)
            }
            Verdict::Returned(Err(Fault::RetryAfter(error, delay))) => {
                self.retry(claim, Trouble::Error(error), Some(delay), clock)
            }
            Verdict::TimedOut => {
                self.shared.timed_out.fetch_add(1, Ordering::Relaxed);
                self.retry(claim, Trouble::TimedOut, None, clock)
            }
            Verdict::Panicked(panic) => self.fail(claim, Failure::Panicked(panic), clock),
            Verdict::Aborted => {
                self.interrupt(claim);
                End::Aborted
            }
        }
    }

    fn succeed(&mut self, claim: Claim, result: R, clock: &K) -> End {
        let record = self.shared.slab.items.get(&claim);
        trace::success(record.id, record.attempts);
        if let Some(on_success) = &self.shared.callbacks.on_success {
            self.shared.tell(|| on_success(&record.about(|| clock.now()), &result));
        }
        self.end(claim, Outcome::Success(result));
        End::Succeeded
    }

    fn fail(&mut self, claim: Claim, failure: Failure<E>, clock: &K) -> End {
        let record = self.shared.slab.items.get(&claim);
        if let Some(on_failure) = &self.shared.callbacks.on_failure {
            self.shared.tell(|| on_failure(&record.about(|| clock.now()), &failure));
        }
        let panicked = matches!(failure, Failure::Panicked(_));
        trace::failure(record.id, record.attempts, failure.why(), panicked);
        let end = if panicked { End::Panicked } else { End::Failed };
        self.end(claim, Outcome::Failure(failure));
        end
    }

    fn end(&mut self, mut claim: Claim, outcome: Outcome<R, E>) {
        *self.shared.outcomes.get_mut(&mut claim) = Some(outcome);
        self.onward = Some((claim, Lane::Done));
    }

    /// Lets there be another attempt, if there is to be one.
    fn retry(
        &mut self,
        mut claim: Claim,
        trouble: Trouble<E>,
        not_before: Option<Duration>,
        clock: &K,
    ) -> End {
        let entropy = self.entropy();
        let shared = &self.shared;
        let record = shared.slab.items.get_mut(&mut claim);
        let (begun, deadline) = (record.begun, record.deadline());
        let timed = begun.is_some() || deadline.is_some();
        let now = if timed { look(|| clock.now()) } else { None };
        let policy = record.policy().unwrap_or(shared.policy);
        let next = policy.next(record.attempts, between(begun, now), not_before, entropy);
        let failure = if record.is_cancelled() {
            Some(Failure::Cancelled)
        } else if is_over(deadline, now) {
            Some(Failure::Deadline)
        } else {
            None
        };
        let delay = match (failure, next) {
            (None, Err(why)) => {
                return self.fail(claim, Failure::Exhausted(trouble, why), clock);
            }
            // It would begin too late.
            (None, Ok(delay)) if is_over(deadline, now.map(|now| now.saturating_add(delay))) => {
                swallow(|| drop(trouble));
                return self.fail(claim, Failure::Deadline, clock);
            }
            (None, Ok(delay)) => delay,
            (Some(failure), _) => {
                swallow(|| drop(trouble));
                return self.fail(claim, failure, clock);
            }
        };
        record.mark = Mark::BackingOff;
        // By the driver's clock, which may be another than the workers'.
        record.when = if delay.is_zero() { When::Now } else { When::After(delay) };
        record.since = shared.moment();
        let record = shared.slab.items.get(&claim);
        if let Some(on_retry) = &shared.callbacks.on_retry {
            shared.tell(|| on_retry(&record.about(|| clock.now()), &trouble, delay));
        }
        trace::retry(record.id, record.attempts, delay);
        // When it is cancelled, what waits is left over.
        let goes_on = shared.crew.state().phase < Phase::Cancelling && !shared.is_finishing();
        let ready = delay.is_zero() && goes_on;
        self.onward = Some((claim, if ready { Lane::Ready } else { Lane::Aside }));
        swallow(|| drop(trouble));
        End::Retried
    }
}

/// Whether a moment has come that is to be the end.
fn is_over(end: Option<Instant>, now: Option<Instant>) -> bool {
    matches!((end, now), (Some(end), Some(now)) if now >= end)
}

/// The time from one moment to another, as far as they are known.
fn between(from: Option<Instant>, to: Option<Instant>) -> Duration {
    from.zip(to).map_or(Duration::ZERO, |(from, to)| to.saturating_since(from))
}

impl<F, Fut, B, R, E, K> Station<K> for HerdStation<F, Fut, B, R, E, K>
where
    F: Fn(Item<B>) -> Fut,
    Fut: Future<Output = Result<R, Fault<E>>>,
    K: Timer,
{
    type Door = Shared<B, R, E>;

    fn open(&mut self) {}

    #[inline]
    fn try_take(&mut self) -> Poll<bool> {
        let taken = self.ready.try_take();
        self.note(taken)
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let taken = self.ready.poll_take(cx);
        self.note(taken)
    }

    fn is_working(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    fn poll_work(&mut self, clock: &K, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            match mem::replace(&mut self.stage, Stage::Idle) {
                Stage::Idle => unreachable!("it has taken an item"),
                Stage::Taken(claim) => {
                    if let Some(end) = self.begin(claim, clock) {
                        return Poll::Ready(end);
                    }
                }
                Stage::Running => {
                    self.stage = match self.poll_attempt(clock, cx) {
                        Poll::Ready(verdict) => Stage::Returning(verdict),
                        Poll::Pending => {
                            self.stage = Stage::Running;
                            return Poll::Pending;
                        }
                    }
                }
                Stage::Returning(verdict) => match self.bench.poll_back(cx) {
                    Poll::Ready(claim) => return Poll::Ready(self.conclude(claim, verdict, clock)),
                    Poll::Pending => {
                        self.stage = Stage::Returning(verdict);
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    #[inline]
    fn tell(&mut self) {
        let Some((mut claim, lane)) = self.onward.take() else {
            return;
        };
        let slab = &self.shared.slab;
        match lane {
            // Neither is closed while an item has not ended.
            Lane::Ready => drop(slab.ready.give(claim)),
            Lane::Aside => {
                slab.put_aside(claim);
                self.shared.crew.ring();
            }
            Lane::Done => {
                let mut ticket = None;
                if let Some(extra) = &mut slab.items.get_mut(&mut claim).extra {
                    ticket = extra.ticket.take();
                    if extra.run.take().is_some() {
                        // Another run may have waited for the end of this one.
                        self.shared.crew.ring();
                    }
                }
                let unwanted = match ticket {
                    Some(mut ticket) => match ticket.try_send(claim) {
                        Ok(()) => return,
                        Err(error) => self.done.give(error.into_inner()),
                    },
                    None => self.done.give(claim),
                };
                if let Err(claim) = unwanted {
                    self.discard(claim);
                }
            }
        }
    }

    fn pause(&mut self) {
        self.looked = None;
    }

    fn put_back(&mut self) {
        if let Stage::Taken(claim) = mem::replace(&mut self.stage, Stage::Idle) {
            if let Err(claim) = self.shared.slab.ready.give(claim) {
                self.shared.slab.put_aside(claim);
            }
        }
    }

    fn abort(&mut self) {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {}
            Stage::Taken(claim) => {
                self.stage = Stage::Taken(claim);
                self.put_back();
            }
            Stage::Running => {
                self.drop_attempt();
                match self.bench.take_back() {
                    Some(claim) => self.interrupt(claim),
                    None => self.stage = Stage::Returning(Verdict::Aborted),
                }
            }
            // It has ended; only the guard is missing.
            returning @ Stage::Returning(_) => self.stage = returning,
        }
    }

    #[inline]
    fn has_more(&self) -> bool {
        false
    }

    fn meet(&self) {
        self.tell_driver();
    }
}

impl<F, Fut, B, R, E, K: Timer> Drop for HerdStation<F, Fut, B, R, E, K> {
    fn drop(&mut self) {
        self.drop_attempt();
        let onward = self.onward.take().map(|(claim, _)| claim);
        for mut claim in self.bench.leave().into_iter().chain(onward) {
            // It has not been counted, if it had ended.
            let outcome = self.shared.outcomes.get_mut(&mut claim).take();
            swallow(|| drop(outcome));
            self.interrupt(claim);
        }
        self.tell_driver();
    }
}
