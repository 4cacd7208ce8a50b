//! The harness that the benches of this package share.
//!
//! The machines these benches run on are shared and small, so an absolute time says little. A bench
//! therefore races *contenders* against each other in one process and judges *ratios*:
//!
//! 1. An [`Arena`] holds the contenders of one load and the [cells](Arena::race) that are read off it.
//! 2. Every round runs each contender once, in rotating order, for about the same time.
//! 3. Each contender proves with a [`Tally`] that nothing was lost and nothing came twice.
//! 4. The best peer is picked from the odd rounds, the score is read from the even ones: a peer that
//!    was merely lucky once is not picked and scored by the same luck.
//!
//! A bench builds its arenas and hands them to [`run_all`].

mod arena;
mod contender;
mod crew;
mod json;
mod options;
mod regime;
mod report;
mod stats;
mod table;
mod tally;
mod watchdog;

pub use arena::{Arena, Entry};
pub use contender::{Contender, Fault, Mark, Sample};
pub use crew::{Job, Span, run_crew};
pub use options::{Effort, Options};
pub use regime::{Regime, cores};
pub use report::{Report, Row};
pub use stats::{Score, Verdict, median, percentile};
pub use tally::Tally;
pub use watchdog::guard;

use std::process::ExitCode;

/// Runs every arena that has a cell the filter lets through, printing as it goes.
///
/// `target/bench/<bench>.json` is rewritten after each arena, so that a run that is cut short leaves
/// what it measured. `conclude` may add to the report once the arenas' rows are there.
///
/// Fails if a contender lost or duplicated work, or if the report could not be written.
pub fn run_all(
    bench: &str,
    options: &Options,
    arenas: Vec<Arena>,
    conclude: impl FnOnce(&mut Report),
) -> ExitCode {
    let arenas = arenas.into_iter().filter_map(|arena| arena.filtered(options));
    if options.list {
        arenas.for_each(|arena| arena.cells().for_each(|cell| println!("{cell}")));
        return ExitCode::SUCCESS;
    }

    let mut report = Report::new(bench);
    table::print_heading(options);
    let write = |report: &Report| {
        let written = report.write_json();
        if let Err(error) = &written {
            eprintln!("cannot write {}: {error}", report.path().display());
        }
        written.is_ok()
    };
    for arena in arenas {
        let outcome = arena.run(&options.effort);
        table::print_outcome(&outcome);
        report.add(outcome);
        if !write(&report) {
            return ExitCode::FAILURE;
        }
    }
    conclude(&mut report);
    if !write(&report) {
        return ExitCode::FAILURE;
    }
    table::print_closing(&report);
    if report.faultless() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
