//! Thin modules that bind the core to what runs it.
//!
//! | feature | adapter |
//! |---|---|
//! | `std` | plain threads: blocking sends and receives |

#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod threads;
