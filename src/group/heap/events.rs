//! What a group tells those who listen: events, the last of them again for those who come later.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::exit::ExitEvent;
use super::signal::Signal;
use crate::mailbox::{HeapMailbox, Receiver, SharedSendError};
use crate::sync::{Arc, AtomicWord, Ordering, Word, retry};
use crate::time::Instant;

/// Which events somebody listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// All of them.
    All,
    /// Members that are ready.
    Entrances,
    /// Members that have ended, each run of them.
    Exits,
}

/// What has happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// A member was started.
    Started,
    /// A member is ready.
    Ready,
    /// A member is told a signal.
    Signalled(Signal),
    /// A member was to be told a signal, but as many wait for it as may.
    SignalLost(Signal),
    /// A member is asked to stop at once.
    Cancelled,
    /// Nobody waits for a member any more.
    Abandoned,
    /// A run of a member has ended.
    Exited(ExitEvent),
    /// A member that has ended is started again at this moment.
    Restarting(Instant),
    /// The whole group is ready.
    GroupReady,
    /// The whole group has ended.
    GroupDone,
}

/// An event of a group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GroupEvent {
    pub(super) name: Option<Arc<String>>,
    /// When, by the runtime's clock.
    pub at: Instant,
    /// What has happened.
    pub what: What,
}

impl GroupEvent {
    /// The member's name, if it is about one.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.as_str())
    }

    fn is_about(&self, topic: Topic) -> bool {
        match topic {
            Topic::All => true,
            Topic::Entrances => matches!(self.what, What::Ready),
            Topic::Exits => matches!(self.what, What::Exited(_)),
        }
    }
}

/// What a listener is given.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The next event.
    Event(GroupEvent),
    /// So many events before the next one are lost, since they were not read in time.
    Lost(u64),
}

/// One listener's events, on their way.
#[derive(Debug)]
pub(super) struct Feed {
    topic: Topic,
    mailbox: Arc<HeapMailbox<GroupEvent>>,
    lost: Arc<AtomicWord>,
}

pub(super) fn feed(topic: Topic, capacity: usize) -> (Feed, Events) {
    let mailbox = HeapMailbox::with_capacity(capacity).expect("it was checked at the start");
    let mailbox = Arc::new(mailbox);
    let lost = Arc::new(AtomicWord::new(0));
    let receiver = Receiver::new(mailbox.clone()).expect("a new mailbox has free seats");
    (Feed { topic, mailbox, lost: lost.clone() }, Events { receiver, lost })
}

impl Feed {
    /// Whether somebody listens.
    pub(super) fn is_heard(&self) -> bool {
        !self.mailbox.is_closed()
    }

    /// Gives it an event, in place of the oldest if there is no room. Returns whether somebody listens.
    fn push(&self, event: &GroupEvent) -> bool {
        if !event.is_about(self.topic) {
            return self.is_heard();
        }
        let mut event = event.clone();
        loop {
            event = match self.mailbox.try_send(event) {
                Ok(()) => return true,
                Err(SharedSendError::Closed(_)) => return false,
                Err(SharedSendError::Full(event)) => {
                    if self.mailbox.try_recv().is_ok() {
                        // Relaxed: a number.
                        self.lost.fetch_add(1, Ordering::Relaxed);
                    }
                    event
                }
                Err(SharedSendError::Busy(event)) => event,
            };
            retry();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// The last events of each topic.
#[derive(Clone, Debug)]
pub(super) struct History {
    capacity: usize,
    topics: [(Topic, VecDeque<GroupEvent>); 3],
}

impl History {
    pub(super) fn new(capacity: usize) -> Self {
        let topics = [Topic::All, Topic::Entrances, Topic::Exits];
        Self { capacity, topics: topics.map(|topic| (topic, VecDeque::new())) }
    }

    pub(super) fn push(&mut self, event: &GroupEvent) {
        for (topic, events) in &mut self.topics {
            if event.is_about(*topic) {
                if events.len() == self.capacity {
                    events.pop_front();
                }
                events.push_back(event.clone());
            }
        }
    }

    /// A listener that is given the last events first.
    pub(super) fn listen(&self, topic: Topic) -> (Feed, Events) {
        let (feed, events) = feed(topic, self.capacity);
        let replay = self.topics.iter().filter(|(kept, _)| *kept == topic);
        for event in replay.flat_map(|(_, events)| events) {
            feed.push(event);
        }
        (feed, events)
    }
}

/// Gives an event to all who listen.
pub(super) fn publish(
    history: &mut History,
    feeds: &mut alloc::vec::Vec<Feed>,
    event: &GroupEvent,
) {
    history.push(event);
    feeds.retain(|feed| feed.push(event));
}

/// The events of a group, oldest first, as a stream that ends with the group. It never keeps the group waiting: if it
/// is not read, the oldest events are lost, and it tells how many.
pub struct Events {
    receiver: Receiver<GroupEvent>,
    lost: Arc<AtomicWord>,
}

impl Events {
    /// The next event, or how many were lost before it; `None` after the end.
    ///
    /// # Cost
    /// As receiving from a [mailbox](crate::mailbox).
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    #[allow(clippy::should_implement_trait, reason = "it is asynchronous")]
    pub fn next(&mut self) -> NextEventFut<'_> {
        NextEventFut(self)
    }

    #[allow(clippy::useless_conversion, reason = "a word may be shorter")]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        // Relaxed: a number.
        let lost: Word = self.lost.load(Ordering::Relaxed);
        if lost != 0 {
            self.lost.fetch_sub(lost, Ordering::Relaxed);
            return Poll::Ready(Some(Notice::Lost(u64::from(lost))));
        }
        self.receiver.poll_recv(cx).map(|event| event.map(Notice::Event))
    }
}

impl Stream for Events {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.poll(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

/// The future of [`Events::next`].
///
/// # Cancel safety
/// Dropping it loses no event.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextEventFut<'a>(&'a mut Events);

impl Future for NextEventFut<'_> {
    type Output = Option<Notice>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.0.poll(cx)
    }
}
