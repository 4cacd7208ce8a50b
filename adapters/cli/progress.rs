//! What the command tells of its work: on a terminal a bar, elsewhere lines.

use std::fmt::{Display, Write as _};
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use droves::control::{Phase, Stats};
use indicatif::{ProgressBar, ProgressStyle};

/// How often there is a line where there is no bar.
const EVERY: Duration = Duration::from_secs(10);
/// How many failures are told one by one.
const FAILURES: u64 = 20;

/// How many jobs have ended, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Those that were stopped while they ran.
    pub(crate) stopped: u64,
}

impl Counts {
    pub(crate) fn ended(self) -> u64 {
        self.succeeded + self.failed
    }
}

pub(crate) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    begin: Instant,
    last: Instant,
}

impl Progress {
    /// `total` is how many jobs there are, if that is known.
    pub(crate) fn new(quiet: bool, total: Option<u64>) -> Self {
        let bar = Self::is_bar(quiet).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {pos} done, {msg}  {per_sec}  [{elapsed}]"));
            if let Some(total) = total {
                measure(&bar, total);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let begin = Instant::now();
        Self { quiet, bar, begin, last: begin }
    }

    /// Whether there is a bar, which wants to know how many jobs there are.
    pub(crate) fn is_bar(quiet: bool) -> bool {
        !quiet && stderr().is_terminal()
    }

    /// A job has ended.
    pub(crate) fn update(&mut self, counts: Counts, stats: impl Fn() -> Stats) {
        if let Some(bar) = &self.bar {
            let stats = stats();
            // All that there is has been read: now it is known for sure.
            if stats.phase == Phase::Draining && bar.length() != Some(stats.submitted) {
                measure(bar, stats.submitted);
            }
            bar.set_message(format!("{} failed, {} running", counts.failed, stats.running));
            bar.set_position(counts.ended());
        } else if !self.quiet && self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let rate = self.rate(counts);
            let (ended, failed, running) = (counts.ended(), counts.failed, stats().running);
            tell(format_args!("{ended} done, {failed} failed, {running} running, {rate:.1}/s"));
        }
    }

    /// Does something with the terminal's lines.
    pub(crate) fn beside<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// A job has failed.
    pub(crate) fn failure(&self, counts: Counts, number: u64, why: &str, command: &[u8]) {
        if self.quiet || counts.failed > FAILURES {
            return;
        }
        let command = String::from_utf8_lossy(command);
        self.beside(|| {
            tell(format_args!("job {number} failed ({why}): {command}"));
            if counts.failed == FAILURES {
                tell("further failures are counted only");
            }
        });
    }

    /// Says something, unless it is to be quiet.
    pub(crate) fn say(&self, what: impl Display) {
        if !self.quiet {
            self.beside(|| tell(what));
        }
    }

    /// The end of it all.
    pub(crate) fn finish(&self, counts: Counts, skipped: u64, left: Option<&str>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.quiet {
            return;
        }
        let Counts { succeeded, failed, stopped } = counts;
        let mut text = format!("{succeeded} succeeded, {failed} failed");
        for (number, what) in [(stopped, "stopped"), (skipped, "left out by the log")] {
            if number > 0 {
                let _ = write!(text, ", {number} {what}");
            }
        }
        if let Some(left) = left {
            let _ = write!(text, ", {left}");
        }
        let seconds = self.begin.elapsed().as_secs_f64();
        tell(format_args!("{text}; {seconds:.1} s, {:.1}/s", self.rate(counts)));
    }

    #[allow(clippy::cast_precision_loss, reason = "for people")]
    fn rate(&self, counts: Counts) -> f64 {
        counts.ended() as f64 / self.begin.elapsed().as_secs_f64().max(1e-9)
    }
}

fn measure(bar: &ProgressBar, total: u64) {
    bar.set_length(total);
    bar.set_style(style("{wide_bar} {pos}/{len}, {msg}  {per_sec}  [{elapsed}, ETA {eta}]"));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// One line on standard error, if there is one.
pub(crate) fn tell(what: impl Display) {
    // If nobody listens, the exit status still tells.
    let _ = writeln!(stderr(), "droves: {what}");
}
