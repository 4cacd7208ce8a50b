//! A herd's lanes, the items that its workers lend, and its end.

use std::future::{Ready, ready};
use std::mem::take;
use std::sync::{Arc as PlainArc, Mutex};
use std::time::Duration;

use droves::herd::{Fault, Item, Results, Work};

use crate::explore::{Bound, explore, turn};
use crate::pools::{ByHand, Task};
use crate::threads::{Call, Joiner, Signal, race, race3, spawn};

type Herd = droves::herd::Herd<(), (), ()>;
type Returned = Ready<Result<(), Fault<()>>>;
type Tasks = Vec<Call<Task>>;

/// A herd, its driver, and its workers, which wait for items.
fn start(
    size: usize,
    capacity: usize,
    handler: impl Fn(Item<()>) -> Returned + Send + Sync + 'static,
) -> (Herd, Results<(), (), ()>, Call<Task>, Tasks) {
    let runtime = ByHand::default();
    let builder = droves::herd::Herd::builder(handler).size(size).capacity(capacity).seed(0);
    let (herd, results) = builder.start(&runtime).unwrap();
    let driver = Call::waiting(runtime.take());
    let workers = (0..size).map(|_| Call::waiting(runtime.take())).collect();
    (herd, results, driver, workers)
}

fn done(_: Item<()>) -> Returned {
    ready(Ok(()))
}

/// Polls whoever was woken, until nobody is; drops who is done.
fn settle(tasks: &mut Tasks) {
    while let Some(at) = tasks.iter().position(|task| task.signal.is_set()) {
        if tasks[at].poll().is_ready() {
            drop(tasks.swap_remove(at));
        }
    }
}

/// A handler that returns at once, and leaves its guard to another thread, which gives it back.
#[derive(Clone, Default)]
struct Elsewhere(PlainArc<Mutex<Vec<Joiner<()>>>>);

impl Elsewhere {
    fn start(&self, capacity: usize) -> (Herd, Results<(), (), ()>, Call<Task>, Call<Task>) {
        let threads = self.0.clone();
        let handler = move |item| {
            let gives = spawn(move || {
                turn();
                drop(item);
            });
            threads.lock().unwrap().push(gives);
            turn();
            ready(Ok(()))
        };
        let (herd, results, driver, mut workers) = start(1, capacity, handler);
        (herd, results, driver, workers.remove(0))
    }

    fn join(&self) {
        let threads = take(&mut *self.0.lock().unwrap());
        threads.into_iter().for_each(Joiner::join);
    }
}

/// The worker waits by one waker and then by another: whoever gives the guard back wakes the newest.
#[test]
fn promise_07_a_guard_that_comes_back_wakes_its_worker() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let elsewhere = Elsewhere::default();
        let (herd, results, driver, mut worker) = elsewhere.start(1);
        herd.try_send(1, ()).unwrap();
        let ended = || herd.stats().succeeded == 1;
        assert!(worker.signal.is_set());
        let (first, second) = (PlainArc::<Signal>::default(), PlainArc::default());
        worker.signal = first.clone();
        assert!(worker.poll().is_pending());
        let (at_once, mut at_second) = (ended(), false);
        if !at_once {
            worker.signal = second;
            turn();
            assert!(worker.poll().is_pending());
            at_second = ended();
        }
        elsewhere.join();
        let by_first = first.is_set();
        let by_second = !at_once && worker.signal.is_set();
        if !at_once && !at_second {
            assert!(by_second, "the worker sleeps, and its guard is back");
            assert!(worker.poll().is_pending());
        }
        assert!(ended());
        drop((herd, results, driver, worker));
        (at_once, at_second, by_first, by_second)
    })
    .exactly([
        // Before it waited.
        (true, false, false, false),
        // While it waited by the first waker.
        (false, true, true, false),
        // The first waker was being taken when it asked again.
        (false, false, true, true),
        // It had let go of the first waker, and does not wait yet by the second.
        (false, true, false, false),
        // While it waited by the second.
        (false, false, false, true),
    ]);
}

/// The worker goes while its item is lent: the item comes back by the worker, or by whoever has the guard.
#[test]
fn promise_01_an_item_that_is_lent_outlives_its_worker() {
    explore(Bound { plain: 2, strong: 2 }, || {
        let elsewhere = Elsewhere::default();
        let (herd, mut results, mut driver, mut worker) = elsewhere.start(1);
        herd.try_send(1, ()).unwrap();
        assert!(worker.signal.is_set());
        assert!(worker.poll().is_pending());
        let ended = herd.stats().succeeded == 1;
        turn();
        let signal = worker.signal.clone();
        drop(worker);
        elsewhere.join();
        let woken = !ended && signal.is_set();
        assert!(driver.signal.is_set(), "nobody rang");
        assert!(driver.poll().is_pending());
        let stats = herd.stats();
        assert_eq!((stats.waiting, stats.unread), if ended { (0, 1) } else { (1, 0) });
        assert_eq!(results.try_next().is_some(), ended);
        herd.abort().unwrap();
        assert!(driver.poll().is_ready());
        drop(driver);
        let attempts: Vec<u32> = herd.leftovers().map(|left| left.attempts).collect();
        assert_eq!(attempts, if ended { vec![] } else { vec![1] });
        (ended, woken)
    })
    .exactly([(true, false), (false, true), (false, false)]);
}

/// What the worker lends next is lent by the same reference, which the last guard has put back just now.
#[test]
fn promise_01_a_guard_comes_back_and_the_next_goes_out() {
    explore(Bound { plain: 2, strong: 3 }, || {
        let elsewhere = Elsewhere::default();
        let (herd, results, driver, mut worker) = elsewhere.start(2);
        herd.try_send(1, ()).unwrap();
        herd.try_send(2, ()).unwrap();
        let mut parked = false;
        while herd.stats().succeeded < 2 {
            parked |= worker.signal.wait();
            assert!(worker.poll().is_pending());
        }
        elsewhere.join();
        drop((herd, results, driver, worker));
        parked
    })
    .exactly([false, true]);
}

/// A worker looks for an item while it is sent, and another sleeps: it is done once, and does not wait while both sleep.
#[test]
fn promise_07_two_workers_look_for_one_item() {
    explore(Bound { plain: 2, strong: 2 }, || {
        let (herd, results, driver, mut workers) = start(2, 2, done);
        let mut second = workers.remove(1);
        let polls = move || {
            turn();
            assert!(second.poll().is_pending());
            second
        };
        let sends = || {
            turn();
            herd.try_send(1, ()).unwrap();
        };
        let ((), second) = race(sends, polls);
        let ended = herd.stats().succeeded;
        workers.push(second);
        settle(&mut workers);
        assert_eq!(herd.stats().succeeded, 1, "an item waits, and both sleep");
        drop((herd, results, driver, workers));
        ended
    })
    .exactly([0, 1]);
}

/// Two senders, and one place that becomes free: at most one of them has it, and it is not lost.
#[test]
fn promise_01_two_senders_try_for_one_place() {
    explore(Bound { plain: 2, strong: 2 }, || {
        let (herd, mut results, driver, mut workers) = start(1, 1, done);
        herd.try_send(1, ()).unwrap();
        settle(&mut workers);
        let sends = |herd: Herd| {
            move || {
                turn();
                (herd.try_send(2, ()).is_ok(), herd)
            }
        };
        let (first, second) = (sends(herd.clone()), sends(herd.clone()));
        let take = || {
            turn();
            results.try_next().is_some()
        };
        let (taken, (first, one), (second, two)) = race3(take, first, second);
        assert!(taken && !(first && second), "one place, and two items");
        if !first && !second {
            herd.try_send(2, ()).expect("the place is lost");
        }
        settle(&mut workers);
        assert_eq!(herd.stats().succeeded, 2);
        drop((herd, one, two, results, driver, workers));
        (first, second)
    })
    .exactly([(false, false), (true, false), (false, true)]);
}

/// What is sent while the herd closes is done, or comes back; and either way the driver learns of the end.
#[test]
fn promise_03_an_item_that_is_sent_while_the_herd_closes() {
    for later in [false, true] {
        explore(Bound { plain: 1, strong: 2 }, move || {
            let (herd, results, driver, workers) = start(1, 1, done);
            let other = herd.clone();
            let sends = || {
                let work = Work::new(1, ());
                let work = if later { work.after(Duration::ZERO) } else { work };
                turn();
                herd.try_send_work(work).is_ok()
            };
            let closes = move || {
                turn();
                assert!(other.close());
                let mut driver = driver;
                let ended = driver.poll().is_ready();
                (driver, ended, other)
            };
            let (sent, (driver, ended, other)) = race(sends, closes);
            let mut tasks = workers;
            if !ended {
                tasks.push(driver);
            }
            settle(&mut tasks);
            assert!(tasks.is_empty(), "the end of the herd is not noticed");
            assert!(herd.is_stopped());
            assert_eq!(herd.stats().succeeded, u64::from(sent));
            assert_eq!((herd.stats().submitted, herd.leftovers().count()), (u64::from(sent), 0));
            drop((herd, other, results));
            sent
        })
        .exactly([false, true]);
    }
}

/// A result that comes while nobody wants any more is taken, or its place becomes free at once.
#[test]
fn promise_01_a_result_that_comes_while_they_are_dropped() {
    explore(Bound { plain: 2, strong: 2 }, || {
        let (herd, results, driver, mut workers) = start(1, 1, done);
        herd.try_send(1, ()).unwrap();
        let mut worker = workers.remove(0);
        let works = move || {
            turn();
            assert!(worker.poll().is_pending());
            worker
        };
        let drops = || {
            turn();
            let seen = herd.stats().succeeded == 1;
            drop(results);
            seen
        };
        let (seen, worker) = race(drops, works);
        workers.push(worker);
        herd.try_send(2, ()).expect("the place is lost");
        settle(&mut workers);
        assert_eq!(herd.stats().succeeded, 2);
        assert_eq!(herd.stats().unread, 0);
        drop((herd, driver, workers));
        seen
    })
    .exactly([false, true]);
}
