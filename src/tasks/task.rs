//! One task: what is to be done, and what is special about it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context as Poller, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use crate::cancel::CancelToken;
use crate::herd::{Every, Fault, Item, ItemCancelled, Trouble, Work};
use crate::retry::{Backoff, Policy};
use crate::sync::{Arc, TryLock};

/// How many errors a task remembers: the last ones.
pub(super) const HISTORY: usize = 16;

const NAME: &str = "async task";

/// Something to be done, once or again and again, that fails with an `E`.
///
/// ```
/// use core::time::Duration;
/// use droves::retry::Backoff;
/// use droves::tasks::Task;
///
/// async fn send(to: &'static str) -> Result<(), std::io::Error> {
/// #   let _ = to;
///     Ok(())
/// }
/// let task = Task::new(|| send("ada@example.org"))
///     .name("greeting")
///     .retries(3)
///     .backoff(Backoff::exponential(Duration::from_millis(100)).full_jitter())
///     .timeout(Duration::from_secs(5));
/// # let _ = task;
/// ```
pub struct Task<E: 'static> {
    pub(super) id: u64,
    name: Cow<'static, str>,
    run: Pin<Box<dyn Run<E>>>,
    /// What few tasks have.
    details: Option<Box<Details<E>>>,
    /// For the worker that has the task; behind a lock since callbacks have it by reference.
    history: TryLock<Option<Box<History<E>>>>,
}

type MakeError<E> = Box<dyn Fn() -> E + Send + Sync>;

struct Details<E> {
    policy: Policy,
    timeout: Option<Duration>,
    cancel: Option<CancelToken>,
    every: Option<Every>,
    error: Option<Arc<MakeError<E>>>,
    /// Whether the function is given a context.
    in_context: bool,
    /// Whether it is a run of a task that recurs.
    is_copy: bool,
}

/// How a task's attempts have failed.
pub(super) struct History<E> {
    pub(super) attempts: Vec<Trouble<E>>,
    /// How many others there were before.
    pub(super) omitted: u32,
}

impl<E: 'static> Task<E> {
    /// A task that calls `f` for each attempt, and runs the future that it returns.
    ///
    /// # Cost
    /// An allocation, in which the future lies too.
    #[must_use]
    pub fn new<F, Fut>(mut f: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        Self::of(Box::pin(Function { make: move |_| f(), attempt: None }))
    }

    /// As [`new`](Self::new), and `f` is given what is known of the attempt.
    ///
    /// # Cost
    /// As [`new`](Self::new), another allocation, and four atomic operations for each attempt.
    #[must_use]
    pub fn in_context<F, Fut>(mut f: F) -> Self
    where
        F: FnMut(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let make =
            move |context: Option<Context>| f(context.unwrap_or_else(|| unreachable!("asked for")));
        Self::of(Box::pin(Function { make, attempt: None }))
            .with(|details| details.in_context = true)
    }

    /// A task that is done again and again. Each run is a task with all that is said of this one, retries included; see [`Every`] for runs
    /// whose time comes while another goes on, and for those whose time was missed.
    ///
    /// # Cost
    /// As [`new`](Self::new), another allocation, and the same for each run.
    #[must_use]
    pub fn every<F, Fut>(every: Every, f: F) -> Self
    where
        F: Fn() -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        Self::of(Box::pin(Recurring { make: f, attempt: None }))
            .with(|details| details.every = Some(every))
    }

    fn of(run: Pin<Box<dyn Run<E>>>) -> Self {
        let (name, history) = (Cow::Borrowed(NAME), TryLock::new(None));
        Self { id: 0, name, run, details: None, history }
    }

    fn with(mut self, set: impl FnOnce(&mut Details<E>)) -> Self {
        set(self.details.get_or_insert_with(|| {
            Box::new(Details {
                policy: Policy::retries(0),
                timeout: None,
                cancel: None,
                every: None,
                error: None,
                in_context: false,
                is_copy: false,
            })
        }));
        self
    }

    /// What it is called in reports: "async task" unless said otherwise.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How often it is tried again after it has failed: `n` retries are at most `n + 1` attempts. The default is 0.
    ///
    /// # Cost
    /// An allocation, for all that is special.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.with(|details| details.policy = details.policy.max_retries(retries))
    }

    /// How long it waits between attempts: [`Backoff::default`], which is exponential, unless said otherwise.
    ///
    /// # Cost
    /// As [`retries`](Self::retries).
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.with(|details| details.policy = details.policy.backoff(backoff))
    }

    /// How often, after what delays and for how long it is tried: all that can be said of it.
    ///
    /// # Cost
    /// As [`retries`](Self::retries).
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.with(|details| details.policy = policy)
    }

    /// How long each attempt may take: then it is dropped, which counts as a failure.
    ///
    /// # Cost
    /// As [`retries`](Self::retries), and a sleep for each attempt that has to wait.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|details| details.timeout = Some(timeout))
    }

    /// Once this token is cancelled no attempt begins; one that runs sees it in its [`Context`]. What waits ends, and is reported, when its
    /// time has come; so does what recurs, once and for all.
    ///
    /// # Cost
    /// As [`retries`](Self::retries).
    #[must_use]
    pub fn cancelled_by(self, token: &CancelToken) -> Self {
        self.with(|details| details.cancel = Some(token.clone()))
    }

    /// The error to report if it fails, before those of its attempts.
    ///
    /// # Cost
    /// As [`retries`](Self::retries), and two allocations more.
    #[must_use]
    pub fn error(self, error: E) -> Self
    where
        E: Clone + Send + Sync,
    {
        self.error_with(move || error.clone())
    }

    /// As [`error`](Self::error), and the error is made when it is needed.
    ///
    /// # Cost
    /// As [`error`](Self::error).
    #[must_use]
    pub fn error_with(self, make: impl Fn() -> E + Send + Sync + 'static) -> Self {
        self.with(|details| details.error = Some(Arc::new(Box::new(make))))
    }

    /// The number that it has got when it was accepted: no two tasks of one manager have the same. 0 before.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// What it is called.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn get_name(&self) -> &str {
        &self.name
    }

    /// As an item of a herd.
    pub(super) fn into_work(self) -> Work<Self> {
        let mut work = Work::new(self.id, self);
        let Some(details) = &work.body.details else {
            return work;
        };
        let Details { policy, timeout, every, .. } = **details;
        let cancel = details.cancel.clone();
        work = work.policy(policy);
        if let Some(timeout) = timeout {
            work = work.timeout(timeout);
        }
        if let Some(cancel) = &cancel {
            work = work.cancelled_by(cancel);
        }
        if let Some(every) = every {
            work = work.every_by(every, Self::copy);
        }
        work
    }

    /// Another run of a task that recurs.
    fn copy(&self) -> Self {
        let run = self.run.copy().expect("it recurs");
        let details = self.details.as_deref().map(|details| {
            Box::new(Details {
                policy: details.policy,
                timeout: details.timeout,
                cancel: details.cancel.clone(),
                every: None,
                error: details.error.clone(),
                in_context: false,
                is_copy: true,
            })
        });
        Self { id: self.id, name: self.name.clone(), details, ..Self::of(run) }
    }

    /// Whether it is a run of a task that recurs.
    pub(super) fn is_copy(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.is_copy)
    }

    pub(super) fn take_name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    pub(super) fn own_error(&self) -> Option<E> {
        self.details.as_ref()?.error.as_ref().map(|make| make())
    }

    pub(super) fn take_history(&self) -> History<E> {
        let taken = self.history.with((), |history, ()| history.take());
        let none = History { attempts: Vec::new(), omitted: 0 };
        taken.ok().flatten().map_or(none, |history| *history)
    }

    /// It begins anew.
    pub(super) fn forget_history(&mut self) {
        self.history = TryLock::new(None);
    }

    fn note(&mut self, trouble: Trouble<E>) {
        // Nobody else has it.
        let _ = self.history.with(trouble, |history, trouble| {
            let history = history
                .get_or_insert_with(|| Box::new(History { attempts: Vec::new(), omitted: 0 }));
            if history.attempts.len() == HISTORY {
                history.attempts.remove(0);
                history.omitted = history.omitted.saturating_add(1);
            }
            history.attempts.push(trouble);
        });
    }
}

impl<E> fmt::Debug for Task<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What is known of an attempt, for one who does it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The task's number.
    pub id: u64,
    /// Which attempt it is: from 1.
    pub attempt: u32,
    herd: CancelToken,
    own: Option<CancelToken>,
}

impl Context {
    /// Whether the attempt should stop: the task has been cancelled, or its manager.
    ///
    /// # Cost
    /// A few loads.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.herd.is_cancelled() || self.own.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// Waits until the attempt should stop.
    ///
    /// # Cost
    /// The first poll takes a place to wait, in each token, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn cancelled(&self) -> ItemCancelled {
        ItemCancelled::of(&self.herd, self.own.as_ref())
    }
}

/// A function whose futures are attempts.
trait Run<E>: Send {
    /// Goes on with an attempt; begins one if there is none. Its future is gone when it is ready.
    fn poll_run(
        self: Pin<&mut Self>,
        context: &mut Option<Context>,
        cx: &mut Poller<'_>,
    ) -> Poll<Result<(), E>>;
    /// Drops the attempt.
    fn stop(self: Pin<&mut Self>);
    /// The same once more, if it can be had.
    fn copy(&self) -> Option<Pin<Box<dyn Run<E>>>>;
}

pin_project! {
    struct Function<F, Fut> {
        make: F,
        #[pin]
        attempt: Option<Fut>,
    }
}

impl<E, F, Fut> Run<E> for Function<F, Fut>
where
    F: FnMut(Option<Context>) -> Fut + Send,
    Fut: Future<Output = Result<(), E>> + Send,
{
    fn poll_run(
        self: Pin<&mut Self>,
        context: &mut Option<Context>,
        cx: &mut Poller<'_>,
    ) -> Poll<Result<(), E>> {
        let this = self.project();
        let make = this.make;
        poll_attempt(this.attempt, || make(context.take()), cx)
    }

    fn stop(self: Pin<&mut Self>) {
        self.project().attempt.set(None);
    }

    fn copy(&self) -> Option<Pin<Box<dyn Run<E>>>> {
        None
    }
}

pin_project! {
    struct Recurring<F, Fut> {
        make: F,
        #[pin]
        attempt: Option<Fut>,
    }
}

impl<E, F, Fut> Run<E> for Recurring<F, Fut>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    fn poll_run(
        self: Pin<&mut Self>,
        _context: &mut Option<Context>,
        cx: &mut Poller<'_>,
    ) -> Poll<Result<(), E>> {
        let this = self.project();
        poll_attempt(this.attempt, this.make, cx)
    }

    fn stop(self: Pin<&mut Self>) {
        self.project().attempt.set(None);
    }

    fn copy(&self) -> Option<Pin<Box<dyn Run<E>>>> {
        Some(Box::pin(Self { make: self.make.clone(), attempt: None }))
    }
}

fn poll_attempt<E, Fut: Future<Output = Result<(), E>>>(
    mut attempt: Pin<&mut Option<Fut>>,
    make: impl FnOnce() -> Fut,
    cx: &mut Poller<'_>,
) -> Poll<Result<(), E>> {
    if attempt.is_none() {
        attempt.set(Some(make()));
    }
    let result = attempt.as_mut().as_pin_mut().map(|attempt| attempt.poll(cx));
    match result {
        Some(Poll::Ready(result)) => {
            attempt.set(None);
            Poll::Ready(result)
        }
        _ => Poll::Pending,
    }
}

/// One attempt at a task, as the handler of a herd.
///
/// # Cancel safety
/// Dropping it before it is done drops what the task was at, which is noted as taking too long.
pub struct Attempt<E: 'static> {
    item: Item<Task<E>>,
    context: Option<Context>,
    ended: bool,
}

impl<E> Attempt<E> {
    pub(super) fn new(item: Item<Task<E>>) -> Self {
        let details = item.details.as_ref().filter(|details| details.in_context);
        let context = details.map(|details| Context {
            id: item.id,
            attempt: item.attempt(),
            herd: item.herd_token().clone(),
            own: details.cancel.clone(),
        });
        Self { item, context, ended: false }
    }
}

impl<E> Unpin for Attempt<E> {}

impl<E> Future for Attempt<E> {
    type Output = Result<(), Fault<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Also if it panics.
        let Poll::Ready(result) = ({
            this.ended = true;
            let polled = this.item.run.as_mut().poll_run(&mut this.context, cx);
            this.ended = polled.is_ready();
            polled
        }) else {
            return Poll::Pending;
        };
        Poll::Ready(match result {
            Ok(()) => Ok(()),
            Err(error) => {
                this.item.note(Trouble::Error(error));
                Err(Fault::Retry(()))
            }
        })
    }
}

impl<E> Drop for Attempt<E> {
    fn drop(&mut self) {
        self.item.run.as_mut().stop();
        // Else it was aborted, and is to be done again or comes back.
        let timed = self.item.deadline().is_some();
        if !mem::replace(&mut self.ended, true) && timed {
            self.item.note(Trouble::TimedOut);
        }
    }
}

impl<E> fmt::Debug for Attempt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attempt").field(&self.item).finish()
    }
}
