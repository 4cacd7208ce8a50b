use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::sim::Sim;
use droves::time::Instant;

use crate::contract;

const SEEDS: u64 = 1_000;

#[test]
fn the_simulator_keeps_the_contract() {
    for seed in 0..SEEDS / 10 {
        let sim = Sim::new(seed);
        sim.block_on(async {
            contract::time(&sim).await;
            contract::local_spawning(&sim).await;
        });
    }
}

/// What three tasks do, in order.
fn trace(seed: u64) -> Vec<(u64, u64, u64)> {
    let sim = Sim::new(seed);
    let log = Rc::new(RefCell::new(Vec::new()));
    for task in 0..3 {
        let (inner, log) = (sim.clone(), log.clone());
        let work = async move {
            for turn in 0..3 {
                log.borrow_mut().push((task, turn, inner.now().as_nanos()));
                match inner.random(3) {
                    0 => inner.yield_now().await,
                    nanos => inner.sleep(Duration::from_nanos(nanos)).await,
                }
            }
        };
        sim.spawn(work).unwrap();
    }
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    log.borrow_mut().push((9, sim.steps(), sim.now().as_nanos()));
    log.take()
}

#[test]
fn one_seed_is_one_run() {
    for seed in 0..SEEDS {
        assert_eq!(trace(seed), trace(seed), "{seed}");
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let different: BTreeSet<_> = (0..SEEDS).map(trace).collect();
    assert!(different.len() as u64 > SEEDS * 9 / 10, "{}", different.len());
}

#[test]
fn all_orders_of_ready_tasks_occur() {
    let orders = orders(Sim::yield_now);
    assert_eq!(orders.len(), 6, "{orders:?}");
}

#[test]
fn all_orders_of_equal_deadlines_occur() {
    let orders = orders(|sim| sim.sleep(Duration::from_millis(1)));
    assert_eq!(orders.len(), 6, "{orders:?}");
    let least = *orders.values().min().unwrap();
    assert!(least > SEEDS / 20, "{orders:?}");
}

/// In which orders three tasks come back from a wait, and how often.
fn orders<F: Future + 'static>(wait: fn(&Sim) -> F) -> BTreeMap<Vec<u8>, u64> {
    let mut orders = BTreeMap::new();
    for seed in 0..SEEDS {
        let sim = Sim::new(seed);
        let order = Rc::new(RefCell::new(Vec::new()));
        for task in 0..3 {
            let (order, future) = (order.clone(), wait(&sim));
            let work = async move {
                future.await;
                order.borrow_mut().push(task);
            };
            sim.spawn(work).unwrap();
        }
        sim.block_on(sim.sleep(Duration::from_secs(1)));
        *orders.entry(order.take()).or_insert(0) += 1;
    }
    orders
}

#[test]
fn all_turns_of_tasks_whose_sleeps_end_together_occur() {
    let mut turns = BTreeMap::new();
    for seed in 0..SEEDS {
        let sim = Sim::new(seed);
        let log = Rc::new(RefCell::new(String::new()));
        for name in ['a', 'b'] {
            let (inner, log) = (sim.clone(), log.clone());
            let work = async move {
                inner.sleep(Duration::from_secs(1)).await;
                for _ in 0..2 {
                    log.borrow_mut().push(name);
                    inner.yield_now().await;
                }
            };
            sim.spawn(work).unwrap();
        }
        sim.block_on(sim.sleep(Duration::from_secs(2)));
        *turns.entry(log.take()).or_insert(0) += 1;
    }
    assert_eq!(turns.len(), 6, "{turns:?}");
    // Not only by polls of those who were not woken.
    assert!(turns.values().all(|&count| count > SEEDS / 20), "{turns:?}");
}

#[test]
fn one_task_sees_its_sleeps_end_in_any_order() {
    struct Note(u8, mpsc::Sender<u8>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.send(self.0).unwrap();
        }
    }
    let order = |seed| {
        let sim = Sim::new(seed);
        let (sender, receiver) = mpsc::channel();
        let at = Instant::from_nanos(7);
        let mut sleeps = [0, 1, 2].map(|name| {
            let waker = Waker::from(Arc::new(Note(name, sender.clone())));
            (Box::pin(sim.sleep_until(at)), waker)
        });
        for (sleep, waker) in &mut sleeps {
            assert!(contract::poll_once(sleep.as_mut(), waker).is_pending());
        }
        sim.block_on(sim.sleep(Duration::from_nanos(8)));
        receiver.try_iter().collect::<Vec<_>>()
    };
    let orders: BTreeSet<_> = (0..SEEDS).map(order).collect();
    assert_eq!(orders.len(), 6, "{orders:?}");
}

#[test]
fn virtual_time_is_exact_and_takes_none() {
    let started = StdInstant::now();
    let sim = Sim::new(1);
    let mut expected = Instant::from_nanos(0);
    sim.block_on(async {
        for nanos in [1, 7, 1_000_000_007, 1 << 55] {
            let duration = Duration::from_nanos(nanos);
            expected = expected.saturating_add(duration);
            sim.sleep(duration).await;
            assert_eq!(sim.now(), expected);
        }
        sim.sleep_until(Instant::from_nanos(u64::MAX)).await;
        assert_eq!(sim.now().as_nanos(), u64::MAX);
        sim.sleep(Duration::MAX).await;
    });
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn time_stands_still_while_somebody_is_ready() {
    for seed in 0..SEEDS / 10 {
        let sim = Sim::new(seed);
        let busy = {
            let sim = sim.clone();
            async move {
                for _ in 0..20 {
                    sim.yield_now().await;
                    assert_eq!(sim.now().as_nanos(), 0);
                }
            }
        };
        sim.spawn(busy).unwrap();
        sim.block_on(sim.sleep(Duration::from_nanos(1)));
        assert_eq!(sim.now().as_nanos(), 1);
    }
}

#[test]
fn a_deadlock_names_its_seed() {
    for seed in [0, 77, u64::MAX] {
        let sim = Sim::new(seed);
        let fault = fault(|| sim.block_on(pending::<()>()));
        assert!(fault.contains("deadlock") && fault.contains(&seed.to_string()), "{fault}");
        // It is not broken by it.
        assert_eq!(sim.block_on(async { 5 }), 5);
    }
}

/// The message of the panic.
fn fault<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).err().expect("it should have panicked");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn a_lost_wake_up_is_found_though_some_polls_are_spurious() {
    let found = (0..SEEDS / 10).filter(|&seed| {
        let sim = Sim::new(seed);
        let flag = Rc::new(Cell::new(false));
        let (setter, inner) = (flag.clone(), sim.clone());
        let set = async move {
            inner.yield_now().await;
            setter.set(true);
        };
        sim.spawn(set).unwrap();
        let forgetful = poll_fn(|_| if flag.get() { Poll::Ready(()) } else { Poll::Pending });
        catch_unwind(AssertUnwindSafe(|| sim.block_on(forgetful))).is_err()
    });
    let found = found.count() as u64;
    assert!(found > SEEDS / 40 && found < SEEDS / 10, "{found}");
}

#[test]
fn some_seeds_poll_who_was_not_woken_and_some_do_not() {
    let polls = |seed| {
        let sim = Sim::new(seed);
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let never = poll_fn(move |_| {
            count.set(count.get() + 1);
            Poll::Pending
        });
        sim.spawn(never).unwrap();
        sim.block_on(async {
            for _ in 0..50 {
                sim.yield_now().await;
            }
        });
        polls.get()
    };
    let polls: Vec<_> = (0..SEEDS).map(polls).collect();
    assert!(polls.iter().filter(|&&polls| polls <= 1).count() as u64 > SEEDS / 5);
    assert!(polls.iter().filter(|&&polls| polls > 2).count() as u64 > SEEDS / 5);
}

#[test]
fn as_many_tasks_as_the_limit_allows() {
    let sim = Sim::new(3);
    sim.limit_tasks(Some(2));
    let inner = sim.clone();
    let first = async move {
        // It counts itself, while it is polled too.
        inner.spawn(pending()).unwrap();
        contract::refuses(&inner, SpawnError::Limit);
        inner.limit_tasks(Some(3));
        inner.spawn(pending()).unwrap();
        contract::refuses(&inner, SpawnError::Limit);
    };
    sim.spawn(first).unwrap();
    sim.run_until_idle();
    sim.spawn(async {}).unwrap();
    contract::refuses(&sim, SpawnError::Limit);
    sim.run_until_idle();
    sim.spawn(async {}).unwrap();
    sim.limit_tasks(None);
    sim.spawn(async {}).unwrap();
    sim.limit_tasks(Some(0));
    contract::refuses(&sim, SpawnError::Limit);
}

#[test]
fn a_shut_down_drops_all_tasks() {
    let sim = Sim::new(5);
    let kept = Rc::new(());
    for _ in 0..4 {
        let inside = (kept.clone(), sim.clone());
        let sleep = sim.sleep(Duration::from_secs(1));
        let work = async move {
            sleep.await;
            drop(inside);
        };
        sim.spawn(work).unwrap();
    }
    sim.run_until_idle();
    assert_eq!(Rc::strong_count(&kept), 5);
    sim.shut_down();
    assert_eq!(Rc::strong_count(&kept), 1);
    contract::refuses(&sim, SpawnError::NoRuntime);
    sim.shut_down();
    // The clock goes on, and what it was to wake is gone.
    sim.block_on(sim.sleep(Duration::from_secs(2)));
    assert_eq!(sim.now().as_nanos(), 2_000_000_000);
}

#[test]
fn a_task_may_shut_its_runtime_down() {
    let sim = Sim::new(6);
    let kept = Rc::new(());
    let (inner, inside) = (sim.clone(), kept.clone());
    let last = async move {
        inner.shut_down();
        contract::refuses(&inner, SpawnError::NoRuntime);
        assert_eq!(Rc::strong_count(&inside), 2);
        pending::<()>().await;
        drop(inside);
    };
    sim.spawn(last).unwrap();
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
fn the_order_of_dropping_at_a_shut_down_differs() {
    struct Note(u8, Rc<RefCell<Vec<u8>>>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }
    let order = |seed| {
        let sim = Sim::new(seed);
        let order = Rc::new(RefCell::new(Vec::new()));
        for task in 0..3 {
            let note = Note(task, order.clone());
            let work = async move {
                pending::<()>().await;
                drop(note);
            };
            sim.spawn(work).unwrap();
        }
        sim.shut_down();
        order.take()
    };
    let orders: BTreeSet<_> = (0..SEEDS).map(order).collect();
    assert_eq!(orders.len(), 6);
}

/// Does what a dropped task may do.
struct Meddler(Sim);

impl Drop for Meddler {
    fn drop(&mut self) {
        let _ = self.0.spawn(async {});
        let _ = self.0.random(3);
        drop(self.0.sleep(Duration::from_secs(1)));
        if self.0.random(2) == 0 {
            self.0.shut_down();
        }
    }
}

#[test]
fn a_dropped_task_may_use_the_simulator() {
    for seed in 0..SEEDS / 10 {
        let sim = Sim::new(seed);
        for wait in 0..4_u64 {
            let (meddler, inner) = (Meddler(sim.clone()), sim.clone());
            let work = async move {
                if wait > 0 {
                    inner.sleep(Duration::from_secs(wait)).await;
                }
                drop(meddler);
            };
            let _ = sim.spawn(work);
        }
        sim.block_on(sim.sleep(Duration::from_secs(seed % 4)));
        sim.shut_down();
        contract::refuses(&sim, SpawnError::NoRuntime);
    }
}

#[test]
fn a_simulator_that_no_task_holds_takes_them_along() {
    let sim = Sim::new(8);
    let kept = Rc::new(());
    let (inside, sleep) = (kept.clone(), sim.sleep(Duration::from_secs(1)));
    let outside = sim.sleep(Duration::from_secs(1));
    let work = async move {
        sleep.await;
        drop(inside);
    };
    sim.spawn(work).unwrap();
    sim.run_until_idle();
    drop(sim);
    assert_eq!(Rc::strong_count(&kept), 1);
    // A sleep without its simulator ends never.
    let outside = std::pin::pin!(outside);
    assert!(contract::poll_once(outside, Waker::noop()).is_pending());
}

#[test]
fn tasks_go_on_in_the_next_call() {
    let sim = Sim::new(9);
    let (turns, inner) = (Rc::new(Cell::new(0)), sim.clone());
    let count = turns.clone();
    let work = async move {
        for _ in 0..3 {
            count.set(count.get() + 1);
            inner.sleep(Duration::from_secs(1)).await;
        }
    };
    sim.spawn(work).unwrap();
    sim.run_until_idle();
    assert_eq!((turns.get(), sim.now().as_nanos()), (1, 0));
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    sim.run_until_idle();
    assert_eq!(turns.get(), 2);
    sim.block_on(sim.sleep(Duration::from_secs(1)));
    sim.run_until_idle();
    assert_eq!((turns.get(), sim.now().as_nanos()), (3, 2_000_000_000));
}

#[test]
fn a_panic_of_a_task_is_passed_on() {
    let sim = Sim::new(10);
    let inner = sim.clone();
    sim.spawn(async { panic!("on purpose") }).unwrap();
    sim.spawn(async move { inner.sleep(Duration::from_secs(1)).await }).unwrap();
    assert_eq!(fault(|| sim.block_on(sim.sleep(Duration::from_secs(2)))), "on purpose");
    sim.limit_tasks(Some(2));
    sim.spawn(async {}).unwrap();
    sim.block_on(sim.sleep(Duration::from_secs(2)));
}

#[test]
fn it_does_not_run_inside_itself() {
    let sim = Sim::new(11);
    let nested = fault(|| sim.block_on(async { sim.block_on(async {}) }));
    assert!(nested.contains("runs already"), "{nested}");
    let nested = fault(|| sim.block_on(async { sim.run_until_idle() }));
    assert!(nested.contains("runs already"), "{nested}");
    sim.run_until_idle();
}

#[test]
fn another_thread_may_wake() {
    let sim = Sim::new(12);
    let mut woken = false;
    sim.block_on(poll_fn(|cx| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        let waker = cx.waker().clone();
        thread::spawn(|| waker.wake()).join().unwrap();
        Poll::Pending
    }));
    // Later than the last poll, it does nothing.
    let kept = sim.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    drop(sim);
    kept.wake();
}

#[test]
fn random_numbers_stay_below_their_bound_and_reach_all() {
    let sim = Sim::new(13);
    assert_eq!((sim.random(0), sim.random(1)), (0, 0));
    let drawn: BTreeSet<_> = (0..1_000).map(|_| sim.random(10)).collect();
    assert_eq!(drawn, (0..10).collect());
    assert!((0..100).any(|_| sim.random(u64::MAX) > 1 << 62));
}

#[test]
fn steps_are_polls() {
    // A seed that polls nobody who was not woken, as there is but one.
    let sim = Sim::new(14);
    sim.block_on(async {
        for _ in 0..9 {
            sim.yield_now().await;
        }
    });
    assert_eq!(sim.steps(), 10);
    assert!(format!("{sim:?}").contains("steps: 10"));
}
