//! What holders of handles, tickets and results do, as the seed chooses.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::herd::{Herd, JoinError, LeftOver, Phase, Refusal, ResizeError, Results, Ticket, Work};
use droves::retry::Policy;
use droves::runtime::Clock;
use droves::sim::Sim;

use super::ledger::{Body, Fate, Ledger, Refused, Rules};
use crate::crowd::{Crowd, below};

pub type TestHerd = Herd<Body, usize, Refused>;
pub type TestResults = Results<Body, usize, Refused>;
type TestTicket = Ticket<Body, usize, Refused>;

/// What all of a run share.
pub struct Scene {
    pub sim: Sim,
    pub ledger: Ledger,
    pub crowd: Crowd,
    /// Open at the end: for handlers that nothing else stops.
    pub gate: CancelToken,
    /// Cancelled at the end, after a while: for handlers that wait to be asked to stop.
    pub late: CancelToken,
    pub own: RefCell<Weak<TestHerd>>,
    /// Items that can be cancelled, and their tokens.
    pub tokens: RefCell<Vec<(usize, CancelToken)>>,
    /// Set when the run comes to its end: clients do no more.
    pub ending: Cell<bool>,
    /// Whether it was cancelled or aborted, or its runtime went: nothing begins any more.
    pub cut_off: Cell<bool>,
    /// Whether handlers may be dropped before their time.
    pub aborted: Cell<bool>,
    /// Whether what is not done in time may be left over, or what waits for its time.
    pub hasty: Cell<bool>,
    /// Whether the tasks were ever limited.
    pub limited: Cell<bool>,
    /// Whether results may have been dropped unread.
    pub dropped: Cell<bool>,
    pub policy: Policy,
    pub rules: Rules,
    pub max: usize,
    /// Whether clients may end the herd.
    pub wild: bool,
}

impl Scene {
    pub fn herd(&self) -> Option<Rc<TestHerd>> {
        self.own.borrow().upgrade()
    }

    fn millis(&self, bound: u64) -> Duration {
        Duration::from_millis(self.sim.random(bound))
    }

    /// Work about which the seed chooses what is special.
    pub fn work(&self) -> Work<Body> {
        let (sim, now) = (&self.sim, self.sim.now());
        let mut fate = Fate { rules: self.rules, ..Fate::default() };
        let when = sim.random(6);
        let delay = self.millis(12);
        if when <= 1 {
            fate.scheduled = true;
            fate.not_before = now.saturating_add(delay);
        }
        let deadline = (sim.random(8) == 0).then(|| now.saturating_add(self.millis(20)));
        let timeout = (sim.random(8) == 0).then(|| self.millis(6));
        let retries = (sim.random(8) == 0).then(|| u32::try_from(below(sim, 3)).unwrap());
        fate.deadline = deadline;
        fate.rules.timeout = timeout.or(fate.rules.timeout);
        fate.rules.max_retries = retries.unwrap_or(fate.rules.max_retries);
        let not_before = fate.not_before;
        let body = self.ledger.body(fate);
        let id = body.id;
        let mut work = Work::new(id as u64, body);
        work = match when {
            0 => work.at(not_before),
            1 => work.after(delay),
            _ => work,
        };
        work = deadline.into_iter().fold(work, Work::deadline);
        work = timeout.into_iter().fold(work, Work::timeout);
        let policies = retries.map(|retries| self.policy.max_retries(retries));
        work = policies.into_iter().fold(work, Work::policy);
        if sim.random(8) == 0 {
            let token = CancelToken::new();
            work = work.cancelled_by(&token);
            self.tokens.borrow_mut().push((id, token));
        }
        work
    }

    fn note(&self, kind: Refusal, herd: &TestHerd) {
        match kind {
            Refusal::Full => {
                assert_eq!(self.ledger.inside(), herd.capacity(), "refused, and there is room");
                self.ledger.met("full");
            }
            Refusal::Quiet => self.ledger.met("quiet"),
            Refusal::ShuttingDown => {
                assert!(herd.phase() >= Phase::Draining);
                self.ledger.met("refused");
            }
        }
    }

    fn try_send(self: &Rc<Self>, herd: &TestHerd) {
        let work = self.work();
        let id = work.body.id;
        if self.sim.random(4) == 0 {
            match herd.try_send_for_result(work) {
                Ok(ticket) => self.hold(id, ticket),
                Err(error) => self.note(error.discard(), herd),
            }
            return;
        }
        match herd.try_send_work(work) {
            Ok(()) => self.ledger.accept(id),
            Err(error) => self.note(error.discard(), herd),
        }
    }

    /// Has an accepted item's ticket awaited, or dropped.
    fn hold(self: &Rc<Self>, id: usize, ticket: TestTicket) {
        self.ledger.accept(id);
        match self.sim.random(4) {
            0 => {
                drop(ticket);
                self.ledger.met("a ticket was dropped at once");
            }
            _ => self.crowd.add(wait(self.clone(), id, ticket)),
        }
    }

    /// Polls a future, until a time is over if it has patience.
    async fn patiently<T>(
        &self,
        patience: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let mut give_up = pin!(self.sim.sleep(patience.unwrap_or_default()));
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if patience.is_some() && give_up.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Sends, and waits for room; or gives up at some time.
    async fn send(self: &Rc<Self>, herd: &TestHerd) {
        let work = self.work();
        let id = work.body.id;
        let patience = (self.sim.random(3) == 0).then(|| self.millis(6));
        let start = self.sim.now();
        let sent = if self.sim.random(4) == 0 {
            let sent = self.patiently(patience, herd.send_for_result(work)).await;
            sent.map(|sent| sent.map(Some).map_err(droves::herd::Refused::discard))
        } else {
            let sent = self.patiently(patience, herd.send_work(work)).await;
            sent.map(|sent| sent.map(|()| None).map_err(droves::herd::Refused::discard))
        };
        let waited = self.sim.now() > start;
        match sent {
            Some(Ok(Some(ticket))) => self.hold(id, ticket),
            Some(Ok(None)) => {
                self.ledger.accept(id);
                self.ledger.met_if(waited, "sent after a wait");
            }
            Some(Err(kind)) => {
                self.ledger.met_if(waited, "refused after a wait");
                assert_ne!(kind, Refusal::Full);
                self.note(kind, herd);
            }
            None => self.ledger.met("gave up a send"),
        }
    }

    fn resize(&self, herd: &TestHerd) {
        let before = herd.stats();
        let size = below(&self.sim, self.max + 1);
        match herd.resize(size) {
            Ok(()) => {
                assert_eq!(herd.stats().size, size);
                self.ledger.met(match size {
                    0 => "resized to 0",
                    _ if size < before.size => "made smaller",
                    _ if size > before.size => "made larger",
                    _ => "same size",
                });
            }
            Err(ResizeError::Stopping) => assert!(before.phase >= Phase::Draining, "{before:?}"),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Between any two polls.
    pub fn check(&self, herd: &TestHerd) {
        let (stats, ledger) = (herd.stats(), &self.ledger);
        assert_eq!(stats.submitted, ledger.count(|fate| fate.accepted), "{stats:?}");
        assert_eq!(stats.succeeded, ledger.sum(|fate| fate.successes), "{stats:?}");
        assert_eq!(stats.failed, ledger.sum(|fate| fate.failures), "{stats:?}");
        assert_eq!(stats.retried, ledger.sum(|fate| fate.retries), "{stats:?}");
        let (panicked, handler_panics) = {
            let book = ledger.book();
            assert!(stats.running >= book.running, "{stats:?}");
            (book.panicked, book.handler_panics)
        };
        assert_eq!((stats.panicked, stats.handler_panics), (panicked, handler_panics), "{stats:?}");
        let waiting = stats.waiting + stats.scheduled + stats.backing_off + stats.running;
        let left = ledger.count(|fate| fate.left);
        let known = stats.succeeded + stats.failed + waiting as u64 + left;
        assert_eq!(stats.submitted, known, "{left} were taken: {stats:?}");
        assert!(waiting + stats.unread <= herd.capacity(), "{stats:?}");
    }

    fn cancel_one(&self) {
        let mut tokens = self.tokens.borrow_mut();
        if tokens.is_empty() {
            return;
        }
        let at = below(&self.sim, tokens.len());
        let (id, token) = tokens.swap_remove(at);
        self.ledger.book().fates[id].cancelled = true;
        token.cancel();
        self.ledger.met("an item was cancelled");
    }

    /// What only wild clients do.
    fn end(&self, herd: &TestHerd) {
        match self.sim.random(10) {
            0 => self.cancel(herd),
            1 => self.abort(herd),
            2 => {
                self.shut_down();
                self.ledger.met("shut down by a client");
            }
            3 => self.ledger.met_if(herd.close(), "closed by a client"),
            4 => {
                self.drain(herd);
                self.ledger.met("drained by a client");
            }
            5 => {
                self.hasty.set(true);
                self.ledger.met_if(herd.finish(), "finished by a client");
            }
            _ => {}
        }
    }

    pub fn cancel(&self, herd: &TestHerd) {
        let token = herd.cancel_token();
        if herd.cancel().is_ok() {
            assert!(token.is_cancelled());
            self.cut_off.set(true);
        }
    }

    pub fn abort(&self, herd: &TestHerd) {
        if herd.abort().is_ok() {
            self.cut_off.set(true);
            self.aborted.set(true);
        }
    }

    pub fn drain(&self, herd: &TestHerd) {
        self.hasty.set(true);
        let _ = herd.drain(self.millis(20));
    }

    pub fn shut_down(&self) {
        self.cut_off.set(true);
        self.aborted.set(true);
        self.sim.shut_down();
    }
}

/// Waits for a result by its ticket, or cancels it, or gives up.
async fn wait(scene: Rc<Scene>, id: usize, ticket: TestTicket) {
    let (sim, ledger) = (&scene.sim, &scene.ledger);
    if sim.random(3) == 0 {
        scene.sim.sleep(scene.millis(10)).await;
    }
    if sim.random(4) == 0 {
        ledger.book().fates[id].cancelled = true;
        ticket.cancel();
        ledger.met("a ticket was cancelled");
    }
    let patience = (sim.random(3) == 0).then(|| scene.millis(10));
    match scene.patiently(patience, ticket).await {
        Some(Ok(done)) => {
            ledger.read(&done);
            ledger.met("a ticket's result");
        }
        Some(Err(LeftOver)) => {
            assert!(!ledger.book().fates[id].read, "read by somebody else");
            ledger.met("a ticket for what is left over");
        }
        None => {
            // After the end nobody reads it.
            scene
                .dropped
                .set(scene.dropped.get() || scene.herd().is_none_or(|herd| herd.is_stopped()));
            ledger.met("a ticket was given up");
        }
    }
}

/// Reads results: now and then, all that there are, or none for long; and drops them, in some runs, before the end.
pub async fn read(scene: Rc<Scene>, mut results: TestResults) {
    let (sim, ledger) = (scene.sim.clone(), scene.ledger.clone());
    let goes = sim.random(4) == 0;
    while !scene.ending.get() {
        match sim.random(8) {
            0..=3 => {
                let patience = Some(scene.millis(8));
                match scene.patiently(patience, results.next()).await {
                    Some(Some(done)) => ledger.read(&done),
                    Some(None) => return ledger.met("all were read before the end"),
                    None => ledger.met("gave up a read"),
                }
            }
            4 => {
                while let Some(done) = results.try_next() {
                    ledger.read(&done);
                }
            }
            5 => sim.sleep(scene.millis(40)).await,
            6 if goes => break,
            _ => sim.sleep(scene.millis(6)).await,
        }
    }
    if goes {
        scene.dropped.set(true);
        return ledger.met("the results were dropped");
    }
    while let Some(done) = results.next().await {
        ledger.read(&done);
    }
    assert!(results.try_next().is_none());
    assert!(scene.herd().is_none_or(|herd| herd.is_stopped() || herd.phase() == Phase::Stopped));
    ledger.met("all were read");
}

/// One client.
pub async fn client(scene: Rc<Scene>, herd: TestHerd) {
    let sim = &scene.sim;
    for _ in 0..4 + sim.random(16) {
        if scene.ending.get() {
            break;
        }
        match sim.random(32) {
            0..=6 => scene.try_send(&herd),
            7..=9 => {
                for _ in 0..sim.random(8) {
                    scene.try_send(&herd);
                }
            }
            10..=15 => scene.send(&herd).await,
            16..=17 => scene.resize(&herd),
            18 if sim.random(2) == 0 => scene.ledger.met_if(herd.quiet().is_ok(), "made quiet"),
            19..=20 => scene.ledger.met_if(herd.resume().is_ok(), "resumed"),
            21 => {
                scene.crowd.add(client(scene.clone(), herd.clone()));
                scene.ledger.met("one client more");
            }
            22 => break,
            23 => {
                let limit = (sim.random(2) == 0).then(|| 1 + below(sim, 4));
                sim.limit_tasks(limit);
                scene.limited.set(scene.limited.get() || limit.is_some());
            }
            24 => {
                // A join that nobody waits for.
                let mut cx = Context::from_waker(Waker::noop());
                match pin!(herd.join()).poll(&mut cx) {
                    Poll::Pending => {
                        assert_eq!(herd.leftovers().count(), 0, "left over before the end");
                        scene.ledger.met("join given up");
                    }
                    Poll::Ready(Ok(_)) => scene.ledger.met("joined by a client"),
                    Poll::Ready(Err(error)) => assert_eq!(error, JoinError::RuntimeGone),
                }
            }
            25..=26 => scene.cancel_one(),
            27 if scene.wild => scene.end(&herd),
            28 => sim.yield_now().await,
            _ => sim.sleep(scene.millis(12)).await,
        }
        scene.check(&herd);
    }
}
