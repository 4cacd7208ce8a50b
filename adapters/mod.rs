//! Thin modules that bind the core to what runs it.
//!
//! | feature | adapter | runs on |
//! |---|---|---|
//! | `std` | – | blocking sends and receives of the mailbox, on any thread |
//! | `threads` | [`threads::Threads`] | a thread for each future |
//! | `tokio` | [`tokio::Tokio`], [`tokio::TokioLocal`] | tokio's runtime, or a `LocalSet` in it |
//! | `smol` | [`smol::Smol`] | smol's global executor |
//! | `async-executor` | [`async_executor::Executor`], [`async_executor::LocalExecutor`] | an executor of your own |
//! | `http` | [`http::ControlPlane`] | a thread of its own, beside whatever else: numbers, sizes and a page by HTTP |
//! | `http` | [`http::Server`] | a thread of its own: routes of yours, as a member of a group |
//! | `signals` | [`signals::Signals`] | any of them: signals of the process (unix) |
//! | `cli` | – | threads: the command `droves` (unix) |
//! | `sim` | [`sim::Sim`] | virtual time and seeded scheduling on the test's own thread |

#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod blocking;
#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod park;
#[cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
mod patience;
#[cfg(all(
    any(feature = "async-executor", feature = "smol"),
    not(any(droves_loom, droves_shuttle))
))]
mod reactor;
#[cfg(all(
    any(feature = "async-executor", feature = "smol", feature = "threads"),
    not(any(droves_loom, droves_shuttle))
))]
mod real;

#[cfg(all(feature = "async-executor", not(any(droves_loom, droves_shuttle))))]
pub mod async_executor;
#[cfg(all(feature = "http", not(any(droves_loom, droves_shuttle))))]
pub mod http;
#[cfg(all(feature = "signals", unix, not(any(droves_loom, droves_shuttle))))]
pub mod signals;
#[cfg(all(feature = "sim", not(any(droves_loom, droves_shuttle))))]
pub mod sim;
#[cfg(all(feature = "smol", not(any(droves_loom, droves_shuttle))))]
pub mod smol;
#[cfg(all(feature = "threads", not(any(droves_loom, droves_shuttle))))]
pub mod threads;
#[cfg(all(feature = "tokio", not(any(droves_loom, droves_shuttle))))]
pub mod tokio;
