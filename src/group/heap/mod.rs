//! Groups of any number of members, which are on the heap.

pub(super) mod client;
pub(super) mod driver;
pub(super) mod events;
pub(super) mod exit;
pub(super) mod handle;
mod hub;
mod inbox;
pub(super) mod member;
mod nested;
mod reply;
pub(super) mod restart;
mod roster;
pub(super) mod run;
mod runner;
pub(super) mod snapshot;
pub(super) mod start;

use super::{machine, signal, wake};
