//! The peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use droves_benches::{Fault, Sample};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cells::RUNTIME;

pub(crate) const NAME: &str = "JoinSet";

/// A whole life: tasks with names, the last one ready tells, all wait for the token and are joined.
pub(crate) fn join_set(size: usize) -> Result<Sample, Fault> {
    let stopped = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let joined = RUNTIME.block_on(async {
        let token = CancellationToken::new();
        let (unready, all) = (Arc::new(AtomicUsize::new(size)), Arc::new(Notify::new()));
        let mut set = JoinSet::new();
        for number in 0..size {
            let (token, stopped) = (token.clone(), stopped.clone());
            let (unready, all) = (unready.clone(), all.clone());
            set.spawn_on(
                async move {
                    if unready.fetch_sub(1, Ordering::AcqRel) == 1 {
                        all.notify_one();
                    }
                    token.cancelled().await;
                    stopped.fetch_add(1, Ordering::Relaxed);
                    (number.to_string(), Ok::<(), std::io::Error>(()))
                },
                RUNTIME.handle(),
            );
        }
        all.notified().await;
        token.cancel();
        let mut trace = Vec::new();
        while let Some(ended) = set.join_next().await {
            trace.extend(ended);
        }
        trace.len()
    });
    let elapsed = begin.elapsed();
    if (joined, stopped.load(Ordering::Relaxed)) != (size, size) {
        return Err(Fault(format!("{joined} of {size} tasks have ended")));
    }
    Ok(Sample { elapsed, operations: size as u64 })
}
