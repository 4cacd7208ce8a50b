//! Groups that are members of groups.

use alloc::boxed::Box;
use alloc::string::String;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::driver::Driver;
use super::exit::{Exit, IntoExit};
use super::handle::{Handle, ReadyFut};
use super::member::{Kind, Local, Member, Sendable, SignalError, Task};
use super::run::RunCx;
use super::signal::Signal;
use super::start::{Group, StartError, StartErrorKind};
use crate::cancel::Cancelled;
use crate::runtime::{Spawn, Timer};

/// A group that runs inside the task of the member that it is.
struct Nested<Rt: Timer + Spawn<Task<K>>, K: Kind> {
    run: RunCx,
    /// A signal that was taken when the driver had no room for it.
    held: Option<Signal>,
    driver: Driver<Rt, K>,
    handle: Handle,
    ready: Option<ReadyFut>,
    cancelled: Option<Cancelled>,
}

impl<Rt: Timer + Clone + Spawn<Task<K>>, K: Kind> Nested<Rt, K> {
    fn new(run: RunCx, group: Group<K>, runtime: &Rt) -> Result<Self, StartErrorKind> {
        let prepared = group.name(run.name()).prepare(runtime);
        let (driver, handle, _) = prepared.map_err(StartError::discard)?;
        run.attach(&handle);
        let (ready, cancelled) = (Some(handle.ready()), Some(run.cancel_token().cancelled()));
        Ok(Self { run, held: None, driver, handle, ready, cancelled })
    }
}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> Future for Nested<Rt, K> {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        let Self { run, held, driver, handle, ready, cancelled } = &mut *self;
        while let Poll::Ready(signal) = held.take().map_or_else(|| run.poll_signal(cx), Poll::Ready)
        {
            // A proxy's and its own may be more than there is room for: the driver, which runs here, makes some.
            *held = handle.signal(signal).err().map(|SignalError(signal)| signal);
            if held.is_some() {
                break;
            }
        }
        if cancelled.as_mut().is_some_and(|cancelled| Pin::new(cancelled).poll(cx).is_ready()) {
            *cancelled = None;
            handle.cancel();
        }
        let driven = Pin::new(driver).poll(cx);
        if let Some(Poll::Ready(is_ready)) = ready.as_mut().map(|ready| Pin::new(ready).poll(cx)) {
            *ready = None;
            if is_ready.is_ok() {
                run.ready();
            }
        }
        if driven.is_pending() {
            if held.is_some() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        Pin::new(&mut handle.wait()).poll(cx).map(|result| result.map(drop).into_exit())
    }
}

impl<Rt: Timer + Clone + Spawn<Task<K>>, K: Kind> Nested<Rt, K> {
    async fn begin(run: RunCx, group: Group<K>, runtime: Rt) -> Exit {
        match Self::new(run, group, &runtime) {
            Ok(nested) => nested.await,
            Err(error) => Exit::failed(error),
        }
    }
}

impl Member {
    /// A member that is a group, made anew for each start. It is ready when all of its members are, is told signals and
    /// passes them on, and ends when they have ended. It has no task of its own beside the member's; its members have theirs
    /// on `runtime`.
    ///
    /// # Cost
    /// As [`new`](Self::new).
    pub fn group<Rt>(
        name: impl Into<String>,
        runtime: &Rt,
        mut make: impl FnMut() -> Group + Send + 'static,
    ) -> Self
    where
        Rt: Timer<Sleep: Send> + Clone + Spawn<Task<Sendable>, Task: Send> + Send + Sync + 'static,
    {
        let runtime = runtime.clone();
        let body = move |run| -> <Sendable as Kind>::Future {
            Box::pin(Nested::begin(run, make(), runtime.clone()))
        };
        Self::of(name.into(), Box::new(body))
    }
}

impl Member<Local> {
    /// As [`group`](Member::group), for a runtime of one thread.
    ///
    /// # Cost
    /// As [`new`](Member::new).
    pub fn local_group<Rt>(
        name: impl Into<String>,
        runtime: &Rt,
        mut make: impl FnMut() -> Group<Local> + 'static,
    ) -> Self
    where
        Rt: Timer + Clone + Spawn<Task<Local>> + 'static,
    {
        let runtime = runtime.clone();
        let body = move |run| -> <Local as Kind>::Future {
            Box::pin(Nested::begin(run, make(), runtime.clone()))
        };
        Self::of(name.into(), Box::new(body))
    }
}
