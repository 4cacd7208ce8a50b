//! A bounded queue of deadlines: what is to happen when, soonest first.
//!
//! | you want | take |
//! |---|---|
//! | a capacity chosen at run time | `HeapTimers` (feature `alloc`) |
//! | no allocator, at most a few thousand deadlines | [`StaticTimers`] |
//!
//! ```
//! use core::time::Duration;
//! use droves::time::Instant;
//! use droves::timer::StaticTimers;
//!
//! let at = |ms| Instant::default().saturating_add(Duration::from_millis(ms));
//! let mut timers = StaticTimers::<&str, 3>::new();
//! timers.insert(at(30), "tea")?;
//! let eggs = timers.insert(at(10), "eggs")?;
//! timers.insert(at(20), "toast")?;
//! assert_eq!(timers.insert(at(5), "milk").unwrap_err().into_inner(), "milk"); // full
//!
//! assert_eq!(timers.next_deadline(), Some(at(10)));
//! assert_eq!(timers.cancel(eggs), Some("eggs"));
//! assert_eq!(timers.pop_due(at(25)), Some((at(20), "toast")));
//! assert_eq!(timers.pop_due(at(25)), None);
//! assert_eq!(timers.next_deadline(), Some(at(30)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Order
//! Nothing comes out before its time. What is due comes out in the order of time, and what is due at the same
//! time in the order of insertion. All 2^64 moments may be deadlines, past ones too.
//!
//! # Keys
//! [`insert`](Timers::insert) gives a [`Key`]. It carries a number that is never given again, so that the key
//! of an item that is gone finds nothing, whatever has taken its place. A key means nothing to another queue.
//!
//! # Algorithm
//! A *front*, a heap with four children to a node, holds the soonest. In it each call takes O(log n).
//! [`StaticTimers`], and queues on the heap for fewer than 2048 items, have nothing else.
//!
//! Larger ones have 704 *buckets* for what comes after a *bound*, found by the highest six-bit digit in which a
//! time differs from the bound: the radix heap of Ahuja, Mehlhorn, Orlin and Tarjan (Faster Algorithms for the
//! Shortest Path Problem, 1990), which is a hierarchical timing wheel (Varghese and Lauck, 1987) that does not
//! turn. When there is nothing before the bound, the next bucket is opened and the bound moves. If it holds at
//! most 512 items, they are sorted into a *run*; if more, they are dealt out to the buckets below. What is
//! inserted before the bound joins the front, so that no order of insertion is wrong, only slower.
//!
//! An item is moved at most 11 times from bucket to bucket. So the calls that look for what is next take, on
//! average over all that were inserted, O(1), and O(log f) with f items in the front; a single one may move all of
//! a bucket.

mod error;
mod front;
#[cfg(feature = "alloc")]
mod heap;
mod inline;
mod order;
mod run;
mod storage;
#[cfg(test)]
mod tests;

pub use error::Full;
#[cfg(feature = "alloc")]
pub use heap::Heap;
pub use inline::Inline;
pub use storage::Storage;

use core::fmt;

use crate::time::Instant;
use order::{Order, Slot, State};

/// Deadlines for up to `N` items, stored in place.
pub type StaticTimers<T, const N: usize> = Timers<Inline<T, N>>;

/// Deadlines on the heap, for a number of items that is chosen at run time.
#[cfg(feature = "alloc")]
pub type HeapTimers<T> = Timers<Heap<T>>;

/// Finds an item again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    slot: u32,
    number: u64,
}

/// A bounded queue of deadlines.
///
/// See the [module](self) for what all of them have in common.
pub struct Timers<S: Storage> {
    state: State,
    storage: S,
}

impl<T, const N: usize> Timers<Inline<T, N>> {
    /// An empty queue, which can be made in a `static`.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::new(), storage: Inline::new() }
    }
}

impl<T, const N: usize> Default for Timers<Inline<T, N>> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl<T> Timers<Heap<T>> {
    /// An empty queue with room for `capacity` items.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError) if the capacity is 0 or above 2^30.
    ///
    /// # Cost
    /// Two allocations, of 28 to 60 bytes an item beside the item itself; from 2048 items on a third, of 64 KiB.
    /// Nothing is allocated later.
    pub fn with_capacity(capacity: usize) -> Result<Self, crate::ConfigError> {
        Ok(Self { state: State::new(), storage: Heap::with_capacity(capacity)? })
    }
}

impl<S: Storage> Timers<S> {
    /// How many items there are.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.state.len()
    }

    /// Whether there is none.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items there may be.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.slots().len()
    }

    /// Adds an item that is due at a moment, which may be past.
    ///
    /// # Errors
    /// [`Full`], with the item, if there are as many as there may be.
    ///
    /// # Cost
    /// O(1) after the bound or after all that is in the front; at most O(log n).
    #[inline]
    pub fn insert(&mut self, at: Instant, item: S::Item) -> Result<Key, Full<S::Item>> {
        self.order().insert(at.as_nanos(), item).map_err(Full)
    }

    /// Takes an item out before it is due, if it is still there.
    ///
    /// # Cost
    /// O(1); O(log n) in the front; moves up to 511 entries of the run.
    #[inline]
    pub fn cancel(&mut self, key: Key) -> Option<S::Item> {
        let mut order = self.order();
        order.find(key)?;
        order.remove(key.slot)
    }

    /// Gives an item another moment, and a new key, if it is still there. Among those that are due at that moment it is
    /// the last.
    ///
    /// # Cost
    /// That of a [`cancel`](Self::cancel) and an [`insert`](Self::insert).
    #[must_use = "the old key finds it no longer"]
    pub fn reschedule(&mut self, key: Key, at: Instant) -> Option<Key> {
        let mut order = self.order();
        order.find(key)?;
        Some(order.reschedule(key.slot, at.as_nanos()))
    }

    /// The moment at which the next item is due.
    ///
    /// # Cost
    /// See the [module](self#algorithm); it opens no bucket of at most 32 items.
    #[inline]
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.order().next().map(Instant::from_nanos)
    }

    /// Takes out the next item and its moment, if that is not after `now`.
    ///
    /// # Cost
    /// See the [module](self#algorithm).
    #[inline]
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, S::Item)> {
        let (time, item) = self.order().pop_due(now.as_nanos())?;
        Some((Instant::from_nanos(time), item))
    }

    /// Takes out the next item and its moment, due or not: until there is none, to take them all.
    ///
    /// # Cost
    /// As [`pop_due`](Self::pop_due).
    pub fn pop(&mut self) -> Option<(Instant, S::Item)> {
        self.pop_due(Instant::from_nanos(u64::MAX))
    }

    /// The item, if it is still there.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&S::Item> {
        self.slot(key)?.item.as_ref()
    }

    /// When an item is due, if it is still there.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn deadline(&self, key: Key) -> Option<Instant> {
        Some(Instant::from_nanos(self.slot(key)?.link.time()))
    }

    /// All items, in no order.
    ///
    /// # Cost
    /// Looks at as many places as have ever been in use at a time.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Instant, &S::Item)> {
        let slots = &self.storage.slots()[..self.state.used()];
        slots.iter().zip(0..).filter_map(|(Slot { link, item }, slot)| {
            let key = Key { slot, number: link.number() };
            Some((key, Instant::from_nanos(link.time()), item.as_ref()?))
        })
    }

    fn slot(&self, key: Key) -> Option<&Slot<S::Item>> {
        self.storage.slots().get(key.slot as usize).filter(|slot| slot.link.is_of(key))
    }

    #[inline]
    fn order(&mut self) -> Order<'_, S::Item> {
        Order::new(&mut self.state, self.storage.tables())
    }
}

impl<S: Storage> fmt::Debug for Timers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Timers");
        f.field("len", &self.len()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}
