use std::future::{Future, pending};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::map::{iter, map};
use droves::runtime::{Clock, Spawn, SpawnError};
use droves::sim::Sim;
use futures_lite::future::{race, zip};

use crate::contract::keeps_its_promises;
use crate::help::{Few, Gauge, caught, comes, on};

#[test]
fn it_keeps_its_promises() {
    for seed in 0..60 {
        let sim = Sim::new(seed);
        sim.block_on(keeps_its_promises(&sim));
    }
}

/// Takes a second for each item; returns how many ran at a time, in which seconds results came, and the workers.
fn seconds(
    limit: usize,
    workers: usize,
    tasks: Option<usize>,
    items: usize,
) -> (usize, Vec<u64>, usize) {
    let sim = Sim::new(items as u64);
    sim.limit_tasks(tasks);
    let few = Few::new(sim.clone(), workers);
    let gauge = Gauge::default();
    let (inside, clock) = (gauge.clone(), sim.clone());
    let f = move |()| {
        let (entered, sim) = (inside.enter(), clock.clone());
        async move {
            sim.sleep(Duration::from_secs(1)).await;
            drop(entered);
        }
    };
    let mut doing = map(few.clone(), limit, iter((0..items).map(|_| ())), f);
    let mut at = Vec::new();
    sim.block_on(async {
        while let Some(()) = doing.next().await {
            at.push(sim.now().as_nanos() / 1_000_000_000);
        }
    });
    (gauge.most(), at, few.spawned.get())
}

#[test]
fn there_are_no_more_workers_than_items() {
    assert_eq!(seconds(3, 99, None, 7), (3, vec![1, 1, 1, 2, 2, 2, 3], 3));
    assert_eq!(seconds(8, 99, None, 2), (2, vec![1, 1], 2));
    assert_eq!(seconds(8, 99, None, 0), (0, vec![], 0));
}

#[test]
fn it_goes_on_with_the_workers_that_it_gets() {
    assert_eq!(seconds(3, 2, None, 5), (2, vec![1, 1, 2, 2, 3], 2));
    assert_eq!(seconds(3, 99, Some(1), 3).1, [1, 2, 3]);
}

#[test]
fn a_worker_that_is_idle_is_used_before_there_is_one_more() {
    let sim = Sim::new(0);
    let few = Few::new(sim.clone(), 99);
    let (mut sender, receiver) = droves::mailbox::channel(1).unwrap();
    let mut doing = map(few.clone(), 4, receiver, |item: usize| async move { item });
    sim.block_on(async {
        for item in 0..200 {
            sender.send(item).await.unwrap();
            assert_eq!(doing.next().await, Some(item));
        }
    });
    assert_eq!(few.spawned.get(), 1);
}

/// Drops its first task when it is told to.
#[derive(Clone)]
struct Cut(Few<Sim>, CancelToken);

impl<F: Future<Output = ()> + 'static> Spawn<F> for Cut {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        let cut = self.1.clone();
        let first = self.0.spawned.get() == 0;
        self.0.spawn(async move {
            let cut = async {
                if !first {
                    pending::<()>().await;
                }
                cut.cancelled().await;
            };
            race(future, cut).await;
        })
    }
}

#[test]
fn a_worker_that_is_dropped_alone_is_a_panic() {
    for seed in 0..60 {
        let sim = Sim::new(seed);
        let cut = Cut(Few::new(sim.clone(), 9), CancelToken::new());
        let gauge = Gauge::default();
        let inside = gauge.clone();
        let f = move |_: usize| {
            let entered = inside.enter();
            async move {
                pending::<()>().await;
                drop(entered);
            }
        };
        let mut doing = map(cut.clone(), 3, iter(0..), f);
        sim.block_on(async {
            let drop_one = async {
                assert!(comes(|| gauge.now() == 3).await);
                cut.1.cancel();
            };
            let (lost, ()) = zip(caught(&mut doing), drop_one).await;
            assert!(lost.is_err());
            assert_eq!((gauge.now(), gauge.holders()), (0, 1));
            assert!(caught(&mut doing).await.unwrap().is_none());
        });
    }
}

#[test]
fn a_stream_that_is_pinned() {
    let sim = Sim::new(0);
    let clock = sim.clone();
    let items = futures_lite::stream::unfold(0, move |count| {
        let sim = clock.clone();
        async move {
            sim.sleep(Duration::from_secs(1)).await;
            (count < 4).then_some((count, count + 1))
        }
    });
    let doing = map(sim.clone(), 2, items, |item: u64| async move { item });
    let given: Vec<u64> = sim.block_on(futures_lite::StreamExt::collect(doing));
    assert_eq!(given, [0, 1, 2, 3]);
}

#[test]
fn a_runtime_that_refuses_or_goes_away_is_a_panic() {
    for seed in 0..60 {
        let sim = Sim::new(seed);
        sim.limit_tasks(Some(0));
        assert!(sim.block_on(caught(&mut on(sim.clone(), 3))).is_err());
        sim.limit_tasks(None);

        // From inside: one of the workers stays until it has finished.
        let clock = sim.clone();
        let f = move |item: u64| {
            let sim = clock.clone();
            async move {
                sim.sleep(Duration::from_secs(item)).await;
                if item == 3 {
                    sim.shut_down();
                }
            }
        };
        let mut doing = map(sim.clone(), 3, iter(1..), f);
        sim.block_on(async {
            assert!(caught(&mut doing).await.is_ok());
            assert!(caught(&mut doing).await.is_ok());
            let mut given = 2;
            while caught(&mut doing).await.is_ok() {
                given += 1;
            }
            assert!(given <= 3);
            assert!(caught(&mut doing).await.unwrap().is_none());
        });
    }
}
