//! A mailbox's storage inside itself.

use super::Control;
use super::seats::{GROUP, Group, Seat, Seats};
use super::storage::{MAX_CAPACITY, Parts, Storage};
use crate::cells::Cell;
use crate::ring::{Hints, Layout, Ring};
use crate::sync::AtomicWord;

/// Storage of its own: `N` messages, and up to `H` handles at a time.
///
/// All zero at the start, so that a `static` one costs no flash.
#[derive(Debug)]
pub struct Inline<T, const N: usize, const H: usize> {
    hints: Hints,
    control: Control,
    entries: [AtomicWord; N],
    cells: [Cell<T>; N],
    group: [Group; 1],
    seats: [Seat; H],
    spares: [Cell<T>; H],
}

impl<T, const N: usize, const H: usize> Inline<T, N, H> {
    const LAYOUT: Layout = Layout::new(N, N + H);

    pub(crate) const fn new() -> Self {
        const {
            assert!(N >= 1, "a mailbox has room for at least one message");
            assert!(
                N <= MAX_CAPACITY,
                "a mailbox has room for at most 2^30 messages (32-bit: 2^20)"
            );
            assert!(H >= 1 && H <= GROUP, "an inline mailbox has from 1 to 32 handles");
        }
        Self {
            hints: Hints::new(0),
            control: Control::new(),
            entries: [const { AtomicWord::new(0) }; N],
            cells: [const { Cell::new() }; N],
            group: [const { Group::new() }],
            seats: [const { Seat::new() }; H],
            spares: [const { Cell::new() }; H],
        }
    }
}

impl<T, const N: usize, const H: usize> Storage for Inline<T, N, H> {
    type Message = T;
}

impl<T, const N: usize, const H: usize> Parts<T> for Inline<T, N, H> {
    #[inline]
    fn ring(&self) -> Ring<'_> {
        Ring { layout: Self::LAYOUT, entries: &self.entries, hints: &self.hints }
    }

    #[inline]
    fn control(&self) -> &Control {
        &self.control
    }

    #[inline]
    fn cell(&self, index: usize) -> &Cell<T> {
        if index < N { &self.cells[index] } else { &self.spares[index - N] }
    }

    fn block(&self, block: usize) -> Option<Seats<'_>> {
        (block == 0).then(|| self.block_of(0))
    }

    fn block_of(&self, _seat: usize) -> Seats<'_> {
        Seats { first: 0, list: &self.seats, groups: &self.group, start: None }
    }

    fn grow(&self, _block: usize) -> bool {
        false
    }

    fn max_seats(&self) -> usize {
        H
    }
}
