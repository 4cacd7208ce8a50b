//! Where the items of a herd lie from their admission until their result is taken, and the lanes on which they pass
//! from one to the next.
//!
//! ```text
//!            send            worker: success, failure             reader
//!  free -----------> ready -------------------------> done -----------------> free
//!    \                ^  \
//!     \ send_at       |   \ worker: retry, interrupted
//!      v              |    v
//!    scheduled -> (driver's timers) <- aside
//! ```
//!
//! What passes is a [`Claim`]: whoever has it has the place to himself. Each lane has room for all of them, so that none is
//! ever full, and nobody waits to give.

#![allow(unsafe_code, reason = "hands out places by claims")]

use alloc::boxed::Box;
use core::fmt;
use core::task::{Context, Poll};

use crate::config::ConfigError;
use crate::mailbox::{HeapMailbox, Receiver, Sender};
use crate::ring::Padded;
use crate::sync::{Arc, AtomicWord, SharedCell};

/// The right to a place, in each shelf of one herd. There is one for each place, and it is on a lane or somebody's.
///
/// Dropping one loses the place.
#[derive(Debug)]
#[must_use]
pub struct Claim(u32);

impl Claim {
    /// As a number, by which it can be [had back](Self::from_index) when this one is forgotten.
    pub(super) const fn index(&self) -> usize {
        self.0 as usize
    }

    /// Ends it: it goes on as a number.
    #[allow(clippy::unused_self, reason = "it ends here")]
    pub(super) const fn forget(self) {}

    /// The claim that went on as this number, once.
    #[allow(clippy::cast_possible_truncation, reason = "a claim's was narrower")]
    pub(super) const fn from_index(index: usize) -> Self {
        Self(index as u32)
    }
}

/// A thing for each place.
pub struct Shelf<T> {
    places: Box<[SharedCell<T>]>,
}

// SAFETY: a thing is reached by its claim alone, of which there is one, and which passes from thread to thread by
// releases and acquires; so sharing the shelf only moves things. Who shares a claim shares the thing: an `Item`, which
// alone lets a claim be shared, is `Sync` only if its body is.
unsafe impl<T: Send> Sync for Shelf<T> {}

impl<T> Shelf<T> {
    /// A shelf for the claims of a [`Slab`] with this capacity.
    pub(super) fn new(capacity: usize, make: impl Fn() -> T) -> Self {
        Self { places: (0..capacity).map(|_| SharedCell::new(make())).collect() }
    }

    #[inline]
    pub(super) fn get<'a>(&'a self, claim: &'a Claim) -> &'a T {
        // SAFETY: who has the claim has the place to himself, and lends both for as long as the reference lasts;
        // nobody has a mutable one meanwhile, as that borrows the claim mutably.
        self.places[claim.0 as usize].with(|place| unsafe { &*place })
    }

    #[inline]
    pub(super) fn get_mut<'a>(&'a self, claim: &'a mut Claim) -> &'a mut T {
        // SAFETY: as above, and the claim is lent mutably.
        self.places[claim.0 as usize].with_mut(|place| unsafe { &mut *place })
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("places", &self.places.len()).finish()
    }
}

/// A queue of claims.
#[derive(Clone, Debug)]
pub struct Lane(Arc<HeapMailbox<()>>);

impl Lane {
    /// An empty lane, with room for `capacity` claims.
    pub(super) fn new(capacity: usize) -> Result<Self, ConfigError> {
        let mailbox = HeapMailbox::with_capacity(capacity)?;
        mailbox.keep_open();
        Ok(Self(Arc::new(mailbox)))
    }

    /// As [`new`](Self::new), and of those who wait the first is woken first, not one after the other.
    pub(super) fn lowest_first(capacity: usize) -> Result<Self, ConfigError> {
        let mut mailbox = HeapMailbox::with_capacity(capacity)?;
        mailbox.wake_lowest_first();
        mailbox.keep_open();
        Ok(Self(Arc::new(mailbox)))
    }

    /// A handle for giving; `None` if there are as many handles as there can be.
    pub(super) fn giver(&self) -> Option<Giver> {
        Sender::new(self.0.clone()).ok().map(Giver)
    }

    /// A handle for taking; `None` if there are as many handles as there can be.
    pub(super) fn taker(&self) -> Option<Taker> {
        Receiver::new(self.0.clone()).ok().map(Taker)
    }

    /// As [`taker`](Self::taker), for one claim.
    pub(super) fn visitor(&self) -> Option<Taker> {
        Receiver::visiting(self.0.clone()).ok().map(Taker)
    }

    /// Gives a claim without a handle of one's own.
    ///
    /// # Errors
    /// The claim comes back if the lane is closed.
    pub(super) fn give(&self, claim: Claim) -> Result<(), Claim> {
        loop {
            if self.is_closed() {
                return Err(claim);
            }
            if let Ok(sender) = Sender::visiting(self.0.clone()) {
                return Giver(sender).give(claim);
            }
            // As many threads are in here as there can be handles; the others go on.
            crate::sync::retry();
        }
    }

    /// Takes a claim without a handle of one's own.
    pub(super) fn take(&self) -> Option<Claim> {
        loop {
            if let Some(mut visitor) = self.visitor() {
                return match visitor.try_take() {
                    Poll::Ready(claim) => claim,
                    Poll::Pending => None,
                };
            }
            crate::sync::retry();
        }
    }

    /// Returns whether nobody had closed it before.
    pub(super) fn close(&self) -> bool {
        self.0.close()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// See [`Mailbox::confirm_empty`](crate::mailbox::Mailbox).
    pub(super) fn confirm_empty(&self) -> bool {
        self.0.confirm_empty()
    }

    /// How many wait to take that nobody has woken.
    pub(super) fn idle(&self) -> usize {
        self.0.idle_receivers()
    }

    pub(super) fn wake(&self) {
        self.0.wake_receivers();
    }

    pub(super) fn meet(&self) {
        self.0.meet();
    }
}

/// Gives claims to a lane.
pub struct Giver(Sender<(), Arc<HeapMailbox<()>>>);

impl Giver {
    /// Gives a claim.
    ///
    /// # Errors
    /// The claim comes back if the lane is closed.
    #[inline]
    pub(super) fn give(&mut self, claim: Claim) -> Result<(), Claim> {
        if !self.0.send_index(claim.index()) {
            return Err(claim);
        }
        claim.forget();
        Ok(())
    }
}

/// Takes claims from a lane.
pub struct Taker(Receiver<(), Arc<HeapMailbox<()>>>);

impl Taker {
    /// Takes a claim; `None` once the lane is closed and drained.
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Option<Claim>> {
        self.0.poll_index(cx).map(|index| index.map(Claim::from_index))
    }

    /// Gives up waiting. A wake that had come goes to another.
    pub(super) fn stop_waiting(&mut self) {
        self.0.stop_waiting();
    }

    /// As [`poll_take`](Self::poll_take), but does not wait.
    #[inline]
    pub(super) fn try_take(&mut self) -> Poll<Option<Claim>> {
        self.0.try_index().map(|index| index.map(Claim::from_index))
    }
}

/// The places of a herd's items.
pub struct Slab<T> {
    pub(super) items: Shelf<T>,
    /// Places without an item. Closed when no further item is to come.
    pub(super) free: Lane,
    /// Items that a worker may begin. Closed when none is left, and none will come.
    pub(super) ready: Lane,
    /// Items whose result can be taken. Closed when nobody will, or when all have ended.
    pub(super) done: Lane,
    /// Items that were sent for later.
    pub(super) scheduled: Lane,
    /// Items that are to be done later, or not at all any more: see the driver. Never closed.
    pub(super) aside: Lane,
    /// How many were sent for later and are not ready yet.
    pub(super) later: Padded<AtomicWord>,
    /// How many were put aside and are not ready yet.
    pub(super) again: Padded<AtomicWord>,
}

impl<T> Slab<T> {
    pub(super) fn new(capacity: usize, make: impl Fn() -> T) -> Result<Self, ConfigError> {
        let free = Lane::new(capacity)?;
        let mut giver = free.giver().expect("a new lane has free seats");
        for index in 0..capacity {
            giver.give(Claim::from_index(index)).expect("a new lane is open");
        }
        Ok(Self {
            items: Shelf::new(capacity, make),
            free,
            ready: Lane::lowest_first(capacity)?,
            done: Lane::new(capacity)?,
            scheduled: Lane::new(capacity)?,
            aside: Lane::new(capacity)?,
            later: Padded(AtomicWord::new(0)),
            again: Padded(AtomicWord::new(0)),
        })
    }
}

impl<T> Slab<T> {
    pub(super) fn capacity(&self) -> usize {
        self.items.places.len()
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("items", &self.items).finish_non_exhaustive()
    }
}
