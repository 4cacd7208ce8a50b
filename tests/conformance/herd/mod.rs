//! What a herd does, on every adapter.
//!
//! | about | row or promise | in |
//! |---|---|---|
//! | outcomes, retries, callbacks, counters, panics | `gh_01`, `gh_02`, `gh_06` to `gh_09`, `gh_20`, `promise_10` | `outcomes` |
//! | room, the stream of results, readers that stall or go away | `gh_03`, `gh_05`, `promise_03`, `promise_07`, `promise_08` | `results` |
//! | results of single items, their cancellation | `gh_02`, `gh_03`, `gh_07`, `promise_01`, `promise_06` to `promise_08` | `tickets` |
//! | the size, guards that escape | `gh_15`, `gh_16`, `promise_02`, `promise_03` | `sizing` |
//! | schedules, timeouts, deadlines, tokens, delays | `gh_06`, `gh_07`, `gh_19`, `promise_09` | `time` |
//! | the end, and what is left over | `gh_04`, `promise_01`, `promise_03`, `promise_06` | `ending` |
//! | what is out of range; what is refused; workers that can't be had | `promise_01`, `promise_06`, `promise_11` | `refusing` |
//! | runtimes that end | `promise_01`, `promise_03`, `promise_10`, `promise_11` | `losing` |
//! | calls and handlers that block | `gh_03`, `gh_06`, `gh_07`, `gh_20`, `promise_03` | `blocking` |
//! | workers on threads beside a driver that is on none | `gh_16`, `promise_01` | `beside` |
//! | what cannot be sent to another thread | `gh_01`, `promise_01` | `local` |
//! | by HTTP: numbers, the size, what is refused | `gh_10` to `gh_14`, `gh_17` | `../../http` |
//! | logging | `gh_18` | `../../tracing.rs` |
//!
//! Not on every adapter:
//! - `losing`: `Threads` and `Smol` never end while a program runs.
//! - `blocking`, `beside`: a handler that blocks needs a thread of its own, so its herds have workers on `Threads`.
//! - `local`: the others spawn only what can be sent to another thread.

#[cfg(all(feature = "threads", any(feature = "smol", feature = "tokio")))]
mod beside;
#[cfg(feature = "threads")]
mod blocking;
mod ending;
pub mod help;
#[cfg(any(feature = "async-executor", feature = "sim", feature = "tokio"))]
mod local;
#[cfg(any(feature = "async-executor", feature = "sim", feature = "tokio"))]
mod losing;
mod outcomes;
mod refusing;
mod results;
mod sizing;
mod tickets;
mod time;
