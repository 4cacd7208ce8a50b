//! Moves numbers from producing to consuming tasks on a multi-threaded executor.

use std::future::{self, Future};
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use async_executor::Executor;
use droves_benches::{Fault, Regime, Sample, Span, Tally};
use futures_lite::future::block_on;

use crate::handles::{AsyncReceiver, AsyncSender, Handles, Opens};
use crate::load::Load;
use crate::message::{BATCH, Message};

/// Threads of each executor.
pub(crate) const WORKERS: usize = 2;

/// An executor with [`WORKERS`] threads for each regime. They live as long as the process.
pub(crate) trait Runtime: Sync + 'static {
    /// The name used in cells.
    const NAME: &'static str;

    /// The executor whose threads are settled so.
    fn get(regime: Regime) -> &'static Self;

    /// Starts a task; the future returned waits for its result.
    fn spawn<R: Send + 'static>(
        &self,
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R>;
}

/// Single messages; each channel suspends in its own way.
pub(crate) fn run_async<T, C, E>(load: &Load, numbers: u64) -> Result<Sample, Fault>
where
    T: Message,
    C: Opens<T, Sender: AsyncSender<T>, Receiver: AsyncReceiver<T>>,
    E: Runtime,
{
    let Handles { senders, receivers } = C::open(load.capacity, load.shape);
    let shares = load.shares(numbers, BATCH as u64);
    let operations = shares.last().map_or(0, |share| share.end);

    let runtime = E::get(load.regime);
    let producing: Vec<_> = senders
        .into_iter()
        .zip(shares)
        .map(|(sender, share)| runtime.spawn(send_all(sender, share)))
        .collect();
    let consuming: Vec<_> =
        receivers.into_iter().map(|receiver| runtime.spawn(recv_all(receiver))).collect();

    let (spans, tally) = block_on(async {
        let mut spans = Vec::new();
        let mut total = Tally::default();
        for task in producing {
            spans.push(task.await);
        }
        for task in consuming {
            let (span, tally) = task.await;
            spans.push(span);
            total = total.merged(tally);
        }
        (spans, total)
    });
    tally.verify(operations)?;
    Ok(Sample { elapsed: Span::cover(spans), operations })
}

async fn send_all<T: Message, S: AsyncSender<T>>(mut sender: S, share: Range<u64>) -> Span {
    let start = Instant::now();
    let mut next = share.start;
    while next < share.end {
        sender.send(T::carrying(next)).await;
        next += T::NUMBERS;
    }
    // The last sender to go closes the channel.
    drop(sender);
    Span::since(start)
}

async fn recv_all<T: Message, R: AsyncReceiver<T>>(mut receiver: R) -> (Span, Tally) {
    let start = Instant::now();
    let mut tally = Tally::default();
    while let Some(message) = receiver.recv().await {
        message.count_into(&mut tally);
    }
    (Span::since(start), tally)
}

/// Tokio's multi-threaded runtime.
pub(crate) struct Tokio(tokio::runtime::Runtime);

impl Tokio {
    fn start(regime: Regime) -> Self {
        let started = AtomicUsize::new(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .on_thread_start(move || regime.settle(started.fetch_add(1, Ordering::Relaxed)))
            .build();
        Self(runtime.expect("threads can be started"))
    }
}

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    fn get(regime: Regime) -> &'static Self {
        static PAR: LazyLock<Tokio> = LazyLock::new(|| Tokio::start(Regime::Par));
        static ONE: LazyLock<Tokio> = LazyLock::new(|| Tokio::start(Regime::One));
        match regime {
            Regime::Par => &PAR,
            Regime::One => &ONE,
        }
    }

    fn spawn<R: Send + 'static>(
        &self,
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R> {
        let handle = self.0.spawn(task);
        async { handle.await.expect("a contender panicked") }
    }
}

/// `async-executor`, run by threads of our own.
pub(crate) struct Smol(Executor<'static>);

impl Smol {
    fn start(&'static self, regime: Regime) {
        for index in 0..WORKERS {
            thread::spawn(move || {
                regime.settle(index);
                block_on(self.0.run(future::pending::<()>()));
            });
        }
    }
}

impl Runtime for Smol {
    const NAME: &'static str = "executor";

    fn get(regime: Regime) -> &'static Self {
        static PAR: Smol = Smol(Executor::new());
        static ONE: Smol = Smol(Executor::new());
        static START: LazyLock<()> = LazyLock::new(|| {
            PAR.start(Regime::Par);
            ONE.start(Regime::One);
        });
        LazyLock::force(&START);
        match regime {
            Regime::Par => &PAR,
            Regime::One => &ONE,
        }
    }

    fn spawn<R: Send + 'static>(
        &self,
        task: impl Future<Output = R> + Send + 'static,
    ) -> impl Future<Output = R> {
        self.0.spawn(task)
    }
}
