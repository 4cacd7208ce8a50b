//! Thin modules that bind the core to what runs it.
//!
//! | feature | adapter | runs on |
//! |---|---|---|
//! | `std` | – | blocking sends and receives of the mailbox, on any thread |
//! | `threads` | [`threads::Threads`] | a thread for each future |

#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod blocking;
#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod park;

#[cfg(all(feature = "threads", not(any(droves_loom, droves_shuttle))))]
pub mod threads;
