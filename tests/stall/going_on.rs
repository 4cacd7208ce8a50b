//! How the others go on while a thread is stopped.

use std::thread;
use std::time::Instant;

use droves::mailbox::{
    Mailbox, Receiver, Sender, SharedRecvError, SharedSendError, TryRecvError, TrySendError,
};

use crate::book::{Author, Message};
use crate::rig::{Empty, Full, Kind, Level, Rig, Rx, Tx};
use crate::task::{Task, Wakers, run};
use crate::victim::Call;
use crate::{LAPS, PATIENCE};

/// How healthy tasks run in this thread, and end.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub receivers_first: bool,
    pub wakers: Wakers,
    /// Others have tried before.
    pub tries: bool,
    /// Drop them while they wait; else close the mailbox.
    pub cancel: bool,
}

impl Way {
    pub const PLAIN: Self =
        Self { receivers_first: false, wakers: Wakers::Same, tries: false, cancel: false };
    pub const ALL: [Self; 4] = [
        Self::PLAIN,
        Self { receivers_first: true, tries: true, ..Self::PLAIN },
        Self { wakers: Wakers::Fresh, tries: true, cancel: true, ..Self::PLAIN },
        Self { receivers_first: true, wakers: Wakers::Fresh, cancel: true, ..Self::PLAIN },
    ];
}

/// Both ends of what messages go through.
pub trait Ends {
    /// What its calls are.
    const CALL: Call;

    fn send(&mut self, message: Message) -> Result<(), TrySendError<Message>>;
    fn receive(&mut self) -> Result<Message, TryRecvError>;

    /// Fills and drains it again and again, while `stopped` threads are stopped.
    fn move_messages(&mut self, author: &mut Author, capacity: usize, stopped: usize) {
        for _ in 0..=LAPS {
            let mut refused = None;
            for _ in 0..=capacity {
                author.write().send(|message| {
                    refused = Self::CALL.steps(|| self.send(message)).err();
                    refused.is_none()
                });
                if refused.is_some() {
                    break;
                }
            }
            assert!(refused.expect("more than its capacity").is_full());
            let mut received = 0;
            let end = loop {
                match Self::CALL.steps(|| self.receive()) {
                    Ok(message) => message.receive(0),
                    Err(end) => break end,
                }
                received += 1;
            };
            assert_eq!(end, TryRecvError::Empty);
            assert_eq!(received, capacity, "full with so many messages");
            assert!(author.book.on_the_way() <= stopped, "a stopped thread has several messages");
        }
        for _ in 0..capacity {
            author.write().send(|message| Self::CALL.steps(|| self.send(message)).is_ok());
            Self::CALL.steps(|| self.receive()).expect("a message was sent").receive(0);
        }
    }

    /// It is closed, and senders are told so.
    fn refuse_closed(&mut self, author: &mut Author) {
        let refused = Call::Closed.steps(|| self.send(author.write()));
        assert!(refused.unwrap_err().is_closed(), "closed, and a send says something else");
    }

    /// It is closed, and receivers are told so after the last message.
    fn drain_closed(&mut self) {
        let end = loop {
            match Call::Closed.steps(|| self.receive()) {
                Ok(message) => message.receive(0),
                Err(end) => break end,
            }
        };
        assert_eq!(end, TryRecvError::Closed, "closed, and a receive says something else");
    }
}

impl<S: Kind> Ends for (&mut Tx<S>, &mut Rx<S>) {
    const CALL: Call = Call::Try;

    fn send(&mut self, message: Message) -> Result<(), TrySendError<Message>> {
        self.0.try_send(message)
    }

    fn receive(&mut self) -> Result<Message, TryRecvError> {
        self.1.try_recv()
    }
}

/// Without handles.
impl<S: Kind> Ends for &Mailbox<S> {
    const CALL: Call = Call::Visit;

    fn send(&mut self, message: Message) -> Result<(), TrySendError<Message>> {
        self.try_send(message).map_err(|error| match error {
            SharedSendError::Full(message) => TrySendError::Full(message),
            SharedSendError::Closed(message) => TrySendError::Closed(message),
            SharedSendError::Busy(_) => panic!("no free seat"),
        })
    }

    fn receive(&mut self) -> Result<Message, TryRecvError> {
        self.try_recv().map_err(|error| match error {
            SharedRecvError::Empty => TryRecvError::Empty,
            SharedRecvError::Closed => TryRecvError::Closed,
            SharedRecvError::Busy => panic!("no free seat"),
        })
    }
}

impl<S: Kind> Rig<S> {
    /// Moves messages by `try_` calls while `stopped` threads are stopped, and leaves the mailbox as
    /// full as `leave` says. If one of them has closed it, drains it.
    pub fn carry_on(&mut self, stopped: usize, leave: Level) {
        if self.mailbox.is_closed() {
            return self.drain_closed(stopped, leave == Empty);
        }
        let Self { author, mailbox, tx, rx, .. } = self;
        let shared = || mailbox.clone();
        let tx = tx.get_or_insert_with(|| Call::Handle.steps(|| Sender::new(shared()).unwrap()));
        let rx = rx.get_or_insert_with(|| Call::Handle.steps(|| Receiver::new(shared()).unwrap()));
        (&mut *tx, &mut *rx).move_messages(author, mailbox.capacity(), stopped);
        assert!(mailbox.is_empty());
        (&**mailbox).move_messages(author, mailbox.capacity(), stopped);
        Call::Handle.steps(|| drop(tx.try_clone().unwrap()));
        Call::Handle.steps(|| drop(rx.try_clone().unwrap()));
        if leave == Full {
            (0..self.capacity()).for_each(|_| self.put());
            assert!(self.mailbox.is_full());
        }
    }

    /// The mailbox is closed: senders are told so, and receivers too after the last message.
    fn drain_closed(&mut self, stopped: usize, receivers_first: bool) {
        let Self { author, mailbox, book, drained, .. } = self;
        let mut visits = &**mailbox;
        let (mut tx, mut rx) = Call::Handle.steps(|| {
            (Sender::new(mailbox.clone()).unwrap(), Receiver::new(mailbox.clone()).unwrap())
        });
        let mut handles = (&mut tx, &mut rx);
        for receives in [receivers_first, !receivers_first] {
            // Whoever is first may have to close it, in place of a closer that has stopped.
            if receives {
                handles.drain_closed();
                visits.drain_closed();
            } else {
                handles.refuse_closed(author);
                visits.refuse_closed(author);
            }
        }
        *drained = true;
        assert!(book.on_the_way() <= stopped, "a stopped thread has several messages");
    }

    /// Moves messages by waiting calls while `stopped` threads are stopped: by the tasks that are
    /// parked, and one more on each side. Then ends them all. If the mailbox is closed, they end.
    pub fn carry_on_waiting(&mut self, stopped: usize, way: Way) {
        if way.tries {
            self.wake_by_trying(way.receivers_first);
        }
        if self.mailbox.is_closed() && !way.receivers_first {
            self.add_sending(1);
            run(&mut self.tasks, way.wakers);
            self.assert_ended(stopped);
        }
        self.add_receiving();
        if self.mailbox.is_closed() {
            run(&mut self.tasks, way.wakers);
            self.assert_ended(stopped);
        }
        self.move_by_tasks(stopped, LAPS * self.capacity(), way);
        self.end_tasks(stopped, way);
    }

    /// Drops the tasks that wait, and puts as many of the other side in their seats.
    pub fn swap_sides(&mut self) {
        let receiving = self.tasks.iter().any(|task| !task.sends);
        let count = self.tasks.len();
        self.tasks.clear();
        if receiving {
            (0..count).for_each(|_| self.park_sender());
        } else {
            (0..=self.capacity()).for_each(|_| self.get());
            (0..count).for_each(|_| self.park_receiver());
        }
    }

    /// Before a `try_` call answers Full or Empty, it wakes one of the other side; before it answers
    /// Closed, all of both.
    fn wake_by_trying(&mut self, receivers_first: bool) {
        let closed = self.mailbox.is_closed();
        let parked = |sends| move |task: &&Task| task.sends == sends && task.job.is_some();
        let gets = if closed { receivers_first } else { self.tasks.iter().any(|task| task.sends) };
        if gets {
            (0..=self.capacity()).for_each(|_| self.get());
        } else {
            (0..=self.capacity()).for_each(|_| self.put());
        }
        let mut others = self.tasks.iter().filter(parked(gets)).peekable();
        if closed {
            let mut parked = self.tasks.iter().filter(|task| task.job.is_some());
            assert!(parked.all(|task| task.alarm.rings()), "closed, and not all were woken");
        } else if others.peek().is_some() {
            assert!(others.any(|task| task.alarm.rings()), "full or empty, and none was woken");
        }
    }

    /// Moves so many messages by the tasks that are parked, and another that sends.
    pub fn move_by_tasks(&mut self, stopped: usize, messages: usize, way: Way) {
        self.tasks.retain(|task| task.job.is_some());
        let before = self.book.received();
        let closed = self.mailbox.is_closed();
        // Each thread that is stopped may have a message, or may have stopped before it announced
        // one, or may have been woken for one; the last messages may be such.
        self.add_sending(messages + stopped);
        if !way.receivers_first {
            self.tasks.rotate_right(1);
        }
        run(&mut self.tasks, way.wakers);
        if closed {
            return self.assert_ended(stopped);
        }
        let sending = self.tasks.iter().filter(|task| task.sends && task.job.is_some()).count();
        assert_eq!(sending, 0, "all are asleep, and there is something to do");
        assert!(self.book.received() >= before + messages, "a wake was lost");
        assert!(self.book.on_the_way() <= stopped, "a stopped thread has several messages");
    }

    /// It is closed, so there is nothing to wait for.
    fn assert_ended(&mut self, stopped: usize) {
        assert!(self.tasks.iter().all(|task| task.job.is_none()), "asleep, though it is closed");
        if self.tasks.iter().any(|task| !task.sends) {
            self.drained = true;
            let left = self.book.on_the_way();
            assert!(left <= stopped, "a stopped thread has several messages");
        }
    }

    pub fn end_tasks(&mut self, stopped: usize, way: Way) {
        if way.cancel {
            Call::End.steps(|| self.tasks.clear());
        } else {
            Call::End.steps(|| self.mailbox.close());
            run(&mut self.tasks, way.wakers);
            self.assert_ended(stopped);
        }
    }

    /// As above, with each task on a thread of its own.
    pub fn carry_on_threads(&mut self, stopped: usize) {
        self.add_sending(LAPS * self.capacity() + stopped);
        self.add_receiving();
        let was_closed = self.mailbox.is_closed();
        let (sending, receiving): (Vec<_>, Vec<_>) =
            self.tasks.drain(..).partition(|task| task.sends);
        let start = |mut task: Task| thread::spawn(move || task.block());
        let receiving: Vec<_> = receiving.into_iter().map(start).collect();
        let sending: Vec<_> = sending.into_iter().map(start).collect();
        for thread in sending {
            thread.join().expect("a sender sleeps for good");
        }
        let begin = Instant::now();
        while self.book.on_the_way() > stopped {
            assert!(begin.elapsed() < PATIENCE, "a receiver sleeps for good");
            thread::yield_now();
        }
        if !was_closed {
            assert!(self.book.received() >= LAPS * self.capacity());
            self.mailbox.close();
        }
        for thread in receiving {
            thread.join().expect("a receiver sleeps for good");
        }
        self.drained = true;
        assert!(self.book.on_the_way() <= stopped, "a stopped thread has several messages");
    }
}
