//! Waiting for the result of one item.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::outcome::Done;
use super::shared::Shared;
use super::slab::Claim;
use super::{LeftOver, Work};
use crate::cancel::CancelToken;
use crate::latch::Wait;
use crate::mailbox::{Receiver, channel};
use crate::sync::Arc;

/// Stands for one item: await it for the result, which then does not come with the others.
///
/// Dropping it lets the result come with the others. After the end of the herd, when nothing comes any more, the result
/// is dropped with it.
///
/// # Errors
/// [`LeftOver`] if the herd ends before the item does.
///
/// # Panics
/// If it is polled after it is done.
///
/// # Cancel safety
/// Whoever holds it can stop waiting and go on later. Dropping it loses no result while the herd runs.
#[must_use = "dropped, it lets the result come with the others"]
pub struct Ticket<B: 'static, R: 'static, E: 'static> {
    shared: Arc<Shared<B, R, E>>,
    ended: Receiver<Claim>,
    stopped: Wait,
    token: CancelToken,
    done: bool,
}

impl<B, R, E> Ticket<B, R, E> {
    /// A ticket for work that is about to be sent.
    pub(super) fn tie(shared: Arc<Shared<B, R, E>>, work: Work<B>) -> (Self, Work<B>) {
        let (sender, ended) = channel(1).expect("one is a capacity");
        let parent = work.extra.as_ref().and_then(|extra| extra.cancel.as_ref());
        let token = parent.map_or_else(CancelToken::new, CancelToken::child);
        let work = work.with(|extra| {
            extra.ticket = Some(sender);
            extra.ticket_token = Some(token.clone());
        });
        let stopped = shared.crew.stopped.wait();
        (Self { shared, ended, stopped, token, done: false }, work)
    }

    /// The work without its ticket.
    pub(super) fn untie(work: Work<B>) -> Work<B> {
        work.with(|extra| {
            extra.ticket = None;
            extra.ticket_token = None;
        })
    }

    /// Asks for the item not to be done: no attempt begins any more, and one that runs
    /// [sees it](super::Item::is_cancelled). Its result still comes.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each who waits for the item's cancellation.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    fn take(&self, claim: Claim) -> Done<B, R, E> {
        self.shared.take_done(claim, |claim| self.shared.slab.free.give(claim))
    }
}

impl<B, R, E> Future for Ticket<B, R, E> {
    type Output = Result<Done<B, R, E>, LeftOver>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        assert!(!this.done, "polled after it was done");
        let claim = match this.ended.poll_recv(cx) {
            Poll::Ready(claim) => claim,
            Poll::Pending if Pin::new(&mut this.stopped).poll(cx).is_pending() => {
                return Poll::Pending;
            }
            // It may have ended in between.
            Poll::Pending => this.ended.try_recv().ok(),
        };
        this.done = true;
        Poll::Ready(claim.map(|claim| this.take(claim)).ok_or(LeftOver))
    }
}

impl<B, R, E> Drop for Ticket<B, R, E> {
    fn drop(&mut self) {
        // Who ends it from now on finds that nobody waits.
        self.ended.close();
        while let Ok(claim) = self.ended.try_recv() {
            if let Err(claim) = self.shared.slab.done.give(claim) {
                self.shared.discard(claim);
            }
        }
    }
}

impl<B, R, E> fmt::Debug for Ticket<B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}
