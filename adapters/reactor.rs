//! The sleep of smol and async-executor: a timer of async-io, whose thread ends it.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use async_io::Timer;

use super::real::moment;
use crate::time::Instant;

/// A sleep that async-io ends, on whatever executor it is polled.
///
/// # Cancel safety
/// Dropping it ends the sleep, and nothing is lost.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep(Timer);

impl Sleep {
    pub(super) fn until(at: Instant) -> Self {
        Self(Timer::at(moment(at)))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}
