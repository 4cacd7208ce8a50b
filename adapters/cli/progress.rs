//! What the command tells of its work: on a terminal a bar, elsewhere lines.

use std::fmt::{Display, Write};
use std::io::{Write as _, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use droves::control::{Phase, Stats};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::feed::Skipped;
use super::job::Ending;

/// How often there is a line where there is no bar.
const EVERY: Duration = Duration::from_secs(10);
/// How many failures are told one by one.
const FAILURES: u64 = 20;

/// How much of a command is told, in characters.
const SHOWN: usize = 400;

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

/// Asks the herd.
pub(crate) type Numbers = Arc<dyn Fn() -> Stats + Send + Sync>;

pub(crate) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    begin: Instant,
    last: Instant,
    /// How many failures have been told.
    told: u64,
    stats: Numbers,
}

impl Progress {
    /// With a bar or without; `total` is how many jobs there are, if that is known.
    pub(crate) fn new(quiet: bool, bar: bool, total: Option<u64>, stats: Numbers) -> Self {
        let bar = bar.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style(
                "{spinner} {pos} done, {msg}, {running} running  {rate}/s  [{elapsed}]",
                &stats,
            ));
            bar.set_message("0 failed");
            if let Some(total) = total {
                measure(&bar, total, &stats);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let begin = Instant::now();
        Self { quiet, bar, begin, last: begin, told: 0, stats }
    }

    /// A job has ended.
    pub(crate) fn update(&mut self, counts: Counts) {
        if let Some(bar) = &self.bar {
            let stats = (self.stats)();
            // All that there is has been read: now it is known for sure.
            if stats.phase == Phase::Draining && bar.length() != Some(stats.submitted) {
                measure(bar, stats.submitted, &self.stats);
            }
            bar.set_message(format!("{} failed", counts.failed));
            bar.set_position(counts.ended());
        } else if !self.quiet && self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let rate = self.rate(counts);
            let (ended, failed, running) = (counts.ended(), counts.failed, (self.stats)().running);
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

    /// A job has failed. What has ended by itself has had its say, and is not told of if it is to be quiet.
    pub(crate) fn failure(&mut self, number: u64, ending: &Ending, command: &[u8]) {
        if self.quiet && ending.is_of_itself() || self.told == FAILURES {
            return;
        }
        self.told += 1;
        let (why, command) = (ending.words(), plain(command));
        self.beside(|| {
            tell(format_args!("job {number} failed ({why}): {command}"));
            if self.told == FAILURES {
                tell("further failures are not told one by one");
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
    pub(crate) fn finish(&self, counts: Counts, skipped: Skipped, left: Option<&str>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.quiet {
            return;
        }
        let Counts { succeeded, failed, stopped } = counts;
        let mut text = format!("{succeeded} succeeded, {failed} failed");
        let parts = [
            (stopped, "stopped"),
            (skipped.total, "left out by the log"),
            (skipped.failed, "of them had failed"),
        ];
        for (number, what) in parts {
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

fn measure(bar: &ProgressBar, total: u64, stats: &Numbers) {
    bar.set_length(total);
    let template =
        "{wide_bar} {pos}/{len}, {msg}, {running} running  {rate}/s  [{elapsed}, ETA {eta}]";
    bar.set_style(style(template, stats));
}

/// How many run is asked for whenever the bar is drawn, as that also changes while no job ends.
fn style(template: &str, stats: &Numbers) -> ProgressStyle {
    let stats = stats.clone();
    let running = move |_: &ProgressState, to: &mut dyn Write| {
        let _ = write!(to, "{}", stats().running);
    };
    let rate = |state: &ProgressState, to: &mut dyn Write| {
        let _ = write!(to, "{:.1}", state.per_sec());
    };
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    style.with_key("running", running).with_key("rate", rate)
}

/// Text for a line of a terminal: the names of files may have in them what would command it, and may be long.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    if text.chars().nth(SHOWN).is_some() {
        plain.push('…');
    }
    plain
}

/// One line on standard error, if there is one; by one write, so that it stays one.
pub(crate) fn tell(what: impl Display) {
    // If nobody listens, the exit status still tells.
    let _ = stderr().write_all(format!("droves: {what}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_does_not_command_the_terminal() {
        assert_eq!(plain("echo 'é\u{1B}[31m\n\u{9B}'".as_bytes()), "echo 'é\\u{1b}[31m\\n\\u{9b}'");
        assert_eq!(plain(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(plain(&[b'x'; SHOWN]), "x".repeat(SHOWN));
        assert_eq!(plain(&vec![b'x'; 1 << 20]), "x".repeat(SHOWN) + "…");
    }
}
