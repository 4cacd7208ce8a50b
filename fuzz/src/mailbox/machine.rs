//! The mailbox and its model, side by side.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use droves::mailbox::{HandlesError, Pointer, Receiver, Sender};

use super::census::{Bell, Census, Message};
use super::jobs::Order;
use super::model::Model;
use super::outcomes::{Outcome, Outcomes};
use super::side::Side;

/// How many handles of a side there are at most.
const HANDLES: usize = 5;

/// How a mailbox was made.
#[derive(Clone, Copy)]
pub struct Traits {
    /// It starts so many laps before the lap counter wraps.
    pub laps: u32,
    /// How many handles it may have, if there is a limit.
    pub seats: Option<usize>,
    /// Whether the last receiver drops what is left.
    pub owned: bool,
}

pub struct Machine<'a, P: Pointer<Message = Message>> {
    pub mailbox: P,
    pub model: Model,
    pub senders: Side<'a, Sender<Message, P>>,
    pub receivers: Side<'a, Receiver<Message, P>>,
    pub census: Rc<Census>,
    pub outcomes: Outcomes,
    bells: Vec<Arc<Bell>>,
    traits: Traits,
}

impl<'a, P: Pointer<Message = Message> + 'a> Machine<'a, P> {
    pub fn new(mailbox: P, traits: Traits, census: &Rc<Census>) -> Self {
        let mut machine = Self {
            model: Model::new(mailbox.capacity()),
            mailbox,
            senders: Side::new(),
            receivers: Side::new(),
            census: census.clone(),
            outcomes: Outcomes::new(),
            bells: Vec::new(),
            traits,
        };
        machine.add_sender(Sender::new);
        machine.add_receiver(Receiver::new);
        machine
    }

    /// Does the operation `code`, with a parameter.
    pub fn step(&mut self, code: u8, parameter: u8) {
        let [low, high] = [usize::from(parameter % 16), usize::from(parameter / 16)];
        let fresh = high % 4 == 3;
        match code % 32 {
            0 | 1 => self.try_send(low),
            2 => self.try_send_many(low, high),
            3 => self.permit(low, high),
            4 => self.start_send(low),
            5 => self.start_send_from(low),
            6 => self.start_send_many(low, high),
            7 | 8 => self.poll_sender(low, fresh),
            9 => self.end_sender(low, Order::Cancel),
            10 => self.end_sender(low, Order::Leak),
            11 => self.clone_sender(low),
            12 => self.drop_sender(low),
            13 => self.close_by_sender(low),
            14 | 15 => self.try_recv(low),
            16 => self.try_recv_many(low, high),
            17 => self.start_recv(low),
            18 => self.start_recv_many(low, high),
            19 | 20 => self.poll_receiver(low, fresh),
            21 => self.poll_stream(low, fresh),
            22 => self.end_receiver(low, Order::Cancel),
            23 => self.end_receiver(low, Order::Leak),
            24 => self.clone_receiver(low),
            25 => self.drop_receiver(low),
            26 => self.close_by_receiver(low),
            27 => self.shared_send(),
            28 => self.shared_recv(),
            29 => self.add_sender(Sender::new),
            30 => self.add_receiver(Receiver::new),
            _ if high == 0 => self.close_by_mailbox(),
            _ => self.try_send_many(low, high),
        }
    }

    /// What must be true between any two operations.
    pub fn check(&mut self) {
        let Self { mailbox, model, senders, receivers, .. } = self;
        assert_eq!(mailbox.len(), model.queue.len());
        assert_eq!(mailbox.is_empty(), model.queue.is_empty());
        assert_eq!(mailbox.is_full(), model.room() == 0);
        assert_eq!(mailbox.is_closed(), model.closed);
        assert_eq!(self.census.alive(), model.queue.len() + senders.held(), "messages are alive");
        if model.closed {
            senders.check_woken(usize::MAX);
            receivers.check_woken(usize::MAX);
        } else {
            senders.check_woken(model.room());
            receivers.check_woken(model.queue.len());
        }
        let laps = self.traits.laps as usize;
        let wrapped = laps > 0 && model.sent > laps * model.capacity;
        self.outcomes.note_if(wrapped, Outcome::LapWrapped);
    }

    /// Drops all handles. Returns what must be left in the mailbox.
    pub fn end(mut self) -> (VecDeque<usize>, Outcomes) {
        while self.senders.len() + self.receivers.len() > 0 {
            self.drop_receiver(0);
            self.check();
            self.drop_sender(0);
            self.check();
        }
        for bell in self.bells {
            assert_eq!(Arc::strong_count(&bell), 1, "a waker was leaked");
        }
        self.outcomes.note_if(!self.model.queue.is_empty(), Outcome::LeftoversKept);
        (self.model.queue, self.outcomes)
    }

    pub fn new_bell(&mut self) -> Arc<Bell> {
        let bell = Arc::<Bell>::default();
        self.bells.push(bell.clone());
        bell
    }

    pub fn seats_used_up(&self) -> bool {
        self.traits.seats == Some(self.senders.len() + self.receivers.len())
    }

    // Handles come and go.

    fn add_sender(&mut self, make: impl FnOnce(P) -> Result<Sender<Message, P>, HandlesError>) {
        if self.senders.len() == HANDLES {
            return;
        }
        let result = make(self.mailbox.clone());
        if let Some(sender) = self.expect_handle(result) {
            let bell = self.new_bell();
            self.senders.push(sender, bell);
        }
    }

    fn add_receiver(&mut self, make: impl FnOnce(P) -> Result<Receiver<Message, P>, HandlesError>) {
        if self.receivers.len() == HANDLES {
            return;
        }
        let result = make(self.mailbox.clone());
        if let Some(receiver) = self.expect_handle(result) {
            let bell = self.new_bell();
            self.receivers.push(receiver, bell);
        }
    }

    fn expect_handle<H>(&mut self, result: Result<H, HandlesError>) -> Option<H> {
        assert_eq!(result.is_err(), self.seats_used_up());
        match result {
            Ok(handle) => Some(handle),
            Err(error) => {
                assert_eq!(Some(error.max), self.traits.seats);
                self.outcomes.note(Outcome::HandlesUsedUp);
                None
            }
        }
    }

    fn clone_sender(&mut self, at: usize) {
        let Some(clone) =
            self.senders.pick(at).and_then(|slot| slot.handle().map(Sender::try_clone))
        else {
            return;
        };
        self.outcomes.note_if(clone.is_ok(), Outcome::Cloned);
        self.add_sender(|_| clone);
    }

    fn clone_receiver(&mut self, at: usize) {
        let Some(clone) =
            self.receivers.pick(at).and_then(|slot| slot.handle().map(Receiver::try_clone))
        else {
            return;
        };
        self.outcomes.note_if(clone.is_ok(), Outcome::Cloned);
        self.add_receiver(|_| clone);
    }

    fn drop_sender(&mut self, at: usize) {
        let Some(slot) = self.senders.remove(at) else {
            return;
        };
        self.outcomes.note_if(slot.woken(), Outcome::WaiterDropped);
        drop(slot);
        if self.senders.len() == 0 {
            self.note_close(Outcome::ClosedByLastSender);
        }
    }

    fn drop_receiver(&mut self, at: usize) {
        let Some(slot) = self.receivers.remove(at) else {
            return;
        };
        self.outcomes.note_if(slot.woken(), Outcome::WaiterDropped);
        drop(slot);
        if self.receivers.len() == 0 {
            self.note_close(Outcome::ClosedByLastReceiver);
            if self.traits.owned {
                self.outcomes.note_if(!self.model.queue.is_empty(), Outcome::LeftoversDropped);
                self.model.queue.clear();
            }
        }
    }

    // Closing.

    fn close_by_sender(&mut self, at: usize) {
        let Some(first) = self.senders.pick(at).and_then(|slot| slot.handle().map(Sender::close))
        else {
            return;
        };
        self.expect_close(first);
    }

    fn close_by_receiver(&mut self, at: usize) {
        let Some(first) =
            self.receivers.pick(at).and_then(|slot| slot.handle().map(Receiver::close))
        else {
            return;
        };
        self.expect_close(first);
    }

    fn close_by_mailbox(&mut self) {
        let first = self.mailbox.close();
        self.expect_close(first);
    }

    fn expect_close(&mut self, first: bool) {
        assert_eq!(first, !self.model.closed);
        let outcome = if first { Outcome::ClosedByCall } else { Outcome::ClosedAgain };
        self.note_close(outcome);
    }

    fn note_close(&mut self, outcome: Outcome) {
        let waiters = self.senders.waiting() + self.receivers.waiting();
        if !self.model.closed {
            self.outcomes.note_if(waiters > 0, Outcome::CloseWoke);
            self.outcomes.note_if(waiters > 1, Outcome::CloseWokeSeveral);
        }
        self.model.closed = true;
        self.outcomes.note(outcome);
    }
}
