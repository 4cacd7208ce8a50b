//! The command `droves`: runs a command for each line, some at a time.
//!
//! | module | what it has |
//! |---|---|
//! | `options`, `values` | what the command line says |
//! | `input`, `template` | where lines come from, and what a command becomes with one of them |
//! | `feed` | the thread that reads lines and sends them to the herd as jobs |
//! | `work` | the herd's handler: what is done with a job |
//! | `job`, `spawn`, `output`, `stop` | a process group, how it is started, what it prints, and how it is stopped |
//! | `print`, `report`, `joblog`, `progress` | what comes out |
//! | `past` | what a log said |
//! | `client` | `droves status` and `droves scale`, which ask a control plane |
//! | `run`, `running`, `heed`, `ignored`, `watch` | all of it together: from the command line to a herd, signals, its results and the exit status |

#[cfg(unix)]
mod client;
#[cfg(unix)]
mod feed;
#[cfg(unix)]
mod heed;
#[cfg(unix)]
mod ignored;
#[cfg(unix)]
mod input;
#[cfg(unix)]
mod job;
#[cfg(unix)]
mod joblog;
#[cfg(unix)]
mod options;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod past;
#[cfg(unix)]
mod print;
#[cfg(unix)]
mod progress;
#[cfg(unix)]
mod report;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod running;
#[cfg(unix)]
mod spawn;
#[cfg(unix)]
mod stop;
#[cfg(unix)]
mod template;
#[cfg(unix)]
mod values;
#[cfg(unix)]
mod watch;
#[cfg(unix)]
mod work;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use clap::Parser;
    match options::Options::parse().verb {
        options::Verb::Run(run) => run::run(*run),
        options::Verb::Scale { size, plane } => client::scale(size, &plane),
        options::Verb::Status { json, plane } => client::status(json, &plane),
    }
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("droves: the command needs a unix");
    ExitCode::from(2)
}
