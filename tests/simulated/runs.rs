//! Whole lives of pools.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::job::JobError;
use droves::pool::{JoinError, Leftovers, Overflow, Phase, Pool, Shared, StartErrorKind};
use droves::runtime::SpawnError;
use droves::sim::Sim;

use crate::clients::{Scene, client};
use crate::crowd::{Crowd, below};
use crate::jobs::{Refused, TestPool, clear_world, draw, set_pool, set_world, sim as the_sim};
use crate::ledger::{End, Ledger, State};
use crate::seeds::{Met, assert_met, run};

type Joined = Result<Leftovers<Refused, State>, JoinError>;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Shutdown,
    LastHandle,
    Cancel,
    Abort,
    RuntimeGone,
}

fn on_error(ledger: &Ledger, error: &JobError<Refused>, pool: &Shared<Refused, State>) {
    let (end, name) = match error {
        JobError::Failed(Refused) => (End::Failed, "told of a failure"),
        JobError::Panicked(_) => (End::Panicked, "told of a panic"),
        JobError::Aborted => (End::Aborted, "told of an abort"),
    };
    *ledger.book().told.entry(end).or_insert(0) += 1;
    ledger.met(name);
    let sim = the_sim();
    match sim.random(8) {
        0 => {
            let (witness, gate) = (ledger.witness(), CancelToken::new());
            gate.cancel();
            let id = witness.id;
            if pool.assign_job(draw(&sim, witness, &gate, &gate)).is_ok() {
                ledger.accept(id);
                ledger.met("assigned by the error handler");
            }
        }
        1 => {
            ledger.book().handler_panics += 1;
            ledger.met("the error handler panicked");
            resume_unwind(Box::new("a handler panics"));
        }
        _ => {}
    }
}

fn start(sim: &Sim, ledger: &Ledger, wild: bool) -> (TestPool, Rc<Scene>) {
    let fixed = sim.random(2) == 0;
    let max = 1 + below(sim, 4);
    let min = below(sim, max + 1);
    let capacity = 1 + below(sim, 6);
    let builder = Pool::builder();
    let builder = if fixed {
        builder.fixed(max)
    } else {
        let initial = min + below(sim, max - min + 1);
        builder.dynamic(min..=max).initial(initial)
    };
    let overflow = if sim.random(4) == 0 { Overflow::DropOldest } else { Overflow::Refuse };
    let (states, errors) = (ledger.clone(), ledger.clone());
    let builder = builder
        .capacity(capacity)
        .idle_timeout(Duration::from_millis(1 + sim.random(10)))
        .overflow(overflow)
        .state(move || State::new(&states))
        .on_error(move |error, pool: &Shared<_, _>| on_error(&errors, &error, pool));
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
    sim.limit_tasks(limit);
    let pool = builder.start(sim).expect("room for the driver");
    let scene = Scene {
        sim: sim.clone(),
        ledger: ledger.clone(),
        crowd: Crowd::new(sim),
        gate: CancelToken::new(),
        token: pool.cancel_token(),
        ending: Cell::new(false),
        cut_off: Cell::new(false),
        limited: Cell::new(limit.is_some()),
        size: Cell::new(None),
        min,
        max,
        fixed,
        capacity,
        wild,
    };
    (pool, Rc::new(scene))
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

/// Nobody asks anything of the pool for long: it has the size that it should have.
async fn settle(scene: &Scene, pool: &TestPool) {
    let sim = &scene.sim;
    if pool.stats().phase >= Phase::Draining || sim.random(2) == 0 {
        return;
    }
    scene.gate.cancel();
    sim.limit_tasks(None);
    sim.sleep(Duration::from_secs(1)).await;
    let stats = pool.stats();
    if stats.phase >= Phase::Draining {
        return;
    }
    // What runs on waits for the token.
    assert_eq!(stats.idle + stats.running, stats.live, "{stats:?}");
    assert_eq!(stats.live, stats.size.max(stats.running), "{stats:?}");
    assert!(stats.waiting == 0 || stats.running >= stats.size, "{stats:?}");
    if !scene.fixed {
        let busy = stats.running;
        assert!(stats.size <= scene.min.max(busy), "{stats:?}");
        scene.ledger.met("settled at the least size");
    }
    scene.check(pool);
}

async fn life(sim: &Sim, ledger: &Ledger) {
    let wild = sim.random(3) == 0;
    let (pool, scene) = start(sim, ledger, wild);
    for _ in 0..=sim.random(3) {
        scene.crowd.add(client(scene.clone(), pool.clone()));
    }
    let pool = Rc::new(pool);
    set_pool(Rc::downgrade(&pool));
    let mut joins = vec![pool.join()];
    let mut busy = pin!(&scene.crowd);
    let mut time = pin!(sim.sleep(Duration::from_millis(sim.random(80))));
    let alone = poll_fn(|cx| match busy.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => time.as_mut().poll(cx).map(|()| false),
    })
    .await;
    if alone {
        settle(&scene, &pool).await;
    }
    scene.ending.set(true);
    let endings =
        [Ending::Shutdown, Ending::LastHandle, Ending::Cancel, Ending::Abort, Ending::RuntimeGone];
    let ending = endings[below(sim, endings.len())];
    let stopping = pool.stats().phase >= Phase::Draining;
    match ending {
        Ending::Shutdown => assert_eq!(pool.shutdown().is_err(), stopping),
        Ending::LastHandle => {
            // With a size of 0 those that wait for room would wait for ever.
            if scene.size.get() == Some(0) && !scene.cut_off.get() && !stopping {
                pool.resize(scene.max).unwrap();
                scene.size.set(Some(scene.max));
            }
        }
        Ending::Cancel => scene.cut_off.set(pool.cancel().is_ok() || scene.cut_off.get()),
        Ending::Abort => scene.cut_off.set(pool.abort().is_ok() || scene.cut_off.get()),
        Ending::RuntimeGone => {
            sim.shut_down();
            scene.cut_off.set(true);
        }
    }
    scene.gate.cancel();
    // Else perhaps nobody is to be had to the end.
    if ending != Ending::Shutdown || sim.random(4) != 0 {
        sim.limit_tasks(None);
    }
    // Those that wait for the token, where nobody cancels: time for the others, and then they are freed.
    if !scene.cut_off.get() {
        let grace = Duration::from_millis(sim.random(100));
        sim.sleep(grace).await;
        scene.token.cancel();
    }
    in_time(sim, "the clients", &scene.crowd).await;
    if ending == Ending::LastHandle {
        drop(pool);
        let result = in_time(sim, "join", joins.pop().unwrap()).await;
        finish(&scene, ending, None, result);
    } else {
        joins.push(pool.join());
        let at = below(sim, 2);
        let result = in_time(sim, "join", joins.swap_remove(at)).await;
        drop(joins);
        scene.check(&pool);
        finish(&scene, ending, Some(&pool), result);
    }
}

fn finish(scene: &Scene, ending: Ending, pool: Option<&TestPool>, result: Joined) {
    let ledger = &scene.ledger;
    // Promise 3: nothing runs, and nothing of a worker is left.
    assert_eq!(ledger.book().running, 0);
    assert_eq!(ledger.book().states, 0, "states outlive the join");
    let accepted = |fate: &crate::ledger::Fate| fate.accepted;
    let waiting = ledger.count(|fate| accepted(fate) && fate.drops == 0);
    let dropped = ledger.count(|fate| accepted(fate) && !fate.started && fate.drops == 1);
    match result {
        Ok(leftovers) => {
            let mut left = 0;
            for job in leftovers {
                // None of them has begun.
                drop(job);
                left += 1;
            }
            assert_eq!(left, waiting);
            if left > 0 {
                ledger.met("left over");
                let (cut_off, zero) = (scene.cut_off.get(), scene.size.get() == Some(0));
                assert!(cut_off || zero || scene.limited.get(), "{left} jobs are left over");
                ledger.met_if(!cut_off && zero, "left over, as the size is 0");
                ledger.met_if(!cut_off && !zero, "left over, as there were no workers to be had");
            }
        }
        Err(JoinError::RuntimeGone) => {
            assert!(scene.cut_off.get());
            ledger.met("runtime gone");
            ledger.met_if(waiting > 0, "left in a pool without runtime");
        }
        Err(error) => panic!("{error:?}"),
    }
    let [succeeded, failed, panicked, aborted] =
        [End::Succeeded, End::Failed, End::Panicked, End::Aborted].map(|end| ledger.ended(end));
    // Promise 1.
    let ended = succeeded + failed + panicked + aborted;
    assert_eq!(ledger.count(accepted), ended + dropped + waiting);
    let (told, handler_panics) = {
        let book = ledger.book();
        let told = |end| book.told.get(&end).copied().unwrap_or(0);
        ([told(End::Failed), told(End::Panicked), told(End::Aborted)], book.handler_panics)
    };
    assert_eq!(told, [failed, panicked, aborted], "what the error handler was told");
    if let Some(pool) = pool {
        assert!(pool.is_stopped());
        let stats = pool.stats();
        assert_eq!((stats.phase, stats.size, stats.live), (Phase::Stopped, 0, 0));
        assert_eq!((stats.dropped, stats.running), (dropped, 0));
        assert_eq!(stats.handler_panics, handler_panics);
        ledger.met_if(stats.lost_workers > 0, "workers were lost");
        assert_eq!(pool.workers().count(), 0);
        assert!(pool.assign(|| ()).is_err_and(|error| error.is_shutting_down()));
    }
    for (count, what) in [
        (succeeded, "succeeded"),
        (failed, "failed"),
        (panicked, "panicked"),
        (aborted, "aborted"),
        (dropped, "dropped for a newer one"),
    ] {
        ledger.met_if(count > 0, what);
    }
    ledger.met(match ending {
        Ending::Shutdown => "ended by shutdown",
        Ending::LastHandle => "ended by the last handle",
        Ending::Cancel => "ended by cancel",
        Ending::Abort => "ended by abort",
        Ending::RuntimeGone => "ended by its runtime",
    });
}

fn one(seed: u64, met: &mut Met) {
    let sim = Sim::new(seed);
    let ledger = Ledger::default();
    set_world(&sim);
    sim.block_on(life(&sim, &ledger));
    sim.shut_down();
    clear_world();
    ledger.settle();
    for (what, count) in std::mem::take(&mut ledger.book().met) {
        *met.entry(what).or_insert(0) += count;
    }
}

#[test]
fn promises_01_02_03_hold_in_random_lives() {
    if let Some(met) = run(10_000, one) {
        assert_met(
            &met,
            1,
            &[
                "aborted",
                "aborted by a client",
                "as many as the size",
                "assigned by the error handler",
                "cancelled by a client",
                "dropped for a newer one",
                "ended by abort",
                "ended by cancel",
                "ended by its runtime",
                "ended by shutdown",
                "ended by the last handle",
                "failed",
                "full",
                "full inside",
                "gave up a send",
                "join given up",
                "join inside",
                "joined by a client",
                "left in a pool without runtime",
                "left over",
                "left over, as the size is 0",
                "left over, as there were no workers to be had",
                "made larger",
                "made quiet",
                "made smaller",
                "not started, and tried again",
                "one client more",
                "panicked",
                "quiet",
                "refused",
                "refused after a wait",
                "resized to 0",
                "resumed",
                "runtime gone",
                "sent after a wait",
                "sent inside",
                "settled at the least size",
                "several at a time",
                "shut down by a client",
                "shutdown by a client",
                "size out of range",
                "succeeded",
                "the error handler panicked",
                "told of a failure",
                "told of a panic",
                "told of an abort",
                "workers were lost",
            ],
        );
    }
}
