//! What is known of each worker: on lines of its own, written by nobody else.

use alloc::boxed::Box;

use super::state::MAX_WORKERS;
use crate::sync::{AtomicWord, OnceBox, Ordering, Word};
use crate::time::Instant;

/// How many blocks of slots there may be. Each is twice the one before it.
const BLOCKS: usize = (MAX_WORKERS as usize / FIRST + 1).ilog2() as usize + 1;
const FIRST: usize = 4;

/// How a piece of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Succeeded = 0,
    Failed = 1,
    Panicked = 2,
    Aborted = 3,
    /// It is to be done again.
    Retried = 4,
}

const ENDS: usize = 5;

/// One worker's counts, or those of several, one after the other.
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
#[derive(Debug)]
pub struct Slot {
    /// Twice the pieces of work that have begun; and one, while a worker has the slot.
    started: AtomicWord,
    ended: [AtomicWord; ENDS],
    started_at: AtomicWord,
    ended_at: AtomicWord,
}

/// Moments are kept in as many nanoseconds, plus one: zero is never.
const UNIT: u64 = if Word::BITS == 64 { 1 } else { 1_000_000 };

impl Default for Slot {
    fn default() -> Self {
        let zero = || AtomicWord::new(0);
        Self {
            started: zero(),
            ended: core::array::from_fn(|_| zero()),
            started_at: zero(),
            ended_at: zero(),
        }
    }
}

impl Slot {
    /// Counts a piece of work that begins, for the slot's owner.
    #[inline]
    pub(crate) fn start(&self, now: Option<Instant>) {
        self.started.store(self.started.load(Ordering::Relaxed).wrapping_add(2), Ordering::Relaxed);
        Self::set(&self.started_at, now);
    }

    /// Counts a piece of work that has ended, for the slot's owner.
    #[inline]
    pub(crate) fn end(&self, end: End, now: Option<Instant>) {
        let ended = &self.ended[end as usize];
        // Release: who reads it sees that it began, and that it was accepted.
        ended.store(ended.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        Self::set(&self.ended_at, now);
    }

    #[allow(clippy::cast_possible_truncation, reason = "with 32 bits it comes round after 49 days")]
    fn set(word: &AtomicWord, now: Option<Instant>) {
        if let Some(now) = now {
            word.store((now.as_nanos() / UNIT) as Word + 1, Ordering::Relaxed);
        }
    }

    fn moment(word: &AtomicWord) -> Option<Instant> {
        let units = word.load(Ordering::Relaxed).checked_sub(1)?;
        #[allow(clippy::useless_conversion, reason = "a word may be narrower")]
        Some(Instant::from_nanos(u64::from(units) * UNIT))
    }

    pub(crate) fn is_taken(&self) -> bool {
        // Acquire: pairs with `release`.
        self.started.load(Ordering::Acquire) & 1 != 0
    }

    pub(crate) fn release(&self) {
        // Release: the next owner counts on from here.
        self.started.store(self.started.load(Ordering::Relaxed) & !1, Ordering::Release);
    }

    pub(crate) fn started(&self) -> Word {
        self.started.load(Ordering::Relaxed) >> 1
    }

    pub(crate) fn ended(&self, end: End) -> Word {
        // Acquire: pairs with `end`.
        self.ended[end as usize].load(Ordering::Acquire)
    }

    pub(crate) fn started_at(&self) -> Option<Instant> {
        Self::moment(&self.started_at)
    }

    pub(crate) fn ended_at(&self) -> Option<Instant> {
        Self::moment(&self.ended_at)
    }

    /// Whether a piece of work has begun and has not ended.
    pub(crate) fn is_busy(&self) -> bool {
        // What has ended is read first: what begins meanwhile then makes it busy, and not less than idle.
        let ended = self.ended.iter().map(|word| word.load(Ordering::Acquire));
        let ended = ended.fold(0, Word::wrapping_add);
        self.started() != ended & (Word::MAX >> 1)
    }
}

/// Something for each worker that there has been at a time.
#[derive(Debug)]
pub struct Blocks<T> {
    blocks: [OnceBox<Box<[T]>>; BLOCKS],
}

/// The slots of all workers.
pub type Slots = Blocks<Slot>;

impl<T: Default> Blocks<T> {
    pub(crate) fn new() -> Self {
        Self { blocks: core::array::from_fn(|_| OnceBox::new()) }
    }

    /// A worker's, which is made if there is none yet.
    pub(crate) fn get_or_make(&self, index: usize) -> &T {
        let (block, place) = Self::place(index);
        let make = || (0..FIRST << block).map(|_| T::default()).collect();
        self.blocks[block].get_or_set(make);
        self.get(place + FIRST * ((1 << block) - 1))
    }

    /// In which block, and where in it.
    const fn place(index: usize) -> (usize, usize) {
        let block = (index / FIRST + 1).ilog2() as usize;
        (block, index - FIRST * ((1 << block) - 1))
    }

    /// That of a worker that there is or was.
    pub(crate) fn get(&self, index: usize) -> &T {
        let (block, place) = Self::place(index);
        &self.blocks[block].get().expect("a worker's place stays")[place]
    }

    /// All that there are, in order. Whole blocks may be missing in between, if they were not made in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().filter_map(OnceBox::get).flatten()
    }
}

impl Slots {
    /// How many workers have work.
    pub(crate) fn busy(&self) -> usize {
        self.iter().filter(|slot| slot.is_busy()).count()
    }

    /// Takes the first free slot of an index from `from` on; makes more if there is none. For the driver alone.
    pub(crate) fn take(&self, from: usize) -> usize {
        let free = self.iter().enumerate().skip(from).find(|(_, slot)| !slot.is_taken());
        let index = free.map_or_else(|| self.iter().count(), |(index, _)| index);
        // Relaxed: nobody else takes one.
        let started = &self.get_or_make(index).started;
        started.store(started.load(Ordering::Relaxed) | 1, Ordering::Relaxed);
        index
    }
}
