//! The pool against its peers: `cargo bench --bench pool [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured |
//! |---|---|
//! | `pool/tiny/<1p or 2p>` | tiny closures, one at a time, to 2 workers, with room for 1024 |
//! | `pool/batch32/…` | our batches of 32 closures against the peers' single ones |
//! | `pool/batch32-chunks/…` | our batches of 32 closures against one closure of 32 calls |
//! | `pool/closure32/…` | one closure of 32 calls, ours as well |
//! | `pool/latency/<p50 or p90>` | from submission to start, one job at a time to an idle pool |
//! | `pool/scale/<workers>/…` | bytes a worker, and ns a worker to start and to stop them, on tokio |
//!
//! Threads are not pinned: not every peer lets its threads be. Each round opens a pool, lets both workers
//! have a job, and is timed from the first submission until the last job was counted.
//!
//! Not among the peers: hft-jobs, whose licence (LGPL) the peers here must not have. Its idea, a job of one
//! cache line in a bounded channel, is `crossbeam inline`.

mod allocations;
mod cells;
mod inline;
mod latency;
mod load;
mod memory;
mod ours;
mod peers;
mod pools;
mod scale;
mod tally;

use std::process::ExitCode;

use droves_benches::{Options, run_all};

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => {
            let exit = run_all("pool", &options, cells::all(&options), |report| {
                scale::run(&options, report);
            });
            if options.list {
                scale::cells().for_each(|cell| println!("{cell}"));
            }
            exit
        }
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
