//! The task manager against its peers: `cargo bench --bench tasks [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured |
//! |---|---|
//! | `tasks/queue/w2` | a tiny task from queueing to its end, two at a time, on tokio with 2 threads |
//! | `tasks/schedule/same` | with 2^20 tasks scheduled within an hour: scheduling 100 000 more for one moment, and having them sorted in |
//!
//! One task queues, and waits for the end of all. The peers spawn a task of tokio for each, with a permit: one of two,
//! or, so that others can be spawned meanwhile, one of as many as our queue has room for and then one of two. The runtime and its
//! threads outlive the rounds. Each task adds its number to a sum, which is checked.
//!
//! To schedule, the peer spawns a task that sleeps; all it can be asked for is to be spawned and to have its sleep
//! entered, which it does itself.

mod cells;
mod ours;
mod peers;
mod sum;

use std::process::ExitCode;
use std::sync::LazyLock;

use droves_benches::{Options, run_all};
use tokio::runtime::{Builder, Runtime};

/// How many tasks are done at a time, and threads of the runtime.
const WORKERS: usize = 2;

/// How many others there may be: a manager's default.
const QUEUE: usize = 64;

/// Tokio's multi-threaded one. It lives as long as the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_time().build();
        runtime.expect("threads can be started")
    });
    &RUNTIME
}

fn main() -> ExitCode {
    match Options::from_env() {
        Ok(options) => run_all("tasks", &options, cells::all(), |_| ()),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::FAILURE
        }
    }
}
