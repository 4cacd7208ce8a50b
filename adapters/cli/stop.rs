//! How running jobs are told to stop: by pipes, so that those who wait for other pipes see it too.

use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What is polled to see whether jobs are to stop.
pub(crate) struct Stop {
    /// Can be read from when they are to be sent SIGTERM.
    pub(crate) term: PipeReader,
    /// The same for SIGKILL.
    pub(crate) kill: PipeReader,
}

/// Stops jobs, for good: nobody reads what is written here.
pub(crate) struct Stopper {
    term: PipeWriter,
    kill: PipeWriter,
}

pub(crate) fn new() -> io::Result<(Stopper, Stop)> {
    let (term, kill) = (pipe()?, pipe()?);
    Ok((Stopper { term: term.1, kill: kill.1 }, Stop { term: term.0, kill: kill.0 }))
}

impl Stopper {
    /// Has what runs sent SIGTERM, and SIGKILL after a while.
    pub(crate) fn terminate(&self) {
        // It fails only if nobody is left to be told.
        let _ = (&self.term).write(b"!");
    }

    /// Has what runs sent SIGKILL.
    pub(crate) fn kill(&self) {
        self.terminate();
        let _ = (&self.kill).write(b"!");
    }
}

impl Stop {
    /// Sleeps until then, unless jobs are to stop. Returns whether they are.
    pub(crate) fn sleep_until(&self, then: Instant) -> bool {
        loop {
            let left = then.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.term, PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return false,
                Ok(_) => return true,
                // A signal came between.
                Err(_) => {}
            }
        }
    }
}

/// A time as the system calls have it.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
