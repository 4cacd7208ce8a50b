//! Signals as a stream, on each runtime; with a process of its own each, as a signal is for all of it.
#![cfg(all(unix, feature = "signals", not(droves_loom), not(droves_shuttle)))]

use std::future::Future;
use std::process::Command;
use std::task::{Context, Waker};

use droves::signals::{HUP, Signals, USR1, USR2};

/// Runs a test in a process of its own, in which this answers true.
fn alone(name: &str) -> bool {
    if std::env::var_os("DROVES_ALONE").is_some() {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env("DROVES_ALONE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    false
}

fn raise(name: &str) {
    let id = std::process::id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

#[test]
fn each_is_seen_once_and_wakes_whoever_waits() {
    if !alone("each_is_seen_once_and_wakes_whoever_waits") {
        return;
    }
    let mut signals = Signals::new([USR1, USR2]).unwrap();
    raise("USR1");
    assert_eq!(signals.next_blocking(), Some(USR1));
    let (tell, seen) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        for _ in 0..2 {
            tell.send(signals.next_blocking()).unwrap();
        }
    });
    // Of several that come before they are seen the order is not known.
    for (name, number) in [("USR2", USR2), ("USR1", USR1)] {
        std::thread::sleep(std::time::Duration::from_millis(50));
        raise(name);
        assert_eq!(seen.recv().unwrap(), Some(number));
    }
    waiter.join().unwrap();
}

#[test]
fn a_waiter_that_is_dropped_loses_none() {
    if !alone("a_waiter_that_is_dropped_loses_none") {
        return;
    }
    let mut signals = Signals::new([USR1]).unwrap();
    {
        let mut next = std::pin::pin!(signals.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    raise("USR1");
    assert_eq!(signals.next_blocking(), Some(USR1));
}

#[test]
fn two_streams_see_the_same_and_one_may_end() {
    if !alone("two_streams_see_the_same_and_one_may_end") {
        return;
    }
    let (mut first, mut second) =
        (Signals::new([HUP]).unwrap(), Signals::new([HUP, USR1]).unwrap());
    raise("HUP");
    assert_eq!((first.next_blocking(), second.next_blocking()), (Some(HUP), Some(HUP)));
    drop(first);
    raise("HUP");
    assert_eq!(second.next_blocking(), Some(HUP));
    drop(second);
    // It would have ended the process, and does not any more.
    raise("HUP");
}

#[test]
fn what_is_no_signal_is_refused() {
    for wrong in [-1, 0, 9, 11, 12_345] {
        let error = Signals::new([USR1, wrong]).unwrap_err();
        assert_eq!(error.to_string(), format!("signal {wrong} cannot be caught"));
    }
}

/// What each runtime is asked to do: to see signals that come before it looks, and while it waits.
async fn sees_signals() {
    let mut signals = Signals::new([USR1, USR2]).unwrap();
    raise("USR1");
    assert_eq!(signals.next().await, Some(USR1));
    let later = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        raise("USR2");
    });
    assert_eq!(signals.next().await, Some(USR2));
    later.join().unwrap();
}

#[cfg(feature = "threads")]
#[test]
fn on_threads() {
    if alone("on_threads") {
        droves::threads::block_on(sees_signals());
    }
}

#[cfg(feature = "tokio")]
#[test]
fn on_tokio() {
    if alone("on_tokio") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(sees_signals());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(runtime.spawn(sees_signals())).unwrap();
    }
}

#[cfg(feature = "async-executor")]
#[test]
fn on_an_executor() {
    if alone("on_an_executor") {
        let executor = async_executor::Executor::new();
        let task = executor.spawn(sees_signals());
        futures_lite::future::block_on(executor.run(task));
    }
}

#[cfg(feature = "smol")]
#[test]
fn on_smol() {
    if alone("on_smol") {
        smol::block_on(smol::spawn(sees_signals()));
    }
}
