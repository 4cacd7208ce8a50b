//! Larger programs than loom can take, in many random interleavings.
//!
//! Each test counts what its programs met, and asserts that they met what it is about. Orderings are
//! not modelled here: every access is sequentially consistent.
//!
//! ```sh
//! RUSTFLAGS="--cfg droves_shuttle" cargo test -p droves --release --test shuttle --features alloc
//! ```
#![cfg(droves_shuttle)]

mod calls;
mod explore;
mod groups;
mod handles;
mod herds;
mod pools;
mod programs;
mod runtime;
