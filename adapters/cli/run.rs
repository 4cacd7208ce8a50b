//! `droves run`: the herd, its results, signals, and the exit status.

use std::fmt::Display;
use std::io;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use droves::herd::{About, Done, Failure, Herd, Outcome, Results, Trouble};
use droves::http::{ControlPlane, Failures};
use droves::mailbox::{Receiver, Sender, channel};
use droves::signals::{INT, Signals, TERM, USR1, USR2};
use droves::threads::Threads;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::feed::{Fed, Jobs, Source, feed};
use super::input::Input;
use super::job::{Ending, Limits};
use super::joblog::Joblog;
use super::options::{Halt, Run};
use super::print::{Ended, Order, Printer, Unwritten};
use super::progress::{Counts, Progress, tell};
use super::report::{Job, Report};
use super::stop::{self, Stopper};
use super::template::{Template, quoted};
use super::work::{Pace, Work};

/// The command line, or what it names, is wrong.
const USAGE: u8 = 2;
/// How long we wait for those who should be done by now.
const MOMENT: Duration = Duration::from_millis(200);
/// How many files a job has at most: two pipes, one that tells of its end, and two that keep what it prints.
const FILES: u64 = 5;
/// How many we have beside those.
const OWN_FILES: u64 = 64;
/// How much the thread of a worker has for its stack, in bytes.
const STACK: usize = 256 << 10;

pub(crate) fn run(options: Run) -> ExitCode {
    match prepare(options) {
        Ok(code) => code.into(),
        Err(error) => {
            tell(error);
            USAGE.into()
        }
    }
}

/// What comes before the first job. Its errors are those of usage.
fn prepare(mut options: Run) -> Result<u8, String> {
    let (command, words) = options.split()?;
    let input = match (words, &options.arg_file) {
        (Some(words), _) => Input::words(words),
        (None, Some(path)) if path.as_os_str() != "-" => {
            let named = |error| format!("{}: {error}", path.display());
            Input::file(path, options.null).map_err(named)?
        }
        (None, _) => Input::stdin(options.null),
    };
    let template = Template::new(&command, options.shell);
    let (mut joblog, mut past) = (None, None);
    if let Some(path) = &options.joblog {
        let named = |error| format!("{}: {error}", path.display());
        if options.resume || options.resume_failed {
            let (log, read) = Joblog::resume(path).map_err(named)?;
            joblog = Some(log);
            past = Some((read, options.resume_failed));
        } else if !options.dry_run {
            joblog = Some(Joblog::create(path).map_err(named)?);
        }
    }
    let results = options.results.as_deref().filter(|_| !options.dry_run);
    let printer = Printer::new(options.tag, results).map_err(|error| match results {
        Some(path) => format!("{}: {error}", path.display()),
        None => error.to_string(),
    })?;
    let source = Source::new(input, past);
    if options.dry_run {
        return Ok(rehearse(source, &template, printer));
    }
    // How many are left out by a log is not known before.
    let shown = Progress::is_bar(options.quiet) && source.past.is_none();
    let total = if shown { source.input.count() } else { None };
    let running = Running::start(&options, template, joblog, source)?;
    Ok(Watch::new(running, &options, printer, total).see_through())
}

/// Prints the commands and runs none.
fn rehearse(mut source: Source, template: &Template, mut printer: Printer) -> u8 {
    loop {
        let result = match source.next(template) {
            Ok(Some((line, _))) => printer.line(&quoted(&template.fill(&line, source.read))),
            Ok(None) => match printer.flush() {
                Ok(()) => return 0,
                Err(Unwritten::Output(error) | Unwritten::Results(error)) => Err(error),
            },
            Err(error) => {
                // What was read before is put out.
                let _ = printer.flush();
                tell(format_args!("the input cannot be read: {error}"));
                return 1;
            }
        };
        if let Err(error) = result {
            complain(&error);
            return 1;
        }
    }
}

/// Of an output that cannot be written, unless its reader has simply seen enough.
fn complain(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        tell(format_args!("the output cannot be written: {error}"));
    }
}

/// A herd at work.
struct Running {
    herd: Jobs,
    results: Results<Job, Box<Report>, Box<Report>>,
    stopper: Arc<Stopper>,
    /// The first signal that asked for an end.
    signalled: Receiver<i32>,
    fed: Receiver<Fed>,
    /// With an order to be kept: as many as were sent and not printed.
    gate: Option<Receiver<()>>,
    plane: Option<ControlPlane>,
}

impl Running {
    fn start(
        options: &Run,
        template: Template,
        joblog: Option<Joblog>,
        source: Source,
    ) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let (stopper, stop) = stop::new().map_err(text)?;
        let stopper = Arc::new(stopper);
        let limits = Limits { timeout: options.timeout, kill_after: options.kill_after, stop };
        let (retries, pace) = (options.retries, options.delay.map(Pace::new));
        let work = Arc::new(Work { template, limits, retries, pace, joblog });
        let room = room(options.size());
        let worker = work.clone();
        let builder = Herd::blocking_builder(move |item| worker.attempt(item));
        let builder = builder.size(options.size()).capacity(room);
        let mut builder = builder.max_retries(retries).backoff(options.backoff);
        let threads = Threads::new().stack_size(STACK);
        let failures = Failures::new();
        if options.listen.is_some() {
            let noted = failures.clone();
            let note = move |about: &About<'_, Job>, failure: &Failure<Box<Report>>| {
                let why = failure.error().map(|report| report.attempt.ending.words());
                noted.note(about.body.number, about.attempts, why.as_deref().unwrap_or("panicked"));
            };
            builder = builder.measured(threads.clone()).on_failure(note);
        }
        let (herd, results) = builder.start(&threads).map_err(|error| error.to_string())?;
        let plane = options.listen.as_deref().map(|address| {
            let plane = ControlPlane::builder(herd.clone()).address(address);
            let plane = plane.max_size(room).failures(&failures);
            match &options.token {
                Some(token) => plane.token(token).start(),
                None => plane.start(),
            }
        });
        let plane = plane.transpose().map_err(|error| error.to_string())?;
        let signals = Signals::new([INT, TERM, USR1, USR2]).map_err(text)?;
        let (sender, signalled) = channel(1).expect("the capacity is in range");
        let (told, of) = (herd.clone(), stopper.clone());
        let spawn = |name: &str| thread::Builder::new().name(name.into());
        spawn("signals").spawn(move || heed(signals, &told, &of, sender)).map_err(text)?;
        let gate = options.keep_order.then(|| channel(room).expect("the capacity is in range"));
        let (gate, pass) = gate.unzip();
        let (mut done, fed) = channel(1).expect("the capacity is in range");
        let sink = herd.clone();
        let feeding = move || {
            let fed = feed(source, &work.template, &sink, gate);
            // Before the herd can end. Nobody may want to know.
            let _ = done.try_send(fed);
            sink.close();
        };
        spawn("input").spawn(feeding).map_err(text)?;
        Ok(Self { herd, results, stopper, signalled, fed, gate: pass, plane })
    }
}

/// Sees to what becomes of the jobs.
struct Watch<'a> {
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
    /// What is printed does not arrive any more.
    mute: bool,
}

impl<'a> Watch<'a> {
    fn new(running: Running, options: &'a Run, printer: Printer, total: Option<u64>) -> Self {
        let progress = Progress::new(options.quiet, total);
        if let Some(plane) = &running.plane {
            progress.say(format_args!("listening on http://{}/", plane.local_addr()));
        }
        let (counts, order) = (Counts::default(), Order::default());
        let (halted, broken, mute) = (false, false, false);
        Self { running, options, printer, progress, counts, order, halted, broken, mute }
    }

    /// To the end. Returns the exit status.
    fn see_through(mut self) -> u8 {
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
            let herd = &self.running.herd;
            self.progress.update(self.counts, || herd.stats());
            if last {
                self.flush();
                return self.conclude();
            }
        }
    }

    fn count(&mut self, done: Done<Job, Box<Report>, Box<Report>>) {
        let Done { body: job, attempts, outcome, .. } = done;
        let mut report = match outcome {
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
        if let Some(error) = report.unlogged.take() {
            self.give_up(format_args!("the joblog cannot be written: {error}"), false);
        }
        self.order.put(Ended { job, report, attempts });
    }

    fn fail(&mut self, job: &Job, report: &Report) {
        if matches!(report.attempt.ending, Ending::Stopped) {
            self.counts.stopped += 1;
            return;
        }
        self.counts.failed += 1;
        let words = report.attempt.ending.words();
        self.progress.failure(self.counts, job.number, &words, &quoted(&report.command));
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
        if !self.mute {
            let printer = &mut self.printer;
            let written = self.progress.beside(|| printer.print(&mut ended));
            self.check(written);
        }
        self.release();
    }

    /// One more may be sent.
    fn release(&mut self) {
        if let Some(gate) = &mut self.running.gate {
            // It was sent, so there is one for it.
            let _ = gate.try_recv();
        }
    }

    fn flush(&mut self) {
        if !self.mute {
            let flushed = self.printer.flush();
            self.check(flushed);
        }
    }

    fn check(&mut self, written: Result<(), Unwritten>) {
        let (what, error) = match written {
            Ok(()) => return,
            Err(Unwritten::Output(error)) => ("output", error),
            Err(Unwritten::Results(error)) => ("file of results", error),
        };
        self.mute = true;
        if what == "output" && error.kind() == io::ErrorKind::BrokenPipe {
            // Whoever reads it has seen enough.
            self.broken = true;
            return self.running.stop(true);
        }
        self.give_up(format_args!("the {what} cannot be written: {error}"), true);
    }

    /// Starts no more, for a reason of our own; and stops what runs, if that is of no use now.
    fn give_up(&mut self, why: impl Display, now: bool) {
        if !self.broken {
            self.progress.beside(|| tell(why));
        }
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
            (waiting, true) => Some(format!("{waiting} and the rest of the input left")),
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
                    || self.counts.failed + self.counts.stopped > 0
                    || left.is_some(),
            ),
        }
    }
}

impl Running {
    /// Starts no more; and stops what runs, if that is of no use now.
    fn stop(&self, now: bool) {
        // It may be stopping already.
        let _ = self.herd.cancel();
        if now {
            self.stopper.terminate();
        }
    }
}

/// What signals do: the first that asks for an end lets those jobs finish that run, the second stops them, the third
/// does not wait for that.
fn heed(mut signals: Signals, herd: &Jobs, stopper: &Stopper, mut told: Sender<i32>) {
    let mut asked = 0;
    while let Some(signal) = signals.next_blocking() {
        let size = herd.stats().size;
        match (signal, asked) {
            // A herd that is stopping keeps its size.
            (USR1, _) => drop(herd.resize(size + 1)),
            (USR2, _) => drop(herd.resize(size.saturating_sub(1))),
            (_, 0) => {
                // There is room for one.
                let _ = told.try_send(signal);
                let _ = herd.cancel();
                asked = 1;
            }
            (_, 1) => {
                stopper.terminate();
                asked = 2;
            }
            (signal, _) => {
                stopper.kill();
                let _ = herd.join_deadline(Instant::now() + MOMENT);
                exit(128 + signal);
            }
        }
    }
}

/// How many jobs there may be between input and output. Each may have files, those of its pipes or those that have what
/// it printed; if there may not be as many of them, we ask for more, as the jobs then may too.
fn room(size: usize) -> usize {
    let wanted = size.saturating_mul(4).max(256);
    let needed = (wanted as u64).saturating_mul(FILES).saturating_add(OWN_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current.filter(|now| *now < needed) else { return wanted };
    let most = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    let files = if raised.is_ok() { most } else { now };
    let room = files.saturating_sub(OWN_FILES) / FILES;
    usize::try_from(room).unwrap_or(wanted).min(wanted).max(size).max(16)
}
