//! The peers.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_executor::Executor;
use droves_benches::Mark;
use futures_lite::future::block_on;

use crate::inline::InlineJob;
use crate::pools::{Opens, Submits, WORKERS};

const NO_CATCH: Mark =
    Mark { sign: "†", meaning: "a channel and two threads: a job that panics ends its worker" };
const UNBOUNDED: Mark = Mark {
    sign: "¹",
    meaning: "has no bound: the bench bounds it, at the cost of a look at the workers' counts every \
              few dozen jobs",
};

/// What goes through a channel to a thread.
pub(crate) trait Parcel: Send + 'static {
    fn pack(job: impl FnOnce() + Send + 'static) -> Self;
    fn run(self);
}

impl Parcel for InlineJob {
    #[inline]
    fn pack(job: impl FnOnce() + Send + 'static) -> Self {
        Self::new(job)
    }

    #[inline]
    fn run(self) {
        Self::run(self);
    }
}

type Boxed = Box<dyn FnOnce() + Send>;

impl Parcel for Boxed {
    #[inline]
    fn pack(job: impl FnOnce() + Send + 'static) -> Self {
        Box::new(job)
    }

    #[inline]
    fn run(self) {
        self();
    }
}

/// A channel, and threads that receive.
pub(crate) struct Channel<S> {
    sender: S,
    threads: Vec<JoinHandle<()>>,
}

impl<S> Channel<S> {
    fn new(sender: S, work: impl Fn() + Send + Clone + 'static) -> Self {
        let threads = (0..WORKERS).map(|_| thread::spawn(work.clone())).collect();
        Self { sender, threads }
    }

    fn end(self) {
        drop(self.sender);
        for thread in self.threads {
            thread.join().expect("no job panics");
        }
    }
}

macro_rules! channel {
    ($sender:ty, $parcel:ty, $name:literal, $bounded:path) => {
        impl Opens for Channel<$sender> {
            const NAME: &'static str = $name;
            const MARK: Option<Mark> = Some(NO_CATCH);

            type Handle = $sender;

            fn open(capacity: usize) -> Self {
                let (sender, receiver) = $bounded(capacity);
                Self::new(sender, move || {
                    while let Ok(job) = receiver.recv() {
                        <$parcel>::run(job);
                    }
                })
            }

            fn handle(&self) -> $sender {
                self.sender.clone()
            }

            fn close(self) {
                self.end();
            }
        }

        impl Submits for $sender {
            #[inline]
            fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
                assert!(self.send(<$parcel>::pack(job)).is_ok(), "receivers are there");
            }
        }
    };
}

pub(crate) type CrossbeamInline = Channel<crossbeam_channel::Sender<InlineJob>>;
pub(crate) type CrossbeamBox = Channel<crossbeam_channel::Sender<Boxed>>;
pub(crate) type FlumeInline = Channel<flume::Sender<InlineJob>>;

channel!(
    crossbeam_channel::Sender<InlineJob>,
    InlineJob,
    "crossbeam inline",
    crossbeam_channel::bounded
);
channel!(crossbeam_channel::Sender<Boxed>, Boxed, "crossbeam box", crossbeam_channel::bounded);
channel!(flume::Sender<InlineJob>, InlineJob, "flume inline", flume::bounded);

/// Rayon's pool; jobs are spawned.
pub(crate) struct Rayon(Arc<rayon::ThreadPool>);

impl Opens for Rayon {
    const NAME: &'static str = "rayon";
    const MARK: Option<Mark> = Some(UNBOUNDED);

    type Handle = Arc<rayon::ThreadPool>;

    fn open(_: usize) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build();
        Self(Arc::new(pool.expect("threads can be started")))
    }

    fn handle(&self) -> Self::Handle {
        self.0.clone()
    }

    fn close(self) {}
}

impl Submits for Arc<rayon::ThreadPool> {
    const BOUNDED: bool = false;

    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        // First in, first out, as all the others are.
        self.spawn_fifo(job);
    }
}

/// The crate threadpool.
pub(crate) struct Threadpool(threadpool::ThreadPool);

impl Opens for Threadpool {
    const NAME: &'static str = "threadpool";
    const MARK: Option<Mark> = Some(UNBOUNDED);

    type Handle = threadpool::ThreadPool;

    fn open(_: usize) -> Self {
        Self(threadpool::ThreadPool::new(WORKERS))
    }

    fn handle(&self) -> Self::Handle {
        self.0.clone()
    }

    fn close(self) {
        self.0.join();
    }
}

impl Submits for threadpool::ThreadPool {
    const BOUNDED: bool = false;

    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        self.execute(job);
    }
}

/// The crate `rusty_pool`.
pub(crate) struct RustyPool(rusty_pool::ThreadPool);

impl Opens for RustyPool {
    const NAME: &'static str = "rusty_pool";
    const MARK: Option<Mark> = Some(UNBOUNDED);

    type Handle = rusty_pool::ThreadPool;

    fn open(_: usize) -> Self {
        let pool = rusty_pool::ThreadPool::new(WORKERS, WORKERS, Duration::from_mins(1));
        pool.start_core_threads();
        Self(pool)
    }

    fn handle(&self) -> Self::Handle {
        self.0.clone()
    }

    fn close(self) {
        self.0.shutdown_join();
    }
}

impl Submits for rusty_pool::ThreadPool {
    const BOUNDED: bool = false;

    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        self.execute(job);
    }
}

/// `async-executor`, run by threads of our own until they are told to stop.
pub(crate) struct Smol {
    executor: Arc<Executor<'static>>,
    stop: async_channel::Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Opens for Smol {
    const NAME: &'static str = "async-executor";
    const MARK: Option<Mark> = Some(UNBOUNDED);

    type Handle = Arc<Executor<'static>>;

    fn open(_: usize) -> Self {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let start = |_| {
            let (executor, stopped) = (executor.clone(), stopped.clone());
            thread::spawn(move || {
                let gone = block_on(executor.run(stopped.recv()));
                gone.expect_err("nobody sends");
            })
        };
        let threads = (0..WORKERS).map(start).collect();
        Self { executor, stop, threads }
    }

    fn handle(&self) -> Self::Handle {
        self.executor.clone()
    }

    fn close(self) {
        drop(self.stop);
        for thread in self.threads {
            thread.join().expect("no job panics");
        }
    }
}

impl Submits for Arc<Executor<'static>> {
    const BOUNDED: bool = false;

    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        self.spawn(async move { job() }).detach();
    }
}

/// Tokio's multi-threaded runtime.
pub(crate) struct Tokio(tokio::runtime::Runtime);

impl Opens for Tokio {
    const NAME: &'static str = "tokio";
    const MARK: Option<Mark> = Some(UNBOUNDED);

    type Handle = tokio::runtime::Handle;

    fn open(_: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).build();
        Self(runtime.expect("threads can be started"))
    }

    fn handle(&self) -> Self::Handle {
        self.0.handle().clone()
    }

    fn close(self) {}
}

impl Submits for tokio::runtime::Handle {
    const BOUNDED: bool = false;

    #[inline]
    fn submit(&mut self, job: impl FnOnce() + Send + 'static) {
        drop(self.spawn(async move { job() }));
    }
}
