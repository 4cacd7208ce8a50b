//! Work, in droves: see [`mailbox`].
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test, droves_stall))]
extern crate std;

mod cells;
mod config;
pub mod mailbox;
mod ring;
mod sync;

#[path = "../adapters/mod.rs"]
mod adapters;

pub use config::ConfigError;
#[cfg(droves_stall)]
#[doc(hidden)]
pub use sync::stall;
