//! The deadline queue against its peers: `cargo bench --bench timers [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured, with 2^20 deadlines spread over an hour |
//! |---|---|
//! | `timers/insert` | putting them all in |
//! | `timers/cancel/<order>` | taking them all out by their keys, in the order of insertion or in none |
//! | `timers/expire` | taking them all out in the order of time |
//! | `timers/churn` | with that many in it: put one in, take out the next |
//! | `timers/bytes` | bytes for each, with an item of 8 bytes |
//!
//! Every queue has its memory, touched, before the clock starts. `DelayQueue` counts in milliseconds and
//! waits for each of them on tokio's clock, which has been moved past all of them. A `BinaryHeap` cannot
//! cancel, and keeps no order among equal times: it is shown.

mod cells;
mod load;
mod ours;
mod peers;
mod queue;

use std::process::ExitCode;

use droves_benches::{Options, run_all};

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => {
            let exit = run_all("timers", &options, cells::all(), |report| {
                if options.wants(cells::BYTES) {
                    report.add_figure(cells::BYTES.into(), ours::bytes_each(), Some(72.0));
                }
            });
            if options.list {
                println!("{}", cells::BYTES);
            }
            exit
        }
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
