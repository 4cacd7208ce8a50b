//! Members, and their tasks.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::exit::{Exit, IntoExit, panicked};
use super::inbox::Inbox;
use super::machine::Limits;
use super::restart::Restart;
use super::run::{Desk, RunCx};
use super::signal::Signal;
use crate::panic::{catch, swallow};
use crate::sync::{Arc, TryLock};
use crate::workers::inside::Inside;

mod sealed {
    pub trait Sealed {}
}

/// Whether members can be sent to other threads: [`Sendable`] or [`Local`].
pub trait Kind: sealed::Sealed + 'static {
    /// A run of a member.
    type Future: Future<Output = Exit> + Unpin + 'static;
    /// Makes runs.
    type Body: Unpin + 'static;
    /// Makes a run.
    #[doc(hidden)]
    fn call(body: &mut Self::Body, run: RunCx) -> Self::Future;
}

/// The kind of members that any runtime can run.
#[derive(Debug)]
pub enum Sendable {}

/// The kind of members that stay on one thread, e.g. because they hold an `Rc`.
#[derive(Debug)]
pub enum Local {}

impl sealed::Sealed for Sendable {}
impl sealed::Sealed for Local {}

impl Kind for Sendable {
    type Future = Pin<Box<dyn Future<Output = Exit> + Send>>;
    type Body = Box<dyn FnMut(RunCx) -> Self::Future + Send>;

    fn call(body: &mut Self::Body, run: RunCx) -> Self::Future {
        body(run)
    }
}

impl Kind for Local {
    type Future = Pin<Box<dyn Future<Output = Exit>>>;
    type Body = Box<dyn FnMut(RunCx) -> Self::Future>;

    fn call(body: &mut Self::Body, run: RunCx) -> Self::Future {
        body(run)
    }
}

/// A member of a group: a name, and a function that runs it.
pub struct Member<K: Kind = Sendable> {
    pub(super) name: String,
    pub(super) body: K::Body,
    pub(super) limits: Limits,
    pub(super) restart: Option<Box<Restart>>,
    pub(super) extra: Option<Arc<Inbox>>,
}

impl Member {
    /// A member that is run by a function. It is called at each start, on the member's own task, and returns a future
    /// of nothing or of a `Result`, whose end is the end of the run.
    ///
    /// # Cost
    /// An allocation, and one for each start.
    pub fn new<F, Fut>(name: impl Into<String>, mut body: F) -> Self
    where
        F: FnMut(RunCx) -> Fut + Send + 'static,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        Self::of(name.into(), Box::new(move |run| boxed(body(run))))
    }

    /// A member that can be started once only, so that its function may use up what it has. If it is
    /// [restarted](Self::restart) all the same, that run ends with [`Exit::Spent`].
    ///
    /// # Cost
    /// As [`new`](Self::new).
    pub fn once<F, Fut>(name: impl Into<String>, body: F) -> Self
    where
        F: FnOnce(RunCx) -> Fut + Send + 'static,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        let mut body = Some(body);
        Self::of(
            name.into(),
            Box::new(move |run| match body.take() {
                Some(body) => boxed(body(run)),
                None => Box::pin(core::future::ready(Exit::Spent)),
            }),
        )
    }
}

fn boxed<Fut>(future: Fut) -> Pin<Box<dyn Future<Output = Exit> + Send>>
where
    Fut: Future<Output: IntoExit> + Send + 'static,
{
    Box::pin(async move { future.await.into_exit() })
}

impl Member<Local> {
    /// As [`new`](Member::new), for a runtime of one thread.
    ///
    /// # Cost
    /// As [`new`](Member::new).
    pub fn local<F, Fut>(name: impl Into<String>, mut body: F) -> Self
    where
        F: FnMut(RunCx) -> Fut + 'static,
        Fut: Future<Output: IntoExit> + 'static,
    {
        let body = move |run| -> <Local as Kind>::Future {
            let future = body(run);
            Box::pin(async move { future.await.into_exit() })
        };
        Self::of(name.into(), Box::new(body))
    }
}

impl<K: Kind> Member<K> {
    pub(super) fn of(name: String, body: K::Body) -> Self {
        Self { name, body, limits: Limits::default(), restart: None, extra: None }
    }

    /// Its name.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long a start may take until the member is ready. Then it is cancelled, and after its
    /// [stop limit](Self::stop_within), or as long again, abandoned.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.limits.ready = Some(limit);
        self
    }

    /// How long it may run after its first signal. Then it is cancelled, and after as long again abandoned.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.limits.stop = Some(limit);
        self
    }

    /// Whether it is started again when it has ended before the group stops. It is not, unless said here.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = Some(Box::new(restart));
        self
    }

    /// Lets signals reach it by another way beside its group's, also before it starts and between two runs.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn proxy(mut self) -> (Self, Signaller) {
        let inbox = self.extra.get_or_insert_with(|| Arc::new(Inbox::new())).clone();
        (self, Signaller(inbox))
    }
}

impl<K: Kind> fmt::Debug for Member<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Member");
        f.field("name", &self.name).field("limits", &self.limits);
        f.field("restart", &self.restart).finish_non_exhaustive()
    }
}

/// A signal that was refused, since 32 wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalError(pub Signal);

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many signals wait for {} to be told", self.0)
    }
}

impl core::error::Error for SignalError {}

/// The way by which signals reach a member beside its group's. Clones are the same way.
#[derive(Clone, Debug)]
pub struct Signaller(Arc<Inbox>);

impl Signaller {
    /// Tells the member a signal. If it does not run, it is told when it does.
    ///
    /// # Errors
    /// [`SignalError`] if 32 signals wait. One that repeats the last that waits is merged with it.
    ///
    /// # Cost
    /// A few atomic operations, and a wake.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        if self.0.put(signal) { Ok(()) } else { Err(SignalError(signal)) }
    }
}

/// A run of a member, as [`Handle::get`](crate::group::Handle::get) finds it.
#[derive(Clone)]
pub struct MemberHandle(pub(super) Arc<Desk>);

impl MemberHandle {
    /// The member's name.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether this run has not ended.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.0.is_over()
    }

    /// Tells this member alone a signal, of which its group takes no note. After its end that does nothing.
    ///
    /// # Errors
    /// [`SignalError`] if 32 signals wait for it. One that repeats the last that waits is merged with it.
    ///
    /// # Cost
    /// A few atomic operations, and a wake.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        if self.0.is_over() || self.0.inbox.put(signal) { Ok(()) } else { Err(SignalError(signal)) }
    }
}

impl fmt::Debug for MemberHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("MemberHandle");
        f.field("name", &self.name()).field("running", &self.is_running()).finish()
    }
}

/// Where a member's function is put between two runs.
pub(super) type Shelf<K> = Arc<TryLock<Option<<K as Kind>::Body>>>;

/// A run of a member, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done ends the run with [`Exit::Lost`].
pub struct Task<K: Kind> {
    desk: Arc<Desk>,
    body: Option<K::Body>,
    future: Option<K::Future>,
    shelf: Option<Shelf<K>>,
    polled: bool,
    over: bool,
}

impl<K: Kind> Task<K> {
    pub(super) fn new(desk: Arc<Desk>, body: K::Body, shelf: Option<Shelf<K>>) -> Self {
        Self { desk, body: Some(body), future: None, shelf, polled: false, over: false }
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<Exit> {
        let Self { desk, body, future, .. } = self;
        let _inside = Inside::enter(Arc::as_ptr(&desk.hub).cast());
        let polled = catch(|| {
            let future = match (&mut *future, body) {
                (Some(future), _) => future,
                (none, Some(body)) => none.insert(K::call(body, RunCx { desk: desk.clone() })),
                (None, None) => return Poll::Ready(Exit::Spent),
            };
            Pin::new(future).poll(cx)
        });
        polled.unwrap_or_else(|panic| Poll::Ready(panicked(panic)))
    }

    fn end(&mut self, exit: Exit) {
        self.over = true;
        let future = self.future.take();
        let dropped = swallow(|| drop(future));
        if let (Some(shelf), Some(body)) = (self.shelf.take(), self.body.take()) {
            // The driver looks there when it has heard of the end.
            let _ = shelf.with(body, |place, body| *place = Some(body));
        }
        let body = self.body.take();
        let dropped = swallow(|| drop(body)) && dropped;
        let panics = || Exit::Panicked(Arc::new("panicked when it was dropped".into()));
        let exit = if exit.is_clean() && !dropped { panics() } else { exit };
        if self.polled { self.desk.over(exit) } else { self.desk.unborn(exit) }
    }
}

impl<K: Kind> Future for Task<K> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.over {
            return Poll::Ready(());
        }
        self.polled = true;
        self.desk.task.register(cx.waker());
        let polled =
            if self.desk.is_abandoned() { Poll::Ready(Exit::Abandoned) } else { self.run(cx) };
        polled.map(|exit| self.end(exit))
    }
}

impl<K: Kind> Drop for Task<K> {
    fn drop(&mut self) {
        if !self.over {
            let abandoned = self.desk.is_abandoned();
            self.end(if abandoned { Exit::Abandoned } else { Exit::Lost });
        }
    }
}

impl<K: Kind> fmt::Debug for Task<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.desk.name).finish_non_exhaustive()
    }
}
