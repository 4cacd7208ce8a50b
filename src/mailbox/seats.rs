//! Seats: what a handle owns in a mailbox beside its spare cell's place, and which are taken.

use super::waiter::Waiter;
use crate::ring::Side;
use crate::sync::{AtomicWord, Ordering, Word, const_fn, low};

/// How many seats share the words of a [`Group`].
pub(crate) const GROUP: usize = 32;

/// What one handle owns. With each seat the mailbox has one more cell: the seat's spare at the start,
/// anybody's later.
#[derive(Debug)]
pub struct Seat {
    /// The spare cell of a free seat, exclusive-or the index of the seat's own cell (so that a new
    /// seat is all zero). While the seat is taken, its handle knows better.
    pub(crate) spare: AtomicWord,
    pub(crate) waiter: Waiter,
}

impl Seat {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { spare: AtomicWord::new(0), waiter: Waiter::new() }
        }
    }
}

/// Which of up to [`GROUP`] seats are taken, and which wait: a bit for each.
#[derive(Debug)]
pub struct Group {
    taken: AtomicWord,
    waiting: [AtomicWord; 2],
}

impl Group {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                taken: AtomicWord::new(0),
                waiting: [AtomicWord::new(0), AtomicWord::new(0)],
            }
        }
    }
}

/// A block of seats, by reference.
#[derive(Clone, Copy, Debug)]
pub struct Seats<'a> {
    /// The number of the first seat.
    pub(crate) first: usize,
    pub(crate) list: &'a [Seat],
    pub(crate) groups: &'a [Group],
    /// Of several groups, the first that may have a free seat: a hint, which may also be too late.
    pub(crate) start: Option<&'a AtomicWord>,
}

/// The bit of a seat in its group.
const fn bit(offset: usize) -> Word {
    1 << (offset % GROUP)
}

impl<'a> Seats<'a> {
    fn group(self, seat: usize) -> (&'a Group, Word) {
        let offset = seat - self.first;
        (&self.groups[offset / GROUP], bit(offset))
    }

    pub(crate) fn get(self, seat: usize) -> &'a Seat {
        &self.list[seat - self.first]
    }

    /// Takes a free seat where one is likely, if it finds one. Returns its number.
    pub(crate) fn take(self) -> Option<usize> {
        self.take_from(self.start.map_or(0, |start| low(start.load(Ordering::Relaxed))))
    }

    /// Whether [`take`](Self::take) follows a hint, and so may miss a free seat.
    pub(crate) fn has_hint(self) -> bool {
        self.start.is_some()
    }

    /// Takes a free seat, if there is one. Returns its number.
    pub(crate) fn take_anywhere(self) -> Option<usize> {
        self.take_from(0)
    }

    fn take_from(self, start: usize) -> Option<usize> {
        for (at, group) in self.groups.iter().enumerate().skip(start) {
            let seats = (self.list.len() - at * GROUP).min(GROUP);
            let all = if seats == GROUP { Word::from(u32::MAX) } else { bit(seats) - 1 };
            let mut free = !group.taken.load(Ordering::Relaxed) & all;
            while free != 0 {
                let lowest = free & free.wrapping_neg();
                // Acquire: pairs with `release`, so that the seat's last owner is done with it.
                let taken = group.taken.fetch_or(lowest, Ordering::Acquire);
                if taken & lowest == 0 {
                    self.start_at(at);
                    return Some(self.first + at * GROUP + lowest.trailing_zeros() as usize);
                }
                free = !taken & all;
            }
        }
        self.start_at(self.groups.len());
        None
    }

    /// Relaxed, and perhaps not the newest: if it is too late, a look everywhere finds what it hid.
    fn start_at(self, group: usize) {
        if let Some(start) = self.start {
            start.store(group as Word, Ordering::Relaxed);
        }
    }

    /// Frees a seat. For its owner, which must not use it any more.
    pub(crate) fn release(self, seat: usize) {
        let (group, bit) = self.group(seat);
        // Release: pairs with `take`.
        group.taken.fetch_and(!bit, Ordering::Release);
        let at = (seat - self.first) / GROUP;
        if self.start.is_some_and(|start| low(start.load(Ordering::Relaxed)) > at) {
            self.start_at(at);
        }
    }

    /// Lists a seat as waiting, or as not waiting.
    pub(crate) fn set_waiting(self, side: Side, seat: usize, waiting: bool) {
        let (group, bit) = self.group(seat);
        let word = &group.waiting[side as usize];
        // Relaxed: what a notifier must see was ordered by the waiter's `confirm` of the entry, and
        // what it reads in the seat by the waiter's own word.
        if waiting {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// The waiting seats of a side from number `from` on, as they are met.
    pub(crate) fn waiting(self, side: Side, from: usize) -> impl Iterator<Item = usize> + 'a {
        let skip = from.saturating_sub(self.first);
        self.groups.iter().enumerate().skip(skip / GROUP).flat_map(move |(at, group)| {
            let mut bits = group.waiting[side as usize].load(Ordering::Relaxed);
            if at == skip / GROUP {
                bits &= !(bit(skip) - 1);
            }
            let first = self.first + at * GROUP;
            core::iter::from_fn(move || {
                let offset = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (offset < GROUP).then_some(first + offset)
            })
        })
    }
}
