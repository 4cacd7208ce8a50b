//! The command `droves`, as its users run it.
#![cfg(unix)]

mod help;

mod ends;
mod input;
mod kept;
mod logs;
mod memory;
mod options;
mod outputs;
mod plane;
mod quoting;
mod scripts;
mod stopping;
