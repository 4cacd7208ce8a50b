//! Taking stock, after all have come to an end.

use std::collections::BTreeSet;

use droves::mailbox::{Refused, TryRecvError};

use crate::book::Id;
use crate::rig::{Kind, Rig};
use crate::task::{Wakers, run};
use crate::victim::{Victim, counted};
use crate::{QUIET, SEATS};

impl<S: Kind> Rig<S> {
    /// Lets the victims go on, and takes stock.
    pub fn settle(mut self, victims: impl IntoIterator<Item = Victim>, discards: bool) {
        // So that the mailbox does not close when the others go.
        let (tx, rx) = (self.sender(), self.receiver());
        self.tasks.extend(victims.into_iter().filter_map(|victim| victim.end().0));
        run(&mut self.tasks, Wakers::Same);
        for task in self.tasks.iter().filter(|task| task.job.is_some()) {
            assert!(!self.mailbox.is_closed(), "asleep, though it is closed");
            let blocked = if task.sends { self.mailbox.is_full() } else { self.mailbox.is_empty() };
            assert!(blocked, "asleep, with something to do; it sends: {}", task.sends);
        }
        self.tasks.clear();
        self.extra.clear();
        (self.tx, self.rx) = (Some(tx), Some(rx));
        let before = self.book.received();
        (0..=self.capacity()).for_each(|_| self.get());
        assert!(!self.drained || before == self.book.received(), "a message after the last");
        if self.mailbox.is_closed() {
            self.assert_closed_for_good();
        } else {
            self.assert_wakes();
            self.assert_capacity_and_cells();
        }
        let book = self.book.clone();
        drop(self);
        book.assert_balanced(discards);
    }

    /// With nobody else there: a waiter is woken.
    fn assert_wakes(&mut self) {
        self.park_receiver();
        self.put();
        assert!(self.tasks[0].alarm.rings(), "a receiver waits and is not counted");
        self.tasks.clear();
        self.get();
        (0..self.capacity()).for_each(|_| self.put());
        self.park_sender();
        self.get();
        assert!(self.tasks[0].alarm.rings(), "a sender waits and is not counted");
        self.tasks.clear();
        (0..self.capacity()).for_each(|_| self.get());
    }

    /// With nobody else there: the mailbox takes as many messages as it has room for, and these and
    /// one in the spare of each handle lie in different cells.
    fn assert_capacity_and_cells(&mut self) {
        let mut rx = self.receiver();
        let mut senders = vec![self.sender()];
        (self.tx, self.rx) = (None, None);
        senders.extend((2..SEATS).map(|_| self.sender()));
        let (tx, others) = senders.split_last_mut().unwrap();
        let author = &mut self.author;
        let mut write = |ids: &mut Vec<Id>| {
            let message = author.write();
            ids.push(message.id);
            message
        };
        let (mut sent, mut kept) = (Vec::new(), Vec::new());
        for _ in 0..self.mailbox.capacity() {
            // Nobody waits any more, and nobody is looked for.
            let try_send = |message| counted(QUIET, || tx.try_send(message)).0.is_ok();
            write(&mut sent).send(try_send);
        }
        let spares: Vec<_> =
            others.iter_mut().map(|tx| tx.reserve().write(write(&mut kept))).collect();
        let Err(Refused { message, error }) = tx.reserve().write(write(&mut sent)).try_send()
        else {
            panic!("more than its capacity");
        };
        assert!(error.is_full());
        let message = message.into_inner();
        // One goes out and another in, so that the receiver's spare becomes the sender's.
        let mut received = vec![rx.try_recv().unwrap()];
        message.send(|message| tx.try_send(message).is_ok());
        let spare = tx.reserve().write(write(&mut kept));
        received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
        let ids = received.iter().map(|message| message.id);
        assert_eq!(ids.collect::<Vec<_>>(), sent, "a cell has two owners");
        let ids = spares.iter().chain([&spare]).map(|message| message.id);
        assert_eq!(ids.collect::<Vec<_>>(), kept, "a cell has two owners");
        for message in received {
            message.receive(0);
        }
    }

    /// A closed mailbox stays so, and each handle has a cell of its own.
    fn assert_closed_for_good(&mut self) {
        assert_eq!(self.rx.as_mut().unwrap().try_recv().err(), Some(TryRecvError::Closed));
        (self.tx, self.rx) = (None, None);
        let mut senders: Vec<_> = (0..SEATS).map(|_| self.sender()).collect();
        assert!(senders[0].try_send(self.author.write()).unwrap_err().is_closed());
        let mut write = || self.author.write();
        let spares: Vec<_> = senders.iter_mut().map(|tx| tx.reserve().write(write())).collect();
        let ids: BTreeSet<_> = spares.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), SEATS);
    }
}
