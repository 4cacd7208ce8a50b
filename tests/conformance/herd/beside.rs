//! Herds whose driver is on an asynchronous runtime, and whose workers are threads.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use droves::herd::{Fault, Herd, Item, Work};
use droves::retry::Backoff;
use droves::threads::Threads;

use super::blocking::Answer;
use crate::help::Tally;
use crate::world::watched;

/// Starts it by the macro's argument: the herd's type has a handler that nobody can name.
macro_rules! beside {
    ($runtime:expr, $sleep:path) => {{
        let tally = Tally::new();
        let (gate, begun, handler) = {
            // Each waits for a gate of its own.
            let (inside, gate) = (tally.clone(), Arc::new(Barrier::new(4)));
            let (begins, begun) = mpsc::channel();
            let (begins, opened) = (Mutex::new(begins), gate.clone());
            let handler = move |item: &mut Item<u32>| -> Answer {
                let running = inside.enter();
                if **item < 3 {
                    begins.lock().unwrap().send(()).unwrap();
                    opened.wait();
                }
                running.end();
                if item.attempt() == 1 { Err(Fault::Retry("again")) } else { Ok(**item) }
            };
            (gate, begun, handler)
        };
        let builder = Herd::blocking_builder(handler).size(3).max_retries(1);
        let builder = builder.backoff(Backoff::constant(Duration::from_millis(5)));
        let (herd, mut results) = builder.start_with($runtime, &Threads::new()).unwrap();
        // This thread, on which the driver may be, is free though three handlers block: twice, since each is tried
        // again after a time that the driver waits for.
        for round in 0..2 {
            if round == 0 {
                for number in 0..3 {
                    herd.send(u64::from(number), number).await.unwrap();
                }
            }
            let mut count = 0;
            while count < 3 {
                $sleep(Duration::from_millis(1)).await;
                count += begun.try_iter().count();
            }
            assert_eq!((tally.running(), herd.stats().running), (3, 3));
            gate.wait();
        }
        herd.send_work(Work::new(3, 3).after(Duration::from_millis(5))).await.unwrap();
        herd.close();
        let mut seen = Vec::new();
        while let Some(done) = results.next().await {
            assert_eq!((done.attempts, done.outcome.into_result().unwrap()), (2, done.body));
            seen.push(done.id);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3]);
        assert_eq!(herd.join().await.unwrap().count(), 0);
        assert_eq!((tally.done(), herd.stats().lost_workers), (8, 0));
    }};
}

#[cfg(feature = "tokio")]
mod tokio {
    use std::time::Instant;

    use super::super::blocking::{SHORT, blocked};
    use super::*;
    use ::tokio::runtime::Builder;
    use ::tokio::time::sleep;
    use droves::herd::{JoinError, Mark};
    use droves::tokio::Tokio;

    #[test]
    fn gh_16_handlers_may_block_on_threads_of_their_own() {
        watched("tokio::gh_16_handlers_may_block_on_threads_of_their_own", || {
            let upstream = Builder::new_current_thread().enable_time().build().unwrap();
            upstream.block_on(async { beside!(&Tokio::current().unwrap(), sleep) });
        });
    }

    #[test]
    fn promise_01_functions_on_threads_outlive_the_runtime_of_their_driver() {
        let name = "promise_01_functions_on_threads_outlive_the_runtime_of_their_driver";
        watched(name, || {
            let upstream = Builder::new_current_thread().enable_time().build().unwrap();
            let (runtime, tally) = (Tokio::new(upstream.handle().clone()), Tally::new());
            let (gate, begun, handler) = blocked(&tally);
            let builder = Herd::blocking_builder(handler).size(1);
            let (herd, mut results) = builder.start_with(&runtime, &Threads::new()).unwrap();
            herd.send_blocking(1, 7).unwrap();
            herd.send_blocking(2, 0).unwrap();
            upstream.block_on(async {
                while begun.try_recv().is_err() {
                    sleep(Duration::from_millis(1)).await;
                }
            });
            drop(upstream);
            let soon = Instant::now() + SHORT;
            assert!(matches!(herd.join_deadline(soon), Err(JoinError::Timeout { .. })));
            drop(gate);
            assert_eq!(herd.join_blocking().unwrap_err(), JoinError::RuntimeGone);
            let done = results.next_blocking().unwrap();
            assert_eq!((done.id, done.outcome.into_result().unwrap()), (1, 7));
            assert!(results.next_blocking().is_none());
            let left: Vec<_> = herd.leftovers().map(|it| (it.id, it.mark)).collect();
            assert_eq!(left, [(2, Mark::Waiting)]);
            assert_eq!((herd.stats().succeeded, herd.stats().aborted), (1, 0));
        });
    }
}

#[cfg(feature = "smol")]
mod smol {
    use super::*;
    use droves::smol::Smol;

    async fn sleep(time: Duration) {
        ::smol::Timer::after(time).await;
    }

    #[test]
    fn gh_16_handlers_may_block_on_threads_of_their_own() {
        watched("smol::gh_16_handlers_may_block_on_threads_of_their_own", || {
            ::smol::block_on(async { beside!(&Smol, sleep) });
        });
    }
}
