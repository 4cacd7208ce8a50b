//! What the tasks of the tests are made of, and a runtime with which time can jump.
#![allow(dead_code, reason = "each feature uses a part")]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::tasks::{Builder, Pending, Refused, Task, TaskError, Tasks};
use droves::time::Instant;

use crate::help::{Gate, Permits, Tally};
use crate::herd::help::Log;
use crate::world::World;

/// What tasks fail with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oops(pub u32);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oops {}", self.0)
    }
}

impl std::error::Error for Oops {}

pub type TheTasks = Tasks<Oops>;
pub type TheTask = Task<Oops>;
pub type Report = TaskError<Oops>;
pub type Reports = Log<Report>;

pub const HOUR: Duration = Duration::from_secs(3_600);
pub const MINUTE: Duration = Duration::from_secs(60);

/// Begins to make a manager.
pub fn manager(workers: usize, queue: usize) -> Builder<Oops> {
    Tasks::builder().workers(workers).queue(queue)
}

/// A manager with its reports.
pub fn reported(builder: Builder<Oops>) -> (TheTasks, Reports) {
    let reports = Reports::new();
    let log = reports.clone();
    (builder.on_failure(move |report| log.push(report)).build().unwrap(), reports)
}

/// The only one that there is.
pub fn only<T: fmt::Debug>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// A task that is done at once.
pub fn nothing() -> TheTask {
    Task::new(|| async { Ok(()) })
}

/// The same, counted.
pub fn counted(tally: &Tally) -> TheTask {
    let tally = tally.clone();
    Task::new(move || {
        tally.enter().end();
        async { Ok(()) }
    })
}

/// A task that is counted and waits for a gate.
pub fn gated(tally: &Tally, gate: &Gate) -> TheTask {
    let (tally, gate) = (tally.clone(), gate.clone());
    Task::new(move || {
        let job = tally.job(&gate);
        async move {
            job.await;
            Ok(())
        }
    })
}

/// A task that is counted, and fails with the number of the attempt.
pub fn failing(tally: &Tally) -> TheTask {
    let tally = tally.clone();
    let mut attempt = 0;
    Task::new(move || {
        tally.enter().end();
        attempt += 1;
        let error = Oops(attempt);
        async move { Err(error) }
    })
}

/// A task that notes a number.
pub fn noting<T: Copy + Send + 'static>(log: &Log<T>, number: T) -> TheTask {
    let log = log.clone();
    Task::new(move || {
        log.push(number);
        async { Ok(()) }
    })
}

/// The name of the task that came back, since there was no room.
pub fn full(refused: Result<u64, Refused<Task<Oops>>>) -> String {
    let error = refused.unwrap_err();
    assert!(error.is_full(), "{error}");
    error.into_inner().get_name().into()
}

/// The name of the task that came back, since none is taken.
pub fn shut(refused: Result<u64, Refused<Task<Oops>>>) -> String {
    let error = refused.unwrap_err();
    assert!(error.is_shutting_down(), "{error}");
    error.into_inner().get_name().into()
}

/// Sorted by the numbers of the tasks.
pub fn sorted(mut left: Vec<Pending<Oops>>) -> Vec<Pending<Oops>> {
    left.sort_by_key(|pending| pending.task.id());
    left
}

/// What is odd about a runtime: how much later it is there than elsewhere, how many futures it spawns, how often they
/// have been polled, and whether any has something to do.
#[derive(Clone)]
pub struct Odds(Arc<State>);

struct State {
    permits: Permits,
    polls: AtomicUsize,
    /// How many futures are polled, or were woken and will be.
    awake: AtomicUsize,
    /// In nanoseconds.
    shift: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

impl Odds {
    pub fn new() -> Self {
        let permits = Permits::new(usize::MAX);
        let (polls, awake) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (shift, sleepers) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(State { permits, polls, awake, shift, sleepers }))
    }

    pub fn permits(&self) -> &Permits {
        &self.0.permits
    }

    /// How often what it has spawned was polled.
    pub fn polls(&self) -> usize {
        self.0.polls.load(Ordering::SeqCst)
    }

    /// Waits until all that it has spawned sleeps: nothing more comes of what has happened before, but by time.
    pub async fn rest<W: World>(&self, w: &W) {
        w.until(|| self.0.awake.load(Ordering::SeqCst) == 0).await;
    }

    /// Lets time jump, as when a machine has slept.
    pub fn jump(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap();
        self.0.shift.fetch_add(nanos, Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *self.0.sleepers.lock().unwrap());
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Lets time jump when nobody has anything to do, and waits until nobody has again.
    pub async fn pass<W: World>(&self, w: &W, by: Duration) {
        self.rest(w).await;
        self.jump(by);
        self.rest(w).await;
    }

    fn shift(&self) -> Duration {
        Duration::from_nanos(self.0.shift.load(Ordering::SeqCst))
    }
}

/// A runtime about which something is odd.
#[derive(Clone)]
pub struct Odd<R>(pub R, pub Odds);

impl<R: Clock> Clock for Odd<R> {
    fn now(&self) -> Instant {
        self.0.now().saturating_add(self.1.shift())
    }
}

impl<R: Timer + Clone> Timer for Odd<R> {
    type Sleep = OddSleep<R>;

    fn sleep_until(&self, at: Instant) -> OddSleep<R> {
        let shift = u64::try_from(self.1.shift().as_nanos()).unwrap();
        let there = Instant::from_nanos(at.as_nanos().saturating_sub(shift));
        OddSleep { at, inner: Box::pin(self.0.sleep_until(there)), runtime: self.clone() }
    }
}

pub struct OddSleep<R: Timer> {
    at: Instant,
    inner: Pin<Box<R::Sleep>>,
    runtime: Odd<R>,
}

impl<R: Timer> Unpin for OddSleep<R> {}

impl<R: Timer + Clone> Future for OddSleep<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.runtime.1.0.sleepers.lock().unwrap().push(cx.waker().clone());
        if self.runtime.now() >= self.at { Poll::Ready(()) } else { self.inner.as_mut().poll(cx) }
    }
}

/// A future whose polls are counted, and of which is known whether it sleeps.
pub struct Counted<F>(Pin<Box<F>>, Present);

/// Takes note, after the future has been dropped, that it is no more.
struct Present(Arc<Sleeper>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.go_on(|_| Doing::Gone);
        self.0.state.lock().unwrap().1 = None;
    }
}

/// Whether a future sleeps.
struct Sleeper {
    odds: Odds,
    state: Mutex<(Doing, Option<Waker>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Asleep,
    Woken,
    Polled,
    /// And woken meanwhile.
    PolledAgain,
    Gone,
}

impl Doing {
    fn is_nothing(self) -> bool {
        matches!(self, Self::Asleep | Self::Gone)
    }
}

impl Sleeper {
    /// Goes on as `next` says, and is counted.
    fn go_on(&self, next: impl Fn(Doing) -> Doing) -> Option<Waker> {
        let mut state = self.state.lock().unwrap();
        let (before, after) = (state.0, next(state.0));
        state.0 = after;
        match (before.is_nothing(), after.is_nothing()) {
            (true, false) => _ = self.odds.0.awake.fetch_add(1, Ordering::SeqCst),
            (false, true) => _ = self.odds.0.awake.fetch_sub(1, Ordering::SeqCst),
            _ => {}
        }
        state.1.clone()
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        let waker = self.go_on(|doing| match doing {
            Doing::Asleep | Doing::Woken => Doing::Woken,
            Doing::Polled | Doing::PolledAgain => Doing::PolledAgain,
            Doing::Gone => Doing::Gone,
        });
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let sleeper = self.1.0.clone();
        sleeper.odds.0.polls.fetch_add(1, Ordering::SeqCst);
        sleeper.state.lock().unwrap().1 = Some(cx.waker().clone());
        sleeper.go_on(|_| Doing::Polled);
        let waker = Waker::from(sleeper.clone());
        let polled = self.0.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            sleeper.go_on(
                |doing| {
                    if doing == Doing::PolledAgain { Doing::Woken } else { Doing::Asleep }
                },
            );
        }
        polled
    }
}

impl<F> Counted<F> {
    fn new(future: F, odds: &Odds) -> Self {
        let state = Mutex::new((Doing::Asleep, None));
        let sleeper = Sleeper { odds: odds.clone(), state };
        sleeper.go_on(|_| Doing::Woken);
        Self(Box::pin(future), Present(Arc::new(sleeper)))
    }
}

impl<F, R: Spawn<Counted<F>>> Spawn<F> for Odd<R> {
    type Task = R::Task;

    fn spawn(&self, future: F) -> Result<R::Task, SpawnError> {
        if self.1.permits().take() {
            self.0.spawn(Counted::new(future, &self.1))
        } else {
            Err(SpawnError::Limit)
        }
    }
}
