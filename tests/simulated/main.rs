//! Pools in virtual time, under programs and schedules that follow from a seed.
//!
//! Each run keeps a ledger of what became of every job, and compares it with the promises. A run that
//! fails prints its seed; these run that one alone, or more of them:
//!
//! ```sh
//! DROVES_SEED=4711 cargo test -p droves --features sim --test simulated
//! DROVES_SEEDS=1000000 cargo test -p droves --release --features sim --test simulated
//! ```
#![cfg(all(feature = "sim", not(any(droves_loom, droves_shuttle))))]

mod chains;
mod clients;
mod crowd;
mod directed;
mod groups;
mod herds;
mod jobs;
mod ledger;
mod runs;
mod seeds;
