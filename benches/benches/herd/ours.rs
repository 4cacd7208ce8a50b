//! The contender all this is about.

use droves::async_executor::Executor;
use droves::herd::{Herd, Item, Results};
use droves::retry::Backoff;
use droves::threads::Threads;
use droves::tokio::Tokio;
use droves_benches::{Fault, Sample, Tally};

use crate::kinds::{Again, Kind, mix};
use crate::load::{Seen, run_pair, run_threads, see};
use crate::runtimes;

pub(crate) const NAME: &str = "droves";

/// What is known of how long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocked {
    /// Nothing.
    No,
    /// When each worker began and ended its last item.
    Timed,
    /// That, and histograms of how long items wait and run.
    Measured,
}

type Started = (Herd<u64, u64, Again>, Results<u64, u64, Again>);

macro_rules! start {
    ($kind:ident, $size:expr, $clocked:expr, $runtime:expr) => {{
        let handler = async |item: Item<u64>| Ok($kind::handle(*item, item.attempt()).await?);
        let builder = Herd::builder(handler).size($size);
        let builder = builder.max_retries($kind::RETRIES).backoff(Backoff::none());
        let builder = match $clocked {
            Clocked::No => builder,
            Clocked::Timed => builder.timed(),
            Clocked::Measured => builder.measured($runtime.clone()),
        };
        builder.start($runtime).expect("a legal configuration")
    }};
}

/// On tokio.
pub(crate) fn on_tokio<K: Kind>(
    size: usize,
    clocked: Clocked,
    numbers: u64,
) -> Result<Sample, Fault> {
    let tokio = Tokio::new(runtimes::Tokio::handle());
    let (herd, results) = start!(K, size, clocked, &tokio);
    let sample = run_pair::<runtimes::Tokio>(numbers, send(herd.clone(), numbers), read(results));
    conclude(&herd, numbers, K::RETRIES)?;
    sample
}

/// On async-executor.
pub(crate) fn on_smol<K: Kind>(size: usize, numbers: u64) -> Result<Sample, Fault> {
    let smol = Executor::from_static(runtimes::Smol::executor());
    let (herd, results) = start!(K, size, Clocked::No, &smol);
    let sample = run_pair::<runtimes::Smol>(numbers, send(herd.clone(), numbers), read(results));
    conclude(&herd, numbers, K::RETRIES)?;
    sample
}

/// On threads, with a handler that may block.
pub(crate) fn on_threads(size: usize, numbers: u64) -> Result<Sample, Fault> {
    let (herd, mut results): Started =
        Herd::blocking_builder(|item: &mut Item<u64>| Ok(mix(**item)))
            .size(size)
            .start(&Threads::new())
            .expect("a legal configuration");
    let send = || {
        for number in 0..numbers {
            herd.send_blocking(number, number).expect("the herd takes items");
        }
        herd.close();
    };
    let read = || {
        let mut tally = Tally::default();
        while let Some(done) = results.next_blocking() {
            see(&mut tally, done.outcome.into_result().map_err(|_| Again))?;
        }
        Ok(tally)
    };
    let sample = run_threads(numbers, send, read);
    conclude(&herd, numbers, 0)?;
    sample
}

async fn send(herd: Herd<u64, u64, Again>, numbers: u64) {
    for number in 0..numbers {
        herd.send(number, number).await.expect("the herd takes items");
    }
    herd.close();
}

async fn read(mut results: Results<u64, u64, Again>) -> Seen {
    let mut tally = Tally::default();
    while let Some(done) = results.next().await {
        see(&mut tally, done.outcome.into_result().map_err(|_| Again))?;
    }
    Ok(tally)
}

/// Waits for the end, and checks that the herd has counted as it should.
fn conclude(herd: &Herd<u64, u64, Again>, numbers: u64, at_most: u32) -> Result<(), Fault> {
    let left_over = herd.join_blocking().expect("nobody else ends it").count();
    let stats = herd.stats();
    let retried = if at_most == 0 { 0 } else { numbers.div_ceil(10) };
    if (left_over, stats.succeeded, stats.retried) == (0, numbers, retried) {
        Ok(())
    } else {
        Err(Fault(format!("{left_over} left over, {stats:?}")))
    }
}
