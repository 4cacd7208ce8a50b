//! What holders of handles do, as the seed chooses.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::pool::{JoinError, Phase, Refusal, ResizeError};
use droves::sim::Sim;

use crate::crowd::{Crowd, below};
use crate::jobs::{TestJob, TestPool, draw};
use crate::ledger::{End, Ledger};

/// What all clients of a run share.
pub struct Scene {
    pub sim: Sim,
    pub ledger: Ledger,
    pub crowd: Crowd,
    pub gate: CancelToken,
    /// Cancelled with the pool, or at the end of a run.
    pub token: CancelToken,
    /// Set when the run comes to its end: clients do no more.
    pub ending: Cell<bool>,
    /// Whether it was cancelled or aborted, or its runtime went.
    pub cut_off: Cell<bool>,
    /// Whether the tasks were ever limited, so that workers may have been lost.
    pub limited: Cell<bool>,
    /// The size that was asked for last.
    pub size: Cell<Option<usize>>,
    pub min: usize,
    pub max: usize,
    pub fixed: bool,
    pub capacity: usize,
    /// Whether clients may end the pool.
    pub wild: bool,
}

impl Scene {
    /// A job, and its number.
    fn job(&self) -> (usize, TestJob) {
        let witness = self.ledger.witness();
        (witness.id, draw(&self.sim, witness, &self.gate, &self.token.child()))
    }

    fn note(&self, kind: Refusal, phase: Phase) {
        match kind {
            Refusal::Full => self.ledger.met("full"),
            Refusal::Quiet => self.ledger.met("quiet"),
            Refusal::ShuttingDown => {
                assert!(phase >= Phase::Draining);
                self.ledger.met("refused");
            }
        }
    }

    fn assign(&self, pool: &TestPool) {
        let (id, job) = self.job();
        let shared = self.sim.random(4) == 0;
        let result = if shared { (**pool).assign_job(job) } else { pool.assign_job(job) };
        match result {
            Ok(()) => self.ledger.accept(id),
            Err(error) => self.note(error.kind, pool.stats().phase),
        }
    }

    /// Sends, and waits for room; or gives up at some time.
    async fn send(&self, pool: &TestPool) {
        let (id, job) = self.job();
        let mut send = pin!(pool.send_job(job));
        let patience = (self.sim.random(3) == 0).then(|| self.sim.random(6));
        let mut waited = false;
        let mut give_up = pin!(self.sim.sleep(Duration::from_millis(patience.unwrap_or(0))));
        let result = std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = send.as_mut().poll(cx) {
                return Poll::Ready(Some(result));
            }
            waited = true;
            if patience.is_some() && give_up.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await;
        match result {
            Some(Ok(())) => {
                self.ledger.accept(id);
                self.ledger.met_if(waited, "sent after a wait");
            }
            Some(Err(error)) => {
                self.ledger.met_if(waited, "refused after a wait");
                assert_ne!(error.kind, Refusal::Full);
                self.note(error.kind, pool.stats().phase);
            }
            None => self.ledger.met("gave up a send"),
        }
    }

    fn resize(&self, pool: &TestPool) {
        let before = pool.stats();
        let size = below(&self.sim, self.max + 2);
        match pool.resize(size) {
            Ok(()) => {
                assert!(self.fixed || (self.min..=self.max).contains(&size));
                assert_eq!(pool.stats().size, size);
                self.size.set(Some(size));
                self.ledger.met(match size {
                    0 => "resized to 0",
                    _ if size < before.size => "made smaller",
                    _ if size > before.size => "made larger",
                    _ => "same size",
                });
            }
            Err(ResizeError::Config(_)) => {
                assert!(!self.fixed && !(self.min..=self.max).contains(&size));
                self.ledger.met("size out of range");
            }
            Err(ResizeError::Stopping) => assert!(
                before.phase >= Phase::Cancelling
                    || before.phase == Phase::Draining && before.live == 0
            ),
        }
    }

    pub fn check(&self, pool: &TestPool) {
        let stats = pool.stats();
        assert!(stats.idle <= stats.live, "{stats:?}");
        assert!(stats.waiting <= self.capacity, "{stats:?}");
        assert!(stats.running <= pool.workers().filter(|worker| worker.busy).count());
        if stats.phase < Phase::Draining && !self.fixed {
            assert!((self.min..=self.max).contains(&stats.size), "{stats:?}");
        }
        for (count, end) in [
            (stats.succeeded, End::Succeeded),
            (stats.failed - stats.panicked, End::Failed),
            (stats.panicked, End::Panicked),
            (stats.aborted, End::Aborted),
        ] {
            assert_eq!(count, self.ledger.ended(end), "{end:?}: {stats:?}");
        }
        let accepted = self.ledger.count(|fate| fate.accepted);
        let known = stats.succeeded + stats.failed + stats.aborted;
        let left = self.ledger.count(|fate| fate.left);
        let known = known + stats.running as u64 + stats.dropped + stats.waiting as u64 + left;
        assert_eq!(accepted, known, "{stats:?}");
    }

    fn cut(&self, done: Result<(), droves::pool::AlreadyStopping>, what: &'static str) {
        if done.is_ok() {
            self.cut_off.set(true);
            self.ledger.met(what);
        }
    }

    /// What only wild clients do.
    fn end(&self, pool: &TestPool) {
        match self.sim.random(8) {
            0 => self.cut(pool.cancel(), "cancelled by a client"),
            1 => self.cut(pool.abort(), "aborted by a client"),
            2 => {
                self.sim.shut_down();
                self.cut_off.set(true);
                self.ledger.met("shut down by a client");
            }
            3 | 4 => self.ledger.met_if(pool.shutdown().is_ok(), "shutdown by a client"),
            _ => {}
        }
    }
}

/// One client.
pub async fn client(scene: Rc<Scene>, pool: TestPool) {
    let sim = &scene.sim;
    for _ in 0..4 + sim.random(12) {
        if scene.ending.get() {
            break;
        }
        match sim.random(32) {
            0..=8 => scene.assign(&pool),
            9..=11 => {
                for _ in 0..sim.random(8) {
                    scene.assign(&pool);
                }
            }
            12..=16 => scene.send(&pool).await,
            17..=18 => scene.resize(&pool),
            19 if sim.random(2) == 0 => {
                scene.ledger.met_if(pool.quiet().is_ok(), "made quiet");
            }
            19..=21 => scene.ledger.met_if(pool.resume().is_ok(), "resumed"),
            22 => {
                scene.crowd.add(client(scene.clone(), pool.clone()));
                scene.ledger.met("one client more");
            }
            23 => break,
            24 => {
                let limit = (sim.random(2) == 0).then(|| 1 + below(sim, 3));
                sim.limit_tasks(limit);
                scene.limited.set(scene.limited.get() || limit.is_some());
            }
            25 => {
                // A join that nobody waits for.
                let mut cx = Context::from_waker(Waker::noop());
                match pin!(pool.join()).poll(&mut cx) {
                    Poll::Pending => scene.ledger.met("join given up"),
                    Poll::Ready(Ok(_)) => scene.ledger.met("joined by a client"),
                    Poll::Ready(Err(error)) => assert_eq!(error, JoinError::RuntimeGone),
                }
            }
            26 if scene.wild => scene.end(&pool),
            27..=28 => sim.yield_now().await,
            _ => sim.sleep(Duration::from_millis(sim.random(12))).await,
        }
        scene.check(&pool);
    }
}
