//! Asking work to stop.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::latch::{Latch, Wait};

/// Tells those who hold it that they should stop. Clones are the same token.
///
/// ```
/// let token = droves::cancel::CancelToken::new();
/// let inside = token.clone();
/// assert!(!inside.is_cancelled());
/// token.cancel();
/// assert!(inside.is_cancelled());
/// ```
#[derive(Clone, Debug)]
pub struct CancelToken {
    latch: Latch,
}

impl CancelToken {
    /// A token that is not cancelled.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn new() -> Self {
        Self { latch: Latch::new() }
    }

    /// Cancels it, for good. Returns whether nobody had before.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each who waits.
    #[allow(clippy::must_use_candidate, reason = "most do not ask")]
    pub fn cancel(&self) -> bool {
        self.latch.set()
    }

    /// Whether somebody cancelled it.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.latch.is_set()
    }

    /// Waits until somebody cancels it.
    ///
    /// # Cost
    /// The first poll takes a place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { wait: self.latch.wait() }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

/// The future of [`CancelToken::cancelled`].
///
/// # Cancel safety
/// Dropping it takes nobody's wake.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled {
    wait: Wait,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(cx)
    }
}
