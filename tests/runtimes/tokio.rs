use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant as StdInstant};

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::LocalSet;
use ::tokio::time;
use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::time::Instant;
use droves::tokio::{Tokio, TokioLocal};
use futures_lite::future::block_on;

use crate::contract::{self, after, poll_once};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn tokio_keeps_the_contract() {
    for runtime in [one_thread(), two_threads(), paused()] {
        runtime.block_on(async {
            let tokio = Tokio::current().unwrap();
            contract::time(&tokio).await;
            contract::spawning(&tokio).await;
        });
    }
}

#[test]
fn a_handle_works_from_outside() {
    let runtime = two_threads();
    let tokio = Tokio::new(runtime.handle().clone());
    block_on(async {
        contract::time(&tokio).await;
        contract::spawning(&tokio).await;
    });
}

#[test]
fn a_local_set_keeps_the_contract() {
    for runtime in [one_thread(), two_threads(), paused()] {
        let set = Rc::new(LocalSet::new());
        set.block_on(&runtime, async {
            let local = TokioLocal::new(Tokio::current().unwrap(), &set);
            contract::time(&local).await;
            contract::local_spawning(&local).await;
        });
    }
}

#[test]
fn outside_of_a_runtime() {
    assert_eq!(Tokio::current().err(), Some(SpawnError::NoRuntime));
}

#[test]
fn a_paused_clock_is_that_runtimes_alone() {
    let other = two_threads();
    let tokio = Tokio::new(other.handle().clone());
    paused().block_on(async {
        let (before, here) = (tokio.now(), time::Instant::now());
        std::thread::sleep(Duration::from_millis(2));
        assert!(tokio.now().saturating_since(before) >= Duration::from_millis(2));
        assert_eq!(time::Instant::now(), here);
    });
}

#[test]
fn a_paused_clock_stands_still_and_jumps() {
    let started = StdInstant::now();
    paused().block_on(async {
        let tokio = Tokio::current().unwrap();
        let hour = Duration::from_secs(3_600);
        assert_eq!(tokio.now(), Instant::from_nanos(0));
        time::advance(hour).await;
        assert_eq!(tokio.now(), Instant::from_nanos(0).saturating_add(hour));
        let at = tokio.now().saturating_add(hour);
        tokio.sleep_until(at).await;
        assert!(tokio.now().saturating_since(at) <= Duration::from_millis(1));
    });
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_paused_clock_is_seen_from_outside() {
    let runtime = paused();
    let tokio = Tokio::new(runtime.handle().clone());
    let at = after(&tokio, 1_000_000);
    runtime.block_on(time::advance(Duration::from_secs(1)));
    assert_eq!(tokio.now(), at);
    assert!(poll_once(pin!(tokio.sleep_until(at)), Waker::noop()).is_ready());
}

#[test]
fn a_past_deadline_needs_no_budget() {
    paused().block_on(async {
        let tokio = Tokio::current().unwrap();
        // Far more than tokio lets a task do in one poll.
        for _ in 0..1_000 {
            assert!(poll_once(pin!(tokio.sleep_until(tokio.now())), Waker::noop()).is_ready());
        }
    });
}

#[test]
fn clones_share_their_clock() {
    paused().block_on(async {
        let tokio = Tokio::current().unwrap();
        time::advance(Duration::from_secs(1)).await;
        assert_eq!(tokio.clone().now(), tokio.now());
        assert_eq!(Tokio::current().unwrap().now(), Instant::from_nanos(0));
    });
}

#[test]
fn a_runtime_that_was_shut_down_drops_what_it_gets() {
    let runtime = one_thread();
    let tokio = Tokio::new(runtime.handle().clone());
    let kept = Arc::new(());
    let spawn = || {
        let inside = (kept.clone(), tokio.clone());
        tokio.spawn(async move {
            std::future::pending::<()>().await;
            drop(inside);
        })
    };
    spawn().unwrap();
    drop(runtime);
    assert_eq!(Arc::strong_count(&kept), 1);
    let _ = spawn();
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn a_local_set_that_is_gone_takes_its_tasks_along() {
    let runtime = one_thread();
    let set = Rc::new(LocalSet::new());
    let local = TokioLocal::new(Tokio::new(runtime.handle().clone()), &set);
    let kept = Rc::new(());
    let inside = (kept.clone(), local.clone());
    let forever = async move {
        std::future::pending::<()>().await;
        drop(inside);
    };
    local.spawn(forever).unwrap();
    set.block_on(&runtime, ::tokio::task::yield_now());
    assert_eq!(Rc::strong_count(&kept), 2);
    drop(set);
    assert_eq!(Rc::strong_count(&kept), 1);
    contract::refuses(&local, SpawnError::NoRuntime);
}
