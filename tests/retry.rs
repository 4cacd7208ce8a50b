//! `retry` on a simulated runtime, where each delay is exact, and on threads.
#![cfg(feature = "sim")]

use core::cell::{Cell, RefCell};
use core::future::{Ready, ready};
use core::time::Duration;
use std::rc::Rc;

use droves::retry::{Backoff, Exhausted, Policy, RetryError, Verdict, retry, retry_with_seed};
use droves::runtime::{Clock, Spawn};
use droves::sim::Sim;
use droves::time::Instant;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(time: u64) -> Instant {
    Instant::default().saturating_add(ms(time))
}

/// Fails so many times, and notes when it was tried.
struct Flaky {
    sim: Sim,
    failures: usize,
    tried: RefCell<Vec<Instant>>,
}

impl Flaky {
    fn new(failures: usize) -> Self {
        Self { sim: Sim::new(1), failures, tried: RefCell::default() }
    }

    fn attempt(&self) -> Ready<Result<usize, usize>> {
        let count = {
            let mut tried = self.tried.borrow_mut();
            tried.push(self.sim.now());
            tried.len()
        };
        ready(if count > self.failures { Ok(count) } else { Err(count) })
    }

    fn run<F: Fn(u32) -> Option<Duration>>(
        &self,
        policy: Policy<F>,
    ) -> Result<usize, RetryError<usize>> {
        self.sim.block_on(retry(policy, &self.sim, || self.attempt()))
    }

    fn tried(&self) -> Vec<Instant> {
        self.tried.borrow().clone()
    }
}

fn failed(error: usize, attempts: u32, reason: Exhausted) -> Result<usize, RetryError<usize>> {
    Err(RetryError { error, attempts, reason })
}

#[test]
fn a_first_success_does_not_sleep() {
    let flaky = Flaky::new(0);
    assert_eq!(flaky.run(Policy::retries(3).backoff(Backoff::constant(ms(5)))), Ok(1));
    assert_eq!(flaky.tried(), [at(0)]);
    assert_eq!(flaky.sim.now(), at(0));
}

#[test]
fn gh_06_each_retry_waits_exactly_its_delay_and_the_last_error_comes_back() {
    let policy = Policy::retries(3).backoff(Backoff::exponential(ms(10)));
    let flaky = Flaky::new(9);
    assert_eq!(flaky.run(policy), failed(4, 4, Exhausted::Attempts));
    assert_eq!(flaky.tried(), [at(0), at(10), at(30), at(70)]);
    assert_eq!(flaky.sim.now(), at(70), "no sleep after the last attempt");
    let flaky = Flaky::new(2);
    assert_eq!(flaky.run(policy), Ok(3));
    assert_eq!(flaky.tried(), [at(0), at(10), at(30)]);
}

#[test]
fn promise_09_jitter_is_never_early() {
    let sim = Sim::new(3);
    let backoff = Backoff::exponential(ms(8)).min(ms(3)).max(ms(20));
    for seed in 0..100 {
        for backoff in [backoff.full_jitter(), backoff.equal_jitter()] {
            let tried = RefCell::new(Vec::new());
            let run = retry_with_seed(Policy::retries(6).backoff(backoff), &sim, seed, || {
                tried.borrow_mut().push(sim.now());
                async { Err::<(), _>(()) }
            });
            assert_eq!(sim.block_on(run).unwrap_err().attempts, 7);
            for pair in tried.borrow().windows(2) {
                let waited = pair[1].saturating_since(pair[0]);
                assert!((ms(3)..=ms(20)).contains(&waited), "{waited:?}");
            }
        }
    }
}

#[test]
fn one_seed_is_one_run_and_calls_without_one_differ() {
    let total = |seed: Option<u64>| {
        let sim = Sim::new(0);
        let policy = Policy::retries(5).backoff(Backoff::constant(ms(1000)).full_jitter());
        let operation = || async { Err::<(), _>(()) };
        match seed {
            Some(seed) => sim.block_on(retry_with_seed(policy, &sim, seed, operation)),
            None => sim.block_on(retry(policy, &sim, operation)),
        }
        .unwrap_err();
        sim.now()
    };
    assert_eq!(total(Some(1)), total(Some(1)));
    assert_ne!(total(Some(1)), total(Some(2)));
    assert_ne!(total(None), total(None));
}

#[test]
fn no_attempt_begins_after_the_total_time() {
    let flaky = Flaky::new(99);
    let policy = Policy::retries(99).backoff(Backoff::constant(ms(10))).max_total(ms(35));
    assert_eq!(flaky.run(policy), failed(4, 4, Exhausted::Time));
    assert_eq!(flaky.tried(), [at(0), at(10), at(20), at(30)]);
    assert_eq!(flaky.sim.now(), at(30), "it does not sleep first");
}

#[test]
fn the_time_of_attempts_counts() {
    let sim = Sim::new(1);
    let policy = Policy::retries(99).backoff(Backoff::constant(ms(10))).max_total(ms(100));
    let error = sim.block_on(retry(policy, &sim, || async {
        sim.sleep(ms(40)).await;
        Err::<(), _>(())
    }));
    // They begin at 0, 50 and 100.
    assert_eq!(error.unwrap_err().attempts, 3);
    assert_eq!(sim.now(), at(140));
}

#[test]
fn ma_10_a_custom_policy_may_say_stop() {
    let flaky = Flaky::new(99);
    let backoff = Backoff::custom(|failed| (failed < 3).then_some(ms(u64::from(failed))));
    assert_eq!(flaky.run(Policy::retries(9).backoff(backoff)), failed(3, 3, Exhausted::Stopped));
    assert_eq!(flaky.tried(), [at(0), at(1), at(3)]);
}

#[test]
fn the_judge_may_ask_for_more_time_or_stop() {
    let flaky = Flaky::new(99);
    let policy = Policy::retries(9).backoff(Backoff::constant(ms(5)).max(ms(5)));
    let run = retry(policy, &flaky.sim, || flaky.attempt()).judge(|&count| match count {
        1 => Verdict::RetryAfter(ms(60)),
        2 => Verdict::RetryAfter(ms(1)),
        3 => Verdict::Retry,
        _ => Verdict::Stop,
    });
    assert_eq!(flaky.sim.block_on(run), failed(4, 4, Exhausted::Stopped));
    assert_eq!(flaky.tried(), [at(0), at(60), at(65), at(70)]);
}

#[test]
fn a_retry_without_end_leaves_others_their_turn() {
    let sim = Sim::new(1);
    let done = Rc::new(Cell::new(false));
    let policy = Policy::retries(u32::MAX).backoff(Backoff::none());
    let other = done.clone();
    sim.spawn(async move { other.set(true) }).unwrap();
    let run = retry(policy, &sim, || async { if done.get() { Ok(()) } else { Err(()) } });
    assert_eq!(sim.block_on(run), Ok(()));
    assert_eq!(sim.now(), at(0));
}

#[test]
fn promise_07_a_dropped_retry_drops_its_attempt_and_goes_no_further() {
    /// Counts those that are alive.
    struct Alive(Rc<Cell<i32>>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let sim = Sim::new(1);
    for stop in [5, 15, 25, 35] {
        let (alive, tried) = (Rc::new(Cell::new(0)), Cell::new(0));
        let policy = Policy::retries(9).backoff(Backoff::constant(ms(10)));
        let run = retry(policy, &sim, || {
            alive.set(alive.get() + 1);
            tried.set(tried.get() + 1);
            let guard = Alive(alive.clone());
            let nap = sim.sleep(ms(10));
            async move {
                nap.await;
                drop(guard);
                Err::<(), _>(())
            }
        });
        let limit = sim.sleep(ms(stop));
        sim.block_on(futures_lite::future::or(async { assert!(run.await.is_err()) }, limit));
        assert_eq!((alive.get(), tried.get()), (0, 1 + stop / 20));
        let now = tried.get();
        sim.block_on(sim.sleep(ms(100)));
        assert_eq!(tried.get(), now);
    }
}

#[test]
fn the_failed_attempt_is_dropped_before_the_sleep() {
    let sim = Sim::new(1);
    let resource = Rc::new(());
    let policy = Policy::retries(2).backoff(Backoff::constant(ms(10)));
    let run = retry(policy, &sim, || {
        let held = resource.clone();
        async move {
            assert_eq!(Rc::strong_count(&held), 2);
            Err::<(), _>(())
        }
    });
    assert!(sim.block_on(run).is_err());
}

#[test]
#[should_panic(expected = "polled after it was done")]
fn a_poll_after_the_end_panics() {
    let sim = Sim::new(1);
    let mut run = Box::pin(retry(Policy::default(), &sim, || async { Ok::<_, ()>(()) }));
    sim.block_on(run.as_mut()).unwrap();
    let _ = sim.block_on(run);
}

#[test]
fn the_error_tells_what_happened() {
    let error = "x".parse::<u8>().unwrap_err();
    let error = RetryError { error, attempts: 4, reason: Exhausted::Attempts };
    assert_eq!(error.to_string(), "failed in attempt 4: no attempts are left");
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(feature = "threads")]
#[test]
fn promise_09_threads_are_never_early() {
    use droves::threads::{Threads, block_on};
    let rt = Threads::new();
    let policy = Policy::retries(4).backoff(Backoff::exponential(ms(1)));
    let tried = RefCell::new(Vec::new());
    let error = block_on(retry(policy, &rt, || {
        tried.borrow_mut().push(rt.now());
        async { Err::<(), _>(()) }
    }));
    assert_eq!(error.unwrap_err().attempts, 5);
    for (pair, least) in tried.borrow().windows(2).zip([1, 2, 4, 8]) {
        assert!(pair[1].saturating_since(pair[0]) >= ms(least));
    }
}

#[cfg(feature = "threads")]
#[test]
fn it_can_be_spawned() {
    fn spawnable<T: Send>(future: T) -> T {
        future
    }
    use droves::threads::{Threads, block_on};
    let rt = Threads::new();
    let run = retry(Policy::default(), &rt, || async { Ok::<_, ()>(7) });
    assert_eq!(block_on(spawnable(run)), Ok(7));
}
