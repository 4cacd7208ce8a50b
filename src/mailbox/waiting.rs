//! How a handle waits, on either side: *register, then confirm, then sleep*.
//!
//! The confirmation is an exchange of the entry just judged for itself. If it fails, the entry has
//! changed, and one tries again; if it succeeds, whoever changes the entry later sees the registration. So
//! a wake cannot fall between the two, and no fence is needed.

use core::mem;
use core::task::{Context, Poll};

use super::handle::{Handle, Stop};
use super::seated::Seated;
use super::storage::Parts;
use super::{Closed, Pointer};
use crate::ring::Side;
use crate::sync::{AtomicWord, Ordering, retry};

impl<P: Pointer> Handle<P> {
    /// Sends the message in `from`, or leaves it there.
    pub(super) fn poll_put(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Option<P::Message>,
    ) -> Poll<Result<(), Closed>> {
        let Some(message) = from.take() else {
            return Poll::Ready(Ok(()));
        };
        self.fill(message);
        let loaded = Loaded { handle: self, from };
        let polled = loaded.handle.poll(cx);
        if let Poll::Ready(Ok(())) = polled {
            loaded.sent();
        }
        polled
    }

    /// Takes one message; `None` once the mailbox is closed and drained.
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<P::Message>> {
        self.poll(cx).map(|pulled| pulled.ok().map(|()| self.taken()))
    }

    /// Pushes or pulls, as its side is; waits if that is blocked.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        loop {
            // Who was chosen has the wake now, and uses it.
            let _ = self.withdraw();
            let judged = match self.exchange_patiently() {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Stop::Blocked(judged)) => judged,
                Err(Stop::Closed) => {
                    self.mailbox().finish_close();
                    return Poll::Ready(Err(Closed));
                }
            };
            if !self.enlist_somewhere(cx) {
                // No other seat is free, so this task asks again and again until it is done.
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

    fn exchange_once(&mut self) -> Result<(), Stop> {
        match self.side {
            Side::Send => self.push(),
            Side::Receive => self.pull(),
        }
    }

    /// Pushes or pulls; if that is blocked, again after pauses, as long as that has paid before.
    fn exchange_patiently(&mut self) -> Result<(), Stop> {
        let mut result = self.exchange_once();
        if !matches!(result, Err(Stop::Blocked(_))) {
            return result;
        }
        for pauses in self.patience.pauses() {
            for _ in 0..pauses {
                retry();
            }
            result = self.exchange_once();
            if !matches!(result, Err(Stop::Blocked(_))) {
                self.patience.paid();
                return result;
            }
        }
        self.patience.failed();
        result
    }

    /// Gives up waiting, if it waits. A wake that had come goes to another waiter of this side.
    #[inline]
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
        if !block.get(seat).waiter.enlist(self.side, cx.waker()) {
            return false;
        }
        mem::forget(uncount);
        block.set_waiting(self.side, seat, true);
        self.enlisted = true;
        true
    }

    /// Enlists in this seat, or, while a notifier is still at work on a waker that was left there, in
    /// another. The seats that did not fit stay taken until one does, so as not to be met again.
    fn enlist_somewhere(&mut self, cx: &Context<'_>) -> bool {
        if self.enlist(cx) {
            return true;
        }
        let Ok(mut other) = Seated::take(self.pointer().clone()) else {
            return false;
        };
        // The spare cell stays with the handle: it may be filled.
        mem::swap(&mut other.spare, &mut self.seated.spare);
        let _unfit = mem::replace(&mut self.seated, other);
        self.enlist_somewhere(cx)
    }

    /// Takes the registration back. Returns whether the waiter had been chosen to be woken.
    #[inline]
    pub(super) fn withdraw(&mut self) -> bool {
        self.enlisted && self.withdraw_enlisted()
    }

    #[cold]
    fn withdraw_enlisted(&mut self) -> bool {
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

/// A handle whose spare cell holds what is to be sent. Unless it was sent, it goes back to where it
/// came from, even if a waker panics.
struct Loaded<'a, P: Pointer> {
    handle: &'a mut Handle<P>,
    from: &'a mut Option<P::Message>,
}

impl<P: Pointer> Loaded<'_, P> {
    fn sent(self) {
        let sent = mem::ManuallyDrop::new(self);
        sent.handle.notify_other();
    }
}

impl<P: Pointer> Drop for Loaded<'_, P> {
    fn drop(&mut self) {
        *self.from = Some(self.handle.unfill());
    }
}

/// Counts a waiter out again that did not get listed; its waker may have panicked.
struct Uncount<'a>(&'a AtomicWord);

impl Drop for Uncount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
