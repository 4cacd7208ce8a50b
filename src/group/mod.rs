//! Groups: services that live as long as the program, with start, readiness, signals, restart and stop.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use droves::group::{Group, Member, Signal};
//! use droves::threads::{Threads, block_on};
//!
//! let service = |name| {
//!     Member::new(name, |mut run| async move {
//!         run.ready();
//!         run.signal().await;
//!         println!("{} stops", run.name());
//!     })
//! };
//! let group = Group::ordered([service("database"), service("server")]);
//! let handle = group.termination(Signal::TERMINATE).start(&Threads::new())?;
//! block_on(handle.ready())?;
//! handle.signal(Signal::TERMINATE)?;
//! let trace = block_on(handle.wait())?;
//! assert_eq!(trace.to_string(), "server exited with nil\ndatabase exited with nil");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | you have | take |
//! |---|---|
//! | services that do not need each other | [`Group::parallel`] |
//! | each needs the one before it | [`Group::ordered`]: they stop in reverse |
//! | each feeds the one after it | [`Group::queue_ordered`]: they stop in the order of their start |
//! | services that come and go, so many at a time | [`Group::dynamic`] |
//! | a group that is a member of another | [`Member::group`] |
//! | a pool, a herd, tasks, a server | [`Member::runner`] |
//! | a service that may fail | [`Member::restart`] |
//! | no allocator | [`StaticGroup`] |
//! | no allocator, and a runtime of your own | the [`machine`] |
//!
//! # The end
//! What becomes of a member in each state:
//!
//! | | waits for its turn | starts | is ready | backs off | is stopping | is cancelled |
//! |---|---|---|---|---|---|---|
//! | a signal to the group | is skipped | is told it, at its turn | is told it, at its turn | has ended | is told it if it is another one | is told it if it is another one |
//! | another member ends, with a termination signal | is skipped | as by that signal | as by that signal | has ended | – | – |
//! | another member ends, without | is skipped, if not all were ready | goes on | goes on | goes on | – | – |
//! | [`Handle::cancel`], or the group's stop deadline | is skipped | is cancelled | is cancelled | has ended | is cancelled | – |
//! | its own time limit | – | is cancelled | – | starts again | is cancelled | is abandoned |
//! | it returns or panics | – | has ended, or backs off | has ended, or backs off | – | has ended | has ended |
//! | [`Client::close`], or the last client is dropped | – | goes on | goes on | goes on | goes on | goes on |
//! | the runtime goes away | is dropped | is dropped | is dropped | is dropped | is dropped | is dropped |
//!
//! "At its turn" is at once in a parallel or dynamic group. A member that is cancelled [sees it](RunCx::cancel_token); one
//! that is abandoned is dropped when it next awaits something, and nobody waits for that. A member that has ended for good
//! ends a group that was not told to stop only if there is a termination signal; without one, the group ends when all have.
//! A group is ready when each member has been ready once; after the end of one, or a signal, it does not become ready any
//! more. An empty group is ready, and then done.
//!
//! # Cost
//! Some 700 bytes a member beside its own future and the runtime's task; events, starts and ends take constant time each,
//! a stop looks at each member once. The driver does nothing while nothing happens.

#[cfg(feature = "alloc")]
mod heap;
pub mod machine;
mod signal;
mod static_group;
mod wake;

#[cfg(feature = "alloc")]
pub use crate::runner::{RunError, Runner};
#[cfg(feature = "alloc")]
pub use heap::{
    client::{Client, InsertError, InsertErrorKind},
    driver::Driver,
    events::{Events, GroupEvent, NextEventFut, Notice, Topic, What},
    exit::{EndError, Exit, ExitEvent, IntoExit, Trace},
    handle::{Handle, NotReady, ReadyFut, WaitFut},
    member::{Kind, Local, Member, MemberHandle, Sendable, SignalError, Signaller, Task},
    restart::Restart,
    run::{RunCx, SignalFut},
    snapshot::{MemberSnapshot, Snapshot},
    start::{Group, Runtime, StartError, StartErrorKind},
};
pub use signal::Signal;
pub use static_group::{StaticGroup, StaticHub, StaticRun, StaticSignalFut};
