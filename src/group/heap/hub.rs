//! What a group's driver, its members and its handles share.

use alloc::string::String;
use alloc::vec::Vec;

use super::events::{Events, History, Topic};
use super::exit::{EndError, Exit, Trace};
use super::handle::Handle;
use super::inbox::Inbox;
use super::machine::Phase;
use super::member::MemberHandle;
use super::reply::Reply;
use super::snapshot::MemberSnapshot;
use crate::latch::Latch;
use crate::mailbox::{HeapMailbox, SharedSendError};
use crate::sync::{Arc, AtomicWord, OnceBox, Ordering, Word, retry};
use crate::time::Instant;

/// How many questions may wait for the driver; more wait for room.
const QUESTIONS: usize = 16;

/// It was told to cancel its members.
pub(super) const CANCEL: Word = 1;

/// What a member tells the driver, of this run.
pub(super) struct Told {
    pub(super) member: u32,
    pub(super) run: u32,
    /// `None` if it is ready.
    pub(super) exit: Option<Exit>,
}

/// What somebody asks the driver.
pub(super) enum Question {
    Snapshot(Reply<Listing>),
    Listen(Topic, Reply<Events>),
    Get(String, Reply<Option<MemberHandle>>),
}

/// A snapshot whose groups have not been asked yet.
#[derive(Clone)]
pub(super) struct Listing {
    pub(super) name: String,
    pub(super) phase: Phase,
    pub(super) at: Instant,
    pub(super) members: Vec<(MemberSnapshot, Option<Handle>)>,
}

/// What is left when it has ended.
pub(super) struct Ended {
    pub(super) result: Result<Trace, EndError>,
    pub(super) listing: Listing,
    pub(super) history: History,
}

pub(super) struct Hub {
    pub(super) told: Arc<HeapMailbox<Told>>,
    pub(super) questions: Arc<HeapMailbox<Question>>,
    /// Signals for the group. Its waker is the driver's.
    pub(super) inbox: Inbox,
    pub(super) wishes: AtomicWord,
    pub(super) ready: Latch,
    pub(super) closed: Latch,
    pub(super) done: Latch,
    pub(super) ended: OnceBox<Ended>,
}

impl Hub {
    /// For so many members at a time.
    pub(super) fn new(members: usize) -> Self {
        // Of each run it is told twice at most, and of the next one only after the end of the last was heard.
        let told = HeapMailbox::with_capacity((2 * members).max(1)).expect("it was checked");
        let questions = HeapMailbox::with_capacity(QUESTIONS).expect("it is a capacity");
        told.keep_open();
        questions.keep_open();
        Self {
            told: Arc::new(told),
            questions: Arc::new(questions),
            inbox: Inbox::new(),
            wishes: AtomicWord::new(0),
            ready: Latch::new(),
            closed: Latch::new(),
            done: Latch::new(),
            ended: OnceBox::new(),
        }
    }

    /// Tells the driver, unless it is gone.
    pub(super) fn tell(&self, told: Told) {
        let mut told = Some(told);
        while let Some(next) = told.take() {
            told = match self.told.try_send(next) {
                Ok(()) | Err(SharedSendError::Closed(_)) => None,
                // As many are in the middle of telling it as may, or somebody who kept a `RunCx` for longer than its
                // run says only now that it is ready.
                Err(SharedSendError::Busy(told) | SharedSendError::Full(told)) => Some(told),
            };
            if told.is_some() {
                retry();
            }
        }
    }

    pub(super) fn wish(&self, wish: Word) {
        // Release: pairs with the swap of the driver.
        self.wishes.fetch_or(wish, Ordering::Release);
        self.inbox.waker.wake();
    }
}
