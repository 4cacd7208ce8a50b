//! The peers: tokio's own tasks.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use droves_benches::{Fault, Sample};
use tokio::sync::Semaphore;
use tokio::time;

use crate::cells::{AHEAD, MORE, SCHEDULED};
use crate::sum::{add, moments, verify};
use crate::{QUEUE, WORKERS, runtime};

pub(crate) const SEMAPHORE: &str = "spawn + Semaphore";
pub(crate) const SEMAPHORES: &str = "spawn + Semaphore ×2";
pub(crate) const SLEEPS: &str = "spawn + sleep_until";

fn permits(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}

async fn all_of(permits: &Semaphore, count: usize) {
    let count = u32::try_from(count).expect("a small number");
    drop(permits.acquire_many(count).await.expect("it is never closed"));
}

/// A task is spawned when it may run.
pub(crate) fn semaphore(numbers: u64) -> Result<Sample, Fault> {
    run(numbers, async move {
        let running = permits(WORKERS);
        for number in 0..numbers {
            let permit = running.clone().acquire_owned().await.expect("it is never closed");
            tokio::spawn(async move {
                add(number);
                drop(permit);
            });
        }
        all_of(&running, WORKERS).await;
    })
}

/// A task is spawned when there is room, and waits until it may run.
pub(crate) fn semaphores(numbers: u64) -> Result<Sample, Fault> {
    run(numbers, async move {
        let (room, running) = (permits(QUEUE + WORKERS), permits(WORKERS));
        for number in 0..numbers {
            let place = room.clone().acquire_owned().await.expect("it is never closed");
            let running = running.clone();
            tokio::spawn(async move {
                let permit = running.acquire().await.expect("it is never closed");
                add(number);
                drop(permit);
                drop(place);
            });
        }
        all_of(&room, QUEUE + WORKERS).await;
    })
}

fn run(numbers: u64, all: impl Future<Output = ()> + Send + 'static) -> Result<Sample, Fault> {
    let all = runtime().spawn(async {
        let start = Instant::now();
        all.await;
        start.elapsed()
    });
    let elapsed = runtime().block_on(all).expect("no task panics");
    verify(numbers)?;
    Ok(Sample { elapsed, operations: numbers })
}

/// A task that sleeps for each.
pub(crate) fn sleeps() -> Sample {
    let asleep = Arc::new(AtomicU64::new(0));
    let (tell, told) = mpsc::channel();
    let begin = time::Instant::now() + AHEAD;
    let sleep = |at| {
        let (asleep, tell) = (asleep.clone(), tell.clone());
        runtime().spawn(async move {
            let mut sleep = pin!(time::sleep_until(at));
            // The first poll enters it.
            poll_fn(|cx| {
                let polled = sleep.as_mut().poll(cx);
                let count = asleep.fetch_add(1, Ordering::Relaxed) + 1;
                if count == SCHEDULED || count == SCHEDULED + MORE {
                    let _ = tell.send(());
                }
                polled
            })
            .await;
        })
    };
    let moments = moments(SCHEDULED).map(|nanos| begin + Duration::from_nanos(nanos));
    let mut tasks: Vec<_> = moments.map(sleep).collect();
    told.recv().expect("all fall asleep");
    let start = Instant::now();
    tasks.extend((0..MORE).map(|_| sleep(begin + AHEAD)));
    told.recv().expect("all fall asleep");
    let elapsed = start.elapsed();
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        // Cancelled.
        let _ = runtime().block_on(task);
    }
    Sample { elapsed, operations: MORE }
}
