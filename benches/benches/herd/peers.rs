//! The peers.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::bounded;
use droves_benches::{Fault, Mark, Sample, Tally};
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::kinds::{Kind, handle_until_done, mix};
use crate::load::{run_alone, run_threads, see};
use crate::runtimes::{Runtime, Tokio};

pub(crate) const JOIN_SET: &str = "JoinSet + Semaphore";
pub(crate) const UNORDERED: &str = "buffer_unordered";
pub(crate) const CHANNELS: &str = "crossbeam ×2";

/// Fewer guarantees than a herd's.
pub(crate) const ONE_TASK: Mark = Mark {
    sign: "¹",
    meaning: "one thread at a time does it all; a handler that panics takes all others with it, and so does \
              one that is busy for long",
};
pub(crate) const NO_CATCH: Mark = Mark {
    sign: "†",
    meaning: "two channels and two threads: a handler that panics ends its thread",
};

/// A task for each item, on tokio.
pub(crate) fn join_set<K: Kind>(size: usize, numbers: u64) -> Result<Sample, Fault> {
    run_alone::<Tokio>(numbers, async move {
        let permits = Arc::new(Semaphore::new(size));
        let mut tasks = JoinSet::new();
        let mut tally = Tally::default();
        for number in 0..numbers {
            let permit = permits.clone().acquire_owned().await.expect("it is never closed");
            tasks.spawn(async move {
                let result = handle_until_done::<K>(number).await;
                drop(permit);
                result
            });
            while let Some(done) = tasks.try_join_next() {
                see(&mut tally, done.expect("no task panics"))?;
            }
        }
        while let Some(done) = tasks.join_next().await {
            see(&mut tally, done.expect("no task panics"))?;
        }
        Ok(tally)
    })
}

/// A stream of futures, all in one task.
pub(crate) fn unordered<K: Kind, Rt: Runtime>(size: usize, numbers: u64) -> Result<Sample, Fault> {
    run_alone::<Rt>(numbers, async move {
        let mut results =
            stream::iter(0..numbers).map(handle_until_done::<K>).buffer_unordered(size);
        let mut tally = Tally::default();
        while let Some(result) = results.next().await {
            see(&mut tally, result)?;
        }
        Ok(tally)
    })
}

/// Threads between two channels.
pub(crate) fn channels(size: usize, capacity: usize, numbers: u64) -> Result<Sample, Fault> {
    let (send, items) = bounded::<(u64, u64)>(capacity);
    let (done, results) = bounded::<(u64, u64)>(capacity);
    let start = |_| {
        let (items, done) = (items.clone(), done.clone());
        thread::spawn(move || {
            for (id, number) in items {
                done.send((id, mix(number))).expect("somebody reads");
            }
        })
    };
    let threads: Vec<_> = (0..size).map(start).collect();
    drop(done);
    let sample = run_threads(
        numbers,
        move || {
            for number in 0..numbers {
                send.send((number, number)).expect("threads receive");
            }
        },
        move || {
            let mut tally = Tally::default();
            for (_, result) in results {
                see(&mut tally, Ok(result))?;
            }
            Ok(tally)
        },
    );
    for thread in threads {
        thread.join().expect("no handler panics");
    }
    sample
}
