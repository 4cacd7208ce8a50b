//! Groups against a `JoinSet` with a `CancellationToken`: `cargo bench --bench group [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured, on tokio with 2 threads |
//! |---|---|
//! | `group/<members>` | a member of a parallel group, from the start over readiness to the stop |
//! | `group/growth` | the time of 10 000 members as a multiple of that of 1000 |
//! | `group/bytes` | bytes for each of 10 000 ready members, with the runtime's own |
//! | `group/dynamic` | ns for each of 100 000 short members, 100 at a time |
//! | `group/ordered` | ns for each of 10 000 members that start one after the other and stop in reverse |
//!
//! A member says that it is ready and waits for the signal. The peer's tasks each count themselves as ready, wait for
//! the token, and are joined.

mod cells;
mod ours;
mod peers;

#[path = "../pool/memory.rs"]
#[allow(dead_code, reason = "the pool asks for more")]
mod memory;

use std::process::ExitCode;

use droves_benches::{Options, run_all};

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => {
            let exit = run_all("group", &options, cells::all(), |report| {
                cells::figures(&options, report);
            });
            if options.list {
                for (cell, _) in cells::FIGURES {
                    println!("{cell}");
                }
            }
            exit
        }
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
