//! The contender all this is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use droves::group::{Group, Handle, Member, Signal};
use droves::tokio::Tokio;
use droves_benches::{Fault, Sample};

use crate::cells::RUNTIME;
use crate::memory::Count;

pub(crate) const NAME: &str = "droves";

const MEMBERS: usize = 10_000;

fn members(size: usize, stopped: &Arc<AtomicUsize>) -> Vec<Member> {
    let member = |number: usize| {
        let stopped = stopped.clone();
        Member::new(number.to_string(), move |mut run| {
            let stopped = stopped.clone();
            async move {
                run.ready();
                run.signal().await;
                stopped.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    (0..size).map(member).collect()
}

fn start(group: Group) -> Result<Handle, Fault> {
    let runtime = Tokio::new(RUNTIME.handle().clone());
    group.start(&runtime).map_err(|error| Fault(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn fault(error: impl ToString) -> Fault {
    Fault(error.to_string())
}

/// A whole life, with the time from the making of its members.
fn life(size: usize, make: fn(Vec<Member>) -> Group) -> Result<Sample, Fault> {
    let stopped = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let handle = start(make(members(size, &stopped)))?;
    let trace = RUNTIME.block_on(async {
        handle.ready().await.map_err(fault)?;
        handle.signal(Signal::TERMINATE).map_err(fault)?;
        handle.wait().await.map_err(fault)
    })?;
    let elapsed = begin.elapsed();
    let all = (trace.exits().len(), stopped.load(Ordering::Relaxed));
    if all != (size, size) {
        return Err(Fault(format!("{all:?} of {size} members have ended and stopped")));
    }
    Ok(Sample { elapsed, operations: size as u64 })
}

pub(crate) fn parallel(size: usize) -> Result<Sample, Fault> {
    life(size, Group::parallel)
}

pub(crate) fn ordered(size: usize) -> Result<Sample, Fault> {
    life(size, Group::ordered)
}

/// Short members that come and go.
pub(crate) fn dynamic(count: usize, capacity: usize) -> Result<Sample, Fault> {
    let (group, client) = Group::dynamic(capacity).map_err(fault)?;
    let handle = start(group)?;
    let done = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    RUNTIME.block_on(async {
        for number in 0..count {
            let done = done.clone();
            let member = Member::once(number.to_string(), move |run| async move {
                run.ready();
                done.fetch_add(1, Ordering::Relaxed);
            });
            client.insert(member).await.map_err(fault)?;
        }
        client.close();
        handle.wait().await.map_err(fault)
    })?;
    let elapsed = begin.elapsed();
    if done.load(Ordering::Relaxed) != count {
        return Err(Fault(format!("{done:?} of {count} members have run")));
    }
    Ok(Sample { elapsed, operations: count as u64 })
}

/// Of a member that is ready and waits.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn bytes_each() -> Result<f64, Fault> {
    let stopped = Arc::new(AtomicUsize::new(0));
    let count = Count::begin();
    let handle = start(Group::parallel(members(MEMBERS, &stopped)))?;
    RUNTIME.block_on(handle.ready()).map_err(fault)?;
    let bytes = count.bytes() as f64 / MEMBERS as f64;
    drop(count);
    handle.signal(Signal::TERMINATE).map_err(fault)?;
    RUNTIME.block_on(handle.wait()).map_err(fault)?;
    Ok(bytes)
}
