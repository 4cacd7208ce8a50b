//! Members that are pools, herds and other runners.

use std::time::Duration;

use droves::group::machine::Cut;
use droves::group::{Exit, Group, Handle, Member, Restart, RunError, Runner, Signal};
use droves::pool::{Phase, Pool};
use droves::retry::Backoff;

use super::help::{Groups, Log, TERM, service};
use crate::help::{Court, Gate, Tally, ended};
use crate::herd::help::{body, counted, gated, herd};
use crate::tasks::help::{HOUR, Odds};

const SHORT: Duration = Duration::from_millis(20);

/// A member that runs what has been started already.
fn runs<R: Runner + Clone>(name: &str, runner: &R) -> Member {
    let runner = runner.clone();
    Member::runner(name, move |_| Ok(runner.clone()))
}

/// The text of a group's end.
pub(super) async fn end(handle: &Handle) -> String {
    match handle.wait().await {
        Ok(trace) => trace.to_string(),
        Err(error) => error.to_string(),
    }
}

async fn runners_a_pool_does_what_it_has_accepted<W: Groups>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let handle = Group::parallel([runs("pool", &pool)]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    for _ in 0..8 {
        pool.assign(tally.job(&gate)).unwrap();
    }
    w.until(|| tally.running() == 2).await;
    handle.signal(TERM).unwrap();
    w.until(|| pool.stats().phase == Phase::Draining).await;
    assert!(pool.assign(|| ()).unwrap_err().is_shutting_down());
    w.pause().await;
    assert!(!handle.is_done());
    gate.open();
    assert_eq!(end(&handle).await, "pool exited with nil");
    assert_eq!((tally.done(), pool.stats().phase), (8, Phase::Stopped));
}

async fn runners_a_herd_does_what_it_has_accepted<W: Groups>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let (herd, mut results) = herd(gated(&tally, &gate)).size(2).start(w.rt()).unwrap();
    let handle = Group::parallel([runs("herd", &herd)]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    for number in 0..8 {
        herd.try_send(number, body(1)).unwrap();
    }
    w.until(|| tally.running() == 2).await;
    handle.signal(TERM).unwrap();
    w.until(|| herd.phase() == Phase::Draining).await;
    assert!(herd.try_send(9, body(1)).unwrap_err().is_shutting_down());
    gate.open();
    // It needs nobody to read the results.
    assert_eq!(end(&handle).await, "herd exited with nil");
    assert_eq!(crate::herd::help::rest(&mut results).await.len(), 8);
}

/// A runner that panics whatever it is told, and what it was told.
struct Panics(Log);

impl Runner for Panics {
    fn finish(&self) {
        self.0.add("finish".into());
        panic!("it cannot finish");
    }

    fn cancel(&self) {
        panic!("it cannot be cancelled");
    }

    fn abort(&self) {
        self.0.add("abort".into());
        panic!("it cannot be aborted");
    }

    async fn ended(&self) -> Result<(), RunError> {
        std::future::pending().await
    }
}

async fn runners_that_panic_are_aborted_and_end_their_member<W: Groups>(w: &W) {
    let log = Log::new();
    let lines = log.clone();
    let member = Member::runner("panics", move |_| Ok(Panics(lines.clone())));
    let handle = Group::parallel([member]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    let text = end(&handle).await;
    assert!(text.contains("it cannot finish"), "{text}");
    assert_eq!(log.lines(), ["finish", "abort"]);
}

async fn runners_stop_in_reverse_and_nothing_is_lost<W: Groups>(w: &W) {
    let (stored, taken, log) = (Tally::new(), Tally::new(), Log::new());
    let pool = Pool::builder().fixed(2).capacity(64).start(w.rt()).unwrap();
    // Each item is a job of the pool's before it is done.
    let (store, count) = (pool.clone(), stored.clone());
    let handler = move |item: droves::herd::Item<crate::herd::help::Body>| {
        let (store, count) = (store.clone(), count.clone());
        async move {
            assert!(store.send(count.tick()).await.is_ok(), "the pool ends after the herd");
            Ok(item.number)
        }
    };
    let (herd, results) = herd(handler).size(3).capacity(16).start(w.rt()).unwrap();
    drop(results);
    // Whoever takes work from others, until it is told to stop.
    let (front, accepted, lines) = (herd.clone(), taken.clone(), log.clone());
    let front = Member::once("front", move |mut run| async move {
        run.ready();
        for number in 0..120 {
            if number == 100 {
                run.signal().await;
            }
            assert!(front.send(number, body(1)).await.is_ok(), "the herd ends after the front");
            accepted.enter().end();
        }
        lines.add("front".into());
    });
    let members = [runs("pool", &pool), runs("herd", &herd), front];
    let handle = Group::ordered(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    w.until(|| taken.done() == 100).await;
    assert_eq!((pool.stats().phase, herd.phase()), (Phase::Running, Phase::Running));
    handle.signal(TERM).unwrap();
    let text = "front exited with nil\nherd exited with nil\npool exited with nil";
    assert_eq!(end(&handle).await, text);
    assert_eq!((taken.done(), log.len()), (stored.done(), 1));
    assert_eq!(herd.stats().succeeded, taken.done() as u64);
    assert_eq!(ended(&pool.stats()), taken.done() as u64);
}

async fn runners_a_kill_leaves_over_what_has_not_begun<W: Groups>(w: &W) {
    let (tally, gate) = (Tally::new(), Gate::new());
    let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
    let (herd, _results) = herd(gated(&tally, &gate)).size(1).start(w.rt()).unwrap();
    let members = [runs("pool", &pool), runs("herd", &herd)];
    let handle = Group::parallel(members).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    for number in 0..5 {
        pool.assign(tally.job(&gate)).unwrap();
        herd.try_send(number, body(1)).unwrap();
    }
    w.until(|| tally.running() == 2).await;
    // First it may do it all, and then nothing but what runs.
    handle.signal(TERM).unwrap();
    w.until(|| pool.stats().phase == Phase::Draining).await;
    handle.signal(Signal::KILL).unwrap();
    w.until(|| pool.cancel_token().is_cancelled() && herd.cancel_token().is_cancelled()).await;
    gate.open();
    let error = handle.wait().await.unwrap_err();
    for exit in error.trace().exits() {
        let Exit::Failed(error) = &exit.exit else { panic!("{exit}") };
        assert_eq!(error.downcast_ref(), Some(&RunError::LeftOver(4)), "{exit}");
    }
    assert_eq!((pool.leftovers().count(), herd.leftovers().count(), tally.done()), (4, 4, 2));
}

async fn runners_have_a_time_to_finish<W: Groups>(w: &W) {
    let (tally, gate, court) = (Tally::new(), Gate::new(), Court::new());
    let pools = [(); 2].map(|()| Pool::builder().fixed(1).start(w.rt()).unwrap());
    let (token, witness) = (pools[0].cancel_token(), court.witness());
    pools[0].assign(async move { token.cancelled().await }).unwrap();
    let job = tally.job(&gate);
    pools[1]
        .assign(async move {
            job.await; // it hears nothing
            drop(witness);
        })
        .unwrap();
    for pool in &pools {
        pool.assign(|| ()).unwrap();
    }
    w.until(|| tally.running() == 1 && pools[0].stats().running == 1).await;
    let members = [("polite", &pools[0]), ("deaf", &pools[1])]
        .map(|(name, pool)| runs(name, pool).stop_within(HOUR));
    let odds = Odds::new();
    let handle = w.start_group_on(Group::ordered(members), &odds);
    handle.ready().await.unwrap();
    handle.signal(TERM).unwrap();
    // The last is told first: it has its time twice. The other ends within the second.
    for _ in 0..3 {
        odds.rest(w).await;
        assert!(!handle.is_done());
        odds.pass(w, HOUR).await;
    }
    let error = handle.wait().await.unwrap_err();
    let [deaf, polite] = error.trace().exits() else { panic!("{error}") };
    assert!(matches!(deaf.exit, Exit::Abandoned) && deaf.cut == Some(Cut::Abandoned));
    assert_eq!(polite.to_string(), "polite exited with error: it ended with 1 left over");
    assert_eq!(polite.cut, Some(Cut::Cancelled));
    // What runs in one that was abandoned is dropped where it waits.
    pools[1].join().await.unwrap();
    assert_eq!((court.count(), tally.running(), pools[1].leftovers().count()), (0, 0, 1));
}

async fn runners_that_are_told_to_end_by_others_end_their_member<W: Groups>(w: &W) {
    let log = Log::new();
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let (herd, _results) = herd(counted(&Tally::new())).size(2).start(w.rt()).unwrap();
    let members = [service("a", &log), runs("pool", &pool), runs("herd", &herd)];
    let handle = Group::ordered(members).termination(TERM).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    pool.shutdown().unwrap();
    let text = "pool exited with nil\nherd exited with nil\na exited with nil";
    assert_eq!(end(&handle).await, text);
}

async fn runners_that_do_not_start_are_an_error_of_their_member<W: Groups>(w: &W) {
    let log = Log::new();
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let broken = Member::runner("broken", |run| -> Result<Pool, _> {
        Err(format!("{} has no port", run.name()).into())
    });
    let members = [runs("pool", &pool), broken, service("a", &log)];
    let handle = Group::ordered(members).termination(TERM).start(w.rt()).unwrap();
    let text = "broken exited with error: broken has no port\npool exited with nil";
    assert_eq!((end(&handle).await.as_str(), log.len()), (text, 0));
}

async fn runners_are_started_anew_by_a_restart<W: Groups>(w: &W) {
    let pool = Pool::builder().fixed(2).start(w.rt()).unwrap();
    let (place, mut starts) = (pool.clone(), 0);
    let flaky = Member::runner("pool", move |_| {
        starts += 1;
        if starts < 3 { Err(format!("start {starts}").into()) } else { Ok(place.clone()) }
    });
    let flaky = flaky.restart(Restart::on_error().backoff(Backoff::constant(SHORT)));
    let handle = Group::parallel([flaky]).start(w.rt()).unwrap();
    handle.ready().await.unwrap();
    assert_eq!(handle.snapshot().await.members[0].restarts, 2);
    handle.signal(TERM).unwrap();
    assert_eq!(end(&handle).await, "pool exited with nil");
}

async fn runners_a_member_can_look_at_its_group<W: Groups>(w: &W) {
    let (log, pool) = (Log::new(), Pool::builder().fixed(1).start(w.rt()).unwrap());
    let (lines, place) = (log.clone(), pool.clone());
    let member = Member::new("a", move |mut run| {
        let (log, pool) = (lines.clone(), place.clone());
        async move {
            let group = run.group();
            run.ready();
            group.ready().await.unwrap();
            log.add(group.snapshot().await.to_string().lines().next().unwrap().to_owned());
            group.signal(TERM).unwrap();
            run.serve(&pool).await
        }
    });
    let handle = Group::parallel([member]).name("tree").start(w.rt()).unwrap();
    handle.wait().await.unwrap();
    assert_eq!((log.lines(), pool.is_stopped()), (vec!["tree: ready".to_owned()], true));
}

on_all! {
    runners_a_pool_does_what_it_has_accepted,
    runners_a_herd_does_what_it_has_accepted,
    runners_that_panic_are_aborted_and_end_their_member,
    runners_stop_in_reverse_and_nothing_is_lost,
    runners_a_kill_leaves_over_what_has_not_begun,
    runners_have_a_time_to_finish,
    runners_that_are_told_to_end_by_others_end_their_member,
    runners_that_do_not_start_are_an_error_of_their_member,
    runners_are_started_anew_by_a_restart,
    runners_a_member_can_look_at_its_group,
}

/// What stays on its thread can be started by a member there.
#[cfg(feature = "tokio")]
#[test]
fn runners_of_a_local_runtime_are_started_by_their_group() {
    use crate::world::{World, on_tokio::OnLocalSet};
    use droves::group::Local;

    OnLocalSet::run(async |w| {
        let (rt, tally) = (w.rt().clone(), Tally::new());
        let counts = tally.clone();
        let member = Member::local_runner("pool", move |_| {
            let pool: Pool = Pool::builder().fixed(1).start(&rt)?;
            pool.assign(counts.tick())?;
            Ok(pool)
        });
        let group = Group::<Local>::parallel([member]).start(w.rt()).unwrap();
        group.ready().await.unwrap();
        group.signal(TERM).unwrap();
        assert_eq!(end(&group).await, "pool exited with nil");
        assert_eq!(tally.done(), 1);
    });
}

/// Runtimes that end before the group.
#[cfg(all(
    feature = "threads",
    any(feature = "async-executor", feature = "sim", feature = "tokio")
))]
mod losing {
    use droves::threads::Threads;
    use futures_lite::future::block_on;

    use super::*;
    use crate::tasks::help::{self as chores, manager};
    use crate::world::Mortal;

    fn runners_whose_runtime_is_gone_are_an_error<W: Mortal>() {
        let first = async |w: &W| {
            let (tally, gate, left) = (Tally::new(), Gate::new(), Log::new());
            let pool = Pool::builder().fixed(1).start(w.rt()).unwrap();
            let (herd, results) = herd(gated(&tally, &gate)).size(1).start(w.rt()).unwrap();
            let mut tasks = manager(1, 16).build().unwrap();
            tasks.start(w.rt()).unwrap();
            for number in 0..3 {
                pool.assign(tally.job(&gate)).unwrap();
                herd.try_send(number, body(1)).unwrap();
                tasks.try_queue(chores::gated(&tally, &gate)).unwrap();
            }
            w.until(|| tally.running() == 3).await;
            (pool, herd, results, tasks, left)
        };
        W::doom(first, |(pool, herd, _results, tasks, left)| {
            let lines = left.clone();
            let managed = tasks.managed(move |pending| lines.add(format!("{:?}", pending.mark)));
            let mut managed = Some(managed);
            let tasks = Member::runner("tasks", move |_| managed.take().ok_or("once".into()));
            let members = [runs("pool", &pool), runs("herd", &herd), tasks];
            let handle = Group::parallel(members).start(&Threads::new()).unwrap();
            let error = block_on(handle.wait()).unwrap_err();
            assert_eq!(error.trace().exits().len(), 3);
            for exit in error.trace().exits() {
                let Exit::Failed(error) = &exit.exit else { panic!("{exit}") };
                assert_eq!(error.downcast_ref(), Some(&RunError::RuntimeGone), "{exit}");
            }
            // A closure that has begun cannot come back; items can.
            assert_eq!((pool.leftovers().count(), herd.leftovers().count()), (2, 3));
            assert!(left.has(&["Interrupted", "Waiting", "Waiting"]), "{:?}", left.lines());
        });
    }

    on_mortal! { runners_whose_runtime_is_gone_are_an_error }
}
