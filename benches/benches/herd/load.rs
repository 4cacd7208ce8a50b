//! Lets contenders loose and checks what comes of it.

use std::future::Future;
use std::time::Instant;

use droves_benches::{Fault, Job, Regime, Sample, Span, Tally, run_crew};
use futures_lite::future::{block_on, zip};

use crate::kinds::{Again, count};
use crate::runtimes::Runtime;

/// What a task or thread that reads has seen.
pub(crate) type Seen = Result<Tally, Again>;

/// Counts a result in, if it is one.
#[inline]
pub(crate) fn see(tally: &mut Tally, result: Result<u64, Again>) -> Result<(), Again> {
    count(tally, result?);
    Ok(())
}

/// One task that sends and another that reads.
pub(crate) fn run_pair<Rt: Runtime>(
    numbers: u64,
    send: impl Future<Output = ()> + Send + 'static,
    read: impl Future<Output = Seen> + Send + 'static,
) -> Result<Sample, Fault> {
    // Who reads waits until there is something to be read.
    let reading = Rt::spawn(async { (read.await, Instant::now()) });
    let sending = Rt::spawn(async {
        let start = Instant::now();
        send.await;
        start
    });
    let ((seen, end), start) = block_on(zip(reading, sending));
    verify(numbers, seen)?;
    Ok(Sample { elapsed: end - start, operations: numbers })
}

/// One task that does both.
pub(crate) fn run_alone<Rt: Runtime>(
    numbers: u64,
    work: impl Future<Output = Seen> + Send + 'static,
) -> Result<Sample, Fault> {
    let task = Rt::spawn(async {
        let start = Instant::now();
        (work.await, Span::since(start))
    });
    let (seen, span) = block_on(task);
    verify(numbers, seen)?;
    Ok(Sample { elapsed: Span::cover([span]), operations: numbers })
}

/// One thread that sends and another that reads.
pub(crate) fn run_threads<'a>(
    numbers: u64,
    send: impl FnOnce() + Send + 'a,
    read: impl FnOnce() -> Seen + Send + 'a,
) -> Result<Sample, Fault> {
    let send: Job<'a, Option<Seen>> = Box::new(|| {
        send();
        None
    });
    let read: Job<'a, Option<Seen>> = Box::new(|| Some(read()));
    let (elapsed, seen) = run_crew(Regime::One, vec![send, read]);
    let seen = seen.into_iter().flatten().next().expect("one of them reads");
    verify(numbers, seen)?;
    Ok(Sample { elapsed, operations: numbers })
}

fn verify(numbers: u64, seen: Seen) -> Result<(), Fault> {
    seen.map_err(|Again| Fault("an item failed".into()))?.verify(numbers)
}
