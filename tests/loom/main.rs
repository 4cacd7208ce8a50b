//! The smallest races that could break a sentence of the docs, in every interleaving.
//!
//! Each test explores one program, and asserts which outcomes were reached, so that one that explores
//! nothing fails. The numbers are those of the promises; `_wrap` starts just before the laps wrap.
//!
//! ```sh
//! RUSTFLAGS="--cfg droves_loom" cargo test -p droves --release --test loom --features alloc
//! RUSTFLAGS="--cfg droves_loom --cfg droves_strong" cargo test -p droves --release --test loom --features alloc
//! ```
//! The second form makes each load and store a read-modify-write: it reaches interleavings that plain
//! loom skips, but no load is stale. So both are needed.
#![cfg(droves_loom)]

mod calls;
mod explore;
mod history;
mod threads;

mod bounds;
mod cancelling;
mod closing;
mod groups;
mod herds;
mod loans;
mod pools;
mod static_groups;
mod transfer;
mod waiting;
