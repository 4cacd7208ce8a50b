//! The bodies of the fuzz targets: `tests/corpus.rs` of the library runs them too, without a fuzzer.

#[macro_use]
mod outcomes;

pub mod group;
pub mod mailbox;
pub mod timers;
pub mod workers;
