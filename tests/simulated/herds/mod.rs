//! Whole lives of herds.

mod clients;
mod handlers;
mod ledger;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::herd::{Herd, JoinError, Leftovers, Phase, StartErrorKind};
use droves::retry::{Backoff, Policy};
use droves::runtime::{Clock, SpawnError};
use droves::sim::Sim;

use self::clients::{Scene, TestHerd, TestResults, client, read};
use self::ledger::{Body, Ledger, Refused, Rules};
use crate::crowd::{Crowd, below};
use crate::jobs::{clear_world, set_world, sim as the_sim};
use crate::seeds::{Met, assert_met, run};

type Joined = Result<Leftovers<Body, usize, Refused>, JoinError>;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Close,
    LastHandle,
    Drain,
    Finish,
    Cancel,
    Abort,
    RuntimeGone,
}

impl Ending {
    const ALL: [Self; 7] = [
        Self::Close,
        Self::LastHandle,
        Self::Drain,
        Self::Finish,
        Self::Cancel,
        Self::Abort,
        Self::RuntimeGone,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Close => "ended by close",
            Self::LastHandle => "ended by the last handle",
            Self::Drain => "ended by drain",
            Self::Finish => "ended by finish",
            Self::Cancel => "ended by cancel",
            Self::Abort => "ended by abort",
            Self::RuntimeGone => "ended by its runtime",
        }
    }
}

/// A policy, and what it means.
fn policy(sim: &Sim) -> (Policy, Rules) {
    let millis = |bound| Duration::from_millis(sim.random(bound));
    let (delay, min) = (millis(6), millis(3));
    let max = min + millis(6);
    let max_retries = u32::try_from(sim.random(4)).unwrap();
    let (backoff, backoff_max) = match sim.random(3) {
        0 => (Backoff::none(), Duration::ZERO),
        1 => (Backoff::constant(delay), delay),
        _ => (Backoff::exponential(delay).max(max), max),
    };
    let backoff = match sim.random(3) {
        0 => backoff,
        1 => backoff.equal_jitter(),
        _ => backoff.full_jitter(),
    };
    let backoff = backoff.min(min);
    let policy = Policy::retries(max_retries).backoff(backoff);
    let max_total = (sim.random(4) == 0).then(|| millis(20));
    let policy = max_total.map_or(policy, |max_total| policy.max_total(max_total));
    let timeout = (sim.random(3) == 0).then(|| millis(6));
    let backoff_max = backoff_max.max(min);
    (policy, Rules { max_retries, backoff_min: min, backoff_max, max_total, timeout })
}

/// What callbacks do, beside telling the ledger.
fn perhaps_panic(ledger: &Ledger) {
    if the_sim().random(16) == 0 {
        ledger.book().handler_panics += 1;
        ledger.met("a callback panicked");
        resume_unwind(Box::new("a callback panics"));
    }
}

fn start(sim: &Sim, ledger: &Ledger) -> (TestHerd, TestResults, Rc<Scene>) {
    let (policy, rules) = policy(sim);
    let (max, capacity) = (1 + below(sim, 4), 1 + below(sim, 8));
    ledger.book().capacity = capacity;
    let scene = Rc::new(Scene {
        sim: sim.clone(),
        ledger: ledger.clone(),
        crowd: Crowd::new(sim),
        gate: CancelToken::new(),
        late: CancelToken::new(),
        own: RefCell::new(Weak::new()),
        tokens: RefCell::default(),
        ending: Cell::new(false),
        cut_off: Cell::new(false),
        aborted: Cell::new(false),
        hasty: Cell::new(false),
        limited: Cell::new(false),
        dropped: Cell::new(false),
        policy,
        rules,
        max,
        wild: sim.random(3) == 0,
    });
    let own = scene.clone();
    let builder = Herd::builder(move |item| handlers::handle(&own, item));
    let builder = builder.size(below(sim, max + 1)).capacity(capacity).policy(policy);
    let (successes, failures, retries) = (ledger.clone(), ledger.clone(), ledger.clone());
    let builder = builder
        .seed(sim.random(u64::MAX))
        .on_success(move |about, result: &usize| {
            assert_eq!((about.id, about.body.id), (*result as u64, *result));
            successes.success(*result);
            perhaps_panic(&successes);
        })
        .on_failure(move |about, failure| {
            failures.failure(about.body.id, failure);
            perhaps_panic(&failures);
        })
        .on_retry(move |about, trouble, delay| {
            retries.retry(about.body.id, *trouble, delay, the_sim().now());
            perhaps_panic(&retries);
        });
    let builder = rules.timeout.into_iter().fold(builder, droves::herd::Builder::timeout);
    let builder = if sim.random(2) == 0 { builder.timed() } else { builder };
    let builder = if sim.random(8) == 0 {
        sim.limit_tasks(Some(0));
        let refused = builder.start(sim).expect_err("there may be no task");
        assert_eq!(refused.kind, StartErrorKind::Spawn(SpawnError::Limit));
        ledger.met("not started, and tried again");
        refused.builder
    } else {
        builder
    };
    let limit = (sim.random(4) == 0).then(|| 1 + below(sim, 3));
    scene.limited.set(limit.is_some());
    sim.limit_tasks(limit);
    let (herd, results) = builder.start(sim).expect("room for the driver");
    (herd, results, scene)
}

/// A day is more than any wait here.
async fn in_time<T>(sim: &Sim, what: &str, future: impl Future<Output = T>) -> T {
    let (mut future, mut late) = (pin!(future), pin!(sim.sleep(Duration::from_secs(86))));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        assert!(late.as_mut().poll(cx).is_pending(), "never ends: {what}");
        Poll::Pending
    })
    .await
}

/// Tells whether results, and what was left over, may have been dropped.
async fn life(sim: &Sim, ledger: &Ledger) -> (bool, bool) {
    let (herd, results, scene) = start(sim, ledger);
    scene.crowd.add(read(scene.clone(), results));
    for _ in 0..=sim.random(3) {
        scene.crowd.add(client(scene.clone(), herd.clone()));
    }
    let herd = Rc::new(herd);
    *scene.own.borrow_mut() = Rc::downgrade(&herd);
    let mut joins = vec![herd.join()];
    let mut busy = pin!(&scene.crowd);
    let mut time = pin!(sim.sleep(Duration::from_millis(sim.random(80))));
    poll_fn(|cx| match busy.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => time.as_mut().poll(cx),
    })
    .await;
    scene.check(&herd);
    scene.ending.set(true);
    let ending = Ending::ALL[below(sim, Ending::ALL.len())];
    let was_closed = herd.phase() >= Phase::Draining;
    match ending {
        Ending::Close => assert_eq!(herd.close(), !was_closed),
        Ending::LastHandle => {}
        Ending::Drain => scene.drain(&herd),
        Ending::Finish => {
            scene.hasty.set(true);
            assert_eq!(herd.finish(), !was_closed);
        }
        Ending::Cancel => scene.cancel(&herd),
        Ending::Abort => scene.abort(&herd),
        Ending::RuntimeGone => scene.shut_down(),
    }
    // Else nobody does what is there, and those that wait for room would wait for ever.
    let _ = herd.resume();
    let _ = herd.resize(1 + below(sim, scene.max));
    scene.gate.cancel();
    // Else perhaps nobody is to be had to the end, and what waits is left over.
    if ending == Ending::LastHandle || sim.random(4) != 0 {
        sim.limit_tasks(None);
    }
    if sim.random(2) == 0 {
        sim.sleep(Duration::from_millis(sim.random(100))).await;
    }
    scene.late.cancel();
    let herd = (ending != Ending::LastHandle).then_some(herd);
    let last = ending == Ending::LastHandle;
    in_time(sim, if last { "the last handle" } else { "the clients" }, &scene.crowd).await;
    let result = match &herd {
        Some(herd) => {
            joins.push(herd.join());
            let at = below(sim, 2);
            in_time(sim, "join", joins.swap_remove(at)).await
        }
        None => in_time(sim, "join", joins.remove(0)).await,
    };
    drop(joins);
    // Without a handle nobody can have it from a herd whose runtime is gone.
    let gone = herd.is_none() && result.is_err();
    finish(&scene, ending, herd.as_deref(), result);
    (scene.dropped.get() || gone, gone)
}

fn finish(scene: &Scene, ending: Ending, herd: Option<&TestHerd>, result: Joined) {
    let ledger = &scene.ledger;
    assert_eq!(ledger.book().running, 0, "something runs after the end");
    if let Some(herd) = herd {
        scene.check(herd);
    }
    let take = |leftovers: Leftovers<_, _, _>| leftovers.inspect(|left| ledger.leave(left)).count();
    let left = match result {
        Ok(leftovers) => {
            let left = take(leftovers);
            let (cut_off, hasty) = (scene.cut_off.get(), scene.hasty.get());
            let limited = scene.limited.get();
            assert!(left == 0 || cut_off || hasty || limited, "{left} items are left over");
            ledger.met_if(left > 0 && !cut_off && hasty, "left over, as there was no time");
            ledger.met_if(left > 0 && !cut_off && !hasty, "left over, as there were no workers");
            left
        }
        Err(JoinError::RuntimeGone) => {
            assert!(scene.cut_off.get());
            ledger.met("runtime gone");
            herd.map_or(0, |herd| take(herd.leftovers()))
        }
        Err(error) => panic!("{error:?}"),
    };
    ledger.met_if(left > 0, "left over");
    if let Some(herd) = herd {
        assert!(herd.is_stopped());
        scene.check(herd);
        let stats = herd.stats();
        assert_eq!((stats.phase, stats.size, stats.live), (Phase::Stopped, 0, 0));
        assert_eq!((stats.waiting, stats.scheduled, stats.backing_off), (0, 0, 0), "{stats:?}");
        assert_eq!((stats.running, stats.unread), (0, 0), "{stats:?}");
        assert_eq!(stats.submitted, stats.succeeded + stats.failed + left as u64, "{stats:?}");
        assert!(stats.aborted >= ledger.book().cut_off, "{stats:?}");
        ledger.met_if(stats.lost_workers > 0, "workers were lost");
        let refused = herd.try_send_work(scene.work()).expect_err("it is over");
        assert!(refused.is_shutting_down());
        assert!(herd.resize(1).is_err() && herd.quiet().is_err() && herd.cancel().is_err());
    }
    ledger.met(ending.name());
}

fn one(seed: u64, met: &mut Met) {
    let sim = Sim::new(seed);
    let ledger = Ledger::default();
    set_world(&sim);
    let (dropped, gone) = sim.block_on(life(&sim, &ledger));
    sim.shut_down();
    clear_world();
    ledger.settle(dropped, gone);
    for (what, count) in std::mem::take(&mut ledger.book().met) {
        *met.entry(what).or_insert(0) += count;
    }
}

#[test]
fn promises_01_02_03_hold_in_random_lives_of_herds() {
    if let Some(met) = run(10_000, one) {
        assert_met(
            &met,
            1,
            &[
                "a callback panicked",
                "a guard was held for longer",
                "a ticket for what is left over",
                "a ticket was cancelled",
                "a ticket was dropped at once",
                "a ticket was given up",
                "a ticket's result",
                "all were read",
                "all were read before the end",
                "an item was cancelled",
                "as many as the size",
                "as many as there is room for",
                "asked to stop",
                "closed by a client",
                "cut off",
                "drained by a client",
                "ended by abort",
                "ended by cancel",
                "ended by close",
                "ended by drain",
                "ended by finish",
                "ended by its runtime",
                "ended by the last handle",
                "failed",
                "finished by a client",
                "full",
                "full inside",
                "gave up a read",
                "gave up a send",
                "join given up",
                "join inside",
                "joined by a client",
                "left over",
                "left over backing off",
                "left over interrupted",
                "left over scheduled",
                "left over waiting",
                "left over, as there was no time",
                "left over, as there were no workers",
                "made larger",
                "made quiet",
                "made smaller",
                "missed its deadline",
                "never asked to stop",
                "no more attempts",
                "no more time in all",
                "not started, and tried again",
                "one client more",
                "panicked",
                "panicked before it was a future",
                "quiet",
                "quiet inside",
                "refused",
                "refused after a wait",
                "refused inside",
                "resized to 0",
                "resumed",
                "returned an error too late",
                "runtime gone",
                "same size",
                "sent after a wait",
                "sent inside",
                "several at a time",
                "shut down by a client",
                "the results were dropped",
                "timed out",
                "was cancelled",
                "workers were lost",
            ],
        );
    }
}
