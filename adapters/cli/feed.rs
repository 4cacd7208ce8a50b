//! The thread that reads lines and sends them to the herd. It waits while there are as many as there is room for.

use std::io;
use std::thread;
use std::time::Duration;

use droves::herd::{Herd, Refusal};
use droves::mailbox::Sender;

use super::input::Input;
use super::joblog::Key;
use super::past::{Past, Verdict};
use super::report::{Job, Report};
use super::template::Template;

pub(crate) type Jobs = Herd<Job, Box<Report>, Box<Report>>;

/// How often a herd that is quiet is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// What of the input is to be done.
pub(crate) struct Source {
    pub(crate) input: Input,
    /// What has been done before, and whether those that failed are to be done again.
    pub(crate) past: Option<(Past, bool)>,
    pub(crate) read: u64,
    pub(crate) skipped: Skipped,
}

/// How many the log has left out.
#[derive(Clone, Copy, Default)]
pub(crate) struct Skipped {
    pub(crate) total: u64,
    /// Those of them that had failed.
    pub(crate) failed: u64,
}

/// How the feeding has ended.
#[derive(Default)]
pub(crate) struct Fed {
    pub(crate) skipped: Skipped,
    /// Whether a job was refused, and with it whatever may follow.
    pub(crate) refused: bool,
    pub(crate) error: Option<io::Error>,
}

impl Source {
    pub(crate) fn new(input: Input, past: Option<(Past, bool)>) -> Self {
        Self { input, past, read: 0, skipped: Skipped::default() }
    }

    /// The next line that is to be done, with whether it is so again.
    pub(crate) fn next(&mut self, template: &Template) -> io::Result<Option<(Vec<u8>, bool)>> {
        while let Some(line) = self.input.next()? {
            self.read += 1;
            let Some((past, failed_too)) = &mut self.past else { return Ok(Some((line, false))) };
            match past.judge(Key::of(&template.fill(&line, self.read)), *failed_too) {
                Verdict::New => return Ok(Some((line, false))),
                Verdict::Again => return Ok(Some((line, true))),
                Verdict::Skip { failed } => {
                    self.skipped.total += 1;
                    self.skipped.failed += u64::from(failed);
                }
            }
        }
        Ok(None)
    }
}

/// Sends all there is; does not close the herd. `gate` has room for as many as may be sent and not yet printed.
pub(crate) fn feed(
    mut source: Source,
    template: &Template,
    herd: &Jobs,
    mut gate: Option<Sender<()>>,
) -> Fed {
    let mut fed = Fed::default();
    for order in 0.. {
        let (line, again) = match source.next(template) {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(error) => {
                fed.error = Some(error);
                break;
            }
        };
        let job = Job { line, number: source.read, order, again };
        let open = gate.as_mut().is_none_or(|gate| gate.send_blocking(()).is_ok());
        if !open || !send(herd, job) {
            fed.refused = true;
            break;
        }
    }
    fed.skipped = source.skipped;
    fed
}

/// Returns whether the herd has taken it.
fn send(herd: &Jobs, mut job: Job) -> bool {
    loop {
        match herd.send_blocking(job.order, job) {
            Ok(()) => return true,
            Err(error) if error.kind == Refusal::Quiet => {
                thread::sleep(AGAIN);
                job = error.into_inner();
            }
            Err(_) => return false,
        }
    }
}
