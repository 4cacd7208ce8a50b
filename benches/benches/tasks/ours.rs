//! The contender all this is about.

use std::convert::Infallible;
use std::future::ready;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use droves::runtime::Clock;
use droves::tasks::{Task, Tasks};
use droves::tokio::Tokio;
use droves_benches::{Fault, Sample};

use crate::cells::{AHEAD, MORE, SCHEDULED};
use crate::sum::{add, moments, verify};
use crate::{QUEUE, WORKERS, runtime};

pub(crate) const NAME: &str = "droves";

fn manager(queue: usize) -> Tasks<Infallible> {
    Tasks::builder().workers(WORKERS).queue(queue).build().expect("a legal configuration")
}

pub(crate) fn queue(numbers: u64) -> Result<Sample, Fault> {
    let mut tasks = manager(QUEUE);
    tasks.start(&Tokio::new(runtime().handle().clone())).expect("it can be started");
    let all = runtime().spawn(async move {
        let start = Instant::now();
        for number in 0..numbers {
            let task = Task::new(move || {
                add(number);
                ready(Ok(()))
            });
            tasks.queue(task).await.expect("it takes tasks");
        }
        let left = tasks.stop().await.expect("nobody else ends it").len();
        (start.elapsed(), left)
    });
    let (elapsed, left) = runtime().block_on(all).expect("no task panics");
    verify(numbers)?;
    if left == 0 {
        Ok(Sample { elapsed, operations: numbers })
    } else {
        Err(Fault(format!("{left} left over")))
    }
}

pub(crate) fn schedule() -> Result<Sample, Fault> {
    let all = usize::try_from(SCHEDULED + MORE).expect("a small number") + 1;
    let mut tasks = manager(all);
    let tokio = Tokio::new(runtime().handle().clone());
    tasks.start(&tokio).expect("it can be started");
    let nothing = || Task::new(|| ready(Ok(())));
    let begin = tokio.now().saturating_add(AHEAD);
    for nanos in moments(SCHEDULED) {
        let at = begin.saturating_add(Duration::from_nanos(nanos));
        tasks.try_schedule(at, nothing()).expect("there is room");
    }
    wait_for_the_driver(&tasks);
    let same = begin.saturating_add(AHEAD);
    let start = Instant::now();
    for _ in 0..MORE {
        tasks.try_schedule(same, nothing()).expect("there is room");
    }
    wait_for_the_driver(&tasks);
    let elapsed = start.elapsed();
    let left = tasks.stop_blocking().expect("nobody else ends it").len();
    if left as u64 == SCHEDULED + MORE {
        Ok(Sample { elapsed, operations: MORE })
    } else {
        Err(Fault(format!("{left} came back")))
    }
}

/// The driver takes up tasks in their order: when one has run that came last, it has all of them.
fn wait_for_the_driver(tasks: &Tasks<Infallible>) {
    let (done, wait) = mpsc::channel();
    let last = Task::new(move || {
        let _ = done.send(());
        ready(Ok(()))
    });
    tasks.try_delay(Duration::ZERO, last).expect("there is room");
    wait.recv().expect("it is done");
}
