//! Waiting for room in a herd.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::slab::Taker;
use super::{Herd, Refused, Ticket, Work};
use crate::workers::error::Refusal;

/// The future of [`Herd::send_work`].
///
/// # Cancel safety
/// Dropping it before it is done drops the item, which was not sent, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct SendWorkFut<'a, B: 'static, R: 'static, E: 'static> {
    herd: &'a Herd<B, R, E>,
    work: Option<Work<B>>,
    /// A handle to wait by, when it has to wait.
    free: Option<Taker>,
}

impl<'a, B, R, E> SendWorkFut<'a, B, R, E> {
    pub(super) fn new(herd: &'a Herd<B, R, E>, work: Work<B>) -> Self {
        Self { herd, work: Some(work), free: None }
    }

    /// Ends the wait; gives back the item if it was not sent.
    pub(crate) fn give_up(&mut self, kind: Refusal) -> Result<(), Refused<Work<B>>> {
        let Some(refused) = self.work.take() else {
            return Ok(());
        };
        self.herd.shared().count_refused(1);
        Err(Refused::new(kind, refused))
    }
}

impl<B, R, E> Future for SendWorkFut<'_, B, R, E> {
    type Output = Result<(), Refused<Work<B>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = this.herd.shared();
        if this.work.is_none() {
            // Polled after it was done.
            return Poll::Ready(Ok(()));
        }
        if this.free.is_none() {
            let Some(work) = this.work.take() else {
                return Poll::Ready(Ok(()));
            };
            match this.herd.put(work) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refused { kind, inner }) => {
                    this.work = Some(inner);
                    // Who waits inside might wait for himself.
                    if kind != Refusal::Full || shared.is_inside() {
                        return Poll::Ready(this.give_up(kind));
                    }
                }
            }
            this.free = shared.slab.free.visitor();
        }
        let Some(free) = &mut this.free else {
            // There are as many handles as there can be; this one asks again and again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let Some(claim) = core::task::ready!(free.poll_take(cx)) else {
            return Poll::Ready(this.give_up(Refusal::ShuttingDown));
        };
        let Some(work) = this.work.take() else {
            return Poll::Ready(Ok(()));
        };
        match shared.submit(claim, work, |claim| shared.slab.ready.give(claim)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(work) => {
                this.work = Some(work);
                Poll::Ready(this.give_up(Refusal::ShuttingDown))
            }
        }
    }
}

impl<B, R, E> Unpin for SendWorkFut<'_, B, R, E> {}

impl<B, R, E> fmt::Debug for SendWorkFut<'_, B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendWorkFut")
    }
}

/// The future of [`Herd::send`].
///
/// # Cancel safety
/// Dropping it before it is done drops the item, which was not sent, and nothing else.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SendFut<'a, B: 'static, R: 'static, E: 'static> {
    pub(super) send: SendWorkFut<'a, B, R, E>,
}

impl<B, R, E> SendFut<'_, B, R, E> {
    #[cfg(feature = "std")]
    pub(crate) fn give_up(&mut self, kind: Refusal) -> Result<(), Refused<B>> {
        self.send.give_up(kind).map_err(|error| error.map(|work| work.body))
    }
}

impl<B, R, E> Future for SendFut<'_, B, R, E> {
    type Output = Result<(), Refused<B>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = Pin::new(&mut self.send).poll(cx);
        sent.map(|sent| sent.map_err(|error| error.map(|work| work.body)))
    }
}

/// The future of [`Herd::send_for_result`].
///
/// # Cancel safety
/// Dropping it before it is done drops the item, which was not sent, and nothing else.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SendForResultFut<'a, B: 'static, R: 'static, E: 'static> {
    pub(super) send: SendWorkFut<'a, B, R, E>,
    pub(super) ticket: Option<Ticket<B, R, E>>,
}

impl<B, R, E> Future for SendForResultFut<'_, B, R, E> {
    type Output = Result<Ticket<B, R, E>, Refused<Work<B>>>;

    /// # Panics
    /// If it is polled after it is done.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = core::task::ready!(Pin::new(&mut self.send).poll(cx));
        let ticket = self.ticket.take().expect("polled after it was done");
        Poll::Ready(sent.map(|()| ticket).map_err(|error| error.map(Ticket::<B, R, E>::untie)))
    }
}
