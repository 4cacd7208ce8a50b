//! What tasks run on.

use std::future::{self, Future};
use std::sync::LazyLock;
use std::thread;

use async_executor::Executor;
use futures_lite::future::block_on;
use tokio::runtime::{Builder, Handle, Runtime as TokioRuntime};

/// Threads of each runtime. They live as long as the process.
pub(crate) const WORKERS: usize = 2;

/// A runtime with [`WORKERS`] threads.
pub(crate) trait Runtime {
    /// Starts a task; the future returned waits for its result.
    fn spawn<R: Send + 'static>(
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R>;
}

/// Tokio's multi-threaded one.
pub(crate) enum Tokio {}

impl Tokio {
    pub(crate) fn handle() -> Handle {
        static RUNTIME: LazyLock<TokioRuntime> = LazyLock::new(|| {
            let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_time().build();
            runtime.expect("threads can be started")
        });
        RUNTIME.handle().clone()
    }
}

impl Runtime for Tokio {
    fn spawn<R: Send + 'static>(
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R> {
        let task = Self::handle().spawn(task);
        async { task.await.expect("no task panics") }
    }
}

/// `async-executor`, run by threads of our own.
pub(crate) enum Smol {}

impl Smol {
    pub(crate) fn executor() -> &'static Executor<'static> {
        static EXECUTOR: LazyLock<&'static Executor<'static>> = LazyLock::new(|| {
            let executor: &'static Executor<'static> = Box::leak(Box::default());
            for _ in 0..WORKERS {
                thread::spawn(|| block_on(executor.run(future::pending::<()>())));
            }
            executor
        });
        *EXECUTOR
    }
}

impl Runtime for Smol {
    fn spawn<R: Send + 'static>(
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R> {
        Self::executor().spawn(task)
    }
}
