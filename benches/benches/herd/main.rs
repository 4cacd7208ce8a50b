//! The herd against its peers: `cargo bench --bench herd [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured, with a tiny handler, of which `s2` or `s100` work at a time |
//! |---|---|
//! | `herd/plain/<size>/<peer>` | an item from sending to its result, on tokio with 2 threads |
//! | `herd/timed/<size>/<peer>` | the same, and we note when attempts begin and end |
//! | `herd/measured/<size>/<peer>` | the same, and we keep histograms of how long items wait and run |
//! | `herd/yield/<size>/<peer>` | a handler that lets others have the thread once |
//! | `herd/retry/<size>/<peer>` | every 10th item is tried twice, without a delay |
//! | `herd/async-executor/s2` | as plain, on async-executor with 2 threads |
//! | `herd/threads/s2` | a handler that may block, on 2 threads of its own |
//!
//! We send from one task (or thread) and read the results in another, with room for 256 items. The peers are
//! given what suits them best: one task that does both, as neither a `JoinSet` nor a stream can be shared.
//! Runtimes and their threads outlive the rounds; whatever else is needed is made anew in each, before the clock
//! starts. Each result is checked.

mod cells;
mod kinds;
mod load;
mod ours;
mod peers;
mod runtimes;

use std::process::ExitCode;

use droves_benches::{Options, run_all};

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => run_all("herd", &options, cells::all(), |_| ()),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
