//! What comes out of a herd.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::outcome::{Done, Leftover};
use super::shared::{Cleared, Shared};
use super::slab::{Claim, Giver, Lane, Taker};
use crate::control::Phase;
use crate::latch::Wait;
use crate::sync::Arc;
use crate::workers::error::JoinError;

/// The results of a herd, in the order in which the items ended: a [`Stream`] that ends after the last.
///
/// A result that nobody takes keeps its item's place: senders wait, and nothing else does. Dropping this means
/// that nobody wants them: they are dropped as they come.
pub struct Results<B: 'static, R: 'static, E: 'static> {
    done: Taker,
    free: Giver,
    shared: Arc<Shared<B, R, E>>,
}

impl<B, R, E> Results<B, R, E> {
    pub(super) fn new(shared: Arc<Shared<B, R, E>>) -> Self {
        let done = shared.slab.done.taker().expect("a new lane has free seats");
        let free = shared.slab.free.giver().expect("a new lane has free seats");
        Self { done, free, shared }
    }

    /// Waits for the next result; `None` when all items have ended, and the herd has.
    ///
    /// # Cost
    /// Two atomic operations while there are results.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done loses no result.
    #[allow(clippy::should_implement_trait, reason = "it is that of streams")]
    pub fn next(&mut self) -> NextFut<'_, B, R, E> {
        NextFut { results: self }
    }

    /// The next result, if there is one now.
    ///
    /// # Cost
    /// Two atomic operations if there is one.
    pub fn try_next(&mut self) -> Option<Done<B, R, E>> {
        match self.done.try_take() {
            Poll::Ready(Some(claim)) => Some(self.take(claim)),
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    /// Polls for the next result: what [`next`](Self::next) and the stream do.
    ///
    /// # Cost
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Done<B, R, E>>> {
        self.done.poll_take(cx).map(|claim| claim.map(|claim| self.take(claim)))
    }

    fn take(&mut self, claim: Claim) -> Done<B, R, E> {
        let free = &mut self.free;
        self.shared.take_done(claim, |claim| free.give(claim))
    }
}

impl<B, R, E> Stream for Results<B, R, E> {
    type Item = Done<B, R, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Self::poll_next(&mut self, cx)
    }
}

impl<B, R, E> Drop for Results<B, R, E> {
    fn drop(&mut self) {
        // From now on workers drop results themselves.
        self.shared.slab.done.close();
        while let Poll::Ready(Some(claim)) = self.done.try_take() {
            self.shared.discard(claim);
        }
    }
}

impl<B, R, E> Unpin for Results<B, R, E> {}

impl<B, R, E> fmt::Debug for Results<B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results")
            .field("unread", &self.shared.slab.done.len())
            .finish_non_exhaustive()
    }
}

/// The future of [`Results::next`].
///
/// # Cancel safety
/// Dropping it before it is done loses no result.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextFut<'a, B: 'static, R: 'static, E: 'static> {
    results: &'a mut Results<B, R, E>,
}

impl<B, R, E> Future for NextFut<'_, B, R, E> {
    type Output = Option<Done<B, R, E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.results.poll_next(cx)
    }
}

impl<B, R, E> Drop for NextFut<'_, B, R, E> {
    fn drop(&mut self) {
        // A wake that came for it is another's, or the stream's next poll's.
        self.results.done.stop_waiting();
    }
}

/// The future of [`Herd::join`](super::Herd::join).
///
/// # Cancel safety
/// Dropping it takes nobody's wake, and nothing of what is left over.
#[must_use = "futures do nothing unless polled"]
pub struct JoinFut<B: 'static, R: 'static, E: 'static> {
    shared: Arc<Shared<B, R, E>>,
    stopped: Wait,
}

impl<B, R, E> JoinFut<B, R, E> {
    pub(super) fn new(shared: Arc<Shared<B, R, E>>) -> Self {
        let stopped = shared.crew.stopped.wait();
        Self { shared, stopped }
    }
}

impl<B, R, E> Future for JoinFut<B, R, E> {
    type Output = Result<Leftovers<B, R, E>, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if Pin::new(&mut self.stopped).poll(cx).is_ready() {
            return Poll::Ready(if self.shared.crew.state().gone {
                Err(JoinError::RuntimeGone)
            } else {
                Ok(Leftovers::new(self.shared.clone()))
            });
        }
        if self.shared.is_inside() {
            return Poll::Ready(Err(JoinError::Inside));
        }
        Poll::Pending
    }
}

impl<B, R, E> fmt::Debug for JoinFut<B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFut").field("herd", &self.shared).finish_non_exhaustive()
    }
}

/// The items that a herd has not done, each with the mark of where it was. One whose [guard](super::Item) is kept somewhere, by whoever took
/// it out of the handler, comes when that is dropped. They stay in the herd, until it is dropped, if
/// nobody takes them.
pub struct Leftovers<B: 'static, R: 'static, E: 'static> {
    shared: Arc<Shared<B, R, E>>,
}

impl<B, R, E> Leftovers<B, R, E> {
    pub(super) fn new(shared: Arc<Shared<B, R, E>>) -> Self {
        Self { shared }
    }

    fn lanes(&self) -> [&Lane; 3] {
        let slab = &*self.shared.slab;
        [&slab.ready, &slab.scheduled, &slab.aside]
    }
}

impl<B, R, E> Iterator for Leftovers<B, R, E> {
    type Item = Leftover<B>;

    fn next(&mut self) -> Option<Leftover<B>> {
        // While it runs, they may all be done yet.
        if self.shared.crew.state().phase != Phase::Stopped {
            return None;
        }
        let claim = self.shared.slab.take_left()?;
        let (cleared, _) = self.shared.clear(claim);
        let Cleared { id, body, attempts, mark, due, .. } = cleared;
        Some(Leftover { id, body, attempts, mark, due })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.lanes().map(Lane::len).iter().sum();
        (0, self.shared.crew.stopped.is_set().then_some(len))
    }
}

impl<B, R, E> fmt::Debug for Leftovers<B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len: usize = self.lanes().map(Lane::len).iter().sum();
        f.debug_struct("Leftovers").field("len", &len).finish()
    }
}
