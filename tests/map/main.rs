//! The parallel map: what it promises on every runtime, and on each.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
#![allow(dead_code, reason = "without a runtime there is little to ask")]

mod contract;
mod help;
#[cfg(feature = "sim")]
mod sim;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "threads")]
mod threads;
#[cfg(feature = "tokio")]
mod tokio;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use droves::map::{iter, map};
use futures_core::Stream;
use futures_lite::future::block_on;

use help::{Few, Gone, calls, caught, in_time, message, on};

#[test]
fn without_workers_it_panics_once() {
    in_time(|| {
        let mut refused = on(Few::new(Gone, 0), 3);
        let panic = block_on(caught(&mut refused)).unwrap_err();
        let why = "no worker of a map could be spawned: the limit of threads or tasks is reached";
        assert_eq!(message(&*panic), why);
        assert_eq!(block_on(refused.next()), None);

        for items in 1..4 {
            let mut dropped = map(Gone, 3, iter(0..items), calls(|item| async move { item }));
            let panic = block_on(caught(&mut dropped)).unwrap_err();
            assert_eq!(message(&*panic), "the runtime has dropped a worker of a map");
            assert_eq!(block_on(dropped.next()), None);
        }
    });
}

#[test]
fn a_limit_that_cannot_be_is_refused() {
    for limit in [0, usize::MAX] {
        let panic = catch_unwind(|| on(Gone, limit)).unwrap_err();
        assert!(message(&*panic).starts_with(&format!("limit is {limit}, but must be from 1 to ")));
    }
    // The greatest is a limit.
    let panic = catch_unwind(|| on(Gone, 0)).unwrap_err();
    let greatest = message(&*panic).rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(on(Gone, greatest).size_hint(), (50, Some(50)));
    assert!(catch_unwind(|| on(Gone, greatest + 1)).is_err());
}

#[test]
fn ordered_comes_first() {
    let mut late = on(Gone, 1);
    assert!(block_on(caught(&mut late)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| late.ordered())).is_err());
}

#[test]
fn an_iterator_is_a_stream() {
    let mut stream = iter([1, 2]);
    assert_eq!(stream.size_hint(), (2, Some(2)));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for item in [Some(1), Some(2), None] {
        assert_eq!(Pin::new(&mut stream).poll_next(&mut cx), Poll::Ready(item));
    }
}
