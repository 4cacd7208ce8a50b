//! What jobs are made of, and what watches them.
#![allow(dead_code, reason = "each feature uses a part")]

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use droves::cancel::CancelToken;
use droves::pool::{Pool, Stats};

/// What jobs fail with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub u32);

/// A worker's own state.
pub struct Own {
    pub jobs: u32,
    pub kept: Witness,
    pub grenade: Option<Grenade>,
}

/// Keeps jobs waiting until it is opened.
#[derive(Clone, Default)]
pub struct Gate(CancelToken);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn open(&self) {
        self.0.cancel();
    }

    pub fn is_open(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is open.
    pub fn pass(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.0.clone();
        async move { token.cancelled().await }
    }
}

/// Counts jobs.
#[derive(Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Default)]
struct Counts {
    running: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
    done: AtomicUsize,
}

/// A job that runs, until it is dropped.
pub struct Running(Tally);

impl Tally {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a job in.
    pub fn enter(&self) -> Running {
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(running, Ordering::SeqCst);
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        Running(self.clone())
    }

    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// How many ran at once.
    pub fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    /// Forgets how many ran at once.
    pub fn forget_most(&self) {
        self.0.most.store(0, Ordering::SeqCst);
    }

    pub fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// How many came to their end.
    pub fn done(&self) -> usize {
        self.0.done.load(Ordering::SeqCst)
    }

    /// A job that is counted while it waits for a gate.
    pub fn job(&self, gate: &Gate) -> impl Future<Output = ()> + Send + use<> {
        let (tally, gate) = (self.clone(), gate.clone());
        async move {
            let running = tally.enter();
            gate.pass().await;
            running.end();
        }
    }

    /// A closure that is counted.
    pub fn tick(&self) -> impl FnOnce() + Send + 'static {
        let tally = self.clone();
        move || tally.enter().end()
    }
}

impl Running {
    /// It came to its end.
    pub fn end(self) {
        self.0.0.done.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Counts what is alive: its clones.
#[derive(Clone)]
pub struct Witness(#[allow(dead_code, reason = "it is counted")] Arc<()>);

/// Counts the clones of a [`Witness`].
#[derive(Default)]
pub struct Court(Arc<()>);

impl Court {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn witness(&self) -> Witness {
        Witness(self.0.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// Panics when it is dropped.
pub struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("on purpose: dropped");
    }
}

/// How many futures may still be spawned, and what was noticed about it.
#[derive(Clone)]
pub struct Permits(Arc<PermitState>);

struct PermitState {
    left: AtomicUsize,
    /// How often it is refused yet, before it is granted once; 0 if that is not to be.
    refusals: AtomicUsize,
    asked: AtomicUsize,
    spawned_inside: AtomicBool,
}

thread_local! {
    /// Whether this thread is in a call that must not spawn.
    static MAY_NOT_SPAWN: Cell<bool> = const { Cell::new(false) };
}

impl Permits {
    pub fn new(left: usize) -> Self {
        Self(Arc::new(PermitState {
            left: AtomicUsize::new(left),
            refusals: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            spawned_inside: AtomicBool::new(false),
        }))
    }

    pub fn grant(&self, left: usize) {
        self.0.left.store(left, Ordering::SeqCst);
    }

    /// Grants one more when that many have been refused.
    pub fn grant_after(&self, refusals: usize) {
        self.0.refusals.store(refusals, Ordering::SeqCst);
    }

    pub fn take(&self) -> bool {
        if MAY_NOT_SPAWN.get() {
            self.0.spawned_inside.store(true, Ordering::SeqCst);
        }
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let take = |left: usize| left.checked_sub(1);
        let fewer =
            |count: &AtomicUsize| count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        let taken = fewer(&self.0.left).is_ok();
        if !taken && fewer(&self.0.refusals) == Ok(1) {
            self.grant(1);
        }
        taken
    }

    /// How often something was to be spawned.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Whether a call spawned that must not.
    pub fn spawned_inside(&self) -> bool {
        self.0.spawned_inside.load(Ordering::SeqCst)
    }
}

/// Calls what must not spawn.
pub fn without_spawning<T>(call: impl FnOnce() -> T) -> T {
    MAY_NOT_SPAWN.set(true);
    let value = call();
    MAY_NOT_SPAWN.set(false);
    value
}

/// Counts how often it is woken.
#[derive(Default)]
pub struct Woken(AtomicUsize);

impl Woken {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once, for nobody.
pub fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What has ended, in whatever way.
pub fn ended(stats: &Stats) -> u64 {
    stats.succeeded + stats.failed + stats.aborted
}

/// Whether so many workers are idle, and there are no others.
pub fn all_idle<E: 'static, C: 'static>(pool: &Pool<E, C>, size: usize) -> bool {
    let stats = pool.stats();
    stats.live == size && stats.idle == size && stats.running == 0
}
