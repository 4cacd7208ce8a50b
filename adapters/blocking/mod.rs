//! Calls that block a thread: the core's futures, run by a thread that parks.

mod herd;
mod mailbox;
mod pool;
mod tasks;
