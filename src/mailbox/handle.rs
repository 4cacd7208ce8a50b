//! What senders and receivers have in common: a seat, a position, and waiting.
//!
//! Waiting follows one rule, on both sides: *register, then confirm, then sleep*. The confirmation is
//! an exchange of the entry just judged for itself. If it fails, the entry has changed, and one tries
//! again; if it succeeds, whoever changes the entry later sees the registration. So a wake cannot fall between
//! the two, and no fence is needed.

use core::task::{Context, Poll};

use super::patience::Patience;
use super::storage::Parts;
use super::{Closed, HandlesError, Mailbox, Pointer, TryRecvError, TrySendError, finish_each};
use crate::cells::Cell;
use crate::ring::{Found, Judged, Side};
use crate::sync::{Ordering, Word, low, retry};

/// A seat that was taken, with the spare cell that belongs to it.
pub(super) struct Seated<P: Pointer> {
    mailbox: P,
    seat: usize,
    spare: usize,
}

impl<P: Pointer> Seated<P> {
    pub(super) fn take(mailbox: P) -> Result<Self, HandlesError> {
        let storage = &mailbox.storage;
        let mut number = 0;
        loop {
            let Some(block) = storage.block(number) else {
                if storage.grow(number) {
                    continue;
                }
                return Err(HandlesError { max: storage.max_seats() });
            };
            let Some(seat) = block.take() else {
                number += 1;
                continue;
            };
            // Relaxed: `take` ordered it after the last owner's `drop`.
            let spare = block.get(seat).spare.load(Ordering::Relaxed);
            let spare = low(spare) ^ Self::home(&mailbox, seat);
            return Ok(Self { mailbox, seat, spare });
        }
    }

    /// The index of the cell that came with the seat.
    fn home(mailbox: &P, seat: usize) -> usize {
        mailbox.capacity() + seat
    }
}

impl<P: Pointer> Drop for Seated<P> {
    fn drop(&mut self) {
        let block = self.mailbox.storage.block_of(self.seat);
        let seat = &block.get(self.seat);
        let spare = self.spare ^ Self::home(&self.mailbox, self.seat);
        // Relaxed: `release` orders it before the next owner's `take`.
        seat.spare.store(spare as Word, Ordering::Relaxed);
        // Even if the waker that was left panics when it is dropped.
        let _release = Release(|| block.release(self.seat));
        seat.waiter.clear();
    }
}

struct Release<F: FnMut()>(F);

impl<F: FnMut()> Drop for Release<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Why an operation could not be done now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Full, or empty, as this entry tells.
    Blocked(Judged),
    Closed,
}

/// One side's handle.
pub(super) struct Handle<P: Pointer> {
    seated: Seated<P>,
    side: Side,
    /// Whether the mailbox closes when this was the last handle of its side.
    counted: bool,
    /// Whether the seat's waiter is registered.
    enlisted: bool,
    /// Where this handle goes on.
    hint: Word,
    patience: Patience,
}

impl<P: Pointer> Handle<P> {
    /// A handle that counts.
    pub(super) fn new(mailbox: P, side: Side) -> Result<Self, HandlesError> {
        let seated = Seated::take(mailbox)?;
        let mut handle = Self::visit(seated, side);
        handle.counted = true;
        handle.mailbox().control().handles[side as usize].fetch_add(1, Ordering::Relaxed);
        Ok(handle)
    }

    /// A handle that does not count, for one call.
    pub(super) fn visit(seated: Seated<P>, side: Side) -> Self {
        let hint = seated.mailbox.storage.ring().shared(side);
        Self { seated, side, counted: false, enlisted: false, hint, patience: Patience::new() }
    }

    pub(super) fn pointer(&self) -> &P {
        &self.seated.mailbox
    }

    pub(super) fn mailbox(&self) -> &Mailbox<P::Storage> {
        &self.seated.mailbox
    }

    fn spare(&self) -> &Cell<P::Message> {
        self.mailbox().storage.cell(self.seated.spare)
    }

    /// Sends the message that the spare cell is filled with.
    #[inline]
    pub(super) fn push(&mut self) -> Result<(), Stop> {
        let ring = self.mailbox().storage.ring();
        if !ring.is_closing() {
            if let Some(judged) = ring.ready(Side::Send, self.hint) {
                if self.exchange(Side::Send, judged) {
                    self.mailbox().notify(Side::Receive);
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
                Found::Ready(judged) if !ring.is_closing() => {
                    if self.exchange(Side::Send, judged) {
                        self.mailbox().notify(Side::Receive);
                        return Ok(());
                    }
                    retry();
                }
                Found::Blocked(judged) if !ring.is_closing() => {
                    self.hint = judged.position();
                    return Err(Stop::Blocked(judged));
                }
                // Closed, or about to be: then this thread helps first.
                _ => {
                    self.mailbox().finish_close();
                    return Err(Stop::Closed);
                }
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
        self.seated.spare = cell;
        self.hint = next;
        true
    }

    /// Sends the message in `from`, or leaves it there.
    pub(super) fn put(&mut self, from: &mut Option<P::Message>) -> Result<(), Stop> {
        let Some(message) = from.take() else {
            return Ok(());
        };
        self.fill(message);
        let result = self.push();
        if result.is_err() {
            *from = Some(self.unfill());
        }
        result
    }

    /// Takes one message.
    #[inline]
    pub(super) fn take(&mut self) -> Result<P::Message, Stop> {
        if let Some(judged) = self.mailbox().storage.ring().ready(Side::Receive, self.hint) {
            if self.exchange(Side::Receive, judged) {
                return Ok(self.taken());
            }
        }
        self.take_from_anywhere()
    }

    #[inline(never)]
    fn take_from_anywhere(&mut self) -> Result<P::Message, Stop> {
        loop {
            let ring = self.mailbox().storage.ring();
            match ring.find(Side::Receive, self.hint) {
                Found::Ready(judged) => {
                    if self.exchange(Side::Receive, judged) {
                        return Ok(self.taken());
                    }
                    retry();
                }
                Found::Blocked(judged) if !ring.is_closing() => {
                    self.hint = judged.position();
                    return Err(Stop::Blocked(judged));
                }
                // The end is not marked yet: once it is, the next look finds it, or a message.
                Found::Blocked(_) => self.mailbox().finish_close(),
                Found::Closed(_) => {
                    self.mailbox().finish_close();
                    return Err(Stop::Closed);
                }
            }
        }
    }

    /// The message that an exchange has just brought in.
    #[inline]
    fn taken(&mut self) -> P::Message {
        let message = self.unfill();
        self.mailbox().notify(Side::Send);
        message
    }

    /// Writes a message into the spare cell, to be sent from there or taken out again.
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
        // SAFETY: the cell is the spare of this handle, and full: by `fill`, or by an exchange
        // with a full entry.
        #[allow(unsafe_code, reason = "reads the spare cell")]
        unsafe {
            self.spare().read()
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
        self.fill(message);
        self.try_push().map_err(|refused| match refused {
            TrySendError::Full(()) => TrySendError::Full(self.unfill()),
            TrySendError::Closed(()) => TrySendError::Closed(self.unfill()),
        })
    }

    /// Sends the message that the spare cell is filled with; if not now, it stays there.
    #[inline]
    pub(super) fn try_push(&mut self) -> Result<(), TrySendError<()>> {
        self.push().map_err(|stop| match stop {
            Stop::Blocked(_) => {
                self.notify_other();
                TrySendError::Full(())
            }
            Stop::Closed => TrySendError::Closed(()),
        })
    }

    #[inline]
    pub(super) fn try_take(&mut self) -> Result<P::Message, TryRecvError> {
        self.take().map_err(|stop| match stop {
            Stop::Blocked(_) => {
                self.notify_other();
                TryRecvError::Empty
            }
            Stop::Closed => TryRecvError::Closed,
        })
    }

    /// Wakes one of the other side before this side gives up: the thread whose task it was to wake it
    /// may have stopped.
    #[inline]
    pub(super) fn notify_other(&self) {
        self.mailbox().notify(self.side.other());
    }

    /// Runs `operation` until it is done or the mailbox closed; waits whenever it is blocked.
    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&mut Self) -> Result<R, Stop>,
    ) -> Poll<Result<R, Closed>> {
        loop {
            // Who was chosen has the wake now, and uses it.
            let _ = self.withdraw();
            let judged = match self.try_patiently(&mut operation) {
                Ok(done) => return Poll::Ready(Ok(done)),
                Err(Stop::Closed) => return Poll::Ready(Err(Closed)),
                Err(Stop::Blocked(judged)) => judged,
            };
            if !self.enlist(cx) {
                // A notifier is still at work on the waker of another task, so this one asks again.
                cx.waker().wake_by_ref();
                self.notify_other();
                return Poll::Pending;
            }
            if self.mailbox().storage.ring().confirm(judged) {
                self.notify_other();
                return Poll::Pending;
            }
            retry();
        }
    }

    /// Runs `operation`, and while it is blocked, again after pauses, as long as that has paid before.
    fn try_patiently<R>(
        &mut self,
        operation: &mut impl FnMut(&mut Self) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let mut result = operation(self);
        if !matches!(result, Err(Stop::Blocked(_))) {
            return result;
        }
        for pauses in self.patience.pauses() {
            for _ in 0..pauses {
                retry();
            }
            result = operation(self);
            if !matches!(result, Err(Stop::Blocked(_))) {
                self.patience.paid();
                return result;
            }
        }
        self.patience.failed();
        result
    }

    /// Gives up waiting. A wake that had come goes to another waiter of this side.
    pub(super) fn cancel(&mut self) {
        if self.withdraw() {
            self.mailbox().notify(self.side);
        }
    }

    fn enlist(&mut self, cx: &Context<'_>) -> bool {
        let mailbox = &*self.seated.mailbox;
        let seat = self.seated.seat;
        let block = mailbox.storage.block_of(seat);
        let needy = &mailbox.control().needy[self.side as usize];
        // Counted first and listed last: whoever finds the waiter may uncount it at once. Relaxed: the
        // waiter's word, or the confirmation that follows, orders it.
        needy.fetch_add(1, Ordering::Relaxed);
        let uncount = Uncount(needy);
        if !block.get(seat).waiter.enlist(cx.waker()) {
            return false;
        }
        core::mem::forget(uncount);
        block.set_waiting(self.side, seat, true);
        self.enlisted = true;
        true
    }

    /// Takes the registration back. Returns whether the waiter had been chosen to be woken.
    fn withdraw(&mut self) -> bool {
        if !self.enlisted {
            return false;
        }
        self.enlisted = false;
        let mailbox = &*self.seated.mailbox;
        let seat = self.seated.seat;
        let block = mailbox.storage.block_of(seat);
        let withdrawn = block.get(seat).waiter.withdraw();
        block.set_waiting(self.side, seat, false);
        if !withdrawn.woken {
            mailbox.settled(self.side);
        }
        withdrawn.chosen
    }
}

/// Counts a waiter out again that did not get listed; its waker may have panicked.
struct Uncount<'a>(&'a crate::sync::AtomicWord);

impl Drop for Uncount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<P: Pointer> Drop for Handle<P> {
    fn drop(&mut self) {
        self.cancel();
        if !self.counted {
            return;
        }
        // Relaxed would count right; AcqRel orders what the other handles did before what follows.
        let before =
            self.mailbox().control().handles[self.side as usize].fetch_sub(1, Ordering::AcqRel);
        if before != 1 {
            return;
        }
        self.mailbox().close();
        if P::OWNS && self.side == Side::Receive {
            finish_each(|| self.take().ok().map(drop));
        }
    }
}
