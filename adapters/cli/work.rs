//! What the herd does with a job.

use std::time::{Duration, Instant, SystemTime};

use droves::herd::{Fault, Item};
use droves::mailbox::{Receiver, Sender, channel};

use super::job::{Attempt, Limits, run};
use super::report::{Job, Report};
use super::template::Template;

/// How often a job that waits for its turn looks whether it still is to have one.
const TICK: Duration = Duration::from_millis(50);

/// All that a job needs to be run.
pub(crate) struct Work {
    pub(crate) template: Template,
    pub(crate) limits: Limits,
    pub(crate) retries: u32,
    pub(crate) pace: Option<Pace>,
}

impl Work {
    /// One attempt. If it fails, the herd tries again as often as it may.
    pub(crate) fn attempt(&self, item: &Item<Job>) -> Result<Box<Report>, Fault<Box<Report>>> {
        let command = self.template.fill(&item.line, item.number);
        let stopped = self.pace.as_ref().is_some_and(|pace| pace.wait(item, &self.limits));
        let (start, begin) = (SystemTime::now(), Instant::now());
        let attempt = if stopped { Attempt::stopped() } else { run(&command, &self.limits) };
        let elapsed = begin.elapsed();
        let report = Box::new(Report { command, attempt, start, elapsed });
        let ending = &report.attempt.ending;
        let good = ending.is_success();
        if !good && !ending.is_final() && item.attempt() <= self.retries {
            // A herd that has been cancelled leaves it over.
            return Err(Fault::Retry(report));
        }
        if good { Ok(report) } else { Err(Fault::Failure(report)) }
    }
}

/// Keeps jobs from being started too fast: the time from which the next may start goes from hand to hand.
pub(crate) struct Pace {
    delay: Duration,
    give: Sender<Instant>,
    take: Receiver<Instant>,
}

impl Pace {
    pub(crate) fn new(delay: Duration) -> Self {
        let (mut give, take) = channel(1).expect("the capacity is in range");
        // It is empty.
        let _ = give.try_send(Instant::now());
        Self { delay, give, take }
    }

    /// Waits for its turn. Returns whether no more are to be started.
    fn wait(&self, item: &Item<Job>, limits: &Limits) -> bool {
        let (mut give, mut take) = (self.give.clone(), self.take.clone());
        // Whoever has it lets it go at the latest when all are to stop.
        let turn = take.recv_blocking().unwrap_or_else(Instant::now);
        let mut stopped = item.is_cancelled();
        while !stopped && Instant::now() < turn {
            stopped =
                limits.stop.sleep_until(turn.min(Instant::now() + TICK)) || item.is_cancelled();
        }
        // There is room, as nobody else has it.
        let _ = give.try_send(Instant::now() + self.delay);
        stopped
    }
}
