//! Handles of a running group.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use super::events::{Events, Topic};
use super::exit::{EndError, Trace};
use super::hub::{CANCEL, Ended, Hub, Listing, Question};
use super::member::{MemberHandle, SignalError};
use super::reply::{Reply, reply};
use super::signal::Signal;
use super::snapshot::Snapshot;
use crate::latch::Wait;
use crate::mailbox::Sender;
use crate::sync::Arc;
use crate::workers::inside::is_inside;

/// A running group. Clones are handles to the same one; dropping them changes nothing.
///
/// Of those who ask it something (a [snapshot](Self::snapshot), [events](Self::events), a [member](Self::get)), 262 140 may
/// wait for room at a time, or 1020 with 32-bit words: more of them try again with each poll, until there are fewer.
#[derive(Clone)]
pub struct Handle {
    pub(super) hub: Arc<Hub>,
}

/// A group has ended before it was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReady;

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the group ended before it was ready")
    }
}

impl core::error::Error for NotReady {}

impl Handle {
    /// Tells the group a signal: it stops. In a stop, a signal that repeats the current one changes nothing, and another
    /// one replaces it. After the end it does nothing. It never waits.
    ///
    /// # Errors
    /// [`SignalError`] if 32 signals wait for the group's driver. One that repeats the last that waits is merged with it.
    ///
    /// # Cost
    /// A few atomic operations, and a wake. The first one allocates.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        if self.is_done() || self.hub.inbox.put(signal) { Ok(()) } else { Err(SignalError(signal)) }
    }

    /// Asks all members that run to stop at once: see [`RunCx::cancel_token`](crate::group::RunCx::cancel_token).
    ///
    /// # Cost
    /// An atomic operation, and a wake.
    pub fn cancel(&self) {
        self.hub.wish(CANCEL);
    }

    /// Whether the group has been ready. It stays so.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.hub.ready.is_set()
    }

    /// Whether the group has ended.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.hub.done.is_set()
    }

    /// Waits until all members have been ready, or the group has ended. Any number of tasks may.
    ///
    /// # Errors
    /// [`NotReady`] if it has ended before.
    ///
    /// # Cost
    /// A place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn ready(&self) -> ReadyFut {
        let (ready, done) = (self.hub.ready.wait(), self.hub.done.wait());
        ReadyFut { hub: self.hub.clone(), ready, done }
    }

    /// Waits until the group has ended, and returns the ends of its members. Any number of tasks may, also after the
    /// end.
    ///
    /// # Errors
    /// [`EndError`] if a member ended with an error, or if the runtime went away.
    ///
    /// # Cost
    /// A place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub fn wait(&self) -> WaitFut {
        WaitFut { hub: self.hub.clone(), done: self.hub.done.wait() }
    }

    /// What the group and its members do now, and the groups in it, each as soon as its driver is asked.
    ///
    /// # Cost
    /// A question to the driver of each group, which copies what it knows of its members.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn snapshot(&self) -> Snapshot {
        gather(self.hub.clone()).await
    }

    /// Listens to the group: the last events again, as many as are [kept](crate::group::Group::events), and then the new ones,
    /// until the end. A listener that does not read keeps nobody waiting, and loses the oldest. After the end there are
    /// only those that were kept.
    ///
    /// # Cost
    /// A question to the driver, and room for as many events as are kept.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn events(&self, topic: Topic) -> Events {
        match ask(&self.hub, |reply| Question::Listen(topic, reply)).await {
            Some(events) => events,
            None => ended(&self.hub).history.listen(topic).1,
        }
    }

    /// The member of this name, if it runs.
    ///
    /// # Cost
    /// A question to the driver, which looks at each member.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get(&self, name: &str) -> Option<MemberHandle> {
        ask(&self.hub, |reply| Question::Get(name.to_string(), reply)).await.flatten()
    }

    /// Whether the caller is one of the group's own members; known with `std`.
    pub(super) fn is_inside(&self) -> bool {
        is_inside(Arc::as_ptr(&self.hub).cast())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Handle");
        f.field("ready", &self.is_ready()).field("done", &self.is_done()).finish_non_exhaustive()
    }
}

/// What is left of a group whose driver answers no more.
fn ended(hub: &Hub) -> &Ended {
    hub.ended.get().expect("a driver that ends leaves this before it stops to answer")
}

/// Asks the driver. `None` after the end. As long as so many ask it that there is no handle left, it tries again with each
/// poll.
async fn ask<T>(hub: &Arc<Hub>, question: impl FnOnce(Reply<T>) -> Question) -> Option<T> {
    let (reply, answer) = reply();
    let free = |cx: &mut Context<'_>| {
        let sender = Sender::new(hub.questions.clone());
        if sender.is_err() {
            cx.waker().wake_by_ref();
        }
        sender.map_or(Poll::Pending, Poll::Ready)
    };
    let mut sender = poll_fn(free).await;
    let sent = sender.send(question(reply)).await;
    // The handle is the next one's.
    drop(sender);
    sent.ok()?;
    answer.await
}

/// A snapshot of a group and of those in it.
fn gather(hub: Arc<Hub>) -> Pin<Box<dyn Future<Output = Snapshot> + Send>> {
    Box::pin(async move {
        let listing = ask(&hub, Question::Snapshot).await;
        let Listing { name, phase, at, members: listed } =
            listing.unwrap_or_else(|| ended(&hub).listing.clone());
        let mut members = Vec::with_capacity(listed.len());
        for (mut member, group) in listed {
            if let Some(group) = group {
                let mut inner = gather(group.hub).await;
                // As a member it may be called otherwise.
                inner.name.clone_from(&member.name);
                member.group = Some(Box::new(inner));
            }
            members.push(member);
        }
        Snapshot { name, phase, at, members }
    })
}

/// The future of [`Handle::ready`].
///
/// # Cancel safety
/// Dropping it takes nobody's wake.
#[must_use = "futures do nothing unless polled"]
pub struct ReadyFut {
    hub: Arc<Hub>,
    ready: Wait,
    done: Wait,
}

impl Future for ReadyFut {
    type Output = Result<(), NotReady>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if Pin::new(&mut self.ready).poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if Pin::new(&mut self.done).poll(cx).is_pending() {
            return Poll::Pending;
        }
        // It may have been ready for a moment.
        Poll::Ready(if self.hub.ready.is_set() { Ok(()) } else { Err(NotReady) })
    }
}

impl fmt::Debug for ReadyFut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadyFut")
    }
}

/// The future of [`Handle::wait`].
///
/// # Cancel safety
/// Dropping it takes nobody's wake.
#[must_use = "futures do nothing unless polled"]
pub struct WaitFut {
    hub: Arc<Hub>,
    done: Wait,
}

impl Future for WaitFut {
    type Output = Result<Trace, EndError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.done).poll(cx).map(|()| ended(&self.hub).result.clone())
    }
}

impl fmt::Debug for WaitFut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitFut")
    }
}
