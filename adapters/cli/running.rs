//! A herd at work, with all that feeds, stops and shows it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use droves::herd::{About, Failure, Herd, Results};
use droves::http::{ControlPlane, Failures};
use droves::mailbox::{Receiver, channel};
use droves::signals::{HUP, INT, Signals, TERM, USR1, USR2};
use droves::threads::Threads;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::feed::{Fed, Jobs, Source, feed};
use super::heed::heed;
use super::ignored::is_ignored;
use super::job::Limits;
use super::joblog::Joblog;
use super::options::Run;
use super::print::Printer;
use super::report::{Job, Report};
use super::stop::{self, Stopper};
use super::template::Template;
use super::work::{Pace, Work};

/// How many files a job has at most: two pipes, one that tells of its end, and two that keep what it prints.
const FILES: u64 = 5;
/// How many we have beside those.
const OWN_FILES: u64 = 64;
/// How much the thread of a worker has for its stack, in bytes.
const STACK: usize = 256 << 10;

/// A herd at work.
pub(crate) struct Running {
    pub(crate) herd: Jobs,
    pub(crate) results: Results<Job, Box<Report>, Box<Report>>,
    stopper: Arc<Stopper>,
    /// The first signal that asked for an end.
    pub(crate) signalled: Receiver<i32>,
    pub(crate) fed: Receiver<Fed>,
    /// With an order to be kept: as many as were sent and not printed.
    pub(crate) gate: Option<Receiver<()>>,
    pub(crate) plane: Option<ControlPlane>,
    pub(crate) joblog: Option<Joblog>,
}

impl Running {
    /// Everything at once, the input last: what goes wrong before has begun no job, and written to no file.
    pub(crate) fn start(
        options: &Run,
        template: Template,
        source: Source,
        printer: &Printer,
    ) -> Result<Self, String> {
        let text = |error: io::Error| error.to_string();
        let about = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        let heeded = [HUP, INT, TERM, USR1, USR2].into_iter().filter(|signal| !is_ignored(*signal));
        let signals = Signals::new(heeded).map_err(text)?;
        let (stopper, stop) = stop::new().map_err(text)?;
        let stopper = Arc::new(stopper);
        let log = |path: &PathBuf| Joblog::open(path).map_err(|error| about(path, error));
        let joblog = options.joblog.as_ref().map(log).transpose()?;
        let limits = Limits { timeout: options.timeout, kill_after: options.kill_after, stop };
        let (retries, pace) = (options.retries, options.delay.map(Pace::new));
        let work = Arc::new(Work { template, limits, retries, pace });
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
        let (sender, signalled) = channel(1).expect("the capacity is in range");
        let (told, of) = (herd.clone(), stopper.clone());
        let spawn = |name: &str| thread::Builder::new().name(name.into());
        spawn("signals").spawn(move || heed(signals, &told, &of, sender)).map_err(text)?;
        let gate = options.keep_order.then(|| channel(room).expect("the capacity is in range"));
        let (gate, pass) = gate.unzip();
        let (mut done, fed) = channel(1).expect("the capacity is in range");
        if let (Some(log), Some(path)) = (&joblog, &options.joblog) {
            log.begin(options.goes_on()).map_err(|error| about(path, error))?;
        }
        if let Some(path) = &options.results {
            printer.begin(options.goes_on()).map_err(|error| about(path, error))?;
        }
        let sink = herd.clone();
        let feeding = move || {
            let fed = feed(source, &work.template, &sink, gate);
            // Before the herd can end. Nobody may want to know.
            let _ = done.try_send(fed);
            sink.close();
        };
        spawn("input").spawn(feeding).map_err(text)?;
        Ok(Self { herd, results, stopper, signalled, fed, gate: pass, plane, joblog })
    }

    /// Starts no more; and stops what runs, if that is of no use now.
    pub(crate) fn stop(&self, now: bool) {
        // It may be stopping already.
        let _ = self.herd.cancel();
        if now {
            self.stopper.terminate();
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
