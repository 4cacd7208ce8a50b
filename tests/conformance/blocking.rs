//! Calls and jobs that block threads.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use droves::pool::{JoinError, Pool, Refusal};
use droves::threads::Threads;

use crate::help::Tally;
use crate::world::watched;

const SHORT: Duration = Duration::from_millis(30);

/// A job that blocks its thread until the sender is dropped, and tells when it begins.
fn blocker(begun: &mpsc::Sender<()>) -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (gate, opened) = mpsc::channel::<()>();
    let begun = begun.clone();
    let job = move || {
        begun.send(()).unwrap();
        let _ = opened.recv();
    };
    (gate, job)
}

#[test]
fn tr_06_assigning_goes_on_while_other_threads_join() {
    watched("tr_06_assigning_goes_on_while_other_threads_join", || {
        let pool = Pool::builder().fixed(2).capacity(10_000).start(&Threads::new()).unwrap();
        let (sender, begun) = mpsc::channel();
        let (gate, job) = blocker(&sender);
        pool.assign(job).unwrap();
        begun.recv().unwrap();
        let joiners: Vec<_> = (0..4)
            .map(|_| {
                let pool = pool.clone();
                thread::spawn(move || pool.join_blocking().unwrap().count())
            })
            .collect();
        thread::sleep(SHORT);
        let tally = Tally::new();
        let producers: Vec<_> = (0..4)
            .map(|_| {
                let (pool, tally) = (pool.clone(), tally.clone());
                thread::spawn(move || {
                    for _ in 0..1_000 {
                        pool.assign(tally.tick()).unwrap();
                        assert!(pool.stats().live <= 2);
                    }
                })
            })
            .collect();
        // They end though a job never does.
        for producer in producers {
            producer.join().unwrap();
        }
        pool.resize(1).unwrap();
        pool.resize(2).unwrap();
        pool.shutdown().unwrap();
        assert!(joiners.iter().all(|joiner| !joiner.is_finished()));
        drop(gate);
        for joiner in joiners {
            assert_eq!(joiner.join().unwrap(), 0);
        }
        assert_eq!(tally.done(), 4_000);
    });
}

#[test]
fn tr_06_one_handle_serves_many_threads() {
    watched("tr_06_one_handle_serves_many_threads", || {
        let pool = Pool::builder().fixed(2).capacity(64).start(&Threads::new()).unwrap();
        let tally = Tally::new();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..1_000 {
                        pool.send_blocking(tally.tick()).unwrap();
                    }
                });
            }
        });
        pool.shutdown().unwrap();
        assert_eq!(pool.join_blocking().unwrap().count(), 0);
        assert_eq!(tally.done(), 4_000);
        assert!(tally.most() <= 2);
    });
}

#[test]
fn tr_13_join_with_a_deadline_names_the_busy() {
    watched("tr_13_join_with_a_deadline_names_the_busy", || {
        let pool = Pool::builder().fixed(3).start(&Threads::new()).unwrap();
        let past = Instant::now();
        assert_eq!(pool.join_deadline(past).unwrap_err(), JoinError::Timeout { busy: vec![] });
        let (sender, begun) = mpsc::channel();
        let (gates, jobs): (Vec<_>, Vec<_>) = (0..2).map(|_| blocker(&sender)).unzip();
        for job in jobs {
            pool.assign(job).unwrap();
            begun.recv().unwrap();
        }
        let busy: Vec<_> = pool.workers().filter(|worker| worker.busy).map(|it| it.index).collect();
        assert_eq!(busy.len(), 2);
        pool.shutdown().unwrap();
        let deadline = Instant::now() + SHORT;
        assert_eq!(pool.join_deadline(deadline).unwrap_err(), JoinError::Timeout { busy });
        assert!(Instant::now() >= deadline);
        drop(gates);
        pool.join_deadline(Instant::now() + Duration::from_secs(50)).unwrap();
        // It has ended: no time is needed.
        pool.join_deadline(past).unwrap();
    });
}

#[test]
fn promise_08_send_blocks_until_there_is_room() {
    watched("promise_08_send_blocks_until_there_is_room", || {
        let pool = Pool::builder().fixed(1).capacity(1).start(&Threads::new()).unwrap();
        let (sender, begun) = mpsc::channel();
        let (gate, job) = blocker(&sender);
        pool.assign(job).unwrap();
        begun.recv().unwrap();
        let tally = Tally::new();
        pool.assign(tally.tick()).unwrap();
        let deadline = Instant::now() + SHORT;
        let refused = pool.send_deadline(tally.tick(), deadline).unwrap_err();
        assert!(Instant::now() >= deadline);
        assert!(refused.is_full());
        refused.into_inner()();
        assert_eq!(tally.done(), 1);
        let late = pool.send_deadline(tally.tick(), Instant::now()).unwrap_err();
        assert_eq!(late.discard(), Refusal::Full);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.send_blocking(tally.tick()).unwrap());
            thread::sleep(SHORT);
            assert!(!waiting.is_finished());
            drop(gate);
            waiting.join().unwrap();
        });
        pool.send_deadline(tally.tick(), Instant::now() + Duration::from_secs(50)).unwrap();
        pool.shutdown().unwrap();
        assert!(pool.send_blocking(tally.tick()).unwrap_err().is_shutting_down());
        pool.join_blocking().unwrap();
        assert_eq!(tally.done(), 4);
    });
}

#[test]
fn promise_07_a_blocked_send_is_refused_at_the_end() {
    watched("promise_07_a_blocked_send_is_refused_at_the_end", || {
        let pool = Pool::builder().fixed(1).capacity(1).start(&Threads::new()).unwrap();
        let (sender, begun) = mpsc::channel();
        let (gate, job) = blocker(&sender);
        pool.assign(job).unwrap();
        begun.recv().unwrap();
        pool.assign(|| ()).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.send_blocking(|| ()).unwrap_err().discard());
            thread::sleep(SHORT);
            pool.shutdown().unwrap();
            assert_eq!(waiting.join().unwrap(), Refusal::ShuttingDown);
        });
        drop(gate);
        pool.join_blocking().unwrap();
    });
}

#[test]
fn promise_03_join_on_the_workers_own_stack_is_an_error() {
    watched("promise_03_join_on_the_workers_own_stack_is_an_error", || {
        let pool = Pool::builder().fixed(1).start(&Threads::new()).unwrap();
        let (answer, answers) = mpsc::channel();
        let inner = pool.clone();
        pool.assign(move || {
            let far = Instant::now() + Duration::from_secs(50);
            answer.send(inner.join_blocking().unwrap_err()).unwrap();
            answer.send(inner.join_deadline(far).unwrap_err()).unwrap();
        })
        .unwrap();
        assert_eq!(answers.iter().collect::<Vec<_>>(), [JoinError::Inside, JoinError::Inside]);
        // Another pool's job may wait for this one.
        let other = Pool::builder().fixed(1).start(&Threads::new()).unwrap();
        let inner = pool.clone();
        let (done, joined) = mpsc::channel();
        other.assign(move || done.send(inner.join_blocking().is_ok()).unwrap()).unwrap();
        pool.shutdown().unwrap();
        assert!(joined.recv().unwrap());
    });
}

#[test]
fn promise_03_a_closure_that_runs_is_not_cut_off() {
    watched("promise_03_a_closure_that_runs_is_not_cut_off", || {
        let pool = Pool::builder().fixed(1).start(&Threads::new()).unwrap();
        let (sender, begun) = mpsc::channel();
        let (gate, job) = blocker(&sender);
        pool.assign(job).unwrap();
        begun.recv().unwrap();
        pool.assign(|| ()).unwrap();
        pool.abort().unwrap();
        let soon = Instant::now() + SHORT;
        assert!(matches!(pool.join_deadline(soon), Err(JoinError::Timeout { .. })));
        drop(gate);
        assert_eq!(pool.join_blocking().unwrap().count(), 1);
        assert_eq!((pool.stats().succeeded, pool.stats().aborted), (1, 0));
    });
}

/// Counts the threads that run: each holds one until its thread-locals are dropped.
struct Local(std::cell::RefCell<Option<Arc<()>>>);

thread_local! {
    static LOCAL: Local = const { Local(std::cell::RefCell::new(None)) };
}

#[test]
fn promise_03_after_join_the_threads_are_gone() {
    watched("promise_03_after_join_the_threads_are_gone", || {
        for _ in 0..20 {
            let alive = Arc::new(());
            let pool = Pool::builder().fixed(4).start(&Threads::new()).unwrap();
            for _ in 0..40 {
                let alive = alive.clone();
                pool.assign(move || LOCAL.with(|local| *local.0.borrow_mut() = Some(alive)))
                    .unwrap();
            }
            pool.shutdown().unwrap();
            pool.join_blocking().unwrap();
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}

#[cfg(feature = "tokio")]
mod beside_tokio {
    use super::*;
    use crate::help::Gate;
    use ::tokio::runtime::Builder;
    use droves::tokio::Tokio;

    #[test]
    fn tr_06_jobs_may_block_on_threads_of_their_own() {
        watched("tr_06_jobs_may_block_on_threads_of_their_own", || {
            let upstream = Builder::new_current_thread().enable_time().build().unwrap();
            upstream.block_on(async {
                let tokio = Tokio::current().unwrap();
                let pool = Pool::builder().dynamic(0..=3);
                let pool = pool.start_with(&tokio, &Threads::new()).unwrap();
                let (sender, begun) = mpsc::channel();
                let (gates, jobs): (Vec<_>, Vec<_>) = (0..3).map(|_| blocker(&sender)).unzip();
                for job in jobs {
                    pool.assign(job).unwrap();
                }
                // This thread is free, though three jobs block.
                let mut count = 0;
                while count < 3 {
                    ::tokio::time::sleep(Duration::from_millis(1)).await;
                    count += begun.try_iter().count();
                }
                drop(gates);
                pool.shutdown().unwrap();
                pool.join().await.unwrap();
                assert_eq!(pool.stats().succeeded, 3);
            });
        });
    }

    #[test]
    fn tr_13_workers_on_threads_outlive_the_runtime_of_their_driver() {
        watched("tr_13_workers_on_threads_outlive_the_runtime_of_their_driver", || {
            let upstream = Builder::new_current_thread().enable_time().build().unwrap();
            let tokio = Tokio::new(upstream.handle().clone());
            let pool = Pool::builder().fixed(2).start_with(&tokio, &Threads::new()).unwrap();
            let (sender, begun) = mpsc::channel();
            let (gate, job) = blocker(&sender);
            let (tally, never) = (Tally::new(), Gate::new());
            pool.assign(job).unwrap();
            pool.assign(tally.job(&never)).unwrap();
            upstream.block_on(async {
                while tally.running() == 0 || begun.try_recv().is_err() {
                    ::tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            pool.assign(|| ()).unwrap();
            drop(upstream);
            let soon = Instant::now() + SHORT;
            assert!(matches!(pool.join_deadline(soon), Err(JoinError::Timeout { .. })));
            drop(gate);
            assert_eq!(pool.join_blocking().unwrap_err(), JoinError::RuntimeGone);
            let stats = pool.stats();
            assert_eq!((stats.succeeded, stats.aborted, stats.waiting), (1, 1, 1));
            assert_eq!(tally.running(), 0);
        });
    }
}
