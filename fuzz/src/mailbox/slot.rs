//! A handle, or the future that has it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::census::Bell;
use super::jobs::{Order, Orders};
use super::model::{End, Job, Model};

/// An operation that may wait.
struct Task<'a, H> {
    future: Pin<Box<dyn Future<Output = (H, End)> + 'a>>,
    orders: Orders,
    job: Job,
    polled: bool,
}

/// One handle.
pub struct Slot<'a, H> {
    /// `None` while a task has it.
    handle: Option<H>,
    task: Option<Task<'a, H>>,
    waiting: bool,
    bell: Arc<Bell>,
    /// How often the bell had been rung when it was last given to the mailbox.
    heard: usize,
}

impl<'a, H: 'a> Slot<'a, H> {
    pub fn new(handle: H, bell: Arc<Bell>) -> Self {
        Self { handle: Some(handle), task: None, waiting: false, bell, heard: 0 }
    }

    /// Whether the handle is a waiter.
    pub fn waiting(&self) -> bool {
        self.waiting
    }

    /// Whether the waiter has been woken since it was polled.
    pub fn woken(&self) -> bool {
        self.waiting && self.bell.rung() > self.heard
    }

    /// What its task does, if it has one.
    pub fn job(&self) -> Option<&Job> {
        self.task.as_ref().map(|task| &task.job)
    }

    /// The handle, if no task has it.
    pub fn handle(&self) -> Option<&H> {
        self.handle.as_ref()
    }

    /// The handle, to be used, if no task has it. If it was a waiter, it is none any more; so a use
    /// that does not even try to send or receive leaves waiters alone.
    pub fn idle(&mut self, tries: bool) -> Option<&mut H> {
        if self.waiting && !tries {
            return None;
        }
        let handle = self.handle.as_mut()?;
        self.waiting = false;
        Some(handle)
    }

    pub fn replace_bell(&mut self, bell: Arc<Bell>) {
        self.bell = bell;
    }

    pub fn start<F>(&mut self, job: Job, make: impl FnOnce(H, Orders) -> F)
    where
        F: Future<Output = (H, End)> + 'a,
    {
        let handle = self.handle.take().expect("no task has the handle");
        let orders = Orders::default();
        let future = Box::pin(make(handle, orders.clone()));
        self.task = Some(Task { future, orders, job, polled: false });
    }

    /// Polls the task.
    pub fn poll(&mut self, model: &mut Model) -> Poll<End> {
        let task = self.task.as_mut().expect("the slot has a task");
        let expected = task.job.poll(model);
        let waker = Waker::from(self.bell.clone());
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        task.polled = true;
        let polled = polled.map(|(handle, end)| {
            self.handle = Some(handle);
            self.task = None;
            end
        });
        assert_eq!(polled, expected);
        self.after_poll(polled.is_pending());
        polled
    }

    /// Ends the task, if there is one, before it is done. Tells whether it had been polled.
    pub fn end(&mut self, order: Order) -> Option<bool> {
        let Task { mut future, orders, job, polled } = self.task.take()?;
        let expected = job.cancel(polled);
        orders.set(order);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready((handle, end)) = future.as_mut().poll(&mut cx) else {
            panic!("a task that was ordered to end is ready");
        };
        assert_eq!(end, expected);
        self.handle = Some(handle);
        // A future that is leaked leaves its handle waiting.
        self.waiting &= order == Order::Leak;
        Some(polled)
    }

    /// Polls the handle itself, which no task has.
    pub fn poll_handle<R>(
        &mut self,
        poll: impl FnOnce(&mut H, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let waker = Waker::from(self.bell.clone());
        let handle = self.handle.as_mut().expect("no task has the handle");
        let polled = poll(handle, &mut Context::from_waker(&waker));
        self.after_poll(polled.is_pending());
        polled
    }

    fn after_poll(&mut self, pending: bool) {
        self.waiting = pending;
        self.heard = self.bell.rung();
    }
}
