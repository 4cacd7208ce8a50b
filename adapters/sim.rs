//! A simulator, for tests: virtual time, and tasks whose order a seed chooses.
//!
//! One seed is one run, and the same whenever it is repeated. A handful of lines runs a program under
//! thousands of them, here a handler that loses what others write while it waits:
//!
//! ```
//! use core::{cell::Cell, time::Duration};
//! use std::rc::Rc;
//! use droves::{runtime::Spawn, sim::Sim};
//!
//! async fn deposit(sim: Sim, account: Rc<Cell<u64>>) {
//!     let before = account.get();
//!     sim.sleep(Duration::from_millis(sim.random(3))).await;
//!     account.set(before + 1);
//! }
//!
//! fn balance(seed: u64) -> u64 {
//!     let sim = Sim::new(seed);
//!     let account = Rc::new(Cell::new(0));
//!     sim.block_on(async {
//!         sim.spawn(deposit(sim.clone(), account.clone())).unwrap();
//!         deposit(sim.clone(), account.clone()).await;
//!         sim.sleep(Duration::from_secs(1)).await;
//!     });
//!     account.get()
//! }
//!
//! let failing: Vec<u64> = (0..1_000).filter(|&seed| balance(seed) != 2).collect();
//! assert!(failing.len() > 500);
//! // Each fails again as often as it is asked to.
//! assert_eq!(balance(failing[0]), 1);
//! ```
//!
//! A test asserts inside the program instead. When a run panics, the simulator prints its seed; put it
//! into [`Sim::new`] to see that run alone. It is the same run as long as the program takes nothing from
//! elsewhere: no system clock, no other threads, no order of a `HashMap`, no addresses.
//!
//! What the seed chooses: which of the woken tasks is polled next; which of the sleeps that end together
//! ends first; in which order tasks are dropped at a shutdown; and, in three seeds of four, which tasks
//! are polled though nobody woke them, as runtimes may. Time passes only when all wait, and then jumps to
//! the end of the next sleep. A task that is always ready therefore stops the clock.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Wake;
use std::vec::Vec;

use crate::runtime::{Clock, Spawn, SpawnError, Timer};
use crate::sync::{AtomicWord, Ordering};
use crate::time::Instant;

/// A simulated runtime. Clones are the same one.
///
/// Tasks that hold a clone keep it alive, and it keeps them: [`shut_down`](Self::shut_down) drops those
/// that are left.
#[derive(Clone)]
pub struct Sim(Rc<World>);

impl Sim {
    /// A runtime whose choices follow from the seed.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let world = World {
            seed,
            random: Cell::new(seed),
            spurious: Cell::new(0),
            now: Cell::default(),
            steps: Cell::new(0),
            numbers: Cell::new(0),
            limit: Cell::new(None),
            shut_down: Cell::new(false),
            running: Cell::new(false),
            polling: Cell::new(0),
            tasks: RefCell::default(),
            sleeps: RefCell::default(),
        };
        world.spurious.set([0, 64, 16, 4][world.below(4)]);
        Self(Rc::new(world))
    }

    /// Runs a future, and all that is spawned beside it, until it is done. Tasks that are left go on in
    /// the next call.
    ///
    /// # Panics
    /// - With "deadlock" and the seed, if everybody waits and nobody sleeps. A wake-up from another
    ///   thread is not waited for.
    /// - If a task panics, with its panic; the task is gone.
    /// - If it is called by a future that it runs.
    ///
    /// # Cost
    /// Each step looks at all tasks.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let world = &*self.0;
        let _run = Run::start(world);
        let mut future = pin!(future);
        let bell = Arc::new(Bell::ringing());
        let waker = Waker::from(bell.clone());
        loop {
            match world.next(Some(&bell)) {
                Next::Main => {
                    world.count_step(&bell);
                    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                    if let Poll::Ready(output) = polled {
                        return output;
                    }
                }
                Next::Task(task) => world.poll(task),
                Next::Nobody => assert!(
                    world.end_sleep(Instant::from_nanos(u64::MAX)),
                    "deadlock with seed {} after {} steps: everybody waits, and nobody sleeps",
                    world.seed,
                    world.steps.get()
                ),
            }
        }
    }

    /// Runs the tasks until all of them wait. The clock stands still.
    ///
    /// # Panics
    /// As [`block_on`](Self::block_on), but a deadlock is none here.
    ///
    /// # Cost
    /// Each step looks at all tasks.
    pub fn run_until_idle(&self) {
        let world = &*self.0;
        let _run = Run::start(world);
        while let Next::Task(task) = world.next(None) {
            world.poll(task);
        }
    }

    /// A number below `bound`, as the seed chooses; 0 if `bound` is.
    ///
    /// # Cost
    /// A few instructions.
    #[must_use]
    pub fn random(&self, bound: u64) -> u64 {
        self.0.random(bound)
    }

    /// Sleeps so long, in virtual time.
    ///
    /// # Cost
    /// None; its polls search the sleeps.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration))
    }

    /// Lets the seed choose who is next.
    ///
    /// # Cost
    /// None.
    #[allow(clippy::unused_self, reason = "it is what the simulator offers instead of a runtime's")]
    pub fn yield_now(&self) -> YieldNow {
        YieldNow(false)
    }

    /// How many polls there have been.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.0.steps.get()
    }

    /// How many spawned tasks there may be at a time. More are refused with [`SpawnError::Limit`].
    ///
    /// # Cost
    /// None.
    pub fn limit_tasks(&self, limit: Option<usize>) {
        self.0.limit.set(limit);
    }

    /// Drops all tasks, as a runtime does that goes away; the one that calls this, when its poll returns.
    /// From now on spawning fails with [`SpawnError::NoRuntime`]. The clock goes on.
    ///
    /// # Cost
    /// That of dropping the tasks.
    pub fn shut_down(&self) {
        self.0.shut_down.set(true);
        let mut tasks = self.0.tasks.take();
        while !tasks.is_empty() {
            drop(tasks.swap_remove(self.0.below(tasks.len())));
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let World { seed, now, steps, .. } = &*self.0;
        let mut f = f.debug_struct("Sim");
        f.field("seed", seed).field("now", &now.get()).field("steps", &steps.get());
        f.finish_non_exhaustive()
    }
}

impl Clock for Sim {
    fn now(&self) -> Instant {
        self.0.now.get()
    }
}

/// A sleep must be polled inside [`Sim::block_on`]; elsewhere nobody ends it.
impl Timer for Sim {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { world: Rc::downgrade(&self.0), at, number: None }
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<F> for Sim {
    type Task = ();

    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        let world = &*self.0;
        if world.shut_down.get() {
            return Err(SpawnError::NoRuntime);
        }
        let count = world.tasks.borrow().len() + world.polling.get();
        if world.limit.get().is_some_and(|limit| limit <= count) {
            return Err(SpawnError::Limit);
        }
        let bell = Arc::new(Bell::ringing());
        let waker = Waker::from(bell.clone());
        world.tasks.borrow_mut().push(Task { future: Box::pin(future), bell, waker });
        Ok(())
    }
}

/// What the clones share. No borrow is held while a future or a waker runs, as they may come back here.
struct World {
    seed: u64,
    random: Cell<u64>,
    /// One poll in so many is of any task, woken or not; 0 is none.
    spurious: Cell<u64>,
    now: Cell<Instant>,
    steps: Cell<u64>,
    /// How many numbers sleeps have got.
    numbers: Cell<u64>,
    limit: Cell<Option<usize>>,
    shut_down: Cell<bool>,
    /// Whether `block_on` or `run_until_idle` is under way.
    running: Cell<bool>,
    /// 1 while a task is out of the list to be polled.
    polling: Cell<usize>,
    tasks: RefCell<Vec<Task>>,
    sleeps: RefCell<BTreeMap<(Instant, u64), Waker>>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Who is polled.
enum Next {
    /// The future that `block_on` was called with.
    Main,
    Task(Task),
    Nobody,
}

impl World {
    /// Chooses among those who are woken, and now and then among all.
    fn next(&self, main: Option<&Arc<Bell>>) -> Next {
        // Those that end with the one for which time has jumped.
        while self.end_sleep(self.now.get()) {}
        let mut tasks = self.tasks.borrow_mut();
        let bells = || tasks.iter().map(|task| &task.bell).chain(main).enumerate();
        let woken = || bells().filter(|(_, bell)| bell.rings()).map(|(index, _)| index);
        let count = woken().count();
        if count == 0 {
            return Next::Nobody;
        }
        let all = self.spurious.get() > 0 && self.random(self.spurious.get()) == 0;
        let index = if all {
            self.below(bells().count())
        } else {
            // Another thread may wake, but none takes a ring back.
            woken().nth(self.below(count)).expect("there are as many")
        };
        if index < tasks.len() { Next::Task(tasks.swap_remove(index)) } else { Next::Main }
    }

    fn poll(&self, mut task: Task) {
        self.count_step(&task.bell);
        let out = Out::of(self);
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&task.waker));
        drop(out);
        if polled.is_pending() && !self.shut_down.get() {
            self.tasks.borrow_mut().push(task);
        }
    }

    fn count_step(&self, bell: &Bell) {
        bell.hush();
        self.steps.set(self.steps.get() + 1);
    }

    /// Ends one of the next sleeps, unless they end later than `until`.
    fn end_sleep(&self, until: Instant) -> bool {
        let mut sleeps = self.sleeps.borrow_mut();
        let Some(&(at, _)) = sleeps.keys().next().filter(|(at, _)| *at <= until) else {
            return false;
        };
        let together = sleeps.keys().take_while(|key| key.0 == at).count();
        let key = sleeps.keys().nth(self.below(together)).copied();
        let waker = key.and_then(|key| sleeps.remove(&key));
        drop(sleeps);
        self.now.set(at.max(self.now.get()));
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// `SplitMix64`: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), with
    /// the constants of Vigna. Then Lemire's multiplication in place of a remainder, without his second
    /// draw: the bias is below 2⁻³² for bounds below 2³².
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is below the bound")]
    fn random(&self, bound: u64) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }

    #[allow(clippy::cast_possible_truncation, reason = "it is below a usize")]
    fn below(&self, bound: usize) -> usize {
        self.random(bound as u64) as usize
    }
}

/// Where a task's wakers ring. Another thread may do so too.
struct Bell(AtomicWord);

impl Bell {
    fn ringing() -> Self {
        Self(AtomicWord::new(1))
    }

    fn rings(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    fn hush(&self) {
        // Acquire: pairs with the ring, so that the poll sees what was done before it.
        self.0.fetch_and(0, Ordering::Acquire);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with `hush`.
        self.0.fetch_or(1, Ordering::Release);
    }
}

/// A call of `block_on` or `run_until_idle`.
struct Run<'a>(&'a World);

impl<'a> Run<'a> {
    fn start(world: &'a World) -> Self {
        assert!(
            !world.running.replace(true),
            "the simulator runs already: it was called by a task"
        );
        Self(world)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.running.set(false);
        if std::thread::panicking() {
            let World { seed, steps, .. } = self.0;
            std::eprintln!("droves::sim: panic with seed {seed} in step {}", steps.get());
        }
    }
}

/// A task is out of the list.
struct Out<'a>(&'a World);

impl<'a> Out<'a> {
    fn of(world: &'a World) -> Self {
        world.polling.set(1);
        Self(world)
    }
}

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.polling.set(0);
    }
}

/// A sleep in virtual time. It lasts for ever if the simulator is gone.
///
/// # Cancel safety
/// Dropping it ends the sleep, and nothing is lost.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    world: Weak<World>,
    at: Instant,
    /// Its number among the sleeps, if it is there.
    number: Option<u64>,
}

impl Sleep {
    fn forget(&mut self, world: &World) {
        if let Some(number) = self.number.take() {
            let waker = world.sleeps.borrow_mut().remove(&(self.at, number));
            drop(waker);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(world) = self.world.upgrade() else { return Poll::Pending };
        self.forget(&world);
        if self.at <= world.now.get() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let number = world.numbers.get();
        world.numbers.set(number + 1);
        world.sleeps.borrow_mut().insert((self.at, number), waker);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(world) = self.world.upgrade() {
            self.forget(&world);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Waits for another turn.
///
/// # Cancel safety
/// Nothing is lost.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
