//! A mailbox's storage on the heap.

use alloc::boxed::Box;

use super::Control;
use super::seats::{GROUP, Group, Seat, Seats};
use super::storage::{MAX_CAPACITY, Parts, Storage};
use crate::cells::{Cell, CellArray};
use crate::config::ConfigError;
use crate::ring::{Hints, Layout, Ring};
use crate::sync::{AtomicWord, OnceBox, Word};

/// How many blocks of seats there may be. Each is twice the one before it.
const BLOCKS: usize = if Word::BITS == 64 { 16 } else { 8 };
/// The first block's seats.
const FIRST: usize = 4;
pub(crate) const MAX_SEATS: usize = FIRST * ((1 << BLOCKS) - 1);

/// Storage on the heap: a capacity chosen at run time, and handles as they come.
///
/// Seats are added in blocks, each twice as large as the last, when a handle finds none free. They
/// stay until the mailbox goes.
#[derive(Debug)]
pub struct Heap<T> {
    layout: Layout,
    hints: Hints,
    control: Control,
    entries: Box<[AtomicWord]>,
    cells: CellArray<T>,
    blocks: [OnceBox<Block<T>>; BLOCKS],
}

#[derive(Debug)]
struct Block<T> {
    seats: Box<[Seat]>,
    spares: CellArray<T>,
    groups: Box<[Group]>,
    start: AtomicWord,
}

impl<T> Heap<T> {
    pub(crate) fn new(capacity: usize) -> Result<Self, ConfigError> {
        Self::starting(capacity, 0)
    }

    /// Starts so many laps before the lap counter wraps.
    pub(crate) fn starting(capacity: usize, laps: Word) -> Result<Self, ConfigError> {
        ConfigError::check("capacity", capacity, 1, MAX_CAPACITY.min(CellArray::<T>::MAX))?;
        let layout = Layout::new(capacity, capacity + MAX_SEATS);
        let start = layout.laps_before_wrap(laps);
        Ok(Self {
            layout,
            hints: Hints::new(start),
            control: Control::new(),
            entries: (0..capacity).map(|_| AtomicWord::new(start)).collect(),
            cells: CellArray::new(capacity),
            blocks: core::array::from_fn(|_| OnceBox::new()),
        })
    }

    /// See [`Control`]: for a mailbox that nobody uses yet.
    pub(super) fn wake_lowest_first(&mut self) {
        self.control.counts.0.lowest_first = true;
    }

    const fn first_of(block: usize) -> usize {
        FIRST * ((1 << block) - 1)
    }

    /// The cell that came with a seat.
    #[cold]
    fn spare(&self, seat: usize) -> &Cell<T> {
        let number = Self::number_of(seat);
        let block = self.blocks[number].get().expect("a seat's block stays");
        block.spares.get(seat - Self::first_of(number)).expect("a block has a cell for each seat")
    }

    fn number_of(seat: usize) -> usize {
        (seat / FIRST + 1).ilog2() as usize
    }
}

impl<T> Storage for Heap<T> {
    type Message = T;
}

impl<T> Parts<T> for Heap<T> {
    #[inline]
    fn ring(&self) -> Ring<'_> {
        Ring { layout: self.layout, entries: &self.entries, hints: &self.hints }
    }

    #[inline]
    fn control(&self) -> &Control {
        &self.control
    }

    #[inline]
    fn cell(&self, index: usize) -> &Cell<T> {
        match self.cells.get(index) {
            Some(cell) => cell,
            None => self.spare(index - self.cells.len()),
        }
    }

    fn block(&self, block: usize) -> Option<Seats<'_>> {
        let Block { seats, groups, start, .. } = self.blocks.get(block)?.get()?;
        let start = (groups.len() > 1).then_some(start);
        Some(Seats { first: Self::first_of(block), list: seats, groups, start })
    }

    fn block_of(&self, seat: usize) -> Seats<'_> {
        self.block(Self::number_of(seat)).expect("a seat's block stays")
    }

    fn grow(&self, block: usize) -> bool {
        let Some(place) = self.blocks.get(block) else {
            return false;
        };
        let seats = FIRST << block;
        place.get_or_set(|| Block {
            seats: (0..seats).map(|_| Seat::new()).collect(),
            spares: CellArray::new(seats),
            groups: (0..seats.div_ceil(GROUP)).map(|_| Group::new()).collect(),
            start: AtomicWord::new(0),
        });
        true
    }

    fn max_seats(&self) -> usize {
        MAX_SEATS
    }
}
