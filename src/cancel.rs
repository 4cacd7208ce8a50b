//! Asking work to stop.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::latch::{Latch, Wait};
use crate::sync::Arc;

/// Tells those who hold it that they should stop. Clones are the same token; a [child](Self::child) is cancelled with
/// its parent, and its parent not with it.
///
/// ```
/// let token = droves::cancel::CancelToken::new();
/// let (child, other) = (token.child(), token.child());
/// child.cancel();
/// assert!(child.is_cancelled() && !other.is_cancelled() && !token.is_cancelled());
/// token.cancel();
/// assert!(other.is_cancelled());
/// ```
#[derive(Clone, Debug)]
pub struct CancelToken {
    node: Arc<Node>,
}

#[derive(Debug)]
struct Node {
    latch: Latch,
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// A token that is not cancelled.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn new() -> Self {
        Self { node: Arc::new(Node { latch: Latch::new(), parent: None }) }
    }

    /// A token that is cancelled when this one is, or by itself.
    ///
    /// # Cost
    /// A few allocations. The parent does not know its children, and keeps none of them.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { node: Arc::new(Node { latch: Latch::new(), parent: Some(self.clone()) }) }
    }

    /// Cancels it, and with it its children, for good. Returns whether nobody had before.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each who waits.
    #[allow(clippy::must_use_candidate, reason = "most do not ask")]
    pub fn cancel(&self) -> bool {
        self.node.latch.set()
    }

    /// Whether somebody cancelled it, or a token that it comes from.
    ///
    /// # Cost
    /// One load, and one for each token that it comes from.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        core::iter::successors(Some(self), |token| token.node.parent.as_ref())
            .any(|token| token.node.latch.is_set())
    }

    /// Waits until somebody cancels it, or a token that it comes from.
    ///
    /// # Cost
    /// The first poll takes a place to wait, in each token that it comes from too, which allocates if more wait than
    /// ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn cancelled(&self) -> Cancelled {
        let parent = self.node.parent.as_ref().map(|parent| Box::new(parent.cancelled()));
        Cancelled { wait: self.node.latch.wait(), parent }
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
    parent: Option<Box<Cancelled>>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { wait, parent } = &mut *self;
        let own = Pin::new(wait).poll(cx);
        match parent {
            Some(parent) if own.is_pending() => Pin::new(parent).poll(cx),
            _ => own,
        }
    }
}
