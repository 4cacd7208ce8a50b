//! Jobs that wait for jobs: a dynamic pool grows until they can go on.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::pool::Pool;
use droves::sim::Sim;

use crate::crowd::below;
use crate::jobs::{clear_world, nap, set_world};
use crate::seeds::{Met, assert_met, run};

/// Chains of jobs, each of which waits for the next: as many as there may be workers.
async fn chain(sim: &Sim, met: &mut Met) {
    let max = 2 + below(sim, 4);
    let min = below(sim, max);
    let idle = Duration::from_millis(1 + sim.random(5));
    let pool = Pool::builder().dynamic(min..=max).idle_timeout(idle).start(sim).unwrap();
    let pool = Rc::new(pool);
    let mut count = |what| *met.entry(what).or_insert(0) += 1;
    for _ in 0..=sim.random(4) {
        let length = 1 + below(sim, max);
        let gates: Vec<_> = (0..=length).map(|_| CancelToken::new()).collect();
        gates[length].cancel();
        if sim.random(3) == 0 {
            // Nothing runs now: whoever is too many goes, and growth starts from there.
            let size = min + below(sim, max - min + 1);
            count(if size < pool.stats().size { "made smaller" } else { "made larger" });
            pool.resize(size).unwrap();
        }
        for at in 0..length {
            let (own, next) = (gates[at].clone(), gates[at + 1].clone());
            let pause = Duration::from_millis(sim.random(3));
            let job = async move {
                nap(pause).await;
                next.cancelled().await;
                own.cancel();
            };
            if sim.random(3) == 0 {
                pool.assign(job).unwrap();
            } else {
                pool.send(job).await.unwrap();
            }
            match sim.random(12) {
                1 => {
                    sim.limit_tasks(Some(1));
                    let (sim, pause) = (sim.clone(), Duration::from_millis(sim.random(200)));
                    sim.sleep(pause).await;
                    sim.limit_tasks(None);
                    count("workers could not be had for a while");
                }
                2..=4 => sim.sleep(Duration::from_millis(sim.random(12))).await,
                5..=6 => sim.yield_now().await,
                _ => {}
            }
        }
        count(if length == max { "as long as there may be workers" } else { "shorter" });
        let stats = pool.stats();
        if stats.running + stats.waiting < length {
            count("some were done before the last came");
        }
        let late = sim.sleep(Duration::from_secs(60));
        let done = gates[0].cancelled();
        assert!(first(done, late).await, "a chain of {length} hangs: {:?}", pool.stats());
        if pool.stats().size > min {
            count("grown");
        }
        if sim.random(3) == 0 {
            sim.sleep(Duration::from_secs(1)).await;
            assert_eq!(pool.stats().live, min);
            count("back at the least size");
        }
    }
    pool.shutdown().unwrap();
    assert_eq!(pool.join().await.unwrap().count(), 0);
}

async fn first(a: impl Future<Output = ()>, b: impl Future<Output = ()>) -> bool {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(|cx| match a.as_mut().poll(cx) {
        std::task::Poll::Ready(()) => std::task::Poll::Ready(true),
        std::task::Poll::Pending => b.as_mut().poll(cx).map(|()| false),
    })
    .await
}

#[test]
fn jobs_that_wait_for_jobs_wait_for_ever_only_at_the_most_workers() {
    let program = |seed, met: &mut Met| {
        let sim = Sim::new(seed);
        set_world(&sim);
        sim.block_on(chain(&sim, met));
        sim.shut_down();
        clear_world();
    };
    if let Some(met) = run(1_000, program) {
        assert_met(
            &met,
            20,
            &[
                "as long as there may be workers",
                "back at the least size",
                "grown",
                "made larger",
                "made smaller",
                "shorter",
                "some were done before the last came",
                "workers could not be had for a while",
            ],
        );
    }
}
