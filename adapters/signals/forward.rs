//! Signals of the process for a group.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use std::io;

use futures_core::Stream;

use super::{INT, Signals, TERM};
use crate::group::{EndError, Handle, Signal, Trace};

/// Tells a group the signals that the process is sent, `SIGINT`, `SIGTERM` and those listed, until it has ended. Then
/// nobody listens to them any more, and how it ended is returned. One that comes before this is polled ends the process, as ever: whoever
/// wants none of that listens first, and then [forwards](Signals::forward).
///
/// ```no_run
/// use droves::group::{Group, Member};
/// use droves::signals::{HUP, forward};
/// use droves::threads::{Threads, block_on};
///
/// let server = Member::new("server", |mut run| async move {
///     run.ready();
///     run.signal().await;
/// });
/// let handle = Group::ordered([server]).start(&Threads::new())?;
/// let trace = block_on(forward(&handle, [HUP]))??;
/// println!("{trace}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Signals::new`]; the group goes on then. Inside, as [`Handle::wait`].
///
/// # Cost
/// As [`Signals::new`].
///
/// # Cancel safety
/// Dropping the future stops to listen; the group goes on.
pub async fn forward(
    group: &Handle,
    others: impl IntoIterator<Item = i32>,
) -> io::Result<Result<Trace, EndError>> {
    let signals = Signals::new([INT, TERM].into_iter().chain(others))?;
    Ok(signals.forward(group).await)
}

impl Signals {
    /// Tells a group the signals that come, also those that wait already, until it has ended, and returns how it did. Then
    /// nobody listens to them any more.
    ///
    /// ```
    /// use droves::group::{Group, Member};
    /// use droves::signals::{Signals, TERM};
    /// use droves::threads::{Threads, block_on};
    ///
    /// let signals = Signals::new([TERM])?; // before anything else: from here on none is lost
    /// let server = Member::new("server", |mut run| async move {
    ///     run.ready();
    ///     run.signal().await;
    /// });
    /// let handle = Group::ordered([server]).start(&Threads::new())?;
    /// # signal_hook::low_level::raise(TERM)?;
    /// let trace = block_on(signals.forward(&handle))?;
    /// assert_eq!(trace.to_string(), "server exited with nil");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Handle::wait`].
    ///
    /// # Cost
    /// That of [`next`](Self::next) for each, and a place to wait.
    ///
    /// # Cancel safety
    /// Dropping the future stops to listen; the group goes on.
    pub async fn forward(mut self, group: &Handle) -> Result<Trace, EndError> {
        let mut ended = group.wait();
        let ended = poll_fn(|cx| {
            while let Poll::Ready(Some(number)) = Pin::new(&mut self).poll_next(cx) {
                // If many wait already, one more says nothing new.
                let _ = u16::try_from(number).map(|number| group.signal(Signal::new(number)));
            }
            Pin::new(&mut ended).poll(cx)
        });
        ended.await
    }
}
