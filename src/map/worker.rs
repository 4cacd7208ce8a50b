//! A worker of a map: takes item after item, and calls the function for each.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::latch::{Latch, Wait};
use crate::mailbox::{HandlesError, HeapMailbox, Receiver, Sender};
use crate::panic::{Panic, catch, swallow};
use crate::sync::Arc;

/// How many items a worker takes before it lets others have the thread.
const BUDGET: u32 = 64;

/// What a call has returned, or panicked with.
pub(super) type Returned<R> = Result<R, Panic>;

/// What became of the item of a number; nothing, if its worker was dropped with it.
pub(super) type Outcome<R> = (usize, Option<Returned<R>>);

/// What the workers of a map have in common.
pub(super) struct Common<T, F, Fut: Future> {
    pub(super) f: F,
    /// Calls it. A pointer, so that the type of a map can be named.
    pub(super) call: fn(&F, T) -> Fut,
    pub(super) items: Arc<HeapMailbox<(usize, T)>>,
    /// Has room for as many as there are items on the way, and closes when the last worker is gone.
    pub(super) results: Arc<HeapMailbox<Outcome<Fut::Output>>>,
    /// Set when no call is to begin any more, and those that wait are to end.
    pub(super) stop: Latch,
}

pin_project! {
    /// A worker of a [`Map`](super::Map), as a future for its runtime to spawn.
    ///
    /// # Cancel safety
    /// Dropping it before it is done drops the call that it works on. The map then ends with a panic.
    pub struct Worker<T, F, Fut>
    where
        Fut: Future,
    {
        #[pin]
        running: Option<Fut>,
        // The number of the item that it has taken.
        at_hand: Option<usize>,
        stopped: Wait,
        items: Receiver<(usize, T)>,
        common: Arc<Common<T, F, Fut>>,
        // The last to be dropped: when all of them are, nothing is left of items, calls and function here.
        results: Sender<Outcome<Fut::Output>>,
    }

    impl<T, F, Fut> PinnedDrop for Worker<T, F, Fut>
    where
        Fut: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(number) = this.at_hand.take() {
                // Refused if nobody wants to know any more.
                let _ = this.results.try_send((number, None));
            }
        }
    }
}

impl<T, F, Fut: Future> Worker<T, F, Fut> {
    pub(super) fn new(common: Arc<Common<T, F, Fut>>) -> Result<Self, HandlesError> {
        Ok(Self {
            running: None,
            at_hand: None,
            stopped: common.stop.wait(),
            items: Receiver::new(common.items.clone())?,
            results: Sender::new(common.results.clone())?,
            common,
        })
    }
}

impl<T, F, Fut: Future> Future for Worker<T, F, Fut> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        for _ in 0..BUDGET {
            let mut item = None;
            if this.at_hand.is_none() {
                let Some((number, taken)) = ready!(this.items.poll_recv(cx)) else {
                    return Poll::Ready(());
                };
                (*this.at_hand, item) = (Some(number), Some(taken));
            }
            if this.common.stop.is_set() {
                let _ = swallow(|| drop(item));
                let _ = swallow(|| this.running.set(None));
                return Poll::Ready(());
            }
            let polled = catch(|| {
                if let Some(item) = item {
                    this.running.set(Some((this.common.call)(&this.common.f, item)));
                }
                let running = this.running.as_mut().as_pin_mut().expect("it has begun");
                let value = ready!(running.poll(cx));
                this.running.set(None);
                Poll::Ready(value)
            });
            let returned = match polled {
                Ok(Poll::Ready(value)) => Ok(value),
                Ok(Poll::Pending) => {
                    ready!(Pin::new(&mut *this.stopped).poll(cx));
                    continue;
                }
                Err(panic) => {
                    let _ = swallow(|| this.running.set(None));
                    Err(panic)
                }
            };
            if let Some(number) = this.at_hand.take() {
                // There is room. Refused if nobody wants it any more.
                let _ = this.results.try_send((number, Some(returned)));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
