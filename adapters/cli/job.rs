//! One attempt: a process group of its own, what it prints, and its end.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::output::Output;
use super::spawn::spawn;
use super::stop::{Stop, timespec};

/// How often its end is looked for, where the system does not tell.
const TICK: Duration = Duration::from_millis(20);
/// As often what is in its pipes is read when it has ended: more than they can hold, but not for ever, since others may
/// go on writing.
const READS_AFTER_EXIT: usize = 32;

/// How long attempts may take, and who can stop them.
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) kill_after: Duration,
    pub(crate) stop: Stop,
}

/// How an attempt has ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Exited(ExitStatus),
    /// Its time was over.
    TimedOut,
    /// All jobs were to stop.
    Stopped,
    /// It has not begun.
    NotStarted(io::Error),
    /// What it printed could not be kept.
    OutputLost(io::Error),
}

/// What an attempt has left.
pub(crate) struct Attempt {
    pub(crate) ending: Ending,
    pub(crate) out: Output,
    pub(crate) err: Output,
}

impl Attempt {
    /// One that was not begun, as all were to stop.
    pub(crate) fn stopped() -> Self {
        Self { ending: Ending::Stopped, out: Output::default(), err: Output::default() }
    }
}

/// How far it is.
enum Stage {
    Running,
    /// It has been sent SIGTERM, and is sent SIGKILL then.
    Terminated(Instant),
    Killed,
}

/// Runs a command until it has ended. What it leaves running in the background is not waited for.
pub(crate) fn run(words: &[OsString], limits: &Limits) -> Attempt {
    let (mut out, mut err) = (Output::default(), Output::default());
    let ending = match spawn(words) {
        Err(error) => Ending::NotStarted(error),
        Ok(child) => Running::new(child, limits).wait(&mut out, &mut err),
    };
    out.finish();
    err.finish();
    Attempt { ending, out, err }
}

struct Running<'a> {
    child: Child,
    group: Pid,
    limits: &'a Limits,
    stage: Stage,
    /// Why it was stopped.
    cause: Option<Ending>,
    timeout: Option<Instant>,
    exit: Exit,
    /// Whether it has ended; then there may still be something in its pipes.
    exited: bool,
}

/// What there is to do.
#[derive(Default)]
struct Seen {
    out: bool,
    err: bool,
    stop: bool,
}

impl<'a> Running<'a> {
    fn new(child: Child, limits: &'a Limits) -> Self {
        let group = Pid::from_child(&child);
        let timeout = limits.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let exit = Exit::watch(group);
        Self {
            child,
            group,
            limits,
            stage: Stage::Running,
            cause: None,
            timeout,
            exit,
            exited: false,
        }
    }

    fn wait(mut self, out: &mut Output, err: &mut Output) -> Ending {
        let mut out_pipe = self.child.stdout.take();
        let mut err_pipe = self.child.stderr.take();
        let mut reads = READS_AFTER_EXIT;
        loop {
            let ended = self.exited;
            let seen = self.look(out_pipe.as_ref(), err_pipe.as_ref());
            let taken = take(seen.out, &mut out_pipe, out).and(take(seen.err, &mut err_pipe, err));
            if let Err(error) = taken {
                (out_pipe, err_pipe) = (None, None);
                self.cause.get_or_insert(Ending::OutputLost(error));
                self.kill();
            }
            let closed = out_pipe.is_none() && err_pipe.is_none();
            if self.exited {
                // While it is being stopped, its children may have something to say before they go.
                let patient = matches!(self.stage, Stage::Terminated(_));
                reads -= usize::from(ended && !patient);
                if closed || ended && !patient && (reads == 0 || !seen.out && !seen.err) {
                    return self.reap();
                }
            }
            self.go_on(seen.stop);
        }
    }

    /// Waits until something happens.
    fn look(&mut self, out: Option<&impl AsFd>, err: Option<&impl AsFd>) -> Seen {
        let (stop, deadline) = match self.stage {
            Stage::Running => (Some(self.limits.stop.term.as_fd()), self.timeout),
            Stage::Terminated(kill) => (Some(self.limits.stop.kill.as_fd()), Some(kill)),
            Stage::Killed => (None, None),
        };
        let exit = if self.exited { None } else { self.exit.fd() };
        let mut limit = deadline.map(|then| then.saturating_duration_since(Instant::now()));
        if self.exited && !matches!(self.stage, Stage::Terminated(_)) {
            limit = Some(Duration::ZERO);
        } else if !self.exited && exit.is_none() {
            limit = Some(limit.map_or(TICK, |limit| limit.min(TICK)));
        }
        let watched = [out.map(AsFd::as_fd), err.map(AsFd::as_fd), stop, exit];
        let [out, err, stop, exited] = ready(watched, limit);
        self.exited |= exited || !self.exited && exit.is_none() && self.exit.has_ended();
        Seen { out, err, stop }
    }

    /// Does what its time, or those who want it to stop, ask for.
    fn go_on(&mut self, stop: bool) {
        let over = |then: Instant| Instant::now() >= then;
        match self.stage {
            Stage::Running if stop => self.terminate(Ending::Stopped),
            Stage::Running if self.timeout.is_some_and(over) => self.terminate(Ending::TimedOut),
            Stage::Terminated(kill) if stop || over(kill) => self.kill(),
            _ => {}
        }
    }

    fn terminate(&mut self, cause: Ending) {
        // What has ended by itself has done so, whatever it has left in its pipes.
        if !self.exited {
            self.cause.get_or_insert(cause);
        }
        self.signal(Signal::TERM);
        // If it was stopped, it does not hear that one before this one.
        self.signal(Signal::CONT);
        let kill = Instant::now().checked_add(self.limits.kill_after);
        self.stage = kill.map_or(Stage::Killed, Stage::Terminated);
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.stage = Stage::Killed;
    }

    /// Nobody else can have the number of a process that was not waited for, nor that of its group.
    fn signal(&self, signal: Signal) {
        // There may be nobody left.
        let _ = kill_process_group(self.group, signal);
    }

    /// It has ended: frees its number, and says how.
    fn reap(mut self) -> Ending {
        if !matches!(self.stage, Stage::Running) {
            // Those of its group that are left.
            self.kill();
        }
        match (self.child.wait(), self.cause) {
            (_, Some(cause)) => cause,
            (Ok(status), None) => Ending::Exited(status),
            (Err(error), None) => Ending::NotStarted(error),
        }
    }
}

/// Waits until one of the files can be read from, or is at its end. Returns which.
fn ready<const N: usize>(files: [Option<BorrowedFd<'_>>; N], limit: Option<Duration>) -> [bool; N] {
    let polled = files.iter().flatten();
    let mut polled: Vec<_> =
        polled.map(|file| PollFd::from_borrowed_fd(*file, PollFlags::IN)).collect();
    let limit = limit.map(timespec);
    // It fails for want of memory only, and then nothing is known.
    let _ = retry_on_intr(|| poll(&mut polled, limit.as_ref()));
    let mut answers = polled.iter().map(|file| !file.revents().is_empty());
    files.map(|file| file.is_some() && answers.next().unwrap_or(false))
}

/// Takes what is in a pipe if there is something; at its end drops it.
fn take(ready: bool, pipe: &mut Option<impl AsFd>, output: &mut Output) -> io::Result<()> {
    if let (true, Some(open)) = (ready, pipe.as_ref()) {
        match output.read_from(open) {
            Ok(0) => *pipe = None,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tells when a process has ended, without freeing its number.
struct Exit {
    child: Pid,
    file: Option<OwnedFd>,
}

impl Exit {
    fn watch(child: Pid) -> Self {
        #[cfg(target_os = "linux")]
        let file = rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty()).ok();
        #[cfg(not(target_os = "linux"))]
        let file = None;
        Self { child, file }
    }

    /// What can be read from then, if there is such a thing.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // If it cannot be waited for, waiting will say so.
        waitid(WaitId::Pid(self.child), options).map_or(true, |status| status.is_some())
    }
}
