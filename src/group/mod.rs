//! Groups.

pub mod machine;
mod signal;

pub use signal::Signal;
