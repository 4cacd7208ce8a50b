//! What receivers do.

use std::task::Poll;

use droves::mailbox::{Pointer, Receiver, SharedRecvError, TryRecvError};

use super::census::Message;
use super::jobs::{self, Order};
use super::machine::Machine;
use super::model::{Job, Refusal};
use super::outcomes::Outcome;
use super::side::{Ended, Polled};

fn refusal(error: TryRecvError) -> Refusal {
    match error {
        TryRecvError::Empty => Refusal::Blocked,
        TryRecvError::Closed => Refusal::Closed,
    }
}

impl<'a, P: Pointer<Message = Message> + 'a> Machine<'a, P> {
    pub fn try_recv(&mut self, at: usize) {
        let Some(slot) = self.receivers.pick(at) else {
            return;
        };
        let waited = slot.waiting();
        let Some(receiver) = slot.idle(true) else {
            return;
        };
        let result = receiver.try_recv().map(|message| message.id).map_err(refusal);
        self.outcomes.note_if(waited, Outcome::WaiterUsed);
        self.expect_received(result);
    }

    fn expect_received(&mut self, result: Result<usize, Refusal>) {
        let expected = self.model.recv();
        assert_eq!(result, expected);
        self.outcomes.note(match expected {
            Ok(_) => Outcome::Received,
            Err(Refusal::Blocked) => Outcome::RecvEmpty,
            Err(Refusal::Closed) => Outcome::RecvClosed,
        });
    }

    pub fn try_recv_many(&mut self, at: usize, max: usize) {
        let Some(receiver) = self.receivers.pick(at).and_then(|slot| slot.idle(max > 0)) else {
            return;
        };
        let mut messages = Vec::new();
        let result = receiver.try_recv_many(&mut messages, max).map_err(refusal);
        let ids: Vec<_> = messages.iter().map(|message: &Message| message.id).collect();
        self.outcomes.note_if(ids.len() > 1, Outcome::BatchReceived);
        assert_eq!(
            result.map(|count| (count, ids)),
            self.model.recv_many(max).map(|ids| (ids.len(), ids))
        );
    }

    /// Receives without a handle.
    pub fn shared_recv(&mut self) {
        let result = match self.mailbox.try_recv() {
            Ok(message) => Ok(message.id),
            Err(SharedRecvError::Empty) => Err(Refusal::Blocked),
            Err(SharedRecvError::Closed) => Err(Refusal::Closed),
            Err(SharedRecvError::Busy) => {
                assert!(self.seats_used_up());
                return self.outcomes.note(Outcome::RecvBusy);
            }
        };
        assert!(!self.seats_used_up());
        self.expect_received(result);
    }

    pub fn start_recv(&mut self, at: usize) {
        if let Some(slot) = self.receivers.pick_free(at) {
            slot.start(Job::Recv, jobs::recv);
        }
    }

    pub fn start_recv_many(&mut self, at: usize, max: usize) {
        if let Some(slot) = self.receivers.pick_free(at) {
            let job = Job::RecvMany { max };
            slot.start(job, |handle, orders| jobs::recv_many(handle, max, orders));
        }
    }

    pub fn poll_receiver(&mut self, at: usize, fresh: bool) {
        let bell = fresh.then(|| self.new_bell());
        let Some(polled) = self.receivers.poll(at, bell, &mut self.model) else {
            return;
        };
        self.outcomes.note(match polled {
            Polled::Waits => Outcome::RecvWaited,
            Polled::WokenInVain => Outcome::RecvWokenInVain,
            Polled::Done { waited: true } => Outcome::RecvDoneAfterWait,
            Polled::Done { waited: false } => Outcome::Received,
            Polled::Closed { waited: true } => Outcome::RecvClosedAfterWait,
            Polled::Closed { waited: false } => Outcome::RecvClosed,
        });
    }

    /// Polls the handle, as a stream does.
    pub fn poll_stream(&mut self, at: usize, fresh: bool) {
        let bell = fresh.then(|| self.new_bell());
        let Some(slot) = self.receivers.pick_free(at) else {
            return;
        };
        if let Some(bell) = bell {
            slot.replace_bell(bell);
        }
        let polled = slot.poll_handle(Receiver::poll_recv);
        let polled = polled.map(|next| next.map(|message| message.id));
        let expected = match self.model.recv() {
            Ok(id) => Poll::Ready(Some(id)),
            Err(Refusal::Closed) => Poll::Ready(None),
            Err(Refusal::Blocked) => Poll::Pending,
        };
        assert_eq!(polled, expected);
        self.outcomes.note_if(polled.is_pending(), Outcome::StreamWaited);
    }

    pub fn end_receiver(&mut self, at: usize, order: Order) {
        let Some(Ended { polled, woken, passed_on }) = self.receivers.end(at, order) else {
            return;
        };
        self.outcomes.note(match order {
            _ if !polled => Outcome::CancelledUnpolled,
            Order::Leak => Outcome::FutureLeaked,
            _ if woken => Outcome::RecvCancelledWoken,
            _ => Outcome::RecvCancelled,
        });
        self.outcomes.note_if(passed_on, Outcome::RecvWakePassedOn);
    }
}
