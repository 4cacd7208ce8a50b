//! The adapters, as places in which a test can run.
#![allow(dead_code, reason = "each feature uses a part")]
#![allow(clippy::result_large_err, reason = "an error gives the builder back")]

use std::future::Future;
use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use droves::group::{Group, Handle};
use droves::job::Error;
use droves::pool::{Builder, Pool, Runtime, StartError};
use droves::runtime::{Clock, Spawn, SpawnError, Timer};
use droves::tasks;
use droves::time::Instant;

use crate::help::{Fault, Own, Permits};
use crate::herd::help::{HerdBuilder, Herds, TheHerd, TheResults};
use crate::tasks::help::{Odd, Odds, Oops, TheTasks};

/// How long a test may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where a test runs: an adapter, and an executor that runs the test beside the pool.
pub trait World: Sized + 'static {
    type Rt: Runtime<Error, ()>
        + Runtime<Fault, ()>
        + Runtime<Error, Own>
        + Runtime<Fault, Own>
        + Herds
        + tasks::Runtime<Oops>;

    /// Runs a test, in the simulator with several seeds.
    fn run(body: impl AsyncFn(&Self));

    fn rt(&self) -> &Self::Rt;

    /// Starts a pool on a runtime that spawns only while there are permits.
    fn start_limited(
        &self,
        builder: Builder,
        permits: &Permits,
    ) -> Result<Pool, StartError<Builder>>;

    /// The same with a herd.
    fn start_herd_limited(
        &self,
        builder: HerdBuilder,
        permits: &Permits,
    ) -> Result<(TheHerd, TheResults), StartError<HerdBuilder>>;

    /// Starts a task manager on a runtime about which something is odd.
    fn start_tasks_on(&self, tasks: &mut TheTasks, odds: &Odds) -> Result<bool, tasks::StartError>;

    /// The same with a herd.
    fn start_herd_on(&self, builder: HerdBuilder, odds: &Odds) -> (TheHerd, TheResults);

    /// The same with a group.
    fn start_group_on(&self, group: Group, odds: &Odds) -> Handle;

    /// The runtime's time, for handlers.
    fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<Self>;

    fn now(&self) -> Instant {
        Clock::now(self.rt())
    }

    fn sleep(&self, millis: u64) -> impl Future<Output = ()> {
        let at = self.now().saturating_add(Duration::from_millis(millis));
        Timer::sleep_until(self.rt(), at)
    }

    /// Long enough for what should not happen to happen.
    fn pause(&self) -> impl Future<Output = ()> {
        self.sleep(20)
    }

    /// Waits for something to become true.
    fn until(&self, mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
        async move {
            for _ in 0..60_000 {
                if condition() {
                    return;
                }
                self.sleep(1).await;
            }
            panic!("it has not become true");
        }
    }
}

/// A world that can end before what is in it.
pub trait Mortal: World {
    /// Runs `first` on a runtime, drops the runtime, and then runs `then`.
    fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T));

    /// A runtime that is gone already.
    fn gone(check: impl Fn(&Self::Rt));
}

/// Makes a hung test a failure with a name: the process ends.
pub fn watched(name: &'static str, test: impl FnOnce()) {
    let (done, watch) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if watch.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln!`, whose output is captured.
            let _ = writeln!(io::stderr(), "{name} hangs");
            std::process::abort();
        }
    });
    test();
    drop(done);
    watchdog.join().unwrap();
}

/// A runtime that takes a permit for each future that it spawns.
#[derive(Clone)]
pub struct Limited<R>(pub R, pub Permits);

impl<R: Clock> Clock for Limited<R> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl<R: Timer> Timer for Limited<R> {
    type Sleep = R::Sleep;

    fn sleep_until(&self, at: Instant) -> R::Sleep {
        self.0.sleep_until(at)
    }
}

impl<F, R: Spawn<F>> Spawn<F> for Limited<R> {
    type Task = R::Task;

    fn spawn(&self, future: F) -> Result<R::Task, SpawnError> {
        if self.1.take() { self.0.spawn(future) } else { Err(SpawnError::Limit) }
    }
}

#[allow(unused_macros, reason = "smol's can be copied")]
macro_rules! rt {
    ($rt:ty) => {
        type Rt = $rt;

        fn rt(&self) -> &$rt {
            &self.rt
        }

        fn start_limited(
            &self,
            builder: Builder,
            permits: &Permits,
        ) -> Result<Pool, StartError<Builder>> {
            builder.start(&Limited(self.rt.clone(), permits.clone()))
        }

        fn start_herd_limited(
            &self,
            builder: HerdBuilder,
            permits: &Permits,
        ) -> Result<(TheHerd, TheResults), StartError<HerdBuilder>> {
            builder.start(&Limited(self.rt.clone(), permits.clone()))
        }

        fn start_tasks_on(
            &self,
            tasks: &mut TheTasks,
            odds: &Odds,
        ) -> Result<bool, tasks::StartError> {
            tasks.start(&Odd(self.rt.clone(), odds.clone()))
        }

        fn start_herd_on(&self, builder: HerdBuilder, odds: &Odds) -> (TheHerd, TheResults) {
            builder.start(&Odd(self.rt.clone(), odds.clone())).unwrap()
        }

        fn start_group_on(&self, group: Group, odds: &Odds) -> Handle {
            group.start(&Odd(self.rt.clone(), odds.clone())).unwrap()
        }
    };
}

#[cfg(feature = "threads")]
pub mod on_threads {
    use super::*;
    use droves::threads::{Threads, block_on};

    pub struct OnThreads {
        rt: Threads,
    }

    impl World for OnThreads {
        rt!(Threads);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            let rt = self.rt.clone();
            move || rt.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            block_on(body(&Self { rt: Threads::new() }));
        }
    }
}

#[cfg(feature = "tokio")]
pub mod on_tokio {
    use std::rc::Rc;

    use super::*;
    use ::tokio::runtime::{Builder as Make, Runtime as Upstream};
    use ::tokio::task::LocalSet;
    use droves::tokio::{Tokio, TokioLocal};

    /// The runtime of one thread.
    pub struct TokioOne {
        rt: Tokio,
    }

    /// The runtime of several threads.
    pub struct TokioMany {
        rt: Tokio,
    }

    /// A set of tasks that stay on their thread.
    pub struct OnLocalSet {
        tokio: Tokio,
        rt: TokioLocal,
    }

    fn one() -> Upstream {
        Make::new_current_thread().enable_time().build().unwrap()
    }

    fn many() -> Upstream {
        Make::new_multi_thread().worker_threads(3).enable_time().build().unwrap()
    }

    impl World for TokioOne {
        rt!(Tokio);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            let rt = self.rt.clone();
            move || rt.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            let upstream = one();
            upstream.block_on(body(&Self { rt: Tokio::new(upstream.handle().clone()) }));
        }
    }

    impl Mortal for TokioOne {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            let upstream = one();
            let world = Self { rt: Tokio::new(upstream.handle().clone()) };
            let kept = upstream.block_on(first(&world));
            drop(upstream);
            then(kept);
        }

        fn gone(check: impl Fn(&Tokio)) {
            let handle = one().handle().clone();
            check(&Tokio::new(handle));
        }
    }

    impl World for TokioMany {
        rt!(Tokio);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            let rt = self.rt.clone();
            move || rt.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            let upstream = many();
            upstream.block_on(body(&Self { rt: Tokio::new(upstream.handle().clone()) }));
        }
    }

    impl Mortal for TokioMany {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            let upstream = many();
            let world = Self { rt: Tokio::new(upstream.handle().clone()) };
            let kept = upstream.block_on(first(&world));
            drop(upstream);
            then(kept);
        }

        fn gone(check: impl Fn(&Tokio)) {
            let handle = many().handle().clone();
            check(&Tokio::new(handle));
        }
    }

    impl World for OnLocalSet {
        rt!(TokioLocal);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            let tokio = self.tokio.clone();
            move || tokio.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            let (upstream, set) = (one(), Rc::new(LocalSet::new()));
            let tokio = Tokio::new(upstream.handle().clone());
            let rt = TokioLocal::new(tokio.clone(), &set);
            set.block_on(&upstream, body(&Self { tokio, rt }));
        }
    }

    impl Mortal for OnLocalSet {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            let (upstream, set) = (one(), Rc::new(LocalSet::new()));
            let tokio = Tokio::new(upstream.handle().clone());
            let rt = TokioLocal::new(tokio.clone(), &set);
            let kept = set.block_on(&upstream, first(&Self { tokio, rt }));
            drop(set);
            then(kept);
        }

        fn gone(check: impl Fn(&TokioLocal)) {
            let (upstream, set) = (one(), Rc::new(LocalSet::new()));
            let rt = TokioLocal::new(Tokio::new(upstream.handle().clone()), &set);
            drop(set);
            check(&rt);
        }
    }
}

#[cfg(feature = "smol")]
pub mod on_smol {
    use super::*;
    use droves::smol::Smol;

    pub struct OnSmol {
        rt: Smol,
    }

    impl World for OnSmol {
        type Rt = Smol;

        fn rt(&self) -> &Smol {
            &self.rt
        }

        fn start_limited(
            &self,
            builder: Builder,
            permits: &Permits,
        ) -> Result<Pool, StartError<Builder>> {
            builder.start(&Limited(self.rt, permits.clone()))
        }

        fn start_herd_limited(
            &self,
            builder: HerdBuilder,
            permits: &Permits,
        ) -> Result<(TheHerd, TheResults), StartError<HerdBuilder>> {
            builder.start(&Limited(self.rt, permits.clone()))
        }

        fn start_tasks_on(
            &self,
            tasks: &mut TheTasks,
            odds: &Odds,
        ) -> Result<bool, tasks::StartError> {
            tasks.start(&Odd(self.rt, odds.clone()))
        }

        fn start_herd_on(&self, builder: HerdBuilder, odds: &Odds) -> (TheHerd, TheResults) {
            builder.start(&Odd(self.rt, odds.clone())).unwrap()
        }

        fn start_group_on(&self, group: Group, odds: &Odds) -> Handle {
            group.start(&Odd(self.rt, odds.clone())).unwrap()
        }

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            || Smol.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            ::smol::block_on(body(&Self { rt: Smol }));
        }
    }
}

#[cfg(feature = "async-executor")]
pub mod on_async_executor {
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;
    use ::async_executor as upstream;
    use droves::async_executor::{Executor, LocalExecutor};
    use futures_lite::future::{block_on, or, pending};

    /// An executor that two threads run.
    pub struct OnExecutor {
        rt: Executor,
    }

    /// An executor of one thread.
    pub struct OnLocalExecutor {
        rt: LocalExecutor,
    }

    impl Mortal for OnExecutor {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            let executor = Arc::new(upstream::Executor::new());
            let (stop, stopped) = mpsc_latch();
            let inside = executor.clone();
            let helper = thread::spawn(move || {
                block_on(or(inside.run(pending()), stopped));
            });
            let kept = block_on(executor.run(first(&Self { rt: Executor::new(&executor) })));
            stop.cancel();
            helper.join().unwrap();
            drop(executor);
            then(kept);
        }

        fn gone(check: impl Fn(&Executor)) {
            let executor = Executor::new(&Arc::new(upstream::Executor::new()));
            check(&executor);
        }
    }

    fn mpsc_latch() -> (droves::cancel::CancelToken, droves::cancel::Cancelled) {
        let token = droves::cancel::CancelToken::new();
        let cancelled = token.cancelled();
        (token, cancelled)
    }

    impl World for OnExecutor {
        rt!(Executor);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            let rt = self.rt.clone();
            move || rt.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            Self::doom(body, |()| ());
        }
    }

    impl World for OnLocalExecutor {
        rt!(LocalExecutor);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            // That of all executors.
            let executor = Executor::new(&Arc::default());
            move || executor.now()
        }

        fn run(body: impl AsyncFn(&Self)) {
            Self::doom(body, |()| ());
        }
    }

    impl Mortal for OnLocalExecutor {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            let executor = Rc::new(upstream::LocalExecutor::new());
            let kept = block_on(executor.run(first(&Self { rt: LocalExecutor::new(&executor) })));
            drop(executor);
            then(kept);
        }

        fn gone(check: impl Fn(&LocalExecutor)) {
            let executor = LocalExecutor::new(&Rc::new(upstream::LocalExecutor::new()));
            check(&executor);
        }
    }
}

#[cfg(feature = "sim")]
pub mod on_sim {
    use std::cell::RefCell;

    use super::*;
    use droves::sim::Sim;

    const SEEDS: u64 = 40;

    pub struct OnSim {
        rt: Sim,
    }

    thread_local! {
        /// That in which this thread's test runs, for clocks that seem to be sendable.
        static SIM: RefCell<Option<Sim>> = const { RefCell::new(None) };
    }

    impl World for OnSim {
        rt!(Sim);

        fn clock(&self) -> impl Fn() -> Instant + Clone + Send + Sync + 'static + use<> {
            || SIM.with_borrow(|sim| sim.as_ref().expect("it was made on this thread").now())
        }

        fn run(body: impl AsyncFn(&Self)) {
            Self::doom(body, |()| ());
        }
    }

    impl Mortal for OnSim {
        fn doom<T>(first: impl AsyncFn(&Self) -> T, then: impl Fn(T)) {
            for seed in 0..SEEDS {
                let world = Self { rt: Sim::new(seed) };
                SIM.set(Some(world.rt.clone()));
                let kept = world.rt.block_on(first(&world));
                world.rt.shut_down();
                then(kept);
            }
        }

        fn gone(check: impl Fn(&Sim)) {
            let sim = Sim::new(0);
            sim.shut_down();
            check(&sim);
        }
    }
}
