//! What the tests of the map have in common.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use droves::map::{Iter, Map, Worker, iter, map};
use droves::runtime::{Spawn, SpawnError};
use futures_core::Stream;
use futures_lite::future::{block_on, yield_now};

/// What tests wait for comes at once, if it comes.
pub const LONG: Duration = Duration::from_secs(60);

pub type Called = Pin<Box<dyn Future<Output = usize> + Send>>;
pub type Call = Box<dyn Fn(usize) -> Called + Send + Sync>;

/// Where maps of numbers run.
pub trait Runs: Spawn<Worker<usize, Call, Called>> + Clone {}
impl<Rt: Spawn<Worker<usize, Call, Called>> + Clone> Runs for Rt {}

pub fn calls<Fut>(f: impl Fn(usize) -> Fut + Send + Sync + 'static) -> Call
where
    Fut: Future<Output = usize> + Send + 'static,
{
    Box::new(move |item| Box::pin(f(item)))
}

/// Runs a test on a thread of its own, and fails if it hangs.
#[track_caller]
pub fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match end.recv_timeout(2 * LONG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}

/// Counts what runs.
#[derive(Clone, Default)]
pub struct Gauge(Arc<[AtomicUsize; 3]>);

impl Gauge {
    pub fn enter(&self) -> Entered {
        let [begun, now, most] = &*self.0;
        begun.fetch_add(1, SeqCst);
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        Entered(self.clone())
    }

    /// How many hold it: those who count, and the test.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub fn begun(&self) -> usize {
        self.0[0].load(SeqCst)
    }

    pub fn now(&self) -> usize {
        self.0[1].load(SeqCst)
    }

    pub fn most(&self) -> usize {
        self.0[2].load(SeqCst)
    }
}

pub struct Entered(pub Gauge);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0[1].fetch_sub(1, SeqCst);
    }
}

/// Whether it comes true before long; lets others run meanwhile.
pub async fn comes(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + LONG;
    while !condition() && Instant::now() < end {
        yield_now().await;
    }
    condition()
}

/// As [`comes`], of a thread.
pub fn soon(condition: impl Fn() -> bool) -> bool {
    block_on(comes(condition))
}

/// The next result, or what the map has panicked with.
pub async fn caught<S: Stream + Unpin>(
    map: &mut S,
) -> Result<Option<S::Item>, Box<dyn Any + Send>> {
    poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| Pin::new(&mut *map).poll_next(cx));
        match catch_unwind(poll) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap())
}

/// Refuses, or spawns so many, and counts them.
#[derive(Clone)]
pub struct Few<Rt> {
    rt: Rt,
    left: Rc<Cell<usize>>,
    pub spawned: Rc<Cell<usize>>,
}

impl<Rt> Few<Rt> {
    pub fn new(rt: Rt, left: usize) -> Self {
        Self { rt, left: Rc::new(Cell::new(left)), spawned: Rc::default() }
    }
}

impl<F, Rt: Spawn<F>> Spawn<F> for Few<Rt> {
    type Task = Rt::Task;

    fn spawn(&self, future: F) -> Result<Rt::Task, SpawnError> {
        self.left.set(self.left.get().checked_sub(1).ok_or(SpawnError::Limit)?);
        self.spawned.set(self.spawned.get() + 1);
        self.rt.spawn(future)
    }
}

/// Says that it runs futures, and drops them.
#[derive(Clone)]
pub struct Gone;

impl<F> Spawn<F> for Gone {
    type Task = ();

    fn spawn(&self, _: F) -> Result<(), SpawnError> {
        Ok(())
    }
}

pub fn on<Rt: Runs>(rt: Rt, limit: usize) -> Map<Rt, Iter<std::ops::Range<usize>>, Call, Called> {
    map(rt, limit, iter(0..50), calls(|item| async move { item }))
}
