//! Waiting for room in a herd.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::shared::Shared;
use super::slab::Taker;
use super::{Herd, Refused, Ticket, Work};
use crate::mailbox::MAX_SEATS;
use crate::sync::{AtomicWord, Ordering, low};
use crate::workers::error::Refusal;

/// How many sends can wait by a handle: however many do, there are others for those who give places back.
const MOST: usize = MAX_SEATS / 2;

/// A handle to wait for a place by.
struct Waiter<'a> {
    free: Taker,
    waits: &'a AtomicWord,
}

impl<'a> Waiter<'a> {
    /// `None` if there are as many as there can be.
    fn new<B, R, E>(shared: &'a Shared<B, R, E>) -> Option<Self> {
        let waits = &shared.waits;
        let waiter = (low(waits.fetch_add(1, Ordering::Relaxed)) < MOST)
            .then(|| shared.slab.free.visitor())
            .flatten()
            .map(|free| Self { free, waits });
        if waiter.is_none() {
            waits.fetch_sub(1, Ordering::Relaxed);
        }
        waiter
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The future of [`Herd::send_work`].
///
/// # Cancel safety
/// Dropping it before it is done drops the item, which was not sent, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct SendWorkFut<'a, B: 'static, R: 'static, E: 'static> {
    herd: &'a Herd<B, R, E>,
    work: Option<Work<B>>,
    /// While it has to wait.
    waiter: Option<Waiter<'a>>,
}

impl<'a, B, R, E> SendWorkFut<'a, B, R, E> {
    pub(super) fn new(herd: &'a Herd<B, R, E>, work: Work<B>) -> Self {
        Self { herd, work: Some(work), waiter: None }
    }

    /// Ends the wait; gives back the item if it was not sent.
    pub(crate) fn give_up(&mut self, kind: Refusal) -> Result<(), Refused<Work<B>>> {
        self.waiter = None;
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
        if this.waiter.is_none() {
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
            this.waiter = Waiter::new(shared);
        }
        let Some(waiter) = &mut this.waiter else {
            // There are as many handles as there can be; this one asks again and again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let Some(claim) = core::task::ready!(waiter.free.poll_take(cx)) else {
            return Poll::Ready(this.give_up(Refusal::ShuttingDown));
        };
        this.waiter = None;
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
