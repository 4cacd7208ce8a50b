//! What only a herd has, and has been wrong about or might be, beside what the conformance suite asks of every adapter.
#![cfg(all(feature = "sim", not(any(droves_loom, droves_shuttle))))]

mod calls;
mod clocks;
mod ends;

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::herd::{Failure, Fault, Herd, Item, Outcome, Phase, Results};
use droves::retry::Backoff;
use droves::runtime::{Clock, Timer};
use droves::sim::Sim;

type Answer = Result<(), Fault<&'static str>>;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A handler that succeeds at once.
fn at_once(_: Item<u32>) -> Ready<Answer> {
    ready(Ok(()))
}

/// Four workers that succeed at once, and room for so many items.
fn quick(
    sim: &Sim,
    capacity: usize,
) -> (Herd<u32, (), &'static str>, Results<u32, (), &'static str>) {
    Herd::builder(at_once).capacity(capacity).start(sim).unwrap()
}

/// Lets so much time pass.
fn pass(sim: &Sim, time: Duration) {
    sim.block_on(sim.sleep(time));
}

#[test]
fn promise_01_each_item_has_the_one_outcome_that_its_attempts_make_in_any_schedule() {
    for seed in 0..200 {
        let sim = Sim::new(seed);
        sim.block_on(mixed(&sim, seed));
    }
}

/// Of four items one succeeds, one at its third attempt, one fails, and one panics.
async fn mixed(sim: &Sim, seed: u64) {
    let rt = sim.clone();
    let handler = move |mut item: Item<u32>| {
        let rt = rt.clone();
        async move {
            *item += 1;
            rt.sleep_until(rt.now().saturating_add(ms(5))).await;
            match item.id() % 4 {
                0 => Ok(*item * 2),
                1 if item.attempt() < 3 => Err(Fault::Retry("again")),
                1 => Ok(7),
                2 => Err(Fault::Failure("no")),
                _ => panic!("on purpose"),
            }
        }
    };
    let builder = Herd::builder(handler).size(3).capacity(8).seed(seed);
    let builder = builder.max_retries(3).backoff(Backoff::constant(ms(10)));
    let (herd, mut results) = builder.start(sim).unwrap();
    let sends = async {
        for id in 0..40 {
            herd.send(id, u32::try_from(id).unwrap()).await.unwrap();
        }
        herd.close();
    };
    let reads = async {
        let mut ids = Vec::new();
        while let Some(done) = results.next().await {
            ids.push(done.id);
            match (done.id % 4, done.outcome) {
                (0, Outcome::Success(n)) => assert_eq!(n, done.body * 2),
                (1, Outcome::Success(7)) => assert_eq!(done.attempts, 3),
                (2, Outcome::Failure(Failure::Failed("no")))
                | (3, Outcome::Failure(Failure::Panicked(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        ids.sort_unstable();
        assert_eq!(ids, (0..40).collect::<Vec<_>>());
    };
    futures_lite::future::zip(sends, reads).await;
    assert_eq!(herd.join().await.unwrap().count(), 0);
    let stats = herd.stats();
    assert_eq!((stats.submitted, stats.succeeded, stats.failed), (40, 20, 20));
    assert_eq!((stats.retried, stats.panicked), (20, 10));
    assert_eq!(stats.phase, Phase::Stopped);
}
