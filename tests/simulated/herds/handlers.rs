//! What handlers do, as the seed chooses.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::herd::{Fault, Item, JoinError, Phase, Refusal};
use droves::runtime::{Clock, Spawn};
use droves::time::Instant;

use super::clients::{Scene, TestHerd};
use super::ledger::{Body, Ledger, Refused, Verdict};
use crate::crowd::below;

/// Counts an attempt until nothing is left of it.
struct Running {
    id: usize,
    ledger: Ledger,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ledger.end(self.id);
    }
}

/// A guard, and the attempt that lasts as long as it is held.
struct Held {
    // The first to be dropped.
    item: Item<Body>,
    _running: Rc<Running>,
}

/// Lies in the handler's future.
struct Attempt {
    id: usize,
    end: Option<Instant>,
    scene: Rc<Scene>,
    held: Option<Held>,
    judged: bool,
    // The last to be dropped, if the guard is not held for longer.
    _running: Rc<Running>,
}

impl Attempt {
    fn begin(scene: &Rc<Scene>, item: Item<Body>) -> Self {
        let (id, end, now) = (item.id, item.deadline(), scene.sim.now());
        let ledger = &scene.ledger;
        assert!(!scene.cut_off.get(), "begun after it was cancelled");
        let running = ledger.begin(id, item.attempt(), now, end);
        let counted = Rc::new(Running { id, ledger: ledger.clone() });
        let held = Held { item, _running: counted.clone() };
        if let Some(herd) = scene.herd() {
            let stats = herd.stats();
            assert!(running <= stats.running, "{running} run: {stats:?}");
            assert!(stats.running <= stats.size, "{running} run: {stats:?}");
            ledger.met_if(running > 1, "several at a time");
            ledger.met_if(running == stats.size, "as many as the size");
        }
        let (scene, held) = (scene.clone(), Some(held));
        Self { id, end, scene, held, judged: false, _running: counted }
    }

    fn is_late(&self) -> bool {
        self.end.is_some_and(|end| self.scene.sim.now() >= end)
    }

    /// Ends it, with a guard that may be held for longer.
    fn finish(mut self, outcome: Verdict, holds: Duration) -> Result<usize, Fault<Refused>> {
        let (scene, id) = (self.scene.clone(), self.id);
        self.judged = true;
        let errs = !matches!(outcome, Verdict::Succeeded | Verdict::Panicked);
        let late = errs && self.is_late();
        scene.ledger.met_if(late, "returned an error too late");
        scene.ledger.judge(id, if late { Verdict::TimedOut } else { outcome });
        if !holds.is_zero() {
            let (held, sim) = (self.held.take(), scene.sim.clone());
            scene.ledger.met("a guard was held for longer");
            // Where there may be no task more it is dropped at once.
            let _ = scene.sim.spawn(async move {
                sim.sleep(holds).await;
                drop(held);
            });
        }
        drop(self);
        match outcome {
            Verdict::Succeeded => Ok(id),
            Verdict::Retry => Err(Fault::from(Refused)),
            Verdict::RetryAfter(delay) => Err(Fault::RetryAfter(Refused, delay)),
            Verdict::Failed => Err(Fault::Failure(Refused)),
            // Without the panic hook, which prints.
            _ => resume_unwind(Box::new("a handler panics")),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if mem::replace(&mut self.judged, true) {
            return;
        }
        let (late, aborted) = (self.is_late(), self.scene.aborted.get());
        assert!(late || aborted, "dropped before its time: {}", self.id);
        let verdict = if late { Verdict::TimedOut } else { Verdict::CutOff };
        self.scene.ledger.judge(self.id, verdict);
        self.scene.ledger.met(if late { "timed out" } else { "cut off" });
    }
}

fn draw(scene: &Scene) -> Verdict {
    let outcomes = [Verdict::Succeeded, Verdict::Retry, Verdict::Failed, Verdict::Panicked];
    match scene.sim.random(12) {
        0..=4 => Verdict::Succeeded,
        5 => Verdict::RetryAfter(Duration::from_millis(scene.sim.random(6))),
        6..=8 => Verdict::Retry,
        _ => outcomes[below(&scene.sim, outcomes.len())],
    }
}

/// What the herd calls for each attempt.
pub fn handle(
    scene: &Rc<Scene>,
    item: Item<Body>,
) -> impl Future<Output = Result<usize, Fault<Refused>>> + use<> {
    let attempt = Attempt::begin(scene, item);
    let scene = scene.clone();
    if scene.sim.random(32) == 0 {
        scene.ledger.met("panicked before it was a future");
        let _ = attempt.finish(Verdict::Panicked, Duration::ZERO);
        unreachable!("it panics");
    }
    async move {
        let millis = |bound| Duration::from_millis(scene.sim.random(bound));
        match scene.sim.random(16) {
            0..=4 => {}
            5..=9 => scene.sim.sleep(millis(8)).await,
            // Whatever happens.
            10 => scene.gate.cancelled().await,
            11..=12 => wait_for_cancellation(&scene, &attempt).await,
            13 => send_inside(&scene),
            14 => {
                let asks = scene.herd();
                if let Some(herd) = &asks {
                    join_inside(&scene, herd);
                }
            }
            _ => scene.sim.yield_now().await,
        }
        let holds = if scene.sim.random(8) == 0 { millis(6) } else { Duration::ZERO };
        attempt.finish(draw(&scene), holds)
    }
}

async fn wait_for_cancellation(scene: &Scene, attempt: &Attempt) {
    let item = &attempt.held.as_ref().expect("not given away yet").item;
    let (mut asked, mut late) = (pin!(item.cancelled()), pin!(scene.late.cancelled()));
    let asked = poll_fn(|cx| match asked.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => late.as_mut().poll(cx).map(|()| false),
    })
    .await;
    assert!(!asked || item.is_cancelled());
    scene.ledger.met(if asked { "asked to stop" } else { "never asked to stop" });
}

/// Who waits inside does not wait.
fn send_inside(scene: &Rc<Scene>) {
    let Some(herd) = scene.herd() else { return };
    let mut cx = Context::from_waker(Waker::noop());
    let work = scene.work();
    let id = work.body.id;
    match pin!(herd.send_work(work)).poll(&mut cx) {
        Poll::Ready(Ok(())) => {
            scene.ledger.accept(id);
            scene.ledger.met("sent inside");
        }
        Poll::Ready(Err(error)) => scene.ledger.met(match error.discard() {
            Refusal::Full => "full inside",
            Refusal::Quiet => "quiet inside",
            Refusal::ShuttingDown => "refused inside",
        }),
        Poll::Pending => panic!("a send waits in a handler of its own herd"),
    }
    assert!(herd.phase() < Phase::Stopped);
}

fn join_inside(scene: &Scene, herd: &TestHerd) {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(herd.join()).poll(&mut cx) {
        Poll::Ready(Err(JoinError::Inside)) => scene.ledger.met("join inside"),
        joined => panic!("{joined:?}"),
    }
    assert_eq!(herd.leftovers().count(), 0);
}
