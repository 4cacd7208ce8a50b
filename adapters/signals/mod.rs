//! Signals that the process is sent, as a stream on any runtime.
//!
//! ```
//! use droves::signals::{Signals, TERM, USR1};
//! use droves::threads::block_on;
//!
//! let mut signals = Signals::new([USR1, TERM])?;
//! signal_hook::low_level::raise(USR1)?;
//! assert_eq!(block_on(signals.next()), Some(USR1));
//! # Ok::<(), std::io::Error>(())
//! ```

mod forward;
mod mask;

pub use forward::forward;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::thread::{self, JoinHandle};

use futures_core::Stream;
use signal_hook::consts::{self, FORBIDDEN};
use signal_hook::iterator::{Handle, Signals as Source};
use signal_hook::low_level::signal_name;

use crate::mailbox::{Receiver, channel};
use mask::Held;

/// `SIGHUP`: the terminal is gone, or the configuration is to be read again.
pub const HUP: i32 = consts::SIGHUP;
/// `SIGINT`: the user's Ctrl-C.
pub const INT: i32 = consts::SIGINT;
/// `SIGTERM`: whoever runs the process wants it to end.
pub const TERM: i32 = consts::SIGTERM;
/// `SIGUSR1`, to which the process gives a meaning.
pub const USR1: i32 = consts::SIGUSR1;
/// `SIGUSR2`, to which the process gives a meaning.
pub const USR2: i32 = consts::SIGUSR2;

/// How many signals may wait to be taken.
const WAITING: usize = 64;

/// The signals of some kinds that the process is sent: a [`Stream`] that does not end.
///
/// As long as it lives they do not have their usual effect, such as to end the process; afterwards they have
/// none. A thread of its own sees them and wakes whoever waits, so that it works on every runtime. Signals of one kind that come
/// faster than they are seen count as one, and when 64 wait to be taken, further ones are lost.
pub struct Signals {
    seen: Receiver<i32>,
    watch: Handle,
    watcher: Option<JoinHandle<()>>,
}

impl Signals {
    /// Watches for signals with these numbers. None is lost on its way from their usual effect to this one if it is done before there
    /// are other threads.
    ///
    /// # Errors
    /// If one of them has no name here or cannot be caught, as `SIGKILL`, `SIGSTOP`, `SIGILL`, `SIGFPE` and `SIGSEGV`; or if
    /// there is no thread to be had.
    ///
    /// # Cost
    /// A few system calls for each, and a thread.
    pub fn new(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        let numbers: alloc::vec::Vec<i32> = signals.into_iter().collect();
        // The source panics for these.
        let wrong = |number: &&i32| FORBIDDEN.contains(*number) || signal_name(**number).is_none();
        if let Some(number) = numbers.iter().find(wrong) {
            let why = alloc::format!("signal {number} cannot be caught");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        // One that came just when it is to be caught for the first time would be nobody's.
        let held = Held::back(&numbers)?;
        let mut source = Source::new(numbers)?;
        drop(held);
        let watch = source.handle();
        let (mut sender, seen) = channel(WAITING).map_err(io::Error::other)?;
        let watcher = thread::Builder::new().name("droves-signals".into());
        let watcher = watcher.spawn(move || {
            for signal in source.forever() {
                // A signal that finds no room is lost, as those are that the system merges.
                let _ = sender.try_send(signal);
            }
        })?;
        Ok(Self { seen, watch, watcher: Some(watcher) })
    }

    /// Waits for the next signal. It is `None` only if the thread that watches has died.
    ///
    /// # Cost
    /// Two atomic operations if there is one.
    ///
    /// # Cancel safety
    /// Dropping the future loses no signal.
    #[allow(clippy::should_implement_trait, reason = "it is that of streams")]
    pub fn next(&mut self) -> NextFut<'_> {
        NextFut { signals: self }
    }

    /// The next signal; blocks the thread until there is one. `None` as by [`next`](Self::next).
    ///
    /// # Cost
    /// As [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Option<i32> {
        self.seen.recv_blocking()
    }
}

impl Stream for Signals {
    type Item = i32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<i32>> {
        self.seen.poll_recv(cx)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.watch.close();
        if let Some(watcher) = self.watcher.take() {
            // It ends at once, and its panic has been reported.
            let _ = watcher.join();
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("waiting", &self.seen.len()).finish_non_exhaustive()
    }
}

/// The future of [`Signals::next`].
///
/// # Cancel safety
/// Dropping it loses no signal.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextFut<'a> {
    signals: &'a mut Signals,
}

impl Future for NextFut<'_> {
    type Output = Option<i32>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<i32>> {
        self.signals.seen.poll_recv(cx)
    }
}
