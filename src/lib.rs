#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "std"), doc = "Work, in droves: see [`mailbox`].")]
#![no_std]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test, droves_stall))]
extern crate std;

mod sync;

mod cells;
mod config;
mod ring;
pub mod runtime;
pub mod time;

pub mod mailbox;

#[path = "../adapters/mod.rs"]
mod adapters;
#[allow(unused_imports, reason = "without a runtime there are none")]
pub use adapters::*;

pub use config::ConfigError;
#[cfg(droves_stall)]
#[doc(hidden)]
pub use sync::stall;
