//! What the crate's own doors need of a mailbox, and nobody else.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::handle::{Handle, Stop};
use super::seated::Seated;
use super::storage::Parts;
use super::{
    Closed, Filled, HandlesError, HeapMailbox, Mailbox, Pointer, Receiver, Refused, Sender, Storage,
};
use crate::ring::{Found, Side};
use crate::sync::{Ordering, retry};

impl<T> HeapMailbox<T> {
    /// Wakes the waiter of the lowest seat from now on, not one after the other.
    pub(crate) fn wake_lowest_first(&mut self) {
        self.storage.wake_lowest_first();
    }
}

impl HeapMailbox<()> {
    /// As a bell: rings it, unless it has been rung and nobody has heard it. Who hears it later sees what this thread
    /// did before, either way.
    pub(crate) fn ring(&self) {
        let ring = self.storage.ring();
        loop {
            match ring.find_shared(Side::Send) {
                Found::Closed(_) => return,
                // A mere look could be at an old ring, which has been heard already.
                Found::Blocked(judged) if ring.confirm(judged) => {
                    self.notify(Side::Receive);
                    return;
                }
                Found::Ready(_) if self.try_send(()).is_ok() => return,
                Found::Ready(_) | Found::Blocked(_) => retry(),
            }
        }
    }
}

impl<S: Storage> Mailbox<S> {
    /// Counts a receiver that never goes, so that the last of the others does not close the mailbox.
    pub(crate) fn keep_receiving(&self) {
        // Relaxed: as for any handle.
        self.control().handles[Side::Receive as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handle of each side that never goes, so that only a call of `close` closes the mailbox.
    pub(crate) fn keep_open(&self) {
        self.keep_receiving();
        self.control().handles[Side::Send as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a receiver waits that nobody has woken.
    #[inline]
    pub(crate) fn has_idle_receiver(&self) -> bool {
        self.control().needy[Side::Receive as usize].load(Ordering::Relaxed) != 0
    }

    /// Whether there is no message; who sends one later sees what this thread did before.
    pub(crate) fn confirm_empty(&self) -> bool {
        let ring = self.storage.ring();
        loop {
            match ring.find_shared(Side::Receive) {
                Found::Ready(_) => return false,
                Found::Closed(_) => return true,
                Found::Blocked(judged) if ring.confirm(judged) => return true,
                Found::Blocked(_) => retry(),
            }
        }
    }

    /// How many receivers wait that nobody has woken.
    pub(crate) fn idle_receivers(&self) -> usize {
        crate::sync::low(self.control().needy[Side::Receive as usize].load(Ordering::Relaxed))
    }

    /// Meets [`wake_receivers`](Self::wake_receivers): of a receiver that waits and then meets, and
    /// somebody who changes something and then wakes, either the first sees the change, or the second
    /// sees the first wait.
    pub(crate) fn meet(&self) {
        // AcqRel, and a read-modify-write as all accesses of this word are: of any two, the later
        // sees what came before the earlier.
        self.control().needy[Side::Receive as usize].fetch_add(0, Ordering::AcqRel);
    }

    /// Wakes all receivers that wait.
    pub(crate) fn wake_receivers(&self) {
        self.meet();
        self.wake_all(Side::Receive);
    }
}

impl<T, P: Pointer<Message = T>> Sender<T, P> {
    /// A handle that does not count: the mailbox closes without it.
    pub(crate) fn visiting(mailbox: P) -> Result<Self, HandlesError> {
        let handle = Handle::visit(Seated::take(mailbox)?, Side::Send);
        Ok(Self { handle, message: PhantomData })
    }

    /// Sends the message in `from`, or leaves it there.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Option<T>,
    ) -> Poll<Result<(), Closed>> {
        self.handle.poll_put(cx, from)
    }
}

impl<'a, T, P: Pointer<Message = T>> Filled<'a, T, P> {
    /// As [`try_send`](Self::try_send), and tells whether a waiting receiver was chosen for it.
    #[inline]
    pub(crate) fn try_send_to_idle(self) -> Result<bool, Refused<'a, T, P>> {
        match self.handle.push() {
            Ok(()) => Ok(ManuallyDrop::new(self).handle.notify_other()),
            Err(stop) => Err(self.refused(stop)),
        }
    }
}

impl<T, P: Pointer<Message = T>> Receiver<T, P> {
    /// A handle that does not count: the mailbox closes without it.
    pub(crate) fn visiting(mailbox: P) -> Result<Self, HandlesError> {
        let handle = Handle::visit(Seated::take(mailbox)?, Side::Receive);
        Ok(Self { handle, message: PhantomData })
    }

    /// Receives a message and leaves it where it lies: at [`place`](Self::place), until it is taken out
    /// or dropped there, which the caller must see to before it receives again. `false` once the mailbox is closed and
    /// drained.
    ///
    /// The caller then owes [`announce`](Self::announce).
    pub(crate) fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.handle.poll(cx).map(|pulled| pulled.is_ok())
    }

    /// As [`poll_pull`](Self::poll_pull), but does not wait.
    #[inline]
    pub(crate) fn try_pull(&mut self) -> Poll<bool> {
        // Who was chosen has the wake now, and uses it: passed on, it would go round among idle receivers for ever.
        let _ = self.handle.withdraw();
        match self.handle.pull() {
            Ok(()) => Poll::Ready(true),
            Err(Stop::Blocked(_)) => Poll::Pending,
            Err(stop @ Stop::Closed) => {
                self.handle.give_up(stop);
                Poll::Ready(false)
            }
        }
    }

    /// Gives up waiting, since there is something else to do. A wake that had come goes to another receiver.
    pub(crate) fn stop_waiting(&mut self) {
        self.handle.cancel();
    }

    /// Tells a waiting sender that there is room.
    #[inline]
    pub(crate) fn announce(&self) {
        self.handle.notify_other();
    }

    /// Where the message lies that was pulled.
    #[inline]
    pub(crate) fn place(&mut self) -> NonNull<T> {
        NonNull::new(self.handle.place()).expect("a cell is somewhere")
    }
}

/// A mailbox of messages without content carries indices below its capacity instead: the cell that is sent is the
/// message. What is left as a spare means nothing, and no cell is ever looked into.
impl<P: Pointer<Message = ()>> Sender<(), P> {
    /// Sends an index. If the mailbox has room for every index that there is, and none is in it twice, it is never full.
    ///
    /// Returns whether it was not closed.
    #[inline]
    pub(crate) fn send_index(&mut self, index: usize) -> bool {
        loop {
            self.handle.seated.spare = index;
            match self.handle.push() {
                Ok(()) => {
                    self.handle.notify_other();
                    return true;
                }
                // Somebody's hint went round with the laps; see the bounds of a mailbox.
                Err(Stop::Blocked(_)) => retry(),
                Err(stop @ Stop::Closed) => {
                    self.handle.give_up(stop);
                    return false;
                }
            }
        }
    }
}

impl<P: Pointer<Message = ()>> Receiver<(), P> {
    /// Receives an index; `None` once the mailbox is closed and drained.
    pub(crate) fn poll_index(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.poll_pull(cx).map(|pulled| pulled.then_some(self.handle.seated.spare))
    }

    /// As [`poll_index`](Self::poll_index), but does not wait.
    #[inline]
    pub(crate) fn try_index(&mut self) -> Poll<Option<usize>> {
        self.try_pull().map(|pulled| pulled.then_some(self.handle.seated.spare))
    }
}
