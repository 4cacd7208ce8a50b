//! The mailbox against its peers: `cargo bench --bench mailbox [-- [--quick] [--list] [FILTER]...]`.
//!
//! Cells are named `mpmc/<capacity>/<way>/<shape>/<regime>`, for instance `mpmc/c1024/try/2p2c/par`:
//!
//! | way | what races |
//! |---|---|
//! | `try`, `try-lockfree` | single numbers, against all peers and against the lock-free ones |
//! | `batch32`, `batch32-chunks` | our batches against single numbers, and against chunks of 32 |
//! | `in-turn` | one thread that sends and receives in turn |
//! | `try-64b`, `in-turn-64b` | the same with messages of 64 bytes |
//! | `blocking` | threads that block |
//! | `async-tokio`, `async-executor` | tasks |
//!
//! Not among the peers: nblfq 0.1, whose queue cannot be shared between threads without unsafe code
//! of one's own (it is not `Sync`).

mod cells;
mod depth;
mod field;
mod handles;
mod load;
mod message;
mod ours;
mod peers;
mod tasks;
mod threads;

use std::process::ExitCode;

use droves_benches::{Options, run_all};

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => run_all("mailbox", &options, cells::all(), |report| depth::print(report)),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
