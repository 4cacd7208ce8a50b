//! Waiting for room in a pool.

#![allow(unsafe_code, reason = "knows what its job was made of")]

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Pool, Refusal, Refused};
use crate::job::{IntoJob, Job};
use crate::mailbox::Sender;

/// The future of [`Pool::send_job`].
///
/// # Cancel safety
/// Dropping it before it is done drops the job, which was not assigned, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct SendJobFut<'a, E: 'static, C: 'static> {
    pool: &'a Pool<E, C>,
    job: Option<Job<E, C>>,
    /// A handle to wait by, when it has to wait.
    sender: Option<Sender<Job<E, C>>>,
}

impl<'a, E: 'static, C: 'static> SendJobFut<'a, E, C> {
    pub(super) fn new(pool: &'a Pool<E, C>, job: Job<E, C>) -> Self {
        Self { pool, job: Some(job), sender: None }
    }

    fn refuse(&mut self, kind: Refusal) -> Result<(), Refused<Job<E, C>>> {
        self.job.take().map_or(Ok(()), |job| Err(Refused::new(kind, job)))
    }
}

impl<E: 'static, C: 'static> Future for SendJobFut<'_, E, C> {
    type Output = Result<(), Refused<Job<E, C>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.sender.is_none() {
            let Some(job) = this.job.take() else {
                return Poll::Ready(Ok(()));
            };
            match this.pool.put(job) {
                Err(Refused { kind: Refusal::Full, inner }) => this.job = Some(inner),
                result => return Poll::Ready(result),
            }
            if this.pool.is_inside() {
                return Poll::Ready(this.refuse(Refusal::Full));
            }
            // One that does not count, so that it does not keep the pool from shutting down.
            this.sender = Sender::visiting(this.pool.jobs.clone()).ok();
        }
        let Some(sender) = &mut this.sender else {
            // There are as many handles as there can be; this one asks again and again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        match sender.poll_send(cx, &mut this.job) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                if !this.pool.jobs.has_idle_receiver() {
                    this.pool.grow();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_closed)) => Poll::Ready(this.refuse(Refusal::ShuttingDown)),
        }
    }
}

impl<E: 'static, C: 'static> Unpin for SendJobFut<'_, E, C> {}

impl<E: 'static, C: 'static> fmt::Debug for SendJobFut<'_, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendJobFut")
    }
}

/// The future of [`Pool::send`].
///
/// # Cancel safety
/// Dropping it before it is done drops the job, which was not assigned, and nothing else.
#[must_use = "futures do nothing unless polled"]
pub struct SendFut<'a, E: 'static, C: 'static, J, K> {
    send: SendJobFut<'a, E, C>,
    /// It gives back what it was made of, and nothing that this could be taken for:
    /// ```compile_fail
    /// use droves::{job::{Error, kind}, pool::SendFut};
    /// type Narrow = std::future::Ready<fn(&'static str)>;
    /// type Wide = std::future::Ready<for<'a> fn(&'a str)>;
    /// fn widen<'a>(
    ///     send: SendFut<'a, Error, (), Narrow, kind::Future>,
    /// ) -> SendFut<'a, Error, (), Wide, kind::Future> {
    ///     send
    /// }
    /// ```
    made_of: PhantomData<fn() -> (J, K)>,
}

impl<'a, E: 'static, C: 'static, J: IntoJob<E, C, K>, K> SendFut<'a, E, C, J, K> {
    pub(super) fn new(pool: &'a Pool<E, C>, job: J) -> Self {
        Self { send: SendJobFut::new(pool, Job::new(job)), made_of: PhantomData }
    }

    /// Ends the wait; gives back the job if it was not assigned.
    #[cfg(feature = "std")]
    pub(crate) fn give_up(&mut self, kind: Refusal) -> Result<(), Refused<J>> {
        Self::typed(self.send.refuse(kind))
    }

    fn typed(result: Result<(), Refused<Job<E, C>>>) -> Result<(), Refused<J>> {
        // SAFETY: the job was made of a `J` in `new`.
        result.map_err(|error| error.map(|job| J::from_work(unsafe { job.into_work() })))
    }
}

impl<E: 'static, C: 'static, J: IntoJob<E, C, K>, K> Future for SendFut<'_, E, C, J, K> {
    type Output = Result<(), Refused<J>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.send).poll(cx).map(Self::typed)
    }
}

impl<E: 'static, C: 'static, J, K> fmt::Debug for SendFut<'_, E, C, J, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendFut")
    }
}
