//! Members that are put into a running group.

use core::fmt;
use core::ops::Deref;

use super::handle::Handle;
use super::member::{Kind, Member, MemberHandle, Sendable};
use super::reply::{Reply, reply};
use crate::latch::Wait;
use crate::mailbox::{HeapMailbox, Receiver, Sender, SharedSendError};
use crate::sync::{Arc, retry};

/// Why a member was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertErrorKind {
    /// The group takes no more members.
    Closed,
    /// As many run as may.
    Full,
    /// A member of this name runs.
    Duplicate,
}

impl fmt::Display for InsertErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the group is closed",
            Self::Full => "as many members run as may",
            Self::Duplicate => "a member of this name runs",
        })
    }
}

/// A member that was not inserted, and why.
pub struct InsertError<K: Kind = Sendable> {
    /// Why.
    pub kind: InsertErrorKind,
    /// It comes back.
    pub member: Member<K>,
}

impl<K: Kind> InsertError<K> {
    /// The error without the member.
    ///
    /// # Cost
    /// That of dropping it.
    pub fn discard(self) -> InsertErrorKind {
        self.kind
    }
}

impl<K: Kind> fmt::Debug for InsertError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, member } = self;
        f.debug_struct("InsertError").field("kind", kind).field("member", member).finish()
    }
}

impl<K: Kind> fmt::Display for InsertError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member.name, self.kind)
    }
}

impl<K: Kind> core::error::Error for InsertError<K> {}
impl core::error::Error for InsertErrorKind {}

pub(super) type Inserted<K> = Result<MemberHandle, InsertError<K>>;

/// A member on its way to the driver.
pub(super) struct Insertion<K: Kind> {
    pub(super) member: Member<K>,
    pub(super) reply: Reply<Inserted<K>>,
}

impl<K: Kind> Insertion<K> {
    pub(super) fn refuse(self, kind: InsertErrorKind) {
        self.reply.give(Err(InsertError { kind, member: self.member }));
    }
}

/// The driver's end of a dynamic group.
pub(super) struct Gate<K: Kind> {
    pub(super) insertions: Receiver<Insertion<K>>,
    /// One message for each place that nobody has.
    pub(super) places: Arc<HeapMailbox<()>>,
}

impl<K: Kind> Gate<K> {
    /// For so many members at a time.
    pub(super) fn new(capacity: usize, handle: Handle) -> (Self, Client<K>) {
        let new = "the capacity was checked";
        let insertions = Arc::new(HeapMailbox::with_capacity(capacity).expect(new));
        let places = Arc::new(HeapMailbox::with_capacity(capacity).expect(new));
        places.keep_open();
        let gate = Self { insertions: Receiver::new(insertions.clone()).expect(new), places };
        (0..capacity).for_each(|_| gate.free());
        let sender = Sender::new(insertions).expect(new);
        let places = gate.places.clone();
        (gate, Client { sender, places, handle })
    }

    /// There is a place more.
    pub(super) fn free(&self) {
        // There is room for all places. As many may be in the middle of asking for one as there are seats.
        while let Err(SharedSendError::Busy(())) = self.places.try_send(()) {
            retry();
        }
    }

    pub(super) fn close(&self) {
        self.insertions.close();
        self.places.close();
    }
}

impl<K: Kind> Drop for Gate<K> {
    fn drop(&mut self) {
        self.close();
        while let Ok(insertion) = self.insertions.try_recv() {
            insertion.refuse(InsertErrorKind::Closed);
        }
    }
}

/// Puts members into a [dynamic](crate::group::Group::dynamic) group, which has them as long as they run. It is a [`Handle`],
/// too. When the last client is dropped, the group is closed.
pub struct Client<K: Kind = Sendable> {
    sender: Sender<Insertion<K>>,
    places: Arc<HeapMailbox<()>>,
    handle: Handle,
}

impl<K: Kind> Client<K> {
    /// Puts a member into the group, as soon as fewer run than may. Returns when it was started.
    ///
    /// Before the group is started it waits until it is. In one of the group's own members it does not wait for a place,
    /// since that might be its own.
    ///
    /// # Errors
    /// The member comes back if the group is closed, if a member of this name runs, or, in one of the group's own
    /// members (known with `std`), if as many run as may.
    ///
    /// # Cost
    /// A message to the driver, one from it, and two allocations.
    ///
    /// # Cancel safety
    /// Dropped while it waits for a place, it drops the member and nothing else. Later the member runs all the same.
    pub async fn insert(&self, member: Member<K>) -> Result<MemberHandle, InsertError<K>> {
        let member = match self.put(member) {
            Ok(answer) => return Self::answered(answer).await,
            Err(InsertError { kind: InsertErrorKind::Full, member }) => member,
            Err(error) => return Err(error),
        };
        if self.handle.is_inside() {
            return Err(InsertError { kind: InsertErrorKind::Full, member });
        }
        let place = match Receiver::new(self.places.clone()) {
            Ok(mut places) => places.recv().await,
            Err(_) => return Err(InsertError { kind: InsertErrorKind::Full, member }),
        };
        if place.is_none() {
            return Err(InsertError { kind: InsertErrorKind::Closed, member });
        }
        Self::answered(self.send(member)?).await
    }

    /// As [`insert`](Self::insert), if there is a place now.
    ///
    /// # Errors
    /// The member comes back as from [`insert`](Self::insert), and if as many run as may.
    ///
    /// # Cost
    /// As [`insert`](Self::insert).
    ///
    /// # Cancel safety
    /// Dropped before it is done, it may have started the member or not.
    pub async fn try_insert(&self, member: Member<K>) -> Result<MemberHandle, InsertError<K>> {
        Self::answered(self.put(member)?).await
    }

    async fn answered(answer: super::reply::Answer<Inserted<K>>) -> Inserted<K> {
        answer.await.unwrap_or_else(|| unreachable!("the driver answers, also when it is dropped"))
    }

    fn put(&self, member: Member<K>) -> Result<super::reply::Answer<Inserted<K>>, InsertError<K>> {
        if self.sender.is_closed() {
            return Err(InsertError { kind: InsertErrorKind::Closed, member });
        }
        match self.places.try_recv() {
            Ok(()) => self.send(member),
            Err(_) if self.places.is_closed() => {
                Err(InsertError { kind: InsertErrorKind::Closed, member })
            }
            Err(_) => Err(InsertError { kind: InsertErrorKind::Full, member }),
        }
    }

    /// Hands over a member for which there is a place.
    fn send(&self, member: Member<K>) -> Result<super::reply::Answer<Inserted<K>>, InsertError<K>> {
        let (reply, answer) = reply();
        let mut insertion = Insertion { member, reply };
        loop {
            insertion = match self.sender.mailbox().try_send(insertion) {
                Ok(()) => return Ok(answer),
                Err(SharedSendError::Closed(Insertion { member, .. })) => {
                    return Err(InsertError { kind: InsertErrorKind::Closed, member });
                }
                // There is a place, so that there is room.
                Err(SharedSendError::Busy(insertion) | SharedSendError::Full(insertion)) => {
                    insertion
                }
            };
            retry();
        }
    }

    /// Lets no more members in. The group ends when those that run have ended.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each who waits.
    pub fn close(&self) {
        self.sender.close();
        self.places.close();
        self.handle.hub.closed.set();
    }

    /// Whether no more members are let in.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until no more members are let in.
    ///
    /// # Cost
    /// A place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake.
    pub async fn closed(&self) {
        let wait: Wait = self.handle.hub.closed.wait();
        wait.await;
    }

    /// The group's handle, which does not keep it open.
    ///
    /// # Cost
    /// An atomic operation.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<K: Kind> Deref for Client<K> {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl<K: Kind> Clone for Client<K> {
    /// Another client of the same group.
    ///
    /// # Panics
    /// If there are as many as a mailbox may have handles: 262 140, or 1020 with 32-bit words.
    fn clone(&self) -> Self {
        let sender = self.sender.try_clone().unwrap_or_else(|error| panic!("{error}"));
        Self { sender, places: self.places.clone(), handle: self.handle.clone() }
    }
}

impl<K: Kind> fmt::Debug for Client<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
