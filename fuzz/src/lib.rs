//! The bodies of the fuzz targets: `tests/corpus.rs` of the library runs them too, without a fuzzer.

pub mod mailbox;
pub mod workers;
