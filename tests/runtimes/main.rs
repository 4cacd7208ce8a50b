//! What every adapter must keep of the ports' promises, and what each promises on its own.
#![cfg(all(
    any(
        feature = "async-executor",
        feature = "sim",
        feature = "smol",
        feature = "threads",
        feature = "tokio"
    ),
    not(any(droves_loom, droves_shuttle))
))]

#[cfg(feature = "async-executor")]
mod async_executor;
mod contract;
#[cfg(feature = "sim")]
mod sim;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "threads")]
mod threads;
#[cfg(feature = "tokio")]
mod tokio;
