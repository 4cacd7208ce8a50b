//! What senders and receivers have in common: a seat, a position in the ring, and exchanging.
//!
//! [`push`](Handle::push) and [`pull`](Handle::pull) only exchange cells. Whoever calls them moves the
//! message into or out of the spare cell, and wakes the other side after that: a waker may
//! panic, and then the message must be where it belongs already.

use super::patience::Patience;
use super::seated::Seated;
use super::storage::Parts;
use super::{HandlesError, Mailbox, Pointer, TryRecvError, TrySendError};
use crate::cells::Cell;
use crate::panic::finish_each;
use crate::ring::{Found, Judged, Side};
use crate::sync::{Ordering, Word, retry};

/// Why an operation could not be done now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Full, or empty, as this entry tells.
    Blocked(Judged),
    Closed,
}

impl From<Stop> for TryRecvError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Blocked(_) => Self::Empty,
            Stop::Closed => Self::Closed,
        }
    }
}

/// One side's handle.
pub(super) struct Handle<P: Pointer> {
    pub(super) seated: Seated<P>,
    pub(super) side: Side,
    /// Whether the mailbox closes when this was the last handle of its side.
    counted: bool,
    /// Whether the seat's waiter is registered.
    pub(super) enlisted: bool,
    /// Where this handle goes on.
    hint: Word,
    pub(super) patience: Patience,
}

impl<P: Pointer> Handle<P> {
    /// A handle that counts.
    pub(super) fn new(mailbox: P, side: Side) -> Result<Self, HandlesError> {
        let mut handle = Self::visit(Seated::take(mailbox)?, side);
        handle.counted = true;
        handle.mailbox().control().handles[side as usize].fetch_add(1, Ordering::Relaxed);
        Ok(handle)
    }

    /// A handle that does not count, for one call.
    pub(super) fn visit(seated: Seated<P>, side: Side) -> Self {
        let hint = seated.mailbox.storage.ring().shared(side);
        let patience = Patience::new();
        Self { seated, side, counted: false, enlisted: false, hint, patience }
    }

    pub(super) fn pointer(&self) -> &P {
        &self.seated.mailbox
    }

    pub(super) fn mailbox(&self) -> &Mailbox<P::Storage> {
        &self.seated.mailbox
    }

    /// Sends the message that the spare cell is filled with, or leaves it there.
    #[inline]
    pub(super) fn push(&mut self) -> Result<(), Stop> {
        let ring = self.mailbox().storage.ring();
        if !ring.is_closing() {
            if let Some(judged) = ring.ready(Side::Send, self.hint) {
                if self.exchange(Side::Send, judged) {
                    return Ok(());
                }
            }
        }
        self.push_from_anywhere()
    }

    #[inline(never)]
    fn push_from_anywhere(&mut self) -> Result<(), Stop> {
        loop {
            let ring = self.mailbox().storage.ring();
            match ring.find(Side::Send, self.hint) {
                // Nobody begins to send once it is closing, so that closing comes to an end.
                _ if ring.is_closing() => return Err(Stop::Closed),
                Found::Closed(_) => return Err(Stop::Closed),
                Found::Blocked(judged) => {
                    self.hint = judged.position();
                    return Err(Stop::Blocked(judged));
                }
                Found::Ready(judged) if self.exchange(Side::Send, judged) => return Ok(()),
                Found::Ready(_) => retry(),
            }
        }
    }

    /// Fills the spare cell with a message from the ring.
    #[inline]
    pub(super) fn pull(&mut self) -> Result<(), Stop> {
        if let Some(judged) = self.mailbox().storage.ring().ready(Side::Receive, self.hint) {
            if self.exchange(Side::Receive, judged) {
                return Ok(());
            }
        }
        self.pull_from_anywhere()
    }

    #[inline(never)]
    fn pull_from_anywhere(&mut self) -> Result<(), Stop> {
        let mut marked = false;
        loop {
            let ring = self.mailbox().storage.ring();
            match ring.find(Side::Receive, self.hint) {
                Found::Ready(judged) if self.exchange(Side::Receive, judged) => return Ok(()),
                Found::Ready(_) => retry(),
                Found::Blocked(judged) if !self.mailbox().is_closed() => {
                    self.hint = judged.position();
                    return Err(Stop::Blocked(judged));
                }
                // The end may not be marked yet: once it is, the next look finds it, or a message.
                Found::Blocked(_) if !marked => {
                    self.mailbox().storage.ring().mark_end();
                    marked = true;
                }
                Found::Blocked(_) | Found::Closed(_) => return Err(Stop::Closed),
            }
        }
    }

    /// Exchanges the spare cell. Returns whether nobody was faster.
    #[inline]
    fn exchange(&mut self, side: Side, judged: Judged) -> bool {
        let ring = self.mailbox().storage.ring();
        let Some((cell, next)) = ring.exchange(side, judged, self.seated.spare) else {
            return false;
        };
        if !self.counted {
            // It does not remember its position, so the next one is to find it.
            ring.publish(side, next);
        }
        self.seated.spare = cell;
        self.hint = next;
        true
    }

    fn spare(&self) -> &Cell<P::Message> {
        self.mailbox().storage.cell(self.seated.spare)
    }

    /// Writes a message into the spare cell.
    #[inline]
    pub(super) fn fill(&mut self, message: P::Message) {
        // SAFETY: the cell is the spare of this handle, and empty: whoever filled it has sent it or
        // taken it out since, or has forgotten it.
        #[allow(unsafe_code, reason = "writes the spare cell")]
        unsafe {
            self.spare().write(message);
        }
    }

    /// Takes the message out of the spare cell.
    #[inline]
    pub(super) fn unfill(&mut self) -> P::Message {
        // SAFETY: the cell is the spare of this handle, and full: by `fill`, or by `pull`.
        #[allow(unsafe_code, reason = "reads the spare cell")]
        unsafe {
            self.spare().read()
        }
    }

    /// Drops the message in the spare cell.
    pub(super) fn discard(&mut self) {
        // SAFETY: as in `unfill`.
        #[allow(unsafe_code, reason = "empties the spare cell")]
        unsafe {
            self.spare().discard();
        }
    }

    /// Where the spare cell is.
    pub(super) fn place(&self) -> *mut P::Message {
        // SAFETY: the spare is this handle's alone, for as long as nothing is sent or received.
        #[allow(unsafe_code, reason = "points into the spare cell")]
        unsafe {
            self.spare().place()
        }
    }

    #[inline]
    pub(super) fn try_put(&mut self, message: P::Message) -> Result<(), TrySendError<P::Message>> {
        self.cancel();
        self.fill(message);
        match self.push() {
            Ok(()) => {
                self.notify_other();
                Ok(())
            }
            Err(stop) => Err(self.refuse(stop)),
        }
    }

    /// Takes back the message that could not be sent, and does what is due then.
    #[cold]
    fn refuse(&mut self, stop: Stop) -> TrySendError<P::Message> {
        let message = self.unfill();
        self.give_up(stop);
        match stop {
            Stop::Blocked(_) => TrySendError::Full(message),
            Stop::Closed => TrySendError::Closed(message),
        }
    }

    /// Takes one message.
    #[inline]
    pub(super) fn take(&mut self) -> Result<P::Message, Stop> {
        self.pull()?;
        Ok(self.taken())
    }

    #[inline]
    pub(super) fn try_take(&mut self) -> Result<P::Message, TryRecvError> {
        self.cancel();
        self.take().map_err(|stop| {
            self.give_up(stop);
            stop.into()
        })
    }

    /// The message that was pulled, when its place is given to the senders.
    #[inline]
    pub(super) fn taken(&mut self) -> P::Message {
        let message = self.unfill();
        self.notify_other();
        message
    }

    /// Wakes one of the other side: after an exchange, and before this side gives up, since the thread
    /// whose task it was may have stopped.
    #[inline]
    pub(super) fn notify_other(&self) -> bool {
        self.mailbox().notify(self.side.other())
    }

    /// Does what is due before a refusal is answered.
    #[cold]
    pub(super) fn give_up(&self, stop: Stop) {
        match stop {
            Stop::Blocked(_) => {
                self.notify_other();
            }
            Stop::Closed => self.mailbox().finish_close(),
        }
    }

    /// Counts this handle out; the last of its side closes the mailbox.
    fn leave(&mut self) {
        if !self.counted {
            return;
        }
        // AcqRel: what the other handles did comes before what follows.
        let handles = &self.mailbox().control().handles[self.side as usize];
        if handles.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let mut steps = [Self::close, Self::discard_rest].into_iter();
        finish_each(|| steps.next().map(|step| step(self)));
    }

    fn close(&mut self) {
        self.mailbox().close();
    }

    /// Drops what is left, where the last receiver is the last who could take it.
    fn discard_rest(&mut self) {
        if P::OWNS && self.side == Side::Receive {
            finish_each(|| self.pull().ok().map(|()| self.discard()));
        }
    }
}

impl<P: Pointer> Drop for Handle<P> {
    fn drop(&mut self) {
        // All of it, even if a waker or a message panics on the way.
        let mut steps = [Self::cancel, Self::leave].into_iter();
        finish_each(|| steps.next().map(|step| step(self)));
    }
}
