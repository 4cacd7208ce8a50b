//! A mailbox under test, with those who go on.

use std::sync::Arc;

use droves::mailbox::{
    Heap, HeapMailbox, Inline, Mailbox, Receiver, Sender, StaticMailbox, Storage,
};

use crate::book::{Author, Book, Message};
use crate::task::{Task, Wakers, run};
use crate::victim::Kept;
use crate::{LAPS, SEATS};

pub type Shared<S> = Arc<Mailbox<S>>;
pub type Tx<S> = Sender<Message, Shared<S>>;
pub type Rx<S> = Receiver<Message, Shared<S>>;

/// A storage, and how to make a mailbox with it.
pub trait Kind: Storage<Message = Message> + Send + Sync + Sized + 'static {
    fn mailbox(capacity: usize) -> Shared<Self>;
}

impl Kind for Heap<Message> {
    /// The positions wrap while a victim is stopped.
    fn mailbox(capacity: usize) -> Shared<Self> {
        Arc::new(HeapMailbox::starting_before_wrap(capacity, 4).unwrap())
    }
}

impl<const N: usize> Kind for Inline<Message, N, SEATS> {
    fn mailbox(capacity: usize) -> Shared<Self> {
        assert_eq!(capacity, N);
        Arc::new(StaticMailbox::new())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    Empty,
    Half,
    Full,
}
pub use Level::{Empty, Full, Half};

/// A mailbox, the healthy handles, and healthy tasks.
pub struct Rig<S: Kind> {
    pub book: Book,
    pub author: Author,
    pub mailbox: Shared<S>,
    pub tx: Option<Tx<S>>,
    pub rx: Option<Rx<S>>,
    pub tasks: Vec<Task>,
    /// Handles that are there to take seats.
    pub extra: Vec<Kept>,
    pub readers: usize,
    /// Whether tasks run on threads, so that each receives in an order of its own.
    pub threads: bool,
    /// Whether a receiver was told that nothing is left and nothing comes.
    pub drained: bool,
}

impl<S: Kind> Rig<S> {
    pub fn new(capacity: usize, level: Level) -> Self {
        let book = Book::default();
        let mut rig = Self {
            author: book.author(),
            book,
            mailbox: S::mailbox(capacity),
            tx: None,
            rx: None,
            tasks: Vec::new(),
            extra: Vec::new(),
            readers: 0,
            threads: false,
            drained: false,
        };
        rig.tx = Some(rig.sender());
        rig.rx = Some(rig.receiver());
        let messages = match level {
            Empty => 0,
            Half => capacity / 2,
            Full => capacity,
        };
        (0..messages).for_each(|_| rig.put());
        rig
    }

    pub fn capacity(&self) -> usize {
        self.mailbox.capacity()
    }

    pub fn sender(&self) -> Tx<S> {
        Sender::new(self.mailbox.clone()).unwrap()
    }

    pub fn receiver(&self) -> Rx<S> {
        Receiver::new(self.mailbox.clone()).unwrap()
    }

    /// The healthy sender itself, for a victim.
    pub fn last_sender(&mut self) -> Tx<S> {
        self.tx.take().unwrap_or_else(|| self.sender())
    }

    /// The healthy receiver itself, for a victim.
    pub fn last_receiver(&mut self) -> Rx<S> {
        self.rx.take().unwrap_or_else(|| self.receiver())
    }

    /// A message of a new author.
    pub fn message(&self) -> Message {
        self.book.author().write()
    }

    /// A number for one who receives, other than 0, which is for healthy ones.
    pub fn reader(&mut self) -> usize {
        self.readers += 1;
        self.readers
    }

    /// Sends a message, if there is room.
    pub fn put(&mut self) {
        let tx = self.tx.get_or_insert_with(|| Sender::new(self.mailbox.clone()).unwrap());
        self.author.write().send(|message| tx.try_send(message).is_ok());
    }

    /// Receives a message, if there is one.
    pub fn get(&mut self) {
        let rx = self.rx.get_or_insert_with(|| Receiver::new(self.mailbox.clone()).unwrap());
        if let Ok(message) = rx.try_recv() {
            message.receive(0);
        }
    }

    /// A task that sends so many messages, or until the mailbox is closed.
    pub fn add_sending(&mut self, messages: usize) {
        let (mut tx, mut author) = (self.sender(), self.book.author());
        let job = Box::pin(async move {
            for _ in 0..messages {
                let message = author.write();
                let id = message.id;
                if tx.send(message).await.is_err() {
                    break;
                }
                author.book.accepted(id);
            }
            Box::new(tx) as Kept
        });
        self.tasks.push(Task::new(&self.book, true, job));
    }

    /// A task that receives until the mailbox is closed and drained.
    pub fn add_receiving(&mut self) {
        let mut rx = self.receiver();
        let reader = if self.threads { self.reader() } else { 0 };
        let job = Box::pin(async move {
            while let Some(message) = rx.recv().await {
                message.receive(reader);
            }
            Box::new(rx) as Kept
        });
        self.tasks.push(Task::new(&self.book, false, job));
    }

    /// Adds a task that sends, and runs it until it waits.
    pub fn park_sender(&mut self) {
        self.add_sending(LAPS * self.capacity());
        run(&mut self.tasks, Wakers::Same);
    }

    /// Adds a task that receives, and runs it until it waits.
    pub fn park_receiver(&mut self) {
        self.add_receiving();
        run(&mut self.tasks, Wakers::Same);
    }
}
