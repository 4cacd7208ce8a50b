//! How handles point to their mailbox.

use core::ops::Deref;

use super::{Mailbox, Storage};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// How a handle points to its mailbox: `&Mailbox`, or `Arc<Mailbox>` with `alloc`.
///
/// Sealed: it tells which types there are, and cannot be implemented elsewhere.
pub trait Pointer: Clone + Deref<Target = Mailbox<Self::Storage>> + sealed::Sealed {
    /// How the mailbox is stored.
    type Storage: Storage<Message = Self::Message>;
    /// What the mailbox carries.
    type Message;
    /// Whether nobody can take what is left once the last receiver is gone.
    #[doc(hidden)]
    const OWNS: bool;
}

mod sealed {
    pub trait Sealed {}
}

impl<S: Storage> sealed::Sealed for &Mailbox<S> {}

impl<S: Storage> Pointer for &Mailbox<S> {
    type Storage = S;
    type Message = S::Message;
    const OWNS: bool = false;
}

#[cfg(feature = "alloc")]
impl<S: Storage> sealed::Sealed for Arc<Mailbox<S>> {}

#[cfg(feature = "alloc")]
impl<S: Storage> Pointer for Arc<Mailbox<S>> {
    type Storage = S;
    type Message = S::Message;
    const OWNS: bool = true;
}
