//! Tasks: one that recurs, and others, with a manager that is stopped and started again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use droves::tasks::{Every, Overrun, Task, Tasks};
use droves::tokio::Tokio;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::chores::{backoff, panic_as_planned};
use crate::{PATIENCE, violated};

const MS: Duration = Duration::from_millis(1);
/// What the task that recurs is called.
const RECURRING: &str = "recurring";

/// A task manager, and its accounts.
pub struct Recurring {
    tasks: Tasks<&'static str>,
    handle: Handle,
    counts: Arc<Counts>,
    accepted: u64,
    returned: u64,
    runs_before: u64,
}

#[derive(Debug, Default)]
struct Counts {
    runs: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Recurring {
    pub fn start(handle: Handle) -> Self {
        let counts = Arc::new(Counts::default());
        let failed = counts.clone();
        let tasks = Tasks::builder()
            .on_failure(move |_| {
                failed.failed.fetch_add(1, Ordering::Relaxed);
            })
            .build()
            .expect("the numbers are in range");
        let mut this = Self { tasks, handle, counts, accepted: 0, returned: 0, runs_before: 0 };
        this.begin();
        this
    }

    fn begin(&mut self) {
        if !matches!(self.tasks.start(&Tokio::new(self.handle.clone())), Ok(true)) {
            violated("tasks do not start");
        }
        let counts = self.counts.clone();
        let every = Every::new(2 * MS).on_overlap(Overrun::QueueOne);
        let task = Task::every(every, move || {
            let counts = counts.clone();
            async move {
                let runs = counts.runs.fetch_add(1, Ordering::Relaxed);
                // Now and then it lasts longer than its period.
                sleep(if runs.trailing_zeros() > 2 { 5 * MS } else { Duration::ZERO }).await;
                Ok(())
            }
        });
        if self.tasks.try_queue(task.name(RECURRING)).is_err() {
            violated("the task that recurs is refused");
        }
    }

    /// Sends one of each kind, if there is room.
    pub fn send(&mut self) {
        let (first, second, counts) =
            (self.counts.clone(), self.counts.clone(), self.counts.clone());
        let succeed = move |counts: &Counts| {
            counts.succeeded.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let sent = [
            self.tasks.try_queue(Task::new(move || {
                let counts = first.clone();
                async move { succeed(&counts) }
            })),
            self.tasks.try_queue(
                Task::in_context(move |context| {
                    let counts = second.clone();
                    async move { if context.attempt < 3 { Err("again") } else { succeed(&counts) } }
                })
                .retries(2)
                .backoff(backoff()),
            ),
            self.tasks.try_delay(
                10 * MS,
                Task::new(move || {
                    let counts = counts.clone();
                    async move { succeed(&counts) }
                }),
            ),
            self.tasks
                .try_queue(Task::new(|| async { Err("always") }).retries(1).backoff(backoff())),
            self.tasks.try_queue(Task::new(|| async { panic_as_planned() })),
            self.tasks.try_queue(
                Task::new(|| async {
                    sleep(Duration::from_secs(60)).await;
                    Ok(())
                })
                .timeout(3 * MS),
            ),
        ];
        self.accepted += sent.iter().filter(|sent| sent.is_ok()).count() as u64;
    }

    /// Stops it, looks whether nothing is missing, and starts it again.
    pub fn check(&mut self) {
        self.stop();
        self.begin();
    }

    fn stop(&mut self) {
        let handle = self.handle.clone();
        let _inside = handle.enter();
        let stopped = handle.block_on(timeout(PATIENCE, self.tasks.stop()));
        let Ok(Ok(left)) = stopped else {
            violated(&format!("tasks do not stop: {:?}", self.tasks));
        };
        let others = left.iter().filter(|pending| pending.task.get_name() != RECURRING);
        self.returned += others.count() as u64;
        let succeeded = self.counts.succeeded.load(Ordering::Relaxed);
        let failed = self.counts.failed.load(Ordering::Relaxed);
        if self.accepted != succeeded + failed + self.returned {
            violated(&format!("tasks do not balance: {self}, {:?}", self.counts));
        }
        let runs = self.counts.runs.load(Ordering::Relaxed);
        if runs == self.runs_before {
            violated("the task that recurs does not");
        }
        self.runs_before = runs;
    }

    pub fn end(mut self) {
        self.stop();
    }
}

impl fmt::Display for Recurring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.counts.runs.load(Ordering::Relaxed);
        write!(f, "tasks {} accepted, {} came back, {runs} runs", self.accepted, self.returned)
    }
}
