//! A pool's word, its driver's bell, its idle workers, and the token that tells of its end.

use std::future::{Future, Pending, pending};
use std::pin::Pin;
use std::sync::{Arc as PlainArc, Mutex};

use droves::cancel::CancelToken;
use droves::pool::Pool;
use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::time::Instant;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{Bound, explore, turn};
use crate::threads::Call;

pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Keeps what is spawned, for the test to run it. Its clock stands still.
#[derive(Clone, Default)]
pub struct ByHand(PlainArc<Mutex<Vec<Task>>>);

impl ByHand {
    pub fn spawned(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Drops what is left: workers hold the runtime, which holds them.
    pub fn end(&self) {
        let left = std::mem::take(&mut *self.0.lock().unwrap());
        drop(left);
    }

    pub fn take(&self) -> Task {
        self.0.lock().unwrap().remove(0)
    }
}

impl Clock for ByHand {
    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }
}

impl Timer for ByHand {
    type Sleep = Pending<()>;

    fn sleep_until(&self, _: Instant) -> Pending<()> {
        pending()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for ByHand {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        self.0.lock().unwrap().push(Box::pin(future));
        Ok(())
    }
}

/// A pool, and its driver, which has spawned nobody yet.
fn start(size: usize) -> (Pool, Task, ByHand) {
    let runtime = ByHand::default();
    let pool = Pool::builder().fixed(size).capacity(2).start(&runtime).unwrap();
    let driver = runtime.take();
    (pool, driver, runtime)
}

#[test]
fn promise_07_a_token_wakes_whoever_waits() {
    explore(Bound { plain: 4, strong: 5 }, || {
        let token = CancelToken::new();
        let waits = Call::new(token.cancelled());
        let waiting = thread::spawn(move || waits.finish().1);
        turn();
        assert!(token.cancel());
        waiting.join().unwrap()
    })
    .exactly([false, true]);
}

/// A worker that goes idle while the size shrinks sees it, or is woken.
#[test]
fn promise_02_a_shrink_is_not_lost_on_a_worker_that_goes_idle() {
    explore(Bound { plain: 4, strong: 5 }, || {
        let (pool, driver, runtime) = start(1);
        let mut driver = Call::waiting(driver);
        let worker = Call::new(runtime.take());
        let working = thread::spawn(move || worker.finish().1);
        turn();
        pool.resize(0).unwrap();
        let parked = working.join().unwrap();
        assert_eq!(pool.stats().live, 0);
        assert!(driver.poll().is_pending());
        assert_eq!(runtime.spawned(), 0);
        parked
    })
    .exactly([false, true]);
}

/// A driver that goes to sleep while it is rung for hears it.
#[test]
fn promise_07_a_ring_is_not_lost_on_a_driver_that_falls_asleep() {
    explore(Bound { plain: 3, strong: 5 }, || {
        let (pool, driver, runtime) = start(1);
        pool.resize(0).unwrap();
        let mut driver = Call::new(driver);
        let hears = runtime.clone();
        let driving = thread::spawn(move || {
            let mut parked = false;
            while driver.poll().is_pending() && hears.spawned() == 0 {
                parked |= driver.signal.wait();
            }
            (driver, parked)
        });
        turn();
        pool.resize(1).unwrap();
        let (_driver, parked) = driving.join().unwrap();
        assert_eq!((runtime.spawned(), pool.stats().live), (1, 1));
        runtime.end();
        parked
    })
    .exactly([false, true]);
}

/// Two sizes and a driver that spawns: nobody is spawned twice, and the last size is kept.
#[test]
fn promise_02_resizes_that_race_spawn_each_worker_once() {
    explore(Bound { plain: 2, strong: 3 }, || {
        let (pool, driver, runtime) = start(1);
        let pool = Arc::new(pool);
        let mut driver = Call::new(driver);
        let resizes = thread::spawn({
            let pool = pool.clone();
            move || {
                turn();
                pool.resize(2).unwrap();
            }
        });
        let driving = thread::spawn(move || {
            assert!(driver.poll().is_pending());
            driver
        });
        turn();
        pool.resize(0).unwrap();
        resizes.join().unwrap();
        let mut driver = driving.join().unwrap();
        if driver.signal.is_set() {
            assert!(driver.poll().is_pending());
        }
        let stats = pool.stats();
        assert_eq!(stats.live, runtime.spawned());
        assert!(stats.live >= stats.size, "{stats:?}");
        runtime.end();
        (stats.size, stats.live)
    })
    .exactly([(0, 0), (0, 1), (0, 2), (2, 2)]);
}

/// Two threads assign by the same handle: one has it, and the other does without.
#[test]
fn promise_04_a_handle_in_use_is_not_waited_for() {
    let bound = Bound { plain: 4, strong: 4 };
    explore(bound, || {
        let (pool, _driver, _) = start(1);
        let pool = Arc::new(pool);
        let order = PlainArc::new(Mutex::new(Vec::new()));
        let job = |number: u32| {
            let order = order.clone();
            move || order.lock().unwrap().push(number)
        };
        let assigns = thread::spawn({
            let (pool, job) = (pool.clone(), job(1));
            move || {
                turn();
                pool.assign(job).unwrap();
            }
        });
        turn();
        pool.assign(job(2)).unwrap();
        assigns.join().unwrap();
        pool.leftovers().for_each(|job| job.run_now(&mut ()).unwrap());
        drop(pool);
        std::mem::take(&mut *order.lock().unwrap())
    })
    .exactly([vec![1, 2], vec![2, 1]]);
}
