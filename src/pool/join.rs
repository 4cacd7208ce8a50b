//! Waiting for the end of a pool, and what it leaves over.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{JoinError, Shared};
use crate::job::Job;
use crate::latch::Wait;
use crate::sync::Arc;

/// The future of [`Pool::join`](super::Pool::join).
///
/// # Cancel safety
/// Dropping it takes nobody's wake, and nothing of what is left over.
#[must_use = "futures do nothing unless polled"]
pub struct JoinFut<E: 'static, C: 'static> {
    shared: Arc<Shared<E, C>>,
    stopped: Wait,
}

impl<E: 'static, C: 'static> JoinFut<E, C> {
    pub(super) fn new(shared: Arc<Shared<E, C>>) -> Self {
        let stopped = shared.crew.stopped.wait();
        Self { shared, stopped }
    }
}

impl<E: 'static, C: 'static> Future for JoinFut<E, C> {
    type Output = Result<Leftovers<E, C>, JoinError>;

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

impl<E: 'static, C: 'static> fmt::Debug for JoinFut<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFut").field("pool", &*self.shared).finish_non_exhaustive()
    }
}

/// The jobs that a pool has not begun, oldest first: each is given to one who asks. They stay in the pool, until it is
/// dropped, if nobody takes them; and one that holds a handle of its own pool keeps that pool from being dropped.
pub struct Leftovers<E: 'static, C: 'static> {
    shared: Arc<Shared<E, C>>,
}

impl<E: 'static, C: 'static> Leftovers<E, C> {
    pub(super) fn new(shared: Arc<Shared<E, C>>) -> Self {
        Self { shared }
    }
}

impl<E: 'static, C: 'static> Iterator for Leftovers<E, C> {
    type Item = Job<E, C>;

    fn next(&mut self) -> Option<Job<E, C>> {
        self.shared.put_back.pop().or_else(|| self.shared.jobs.try_recv().ok())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // While the pool runs, others come and go.
        (0, self.shared.is_stopped().then(|| self.shared.waiting()))
    }
}

impl<E: 'static, C: 'static> fmt::Debug for Leftovers<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leftovers").field("len", &self.shared.waiting()).finish()
    }
}
