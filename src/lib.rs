// Its programs need a runtime each.
#![cfg_attr(
    all(
        feature = "threads",
        feature = "tokio",
        feature = "smol",
        feature = "async-executor",
        feature = "http"
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "threads",
        feature = "tokio",
        feature = "smol",
        feature = "async-executor",
        feature = "http"
    )),
    doc = "Work, in droves: bounded mailboxes and worker pools. All of it is shown with all features."
)]
#![no_std]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test, droves_stall))]
extern crate std;

mod sync;

mod config;
#[cfg(feature = "alloc")]
pub mod control;
pub mod runtime;
pub mod time;

mod panic;

mod cells;
mod ring;

pub mod mailbox;

#[cfg(feature = "alloc")]
pub mod cancel;
pub mod group;
pub mod job;
#[cfg(feature = "alloc")]
mod latch;
#[cfg(feature = "alloc")]
pub mod map;
pub mod retry;
#[cfg(feature = "alloc")]
mod runner;
#[cfg(feature = "alloc")]
pub mod stats;
pub mod timer;
#[cfg(feature = "alloc")]
mod trace;
#[cfg(feature = "alloc")]
mod workers;

#[cfg(feature = "alloc")]
pub mod herd;
#[cfg(feature = "alloc")]
pub mod pool;
#[cfg(feature = "alloc")]
pub mod tasks;

#[path = "../adapters/mod.rs"]
mod adapters;
#[allow(unused_imports, reason = "without a runtime there are none")]
pub use adapters::*;

pub use config::ConfigError;
#[cfg(feature = "std")]
pub use retry::retry;
#[cfg(droves_stall)]
#[doc(hidden)]
pub use sync::stall;
