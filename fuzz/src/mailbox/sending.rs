//! What senders do.

use droves::mailbox::{Pointer, SendManyError, SharedSendError, TrySendError};

use super::census::Message;
use super::jobs::{self, Order};
use super::machine::Machine;
use super::model::{Job, Refusal};
use super::outcomes::Outcome;
use super::side::{Ended, Polled};

/// A refusal, and the number of the message that came back with it.
fn refusal(error: TrySendError<Message>) -> (Refusal, usize) {
    let refusal = if error.is_full() { Refusal::Blocked } else { Refusal::Closed };
    (refusal, error.into_inner().id)
}

impl<'a, P: Pointer<Message = Message> + 'a> Machine<'a, P> {
    pub fn try_send(&mut self, at: usize) {
        let message = self.census.message();
        let id = message.id;
        let Some(sender) = self.senders.pick(at).and_then(|slot| slot.idle(true)) else {
            return;
        };
        let result = sender.try_send(message).map_err(refusal);
        self.expect_sent(id, result);
    }

    fn expect_sent(&mut self, id: usize, result: Result<(), (Refusal, usize)>) {
        let expected = self.model.send(id);
        assert_eq!(result, expected.map_err(|refusal| (refusal, id)));
        self.outcomes.note(match expected {
            Ok(()) => Outcome::Sent,
            Err(Refusal::Blocked) => Outcome::SendFull,
            Err(Refusal::Closed) => Outcome::SendClosed,
        });
    }

    pub fn try_send_many(&mut self, at: usize, count: usize) {
        let messages: Vec<_> = (0..count).map(|_| self.census.message()).collect();
        let Some(sender) = self.senders.pick(at).and_then(|slot| slot.idle(count > 0)) else {
            return;
        };
        let mut ids = messages.iter().map(|message| message.id).collect();
        let mut messages = messages.into_iter();
        let result = sender.try_send_many(&mut messages);
        let (sent, expected) = self.model.send_many(&mut ids);
        match result {
            Ok(count) => assert_eq!((count, Ok(())), (sent, expected)),
            Err(SendManyError { sent: count, error, .. }) => {
                let (refusal, id) = refusal(error);
                assert_eq!((count, Err(refusal)), (sent, expected));
                assert_eq!(Some(id), ids.pop_front());
            }
        }
        assert!(messages.map(|message| message.id).eq(ids), "the rest stays in the iterator");
        self.outcomes.note_if(sent > 1, Outcome::BatchSent);
        self.outcomes.note_if(sent > 0 && expected.is_err(), Outcome::BatchCut);
    }

    pub fn permit(&mut self, at: usize, way: usize) {
        let [first, second] = [self.census.message(), self.census.message()];
        let id = second.id;
        let Some(sender) = self.senders.pick(at).and_then(|slot| slot.idle(false)) else {
            return;
        };
        let permit = sender.reserve();
        if way == 0 {
            return self.outcomes.note(Outcome::PermitDropped);
        }
        let mut filled = permit.write(first);
        *filled = second;
        assert_eq!(filled.id, id);
        let result = match way {
            1 => {
                drop(filled);
                return self.outcomes.note(Outcome::FilledDropped);
            }
            2 => {
                assert_eq!(filled.into_inner().id, id);
                return self.outcomes.note(Outcome::FilledTakenBack);
            }
            _ => filled.try_send(),
        };
        let result = result.map_err(|mut refused| {
            // Once more does not help: what is refused stays where it is.
            if way.is_multiple_of(2) {
                refused = refused.message.try_send().expect_err("refused just now");
            }
            let closed = refused.error.is_closed();
            assert_ne!(closed, refused.error.is_full());
            let id = refused.message.id;
            if way.is_multiple_of(3) {
                assert_eq!(refused.message.into_inner().id, id);
            }
            (if closed { Refusal::Closed } else { Refusal::Blocked }, id)
        });
        let outcome = if result.is_ok() { Outcome::FilledSent } else { Outcome::FilledRefused };
        self.expect_sent(id, result);
        self.outcomes.note(outcome);
    }

    /// Sends without a handle.
    pub fn shared_send(&mut self) {
        let message = self.census.message();
        let id = message.id;
        let result = match self.mailbox.try_send(message) {
            Ok(()) => Ok(()),
            Err(SharedSendError::Full(message)) => Err((Refusal::Blocked, message.id)),
            Err(SharedSendError::Closed(message)) => Err((Refusal::Closed, message.id)),
            Err(SharedSendError::Busy(message)) => {
                assert!(self.seats_used_up() && message.id == id);
                return self.outcomes.note(Outcome::SendBusy);
            }
        };
        assert!(!self.seats_used_up());
        self.expect_sent(id, result);
    }

    pub fn start_send(&mut self, at: usize) {
        let message = self.census.message();
        if let Some(slot) = self.senders.pick_free(at) {
            let job = Job::Send { id: message.id };
            slot.start(job, |handle, orders| jobs::send(handle, message, orders));
        }
    }

    pub fn start_send_from(&mut self, at: usize) {
        let message = self.census.message();
        if let Some(slot) = self.senders.pick_free(at) {
            let job = Job::SendFrom { id: message.id };
            slot.start(job, |handle, orders| jobs::send_from(handle, message, orders));
        }
    }

    pub fn start_send_many(&mut self, at: usize, count: usize) {
        let messages: Vec<_> = (0..count).map(|_| self.census.message()).collect();
        if let Some(slot) = self.senders.pick_free(at) {
            let rest = messages.iter().map(|message| message.id).collect();
            let job = Job::SendMany { rest, sent: 0 };
            slot.start(job, |handle, orders| jobs::send_many(handle, messages, orders));
        }
    }

    pub fn poll_sender(&mut self, at: usize, fresh: bool) {
        let bell = fresh.then(|| self.new_bell());
        let Some(polled) = self.senders.poll(at, bell, &mut self.model) else {
            return;
        };
        self.outcomes.note(match polled {
            Polled::Waits => Outcome::SendWaited,
            Polled::WokenInVain => Outcome::SendWokenInVain,
            Polled::Done { waited: true } => Outcome::SendDoneAfterWait,
            Polled::Done { waited: false } => Outcome::Sent,
            Polled::Closed { waited: true } => Outcome::SendClosedAfterWait,
            Polled::Closed { waited: false } => Outcome::SendClosed,
        });
    }

    pub fn end_sender(&mut self, at: usize, order: Order) {
        let Some(Ended { polled, woken, passed_on }) = self.senders.end(at, order) else {
            return;
        };
        self.outcomes.note(match order {
            _ if !polled => Outcome::CancelledUnpolled,
            Order::Leak => Outcome::FutureLeaked,
            _ if woken => Outcome::SendCancelledWoken,
            _ => Outcome::SendCancelled,
        });
        self.outcomes.note_if(passed_on, Outcome::SendWakePassedOn);
    }
}
