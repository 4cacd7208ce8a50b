//! What a group does, on every adapter.
//!
//! | about | row or promise | in |
//! |---|---|---|
//! | runners, readiness, waiters | `if_01`, `if_02`, `if_03` | `starting` |
//! | signals | `if_04`, `if_08`, `if_12`, `if_13` | `signals` |
//! | parallel, ordered, queue-ordered | `if_05`, `if_06`, `if_07`, `if_11`, `if_14` | `starting` |
//! | ends and their trace | `if_09`, `if_10`, `promise_10` | `starting` |
//! | time limits | `limits` | `limits` |
//! | errors, drops and runs that do what nobody expects | `hostile` | `hostile` |
//! | dynamic groups, listeners | `if_14` to `if_20` | `dynamic` |
//! | restarts, proxies, groups in groups, snapshots | `if_21`, `if_23`, `tree` | `trees` |
//! | pools, herds and task managers as members | `runners` | `runners`, `managed` |
//! | 10 000 members | `if_25` | `scale` |
//! | the runtime goes away | `promise_03` | `losing` |
//!
//! Not on every adapter:
//! - `losing`: `Threads` and `Smol` never end while a program runs.
//! - `scale`: as for pools.

mod dynamic;
pub mod help;
mod hostile;
mod limits;
#[cfg(any(feature = "async-executor", feature = "sim", feature = "tokio"))]
mod losing;
mod managed;
mod runners;
#[cfg(any(feature = "async-executor", feature = "smol", feature = "tokio"))]
mod scale;
mod signals;
mod starting;
mod trees;
