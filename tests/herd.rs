//! What only a herd has: how its parts meet, beside what the conformance suite asks of every adapter.
#![cfg(all(feature = "sim", not(any(droves_loom, droves_shuttle))))]

use core::time::Duration;

use droves::herd::{Failure, Fault, Herd, Item, Mark, Outcome, Phase};
use droves::retry::Backoff;
use droves::runtime::{Clock, Timer};
use droves::sim::Sim;

#[test]
fn smoke() {
    for seed in 0..200 {
        let sim = Sim::new(seed);
        sim.block_on(async {
            let rt = sim.clone();
            let handler = move |mut item: Item<u32>| {
                let rt = rt.clone();
                async move {
                    *item += 1;
                    rt.sleep_until(rt.now().saturating_add(Duration::from_millis(5))).await;
                    match item.id() % 4 {
                        0 => Ok(*item * 2),
                        1 if item.attempt() < 3 => Err(Fault::Retry("again")),
                        1 => Ok(7),
                        2 => Err(Fault::Failure("no")),
                        _ => panic!("on purpose"),
                    }
                }
            };
            let (herd, mut results) = Herd::builder(handler)
                .size(3)
                .capacity(8)
                .max_retries(3)
                .seed(seed)
                .backoff(Backoff::constant(Duration::from_millis(10)))
                .start(&sim)
                .unwrap();
            let sender = herd.clone();
            let sends = async {
                for id in 0..40 {
                    sender.send(id, u32::try_from(id).unwrap()).await.unwrap();
                }
                drop(sender);
                herd.close();
            };
            let reads = async {
                let mut seen = Vec::new();
                while let Some(done) = results.next().await {
                    seen.push(done.id);
                    match (done.id % 4, done.outcome) {
                        (0, Outcome::Success(n)) => assert_eq!(n, done.body * 2),
                        (1, Outcome::Success(7)) => assert_eq!(done.attempts, 3),
                        (2, Outcome::Failure(Failure::Failed("no")))
                        | (3, Outcome::Failure(Failure::Panicked(_))) => {}
                        other => panic!("{other:?}"),
                    }
                }
                seen.sort_unstable();
                assert_eq!(seen, (0..40).collect::<Vec<_>>());
            };
            futures_lite::future::zip(sends, reads).await;
            assert_eq!(herd.join().await.unwrap().count(), 0);
            let stats = herd.stats();
            assert_eq!((stats.submitted, stats.succeeded, stats.failed), (40, 20, 20));
            assert_eq!((stats.retried, stats.panicked), (20, 10));
            assert_eq!(stats.phase, Phase::Stopped);
        });
    }
    let _ = Mark::Waiting;
}
