//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use droves::retry::Backoff;

use super::values::{Halt, backoff, cores, duration, halt, size, timeout};

const EXAMPLES: &str = "\
Examples:
  Compress every log, as many at a time as there are cores:
    find . -name '*.log' -print0 | droves run -0 gzip {}
  Fetch 4 at a time, each up to 6 times, with a limit of time and growing pauses:
    droves run -j 4 -a urls.txt --retries 5 --timeout 60s curl -fsSO {}
  Go on with what is left after an interruption, by the log of what was done:
    droves run -a files.txt --joblog done.tsv --resume sha256sum {}
  Watch it by a browser at that address, and have 8 run by `droves scale 8`:
    droves run --listen 127.0.0.1:2112 -a videos.txt ffmpeg -i {} {.}.mp4
  A pipeline, for which there has to be a shell; see first what it would run:
    ls *.csv | droves run --dry-run --shell 'sort -u {} > {.}.sorted'";

const ENDS: &str = "\
Jobs:
  A job has ended when its command has. What that leaves running in the
  background is not waited for, nor is the output of that.

Exit status:
  0    all jobs have succeeded, now or by the log
  1    some have failed or are left, or not all could be read or written;
       also if --resume has left out some that had failed
  2    the command line, or what it names, is wrong
  129, 130, 143    SIGHUP, SIGINT (Ctrl-C) or SIGTERM has ended it

Signals:
  The first of these lets those jobs finish that run, the second stops them,
  the third does not wait for that. One that is ignored from the start, as
  SIGHUP by nohup, stays ignored.
";

/// Runs a command for each line, some at a time.
#[derive(Debug, Parser)]
#[command(name = "droves", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs a command for each line of standard input
    #[command(after_help = format!("{ENDS}\n{EXAMPLES}"))]
    Run(Box<Run>),
    /// Changes how many jobs of a running `droves run --listen` run at a time
    Scale {
        /// How many: from 0 for none, up to four times its -j or 256, whichever is more; fewer where not as many files may
        /// be open
        #[arg(value_name = "N")]
        size: usize,
        #[command(flatten)]
        plane: Plane,
    },
    /// Tells how a running `droves run --listen` gets on
    Status {
        /// All there is, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        plane: Plane,
    },
}

/// Where a control plane is.
#[derive(Args, Debug)]
pub(crate) struct Plane {
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2112")]
    pub(crate) addr: String,

    /// What it was given as --token
    #[arg(long, value_name = "TOKEN", env = "DROVES_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[allow(clippy::struct_field_names, reason = "so is that")]
pub(crate) struct Run {
    /// How many jobs run at a time: a number, 0 for none until it is changed, or a share of the cores such as 50%
    /// [default: as many as there are cores]. SIGUSR1 adds one, SIGUSR2 takes one away
    #[arg(short, long, value_name = "N", value_parser = size, allow_hyphen_values = true)]
    pub(crate) jobs: Option<usize>,

    /// Reads lines from this file, - for standard input
    #[arg(short = 'a', long, value_name = "FILE")]
    pub(crate) arg_file: Option<PathBuf>,

    /// Lines end with a zero byte, as those of find -print0
    #[arg(short = '0', long)]
    pub(crate) null: bool,

    /// Gives the command to sh, with the arguments quoted: do not put quotes around {}
    #[arg(long)]
    pub(crate) shell: bool,

    /// Prints the commands and runs none
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How often a job that fails is tried again. Of a job that is tried again the last attempt's output is printed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,

    /// How long to wait before that: none, const:1s, or exp:100ms..10s for pauses that double and are spread at random
    #[arg(long, value_name = "HOW", value_parser = backoff, default_value = "exp:100ms..10s")]
    pub(crate) backoff: Backoff,

    /// How long an attempt may take, such as 30s, 1.5m or 2h, but not 0. Then its process group is sent SIGTERM
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,

    /// How long after SIGTERM a job is sent SIGKILL
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub(crate) kill_after: Duration,

    /// The least time between the starts of two jobs
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) delay: Option<Duration>,

    /// Stops when N jobs have failed: soon,fail=N lets those that run finish, now,fail=N does not
    #[arg(long, value_name = "WHEN", value_parser = halt, default_value = "never")]
    pub(crate) halt: Halt,

    /// Prints the output of jobs in the order of the input
    #[arg(short, long)]
    pub(crate) keep_order: bool,

    /// Puts the argument and a tab before each line of output
    #[arg(long)]
    pub(crate) tag: bool,

    /// Writes what has become of each job to this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,

    /// Keeps a log of the jobs that have ended in this file; without --resume or --resume-failed what is in it is thrown away. A
    /// job is logged when its output and its line in --results have been written; what was killed before that is done again. After a
    /// loss of power entries may be missing, or the output of jobs that are logged
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Leaves out the jobs that have ended, by the log. A job is known by a hash of its whole command: if that has changed it is
    /// another job. A missing log is a fresh start; --results is gone on with
    #[arg(long, requires = "joblog")]
    pub(crate) resume: bool,

    /// Leaves out the jobs that have succeeded, by the log
    #[arg(long, requires = "joblog")]
    pub(crate) resume_failed: bool,

    /// Opens the control plane at this address: a page, metrics, and what `droves status` and `droves scale` talk to
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,

    /// What callers of the control plane must know; needed where other machines can reach it
    #[arg(long, value_name = "TOKEN", env = "DROVES_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Says nothing of its own but errors, such as a job that could not be started. One that has run and failed is no such
    /// error: the exit status tells, and what the job has printed
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// The command with its arguments. In them {} stands for the line, {/} for its last part, {//} for its directory,
    /// {.} for it without its extension, {/.} for its last part without it, and {#} for its number. If there is none of these, {} is
    /// appended. After ::: come the lines, in place of standard input
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

impl Run {
    /// The command, and the arguments after `:::` if there is one.
    pub(crate) fn split(&mut self) -> Result<(Vec<OsString>, Option<Vec<OsString>>), String> {
        let mut command = std::mem::take(&mut self.words);
        let Some(at) = command.iter().position(|word| word == ":::") else {
            return Ok((command, None));
        };
        let lines: Vec<_> = command.drain(at..).skip(1).collect();
        if command.is_empty() {
            return Err("there is no command before :::".into());
        }
        if self.arg_file.is_some() {
            return Err("lines come from --arg-file or after :::, not both".into());
        }
        if lines.iter().any(|line| line == ":::") {
            return Err("there can be only one :::".into());
        }
        Ok((command, Some(lines)))
    }

    /// Whether it goes on with what a log says.
    pub(crate) fn goes_on(&self) -> bool {
        self.resume || self.resume_failed
    }

    pub(crate) fn size(&self) -> usize {
        self.jobs.unwrap_or_else(cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
