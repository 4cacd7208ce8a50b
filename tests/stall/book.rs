//! What became of each message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Its author, and its number among those of this author.
pub type Id = (usize, usize);

/// What became of each message.
#[derive(Default)]
struct Entries {
    authors: usize,
    alive: BTreeSet<Id>,
    accepted: BTreeSet<Id>,
    /// With who received it.
    received: Vec<(usize, Id)>,
    dropped_twice: Vec<Id>,
}

#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Entries>>);

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    pub fn author(&self) -> Author {
        let mut entries = lock(&self.0);
        entries.authors += 1;
        Author { book: self.clone(), number: entries.authors, written: 0 }
    }

    pub fn accepted(&self, id: Id) {
        assert!(lock(&self.0).accepted.insert(id), "{id:?} was accepted twice");
    }

    pub fn received(&self) -> usize {
        lock(&self.0).received.len()
    }

    /// How often a message was accepted or received.
    pub fn moves(&self) -> usize {
        let entries = lock(&self.0);
        entries.accepted.len() + entries.received.len()
    }

    /// Messages that were accepted, and that nobody has received or dropped.
    pub fn on_the_way(&self) -> usize {
        let entries = lock(&self.0);
        entries.alive.iter().filter(|id| entries.accepted.contains(id)).count()
    }

    /// Each reader has received the messages of each author in their order.
    fn assert_in_order(&self) {
        let entries = lock(&self.0);
        let mut last = BTreeMap::new();
        for &(reader, (author, number)) in &entries.received {
            let before = last.insert((reader, author), number);
            assert!(before < Some(number), "{author}'s {number} came after {before:?}");
        }
    }

    /// Once all is over: nothing was lost, and nothing was received or dropped twice. Messages may
    /// have been `discarded` together with the last receiver.
    pub fn assert_balanced(&self, discarded: bool) {
        self.assert_in_order();
        let entries = lock(&self.0);
        let received: BTreeSet<Id> = entries.received.iter().map(|&(_, id)| id).collect();
        assert_eq!(received.len(), entries.received.len(), "a message was received twice");
        assert_eq!(entries.dropped_twice, [], "dropped twice");
        assert_eq!(entries.alive, BTreeSet::new(), "never dropped");
        if discarded {
            assert!(received.is_subset(&entries.accepted), "refused, but received");
        } else {
            assert_eq!(received, entries.accepted, "received, and accepted");
        }
    }
}

pub struct Author {
    pub book: Book,
    number: usize,
    written: usize,
}

impl Author {
    pub fn write(&mut self) -> Message {
        self.written += 1;
        let id = (self.number, self.written);
        lock(&self.book.0).alive.insert(id);
        Message { id, book: self.book.clone() }
    }
}

pub struct Message {
    pub id: Id,
    pub book: Book,
}

impl Message {
    /// Sends it by `send`, which tells whether it was accepted.
    pub fn send(self, send: impl FnOnce(Self) -> bool) {
        let (id, book) = (self.id, self.book.clone());
        if send(self) {
            book.accepted(id);
        }
    }

    pub fn receive(self, reader: usize) {
        lock(&self.book.0).received.push((reader, self.id));
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let mut entries = lock(&self.book.0);
        if !entries.alive.remove(&self.id) {
            entries.dropped_twice.push(self.id);
        }
    }
}

/// Receives what a batch receives, one by one.
pub struct Reader(pub usize);

impl Extend<Message> for Reader {
    fn extend<I: IntoIterator<Item = Message>>(&mut self, messages: I) {
        messages.into_iter().for_each(|message| message.receive(self.0));
    }
}
