//! A message written where it will lie.

#![allow(unsafe_code, reason = "gives out references into the spare cell")]

use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};

use super::handle::{Handle, Stop};
use super::{Pointer, TrySendError};

/// A cell to write a message into, from [`Sender::reserve`](super::Sender::reserve).
///
/// It is a promise of a cell and not of room. Dropping it gives everything back.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// let (mut sender, mut receiver) = droves::mailbox::channel::<[u8; 1500]>(1)?;
/// let mut packet = sender.reserve().write([0; 1500]);
/// packet[0] = 0x45; // in place: this is where the receiver will find it
/// packet.try_send().map_err(|refused| refused.error)?;
/// assert_eq!(receiver.try_recv()?[0], 0x45);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Permit<'a, T, P: Pointer<Message = T>> {
    handle: &'a mut Handle<P>,
}

impl<'a, T, P: Pointer<Message = T>> Permit<'a, T, P> {
    pub(super) fn new(handle: &'a mut Handle<P>) -> Self {
        Self { handle }
    }

    /// Writes the message.
    ///
    /// # Cost
    /// A move of the message.
    pub fn write(self, message: T) -> Filled<'a, T, P> {
        self.handle.fill(message);
        Filled { handle: self.handle, message: PhantomData }
    }

    /// The place, to be written piece by piece; then [`assume_init`](Self::assume_init).
    ///
    /// # Cost
    /// None.
    pub fn uninit(&mut self) -> &mut MaybeUninit<T> {
        // SAFETY: the spare cell is the handle's, and the handle is borrowed for as long as the
        // reference lives. A cell is a `MaybeUninit` itself, so any content is valid.
        unsafe { &mut *self.handle.place().cast() }
    }

    /// Says that the message has been written through [`uninit`](Self::uninit).
    ///
    /// # Safety
    /// It has, wholly.
    ///
    /// # Cost
    /// None.
    pub unsafe fn assume_init(self) -> Filled<'a, T, P> {
        Filled { handle: self.handle, message: PhantomData }
    }
}

impl<T, P: Pointer<Message = T>> fmt::Debug for Permit<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// A message in its cell, not sent yet. Dropping it drops the message.
#[must_use = "the message is not sent yet"]
pub struct Filled<'a, T, P: Pointer<Message = T>> {
    /// Its spare cell is full.
    pub(super) handle: &'a mut Handle<P>,
    /// It is shared and sent as the message is that it gives access to.
    message: PhantomData<&'a mut T>,
}

impl<'a, T, P: Pointer<Message = T>> Filled<'a, T, P> {
    /// Sends the message from where it is, if there is room now.
    ///
    /// # Errors
    /// It comes back, still in its cell, if the mailbox is full or closed.
    ///
    /// # Cost
    /// As [`Sender::try_send`](super::Sender::try_send), without a move.
    pub fn try_send(self) -> Result<(), Refused<'a, T, P>> {
        match self.handle.push() {
            Ok(()) => {
                ManuallyDrop::new(self).handle.notify_other();
                Ok(())
            }
            Err(stop) => Err(self.refused(stop)),
        }
    }

    pub(super) fn refused(self, stop: Stop) -> Refused<'a, T, P> {
        self.handle.give_up(stop);
        let error = match stop {
            Stop::Blocked(_) => TrySendError::Full(()),
            Stop::Closed => TrySendError::Closed(()),
        };
        Refused { message: self, error }
    }

    /// Takes the message out again.
    ///
    /// # Cost
    /// A move of the message.
    #[must_use]
    pub fn into_inner(self) -> T {
        ManuallyDrop::new(self).handle.unfill()
    }
}

impl<T, P: Pointer<Message = T>> Deref for Filled<'_, T, P> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the spare cell is the handle's and full, and the handle is borrowed.
        unsafe { &*self.handle.place() }
    }
}

impl<T, P: Pointer<Message = T>> DerefMut for Filled<'_, T, P> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the handle is borrowed for writing.
        unsafe { &mut *self.handle.place() }
    }
}

impl<T, P: Pointer<Message = T>> Drop for Filled<'_, T, P> {
    fn drop(&mut self) {
        self.handle.discard();
    }
}

impl<T, P: Pointer<Message = T>> fmt::Debug for Filled<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filled")
    }
}

/// A message that was not sent, still in its cell.
pub struct Refused<'a, T, P: Pointer<Message = T>> {
    /// The message, to be sent again, changed or taken out.
    pub message: Filled<'a, T, P>,
    /// Why it was not sent.
    pub error: TrySendError<()>,
}

impl<T, P: Pointer<Message = T>> fmt::Debug for Refused<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("error", &self.error).finish_non_exhaustive()
    }
}
