//! Sees to what becomes of the jobs: counts, prints, stops the rest, and concludes.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use droves::herd::{Done, Failure, Outcome, Trouble};

use super::feed::Fed;
use super::job::Ending;
use super::joblog::Entry;
use super::options::Run;
use super::print::{Ended, Order, Printer, Unwritten};
use super::progress::{Counts, Progress, tell};
use super::report::{Job, Report};
use super::running::Running;
use super::template::quoted;
use super::values::Halt;

/// How long we wait for an input that should have ended by now.
const MOMENT: Duration = Duration::from_millis(200);

/// Sees to what becomes of the jobs.
pub(crate) struct Watch<'a> {
    running: Running,
    options: &'a Run,
    printer: Printer,
    progress: Progress,
    counts: Counts,
    order: Order,
    /// As many have failed as stop the rest.
    halted: bool,
    /// Something of our own has gone wrong.
    broken: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        running: Running,
        options: &'a Run,
        printer: Printer,
        progress: Progress,
    ) -> Self {
        if let Some(plane) = &running.plane {
            progress.say(format_args!("listening on http://{}/", plane.local_addr()));
        }
        if options.size() == 0 {
            let idle = "0 jobs at a time";
            match &running.plane {
                Some(plane) => progress.say(format_args!(
                    "{idle}: `droves scale 1 --addr {}` has one run",
                    plane.local_addr()
                )),
                None => progress.say(format_args!("{idle}: SIGUSR1 adds one")),
            }
        }
        let (counts, order) = (Counts::default(), Order::default());
        let (halted, broken) = (false, false);
        Self { running, options, printer, progress, counts, order, halted, broken }
    }

    /// To the end. Returns the exit status.
    pub(crate) fn see_through(mut self) -> u8 {
        loop {
            let mut done = self.running.results.try_next();
            if done.is_none() {
                // Nobody should have to wait for what has ended.
                self.flush();
                done = self.running.results.next_blocking();
            }
            let last = done.is_none();
            if let Some(done) = done {
                self.count(done);
            }
            while let Some(ended) = self.order.take(last || !self.options.keep_order) {
                self.print(ended);
            }
            self.progress.update(self.counts);
            if last {
                self.flush();
                return self.conclude();
            }
        }
    }

    fn count(&mut self, done: Done<Job, Box<Report>, Box<Report>>) {
        let Done { body: job, attempts, outcome, .. } = done;
        let report = match outcome {
            Outcome::Success(report) => {
                self.counts.succeeded += 1;
                report
            }
            Outcome::Failure(
                Failure::Failed(report) | Failure::Exhausted(Trouble::Error(report), _),
            ) => {
                self.fail(&job, &report);
                report
            }
            // It panicked, which has been reported.
            Outcome::Failure(_) => {
                self.counts.failed += 1;
                self.order.skip(job.order);
                return self.release();
            }
        };
        self.order.put(Ended { job, report, attempts });
    }

    fn fail(&mut self, job: &Job, report: &Report) {
        if matches!(report.attempt.ending, Ending::Stopped) {
            self.counts.stopped += 1;
            return;
        }
        self.counts.failed += 1;
        self.progress.failure(job.number, &report.attempt.ending, &quoted(&report.command));
        let (limit, now) = match self.options.halt {
            Halt::Never => return,
            Halt::Soon(limit) => (limit, false),
            Halt::Now(limit) => (limit, true),
        };
        if self.counts.failed >= limit && !self.halted {
            self.halted = true;
            self.progress.say(format_args!("{limit} failed: no more are started"));
            self.running.stop(now);
        }
    }

    fn print(&mut self, mut ended: Ended) {
        let (printer, at_once) = (&mut self.printer, self.running.joblog.is_some());
        let written = self.progress.beside(|| {
            [printer.print(&mut ended, at_once), printer.add_result(&mut ended, at_once)]
        });
        self.check(written);
        self.log(&ended);
        self.release();
    }

    /// What is in the log is never done again, so that all it has printed must have arrived before.
    fn log(&mut self, ended: &Ended) {
        let Ended { job, report, attempts } = ended;
        let ending = &report.attempt.ending;
        // What was stopped has not ended by itself: it is to be done another time.
        if self.broken || matches!(ending, Ending::Stopped) {
            return;
        }
        let Some(joblog) = &self.running.joblog else { return };
        let added = joblog.add(&Entry {
            command: &report.command,
            again: job.again,
            number: job.number,
            start: report.start,
            elapsed: report.elapsed,
            attempts: *attempts,
            status: &ending.status(),
        });
        if let Err(error) = added {
            let path = shown(self.options.joblog.as_deref());
            self.give_up(format_args!("the joblog {path} cannot be written: {error}"), false);
        }
    }

    /// One more may be sent.
    fn release(&mut self) {
        if let Some(gate) = &mut self.running.gate {
            // It was sent, so there is one for it.
            let _ = gate.try_recv();
        }
    }

    fn flush(&mut self) {
        if self.printer.has_more() {
            let printer = &mut self.printer;
            let flushed = self.progress.beside(|| printer.flush());
            self.check(flushed);
        }
    }

    fn check(&mut self, written: [Result<(), Unwritten>; 2]) {
        for error in written.into_iter().filter_map(Result::err) {
            match error {
                Unwritten::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // Whoever reads it has seen enough.
                    self.broken = true;
                    self.running.stop(true);
                }
                Unwritten::Output(error) => {
                    self.give_up(format_args!("the output cannot be written: {error}"), true);
                }
                Unwritten::Results(error) => {
                    // What jobs print has another way out.
                    let path = shown(self.options.results.as_deref());
                    let why = format_args!("the file of results {path} cannot be written: {error}");
                    self.give_up(why, false);
                }
            }
        }
    }

    /// Starts no more, for a reason of our own; and stops what runs, if that is of no use now.
    fn give_up(&mut self, why: impl Display, now: bool) {
        // Each of those that can be written no more is told once, as nothing is written to it again.
        self.progress.beside(|| tell(why));
        self.broken = true;
        self.running.stop(now);
    }

    fn conclude(mut self) -> u8 {
        let signal = self.running.signalled.try_recv().ok();
        // When all has been read it is there. Otherwise where the input comes from may never end.
        let fed = self.running.fed.recv_deadline(Instant::now() + MOMENT).ok();
        let waiting = self.running.herd.join_blocking().map_or(0, Iterator::count);
        let unread = fed.as_ref().is_none_or(|fed| fed.refused);
        let left = match (waiting, unread) {
            (0, false) => None,
            (waiting, false) => Some(format!("{waiting} left")),
            (0, true) => Some("the rest of the input left".into()),
            (waiting, true) => Some(format!("{waiting} waiting and the rest of the input left")),
        };
        let Fed { skipped, error, .. } = fed.unwrap_or_default();
        self.progress.finish(self.counts, skipped, left.as_deref());
        if let Some(error) = &error {
            tell(format_args!("the input cannot be read: {error}"));
        }
        match signal {
            Some(signal) => 128 + u8::try_from(signal).unwrap_or_default(),
            None => u8::from(
                self.broken
                    || error.is_some()
                    || self.counts.failed + self.counts.stopped + skipped.failed > 0
                    || left.is_some(),
            ),
        }
    }
}

/// The name of a file that is one of the options.
fn shown(path: Option<&Path>) -> impl Display {
    path.unwrap_or("".as_ref()).display()
}
