//! The ports' promises, asked of any adapter.
#![allow(dead_code, reason = "each feature uses a part")]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::time::Instant;

pub type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
pub type LocalBoxed = Pin<Box<dyn Future<Output = ()>>>;

/// Counts how often it is woken.
#[derive(Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// All promises of [`Clock`] and [`Timer`]. Run it on the runtime.
pub async fn time<R: Timer>(runtime: &R) {
    the_clock_never_goes_back(runtime);
    a_sleep_is_never_short(runtime).await;
    past_deadlines(runtime);
    far_deadlines(runtime);
    a_dropped_sleep_wakes_nobody(runtime).await;
    sleeps_run_side_by_side(runtime).await;
    a_sleep_wakes_who_polled_it_last(runtime).await;
}

fn the_clock_never_goes_back(clock: &impl Clock) {
    let mut last = clock.now();
    for _ in 0..1_000 {
        let now = clock.now();
        assert!(now >= last);
        last = now;
    }
}

async fn a_sleep_is_never_short(timer: &impl Timer) {
    for micros in [0, 1, 50, 999, 1_000, 1_001, 2_500] {
        let at = after(timer, micros);
        timer.sleep_until(at).await;
        assert!(timer.now() >= at, "{micros}");
    }
}

/// Just past and long past, one poll is all that they get.
fn past_deadlines(timer: &impl Timer) {
    for _ in 0..100 {
        for at in [timer.now(), Instant::from_nanos(0)] {
            assert!(poll_once(pin!(timer.sleep_until(at)), Waker::noop()).is_ready());
        }
    }
}

fn far_deadlines(timer: &impl Timer) {
    for nanos in [1 << 62, u64::MAX - 1, u64::MAX] {
        let at = Instant::from_nanos(nanos);
        let waker = Waker::noop();
        assert!(poll_once(pin!(timer.sleep_until(at)), waker).is_pending());
    }
}

async fn a_dropped_sleep_wakes_nobody(timer: &impl Timer) {
    loop {
        let counter = Arc::new(Counter::default());
        let at = after(timer, 10_000);
        {
            let mut sleep = pin!(timer.sleep_until(at));
            let _ = poll_once(sleep.as_mut(), &Waker::from(counter.clone()));
        }
        // Else this thread was held up.
        if timer.now() < at {
            timer.sleep_until(at.saturating_add(Duration::from_millis(2))).await;
            assert_eq!(counter.count(), 0);
            return;
        }
    }
}

async fn sleeps_run_side_by_side(timer: &impl Timer) {
    let mut late = pin!(timer.sleep_until(after(timer, 4_000)));
    let mut early = pin!(timer.sleep_until(after(timer, 1_000)));
    let mut ended = Vec::new();
    poll_fn(|cx| {
        if !ended.contains(&"late") && late.as_mut().poll(cx).is_ready() {
            ended.push("late");
        }
        if !ended.contains(&"early") && early.as_mut().poll(cx).is_ready() {
            ended.push("early");
        }
        if ended.len() == 2 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn a_sleep_wakes_who_polled_it_last(timer: &impl Timer) {
    loop {
        let counter = Arc::new(Counter::default());
        let at = after(timer, 10_000);
        let mut sleep = pin!(timer.sleep_until(at));
        let _ = poll_once(sleep.as_mut(), &Waker::from(counter.clone()));
        let again = poll_fn(|cx| {
            // A sleep that has ended is not polled again.
            let pending = timer.now() < at && sleep.as_mut().poll(cx).is_pending();
            Poll::Ready(pending && timer.now() < at)
        });
        // Else this thread was held up.
        if again.await {
            sleep.await;
            assert_eq!(counter.count(), 0);
            return;
        }
    }
}

/// All promises of [`Spawn`]. Run it on the runtime.
pub async fn spawning<R>(runtime: &R)
where
    R: Timer<Sleep: Send> + Spawn<Boxed> + Clone + Send + Sync + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let (count, inner) = (count.clone(), runtime.clone());
        let child = count.clone();
        let future: Boxed = Box::pin(async move {
            inner.sleep_until(after(&inner, 100)).await;
            inner.spawn(Box::pin(async move { add(&child) })).unwrap();
            add(&count);
        });
        runtime.spawn(future).unwrap();
    }
    until(runtime, || count.load(Ordering::SeqCst) == 6 && Arc::strong_count(&count) == 1).await;
}

/// As [`spawning`], of futures that keep to their thread.
pub async fn local_spawning<R>(runtime: &R)
where
    R: Timer + Spawn<LocalBoxed> + Clone + 'static,
{
    let count = Rc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let (count, inner) = (count.clone(), runtime.clone());
        let child = count.clone();
        let future: LocalBoxed = Box::pin(async move {
            inner.sleep_until(after(&inner, 100)).await;
            inner.spawn(Box::pin(async move { add(&child) })).unwrap();
            add(&count);
        });
        runtime.spawn(future).unwrap();
    }
    until(runtime, || count.load(Ordering::SeqCst) == 6 && Rc::strong_count(&count) == 1).await;
}

/// The future that is refused is dropped.
pub fn refuses<R: Spawn<LocalBoxed>>(runtime: &R, error: SpawnError) {
    let kept = Rc::new(());
    let inside = kept.clone();
    let refused = runtime.spawn(Box::pin(async move { drop(inside) })).err();
    assert_eq!(refused, Some(error));
    assert_eq!(Rc::strong_count(&kept), 1);
}

pub fn poll_once<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

pub fn after(clock: &impl Clock, micros: u64) -> Instant {
    clock.now().saturating_add(Duration::from_micros(micros))
}

/// Waits for something to become true, and not for ever.
pub async fn until(timer: &impl Timer, mut condition: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        timer.sleep_until(after(timer, 1_000)).await;
    }
    panic!("it has not become true");
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}
