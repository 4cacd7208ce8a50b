//! The control plane, by real connections: what it answers, what it refuses, and that it answers whatever others do.
//!
//! | about | row | in |
//! |---|---|---|
//! | metrics under the old names, and all others | `gh_10` | `metrics` |
//! | the size, asked for and changed | `gh_11`, `gh_12`, `gh_13` | `size`, `properties` |
//! | other methods and paths | `gh_14` | `routes`, `properties` |
//! | sizes of 0, of busy, idle and ended herds | `gh_15` | `size` |
//! | where it listens | `gh_17` | `starting` |
//! | who may ask | – | `safety` |
//! | requests made to be misread, doors that panic, an end amid requests | – | `hostile` |
//! | slow clients, many clients, herds that burn their executor | – | `slow`, `runtimes` |
//! | the group that the plane shows | – | `group` |
//! | servers as members of groups, and their handlers | `if_24` | `server`, `handlers` |
//! | the page | – | `page`, and in a browser by `scripts/page` |
#![cfg(all(feature = "http", feature = "threads", not(any(droves_loom, droves_shuttle))))]

mod help;

mod failures;
mod group;
mod handlers;
mod hostile;
mod metrics;
mod page;
mod properties;
mod routes;
mod runtimes;
mod safety;
mod server;
mod size;
mod slow;
mod starting;
