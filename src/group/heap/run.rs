//! What a running member is given.

use alloc::string::String;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::exit::Exit;
use super::handle::Handle;
use super::hub::{Hub, Told};
use super::inbox::Inbox;
use super::signal::Signal;
use super::wake::WakerCell;
use crate::cancel::CancelToken;
use crate::sync::{Arc, AtomicWord, OnceBox, Ordering, Word};

const READY: Word = 1;
const OVER: Word = 1 << 1;
const CANCELLED: Word = 1 << 2;
const ABANDONED: Word = 1 << 3;
/// The driver is about to spawn it, and hears itself if it is dropped.
const SPAWNING: Word = 1 << 4;
/// It was dropped before it was polled.
const UNBORN: Word = 1 << 5;

/// What driver and member share, for one run.
pub(super) struct Desk {
    pub(super) hub: Arc<Hub>,
    pub(super) name: Arc<String>,
    pub(super) member: u32,
    pub(super) run: u32,
    flags: AtomicWord,
    pub(super) inbox: Inbox,
    /// The signals of a proxy.
    extra: Option<Arc<Inbox>>,
    /// The waker of its task.
    pub(super) task: WakerCell,
    token: OnceBox<CancelToken>,
    /// The group that it is.
    pub(super) group: OnceBox<Handle>,
}

impl Desk {
    pub(super) fn new(
        hub: Arc<Hub>,
        name: Arc<String>,
        (member, run): (u32, u32),
        extra: Option<Arc<Inbox>>,
    ) -> Self {
        Self {
            hub,
            name,
            member,
            run,
            flags: AtomicWord::new(SPAWNING),
            inbox: Inbox::new(),
            extra,
            task: WakerCell::new(),
            token: OnceBox::new(),
            group: OnceBox::new(),
        }
    }

    fn has(&self, flag: Word) -> bool {
        self.flags.load(Ordering::Acquire) & flag != 0
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.has(ABANDONED)
    }

    pub(super) fn is_over(&self) -> bool {
        self.has(OVER)
    }

    pub(super) fn cancel(&self) {
        // Release and acquire: either this finds the token, or `token` finds the flag.
        self.flags.fetch_or(CANCELLED, Ordering::AcqRel);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    pub(super) fn abandon(&self) {
        self.flags.fetch_or(ABANDONED, Ordering::AcqRel);
        self.cancel();
        self.task.wake();
    }

    fn token(&self) -> CancelToken {
        self.token.get_or_set(CancelToken::new);
        let token = self.token.get().cloned().unwrap_or_default();
        if self.flags.fetch_or(0, Ordering::AcqRel) & CANCELLED != 0 {
            token.cancel();
        }
        token
    }

    fn ready(&self) {
        if self.flags.fetch_or(READY, Ordering::AcqRel) & (READY | OVER) == 0 {
            self.hub.tell(Told { member: self.member, run: self.run, exit: None });
        }
    }

    /// It was spawned, or not. Returns whether it was dropped before.
    pub(super) fn spawned(&self) -> bool {
        self.flags.fetch_and(!SPAWNING, Ordering::AcqRel) & UNBORN != 0
    }

    /// It is dropped, and was never polled. For the task, once.
    pub(super) fn unborn(&self, exit: Exit) {
        let before = self.flags.fetch_or(OVER | UNBORN, Ordering::AcqRel);
        if before & SPAWNING == 0 {
            self.hub.tell(Told { member: self.member, run: self.run, exit: Some(exit) });
        }
    }

    /// The run is over. For the task, once.
    pub(super) fn over(&self, exit: Exit) {
        self.flags.fetch_or(OVER, Ordering::AcqRel);
        self.hub.tell(Told { member: self.member, run: self.run, exit: Some(exit) });
    }

    fn take(&self) -> Option<Signal> {
        self.inbox.take().or_else(|| self.proxied()?.take())
    }

    /// The signals of a proxy, which after this run are the next one's.
    fn proxied(&self) -> Option<&Inbox> {
        self.extra.as_deref().filter(|_| !self.is_over())
    }
}

/// What a running member has from its group: it tells that it is [ready](Self::ready), and is told
/// [signals](Self::signal).
///
/// ```
/// use droves::group::Member;
///
/// let server = Member::new("server", |mut run| async move {
///     // … open what is needed …
///     run.ready();
///     run.signal().await;
///     // … close it …
///     std::io::Result::Ok(())
/// });
/// # drop(server);
/// ```
pub struct RunCx {
    pub(super) desk: Arc<Desk>,
}

impl RunCx {
    /// Tells the group that this member is ready. Only the first call counts.
    ///
    /// # Cost
    /// A send to the group's driver.
    pub fn ready(&self) {
        self.desk.ready();
    }

    /// The member's name.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.desk.name
    }

    /// Waits for the next signal. Up to 32 wait to be taken, in their order; one that repeats the last is merged with it.
    ///
    /// # Cost
    /// A few atomic operations.
    ///
    /// # Cancel safety
    /// Dropping the future loses no signal.
    pub fn signal(&mut self) -> SignalFut<'_> {
        SignalFut(self)
    }

    /// Takes the next signal, if there is one.
    ///
    /// # Cost
    /// A few atomic operations.
    pub fn try_signal(&mut self) -> Option<Signal> {
        self.desk.take()
    }

    /// Polls for the next signal.
    ///
    /// # Cost
    /// As [`signal`](Self::signal).
    pub fn poll_signal(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        let own = self.desk.inbox.poll_take(cx);
        match self.desk.proxied() {
            Some(extra) if own.is_pending() => extra.poll_take(cx),
            _ => own,
        }
    }

    /// The group that it is a member of.
    ///
    /// # Cost
    /// An atomic operation.
    #[must_use]
    pub fn group(&self) -> Handle {
        Handle { hub: self.desk.hub.clone() }
    }

    /// A token that is cancelled when the member is asked to stop at once, because it was too slow or because the group
    /// was cancelled. Soon after, by its [limits](crate::group::Member::stop_within), it is dropped.
    ///
    /// # Cost
    /// The first call allocates.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.desk.token()
    }

    /// Whether the member is asked to stop at once.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.desk.has(CANCELLED)
    }

    /// This member is a group, for snapshots.
    pub(super) fn attach(&self, group: &Handle) {
        self.desk.group.get_or_set(|| group.clone());
    }
}

/// The signals, as a stream without an end.
impl Stream for RunCx {
    type Item = Signal;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.poll_signal(cx).map(Some)
    }
}

impl fmt::Debug for RunCx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RunCx");
        f.field("name", &self.name()).field("cancelled", &self.is_cancelled());
        f.finish_non_exhaustive()
    }
}

/// The future of [`RunCx::signal`].
///
/// # Cancel safety
/// Dropping it loses no signal.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SignalFut<'a>(&'a mut RunCx);

impl Future for SignalFut<'_> {
    type Output = Signal;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Signal> {
        self.0.poll_signal(cx)
    }
}
