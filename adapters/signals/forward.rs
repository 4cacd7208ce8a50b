//! Signals of the process for a group.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use std::io;

use futures_core::Stream;

use super::{INT, Signals, TERM};
use crate::group::{EndError, Handle, Signal, Trace};

/// Tells a group the signals that the process is sent, `SIGINT`, `SIGTERM` and those listed, until it has ended. Then
/// nobody listens to them any more, and how it ended is returned.
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
    let mut signals = Signals::new([INT, TERM].into_iter().chain(others))?;
    let mut ended = group.wait();
    let ended = poll_fn(|cx| {
        while let Poll::Ready(Some(number)) = Pin::new(&mut signals).poll_next(cx) {
            // If many wait already, one more says nothing new.
            let _ = u16::try_from(number).map(|number| group.signal(Signal::new(number)));
        }
        Pin::new(&mut ended).poll(cx)
    });
    Ok(ended.await)
}
