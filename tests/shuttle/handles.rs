//! Senders and receivers that keep count.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use droves::mailbox::{HeapMailbox, Receiver, SendError, Sender, TryRecvError, TrySendError};
use shuttle::sync::Arc;
use shuttle::thread::{self, JoinHandle};

use crate::calls::{Signal, block_on, give_up};
use crate::explore::{Message, Run, below, linger};

/// A handle for sending, and whose messages it sends.
pub struct Source {
    pub run: Run,
    pub tx: Sender<Message>,
    pub from: usize,
}

impl Source {
    pub fn accepted(&self, number: usize) {
        self.run.ledger.fate(number, |fate| fate.accepted = true);
    }

    /// Sends one message, waiting. False if it came back.
    pub fn send(&mut self) -> bool {
        let message = self.run.message(self.from);
        self.send_this(message)
    }

    pub fn send_this(&mut self, message: Message) -> bool {
        let number = message.number;
        match block_on(&self.run, "a sender parked", self.tx.send(message)) {
            Ok(()) => {
                self.accepted(number);
                true
            }
            Err(SendError::Closed(message)) => {
                assert_eq!(message.number, number);
                self.run.met("a waiting send was refused");
                false
            }
        }
    }

    pub fn try_send(&mut self) -> bool {
        let message = self.run.message(self.from);
        let number = message.number;
        match self.tx.try_send(message) {
            Ok(()) => {
                self.accepted(number);
                true
            }
            Err(TrySendError::Full(message)) => {
                assert_eq!(message.number, number);
                self.run.met("full");
                self.send_this(message)
            }
            Err(TrySendError::Closed(message)) => {
                assert_eq!(message.number, number);
                self.run.met("a send was refused");
                false
            }
        }
    }

    /// Gives sends up until one is done all the same; each that is given up drops its message.
    pub fn send_cancelling(&mut self) -> bool {
        for _ in 0..3 {
            let message = self.run.message(self.from);
            let number = message.number;
            match give_up(self.tx.send(message)) {
                Some(Ok(())) => {
                    self.accepted(number);
                    return true;
                }
                Some(Err(_)) => return false,
                None => {
                    self.run.met("a send was given up");
                    let drops = self.run.ledger.fates.lock().unwrap()[number].drops;
                    assert_eq!(drops, 1);
                }
            }
        }
        self.send()
    }

    /// As [`send_cancelling`](Self::send_cancelling), but the message is kept.
    pub fn send_keeping(&mut self) -> bool {
        let message = self.run.message(self.from);
        let number = message.number;
        let mut from = Some(message);
        match give_up(self.tx.send_from(&mut from)) {
            Some(Ok(())) => {
                assert!(from.is_none());
                self.accepted(number);
                true
            }
            Some(Err(_)) => {
                assert!(from.is_some());
                false
            }
            None => {
                self.run.met("a send was given up, and its message kept");
                let kept = from.take().expect("what was not sent is kept");
                self.send_this(kept)
            }
        }
    }

    /// Sends two with one call.
    pub fn send_two(&mut self) -> bool {
        let messages = [self.run.message(self.from), self.run.message(self.from)];
        let numbers = [messages[0].number, messages[1].number];
        match block_on(&self.run, "a sender parked", self.tx.send_many(messages)) {
            Ok(sent) => {
                assert_eq!(sent, 2);
                for number in numbers {
                    self.accepted(number);
                }
                true
            }
            Err(refused) => {
                for &number in &numbers[..refused.sent] {
                    self.accepted(number);
                }
                assert_eq!(refused.error.into_inner().number, numbers[refused.sent]);
                false
            }
        }
    }

    /// Sends from where the message was written.
    pub fn send_in_place(&mut self) -> bool {
        let message = self.run.message(self.from);
        let number = message.number;
        let sent = self.tx.reserve().write(message).try_send();
        let refused = sent.map_err(|refused| (refused.error, refused.message.into_inner()));
        match refused {
            Ok(()) => {
                self.accepted(number);
                true
            }
            Err((error, message)) => {
                assert_eq!(message.number, number);
                error.is_full() && self.send_this(message)
            }
        }
    }

    /// Sends so many messages, in all ways; stops when one is refused for good.
    pub fn send_all_ways(&mut self, messages: usize) {
        let mut left = messages;
        while left > 0 {
            let ways = if left >= 2 { 6 } else { 5 };
            let (go_on, sent) = match below(ways) {
                0 => (self.send(), 1),
                1 => (self.try_send(), 1),
                2 => (self.send_cancelling(), 1),
                3 => (self.send_keeping(), 1),
                4 => (self.send_in_place(), 1),
                _ => (self.send_two(), 2),
            };
            if !go_on {
                return;
            }
            left -= sent;
        }
    }
}

/// A handle for receiving, and what came to it.
pub struct Sink {
    pub run: Run,
    pub rx: Receiver<Message>,
    /// The last number from each sender.
    pub last: BTreeMap<usize, usize>,
    pub count: usize,
}

impl Sink {
    pub fn received(&mut self, message: &Message) {
        self.count += 1;
        self.run.ledger.fate(message.number, |fate| {
            assert!(!fate.received, "message {} came twice", message.number);
            fate.received = true;
        });
        let before = self.last.insert(message.from, message.number);
        assert!(before < Some(message.number), "each sender's messages stay in order");
    }

    /// False if there will be none.
    pub fn recv(&mut self) -> bool {
        let message = block_on(&self.run, "a receiver parked", self.rx.recv());
        if let Some(message) = &message {
            self.received(message);
        }
        message.is_some()
    }

    pub fn try_recv(&mut self) -> bool {
        match self.rx.try_recv() {
            Ok(message) => {
                self.received(&message);
                true
            }
            Err(TryRecvError::Empty) => {
                self.run.met("empty");
                self.recv()
            }
            Err(TryRecvError::Closed) => false,
        }
    }

    pub fn recv_cancelling(&mut self) -> bool {
        for _ in 0..3 {
            match give_up(self.rx.recv()) {
                Some(Some(message)) => {
                    self.received(&message);
                    return true;
                }
                Some(None) => return false,
                None => self.run.met("a receive was given up"),
            }
        }
        self.recv()
    }

    /// Polls as a stream, and then turns to something else, still waiting.
    pub fn recv_wandering(&mut self) -> bool {
        let waker = Waker::from(Signal::new());
        match self.rx.poll_recv(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(message)) => {
                self.received(&message);
                true
            }
            Poll::Ready(None) => false,
            Poll::Pending => {
                self.run.met("a receiver was left waiting");
                linger();
                self.try_recv()
            }
        }
    }

    pub fn recv_up_to(&mut self, max: usize) -> bool {
        let mut out = Vec::new();
        let count = block_on(&self.run, "a receiver parked", self.rx.recv_many(&mut out, max));
        assert_eq!(count, out.len());
        for message in &out {
            self.received(message);
        }
        count > 0
    }

    /// Receives so many messages, in all ways, or until there will be none.
    pub fn recv_all_ways(&mut self, messages: usize) {
        let end = self.count.saturating_add(messages);
        while self.count < end {
            let go_on = match below(5) {
                0 => self.recv(),
                1 => self.try_recv(),
                2 => self.recv_cancelling(),
                3 => self.recv_wandering(),
                _ => self.recv_up_to((end - self.count).min(2)),
            };
            if !go_on {
                return;
            }
        }
    }
}

/// A mailbox, and the first handles.
pub struct Setup {
    pub run: Run,
    pub tx: Sender<Message>,
    pub rx: Receiver<Message>,
    pub senders: usize,
}

impl Setup {
    /// With a random capacity from 1 to 3, and perhaps near the wrap of the lap counter.
    pub fn new(run: &Run) -> Self {
        let mailbox = HeapMailbox::starting_before_wrap(1 + below(3), u32::from(below(2) == 1));
        let mailbox = Arc::new(mailbox.unwrap());
        let (tx, rx) = (Sender::new(mailbox.clone()).unwrap(), Receiver::new(mailbox).unwrap());
        Self { run: run.clone(), tx, rx, senders: 0 }
    }

    pub fn source(&mut self) -> Source {
        self.senders += 1;
        Source { run: self.run.clone(), tx: self.tx.clone(), from: self.senders }
    }

    pub fn sink(&self) -> Sink {
        let (run, rx) = (self.run.clone(), self.rx.clone());
        Sink { run, rx, last: BTreeMap::new(), count: 0 }
    }

    pub fn spawn_source(&mut self, f: impl FnOnce(&mut Source) + Send + 'static) -> JoinHandle<()> {
        let mut source = self.source();
        thread::spawn(move || f(&mut source))
    }

    pub fn spawn_sink(&self, f: impl FnOnce(&mut Sink) + Send + 'static) -> JoinHandle<()> {
        let mut sink = self.sink();
        thread::spawn(move || f(&mut sink))
    }
}

pub fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}
