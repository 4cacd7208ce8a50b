//! What a mailbox does: each promise of its documentation, one thread at a time unless waiting is
//! the point.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

mod batches;
mod blocking;
mod cancelling;
mod closing;
mod config;
mod errors;
mod handles;
mod help;
mod messages;
mod odd;
mod order;
mod panics;
mod permits;
mod streams;
mod types;
mod waiting;
mod wakers;
