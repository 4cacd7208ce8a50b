//! The exchange ring: entries that always hold a cell, and positions that are only hints.
//!
//! Every entry holds the index of a cell at all times. A sender writes its value into a cell of its
//! own and exchanges that cell for the empty one in the entry; a receiver exchanges an empty cell of
//! its own for the full one. Each is a single compare-and-swap, so nobody ever waits for somebody
//! else to finish: a thread that stops half-way holds the one cell that it owns, and nothing more.
//!
//! ```text
//! entry      | lap                     | cell ^ index | kind |      one word
//! position   | lap                     | index        |  0   |
//!
//!            send at lap L                  receive at lap L
//!   (L, Empty) ----------> (L, Full) ------------------> (L+1, Empty)
//!        | close               | close (ring is full)
//!        v                     v          receive at lap L
//!   (L, Closed)            (L, Last) ------------------> (L+1, Closed)
//! ```
//!
//! The entries decide; a position is a hint of where to look first. It may be stale, and then the
//! entry found there says where to look next, but it is never ahead of the truth. What bounds this
//! is the width of the lap: a thread stopped *inside* one operation, or a handle left idle, until the
//! laps have come round to the very lap that it remembers mistakes its old position for a new one.
//! Even then it exchanges the cell that the entry really holds; only the order, or a `Full` or
//! `Empty`, can be wrong.
//!
//! This module knows words and indices only; what the cells hold is in [`cells`](crate::cells).

#![allow(clippy::cast_possible_truncation, reason = "an index fits in a usize, and a cell too")]

use crate::sync::{AtomicWord, Ordering, Word, const_fn, low, retry};

/// The two directions in which a ring is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Puts full cells in.
    Send = 0,
    /// Takes full cells out.
    Receive = 1,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Send => Self::Receive,
            Self::Receive => Self::Send,
        }
    }
}

/// What an entry's cell is, at the entry's lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Empty: the next position to fill at this lap.
    Empty,
    /// Full: filled at this lap.
    Full,
    /// Full, and the ring was closed behind it.
    Last,
    /// Empty for ever.
    Closed,
}

const KIND: Word = 0b11;
const KIND_BITS: u32 = 2;

/// How a word is divided, and how many entries there are.
///
/// Fields are compared and counted where they lie in the word: so laps wrap by themselves, and nothing
/// is shifted by a variable.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The bits of a cell, or an index.
    cells: Word,
    /// The last index, in place.
    last: Word,
    /// A position whose index has none of these bits moves the shared hint.
    unpublished: Word,
}

impl Layout {
    /// For `capacity` entries, and cells of indices below `cells`.
    pub(crate) const fn new(capacity: usize, cells: usize) -> Self {
        // Both an index and a cell (exclusive-or an index) fit into as many bits as the larger.
        let largest = if cells > capacity { cells } else { capacity } - 1;
        let bits = usize::BITS - largest.leading_zeros();
        let mut publish_every = 1;
        while publish_every * 8 <= capacity && publish_every < 64 {
            publish_every *= 2;
        }
        Self {
            cells: ((1 << bits) - 1) << KIND_BITS,
            last: (capacity as Word - 1) << KIND_BITS,
            unpublished: (publish_every as Word - 1) << KIND_BITS,
        }
    }

    pub(crate) const fn capacity(self) -> usize {
        low(self.last >> KIND_BITS) + 1
    }

    const fn lap_unit(self) -> Word {
        (self.cells | KIND) + 1
    }

    const fn lap(self, word: Word) -> Word {
        word & !(self.cells | KIND)
    }

    const fn kind(word: Word) -> Kind {
        match word & KIND {
            0 => Kind::Empty,
            1 => Kind::Full,
            2 => Kind::Last,
            _ => Kind::Closed,
        }
    }

    const fn index(self, position: Word) -> usize {
        low((position & self.cells) >> KIND_BITS)
    }

    /// The cell that an entry holds.
    const fn cell(self, entry: Word, position: Word) -> usize {
        low(((entry ^ position) & self.cells) >> KIND_BITS)
    }

    /// The entry at `position` that holds `cell`.
    const fn entry(position: Word, cell: usize, kind: Kind) -> Word {
        position ^ ((cell as Word) << KIND_BITS) ^ kind as Word
    }

    const fn next(self, position: Word) -> Word {
        if position & self.cells == self.last {
            self.lap(position).wrapping_add(self.lap_unit())
        } else {
            position + (1 << KIND_BITS)
        }
    }

    /// The start of a lap so many laps before the lap counter wraps.
    #[cfg(feature = "alloc")]
    pub(crate) const fn laps_before_wrap(self, laps: Word) -> Word {
        self.lap_unit().wrapping_mul(laps).wrapping_neg()
    }
}

/// Keeps what different threads write on different cache lines, where there are caches.
#[cfg_attr(not(target_os = "none"), repr(align(128)))]
#[derive(Debug)]
pub struct Padded<T>(pub(crate) T);

/// The shared words of a ring beside its entries.
#[derive(Debug)]
pub struct Hints {
    /// Where to look first, for each side: never ahead of the truth, and never far behind it.
    positions: [Padded<AtomicWord>; 2],
    /// Not zero once somebody asked to close.
    closing: AtomicWord,
}

impl Hints {
    const_fn! {
        pub(crate) const fn new(start: Word) -> Self {
            Self {
                positions: [Padded(AtomicWord::new(start)), Padded(AtomicWord::new(start))],
                closing: AtomicWord::new(0),
            }
        }
    }
}

/// An entry as it was when it was judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    position: Word,
    index: usize,
    word: Word,
}

impl Judged {
    /// Where the side that judged it goes on.
    pub(crate) const fn position(self) -> Word {
        self.position
    }
}

/// What a side finds at the end of the ring that it works on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// An entry to exchange with: room for a sender, a message for a receiver.
    Ready(Judged),
    /// The ring was full (for a sender) or empty (for a receiver) when this entry was read.
    Blocked(Judged),
    /// Closed at this position, and for a receiver drained as well.
    Closed(Word),
}

/// A ring, by reference: what every operation works on.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    pub(crate) layout: Layout,
    pub(crate) entries: &'a [AtomicWord],
    pub(crate) hints: &'a Hints,
}

impl Ring<'_> {
    /// The entry at a handle's own position, if it is ready: the common case, in a few instructions.
    #[inline]
    pub(crate) fn ready(self, side: Side, position: Word) -> Option<Judged> {
        let judged = self.look(position);
        let expected = match side {
            Side::Send => Kind::Empty,
            Side::Receive => Kind::Full,
        };
        let differs = (judged.word ^ position) & !self.layout.cells != expected as Word;
        (!differs).then_some(judged)
    }

    /// Looks for the tail (for sending) or the head (for receiving), from `hint` on.
    ///
    /// Lock-free: it goes on only over entries that others have passed already.
    pub(crate) fn find(self, side: Side, hint: Word) -> Found {
        let shared = self.shared(side);
        // More than a lap ahead of the shared hint is a hint so old that it wrapped.
        let ahead = hint.wrapping_sub(shared) <= self.layout.lap_unit();
        self.find_from(side, if ahead { hint } else { shared })
    }

    /// Looks for the end of `side` without a hint of one's own.
    pub(crate) fn find_shared(self, side: Side) -> Found {
        self.find_from(side, self.shared(side))
    }

    /// Where to look first, for all handles of a side.
    #[inline]
    pub(crate) fn shared(self, side: Side) -> Word {
        // Acquire: pairs with `publish`, so that the entries read next are no older than the hint.
        self.hints.positions[side as usize].0.load(Ordering::Acquire)
    }

    #[inline]
    fn find_from(self, side: Side, mut position: Word) -> Found {
        loop {
            match self.judge(side, self.look(position)) {
                Ok(found) => return found,
                Err(next) => position = next,
            }
        }
    }

    #[inline]
    fn look(self, position: Word) -> Judged {
        let index = self.layout.index(position);
        // Acquire: pairs with the exchange that put this entry's cell there.
        Judged { position, index, word: self.entries[index].load(Ordering::Acquire) }
    }

    /// What an entry means for a side that came to it; or else, the position to look at next.
    #[inline]
    fn judge(self, side: Side, judged: Judged) -> Result<Found, Word> {
        let Judged { position, word, .. } = judged;
        let unit = self.layout.lap_unit();
        let ahead = self.layout.lap(word).wrapping_sub(self.layout.lap(position));
        let here = position.wrapping_add(ahead);
        let previous = here.wrapping_sub(unit);
        match (side, Layout::kind(word)) {
            (Side::Send, Kind::Full) if ahead == unit.wrapping_neg() => Ok(Found::Blocked(judged)),
            (Side::Send, Kind::Closed) => Ok(Found::Closed(here)),
            (Side::Send, Kind::Last) => Ok(Found::Closed(here.wrapping_add(unit))),
            // Filled at its lap, so the tail is behind it.
            (Side::Send, Kind::Full) => Err(self.layout.next(here)),
            (Side::Send, Kind::Empty) | (Side::Receive, Kind::Full | Kind::Last) if ahead == 0 => {
                Ok(Found::Ready(judged))
            }
            // Only a hint that wrapped leaves an entry out. It is filled by whoever comes round.
            (Side::Send, Kind::Empty) if ahead == unit.wrapping_neg() => {
                Ok(Found::Ready(Judged { position: here, ..judged }))
            }
            (Side::Receive, Kind::Empty) if ahead == 0 => Ok(Found::Blocked(judged)),
            (Side::Receive, Kind::Closed) if ahead == 0 => Ok(Found::Closed(position)),
            // Whatever it is now, its cell was taken at the lap before its own, and so filled before.
            _ => Err(self.layout.next(previous)),
        }
    }

    /// Exchanges `cell` for the cell of an entry that was found ready.
    ///
    /// Returns the other cell and the next position; nothing if another thread of this side, or a
    /// closer, was faster, and then `cell` is still the caller's.
    #[inline]
    pub(crate) fn exchange(self, side: Side, judged: Judged, cell: usize) -> Option<(usize, Word)> {
        let Judged { position, word, .. } = judged;
        let emptied = position.wrapping_add(self.layout.lap_unit());
        let new = match (side, Layout::kind(word)) {
            (Side::Send, _) => Layout::entry(position, cell, Kind::Full),
            (Side::Receive, Kind::Last) => Layout::entry(emptied, cell, Kind::Closed),
            (Side::Receive, _) => Layout::entry(emptied, cell, Kind::Empty),
        };
        if !self.replace(judged, new) {
            return None;
        }
        let next = self.layout.next(position);
        if position & self.layout.unpublished == 0 {
            self.publish(side, next);
        }
        Some((self.layout.cell(word, position), next))
    }

    /// Replaces the entry, if it still is what it was when it was judged.
    #[inline]
    fn replace(self, judged: Judged, new: Word) -> bool {
        // Release: hands over the cell that is in `new`, with what was written to it. Acquire: pairs
        // with the Release of whoever put the other cell in, so that it is done with it.
        self.entries[judged.index]
            .compare_exchange(judged.word, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Whether the entry still is what it was when it was judged.
    ///
    /// A read-modify-write: what this thread did before is then visible to whoever changes the entry
    /// after, which is what a waiter that has just registered must know.
    pub(crate) fn confirm(self, judged: Judged) -> bool {
        self.replace(judged, judged.word)
    }

    /// Takes a full cell out and leaves it there as an empty one, for when nobody else uses the ring.
    pub(crate) fn take_alone(self) -> Option<usize> {
        let Found::Ready(judged) = self.find_shared(Side::Receive) else {
            return None;
        };
        let cell = self.layout.cell(judged.word, judged.position);
        self.exchange(Side::Receive, judged, cell).map(|(cell, _)| cell)
    }

    /// Moves the shared hint up to `next`, unless somebody else just did.
    #[cold]
    pub(crate) fn publish(self, side: Side, next: Word) {
        let hint = &self.hints.positions[side as usize].0;
        let seen = hint.load(Ordering::Relaxed);
        let behind = next.wrapping_sub(seen);
        if behind != 0 && behind <= Word::MAX / 2 {
            // An exchange, not a store: a thread that stops here must not set the hint back later.
            // Release: pairs with `shared`. If it fails, the hint has moved on.
            let _ = hint.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// Whether somebody asked to close; sending is over, or about to be.
    #[inline]
    pub(crate) fn is_closing(self) -> bool {
        // Acquire: what the closer did before is visible to whoever acts on the flag.
        self.hints.closing.load(Ordering::Acquire) != 0
    }

    /// Asks for the ring to be closed. Returns whether nobody had before.
    pub(crate) fn request_close(self) -> bool {
        self.hints.closing.fetch_or(1, Ordering::AcqRel) == 0
    }

    /// Marks the true tail as the end, if nobody has yet; whoever finds the ring closing helps so.
    ///
    /// Ends in a bounded number of steps: once [`request_close`](Self::request_close) is visible, each
    /// sender that had already begun fills at most one more entry.
    pub(crate) fn mark_end(self) {
        loop {
            let (judged, kind) = match self.find_shared(Side::Send) {
                Found::Ready(judged) => (judged, Kind::Closed),
                Found::Blocked(judged) => (judged, Kind::Last),
                Found::Closed(_) => return,
            };
            if self.replace(judged, (judged.word & !KIND) | kind as Word) {
                return;
            }
            retry();
        }
    }

    /// Whether all entries were full at some moment during the call.
    pub(crate) fn is_full(self) -> bool {
        match self.find_shared(Side::Send) {
            Found::Ready(_) => false,
            Found::Blocked(_) => true,
            // The tail does not move any more, so this is exact.
            Found::Closed(tail) => {
                self.distance(self.end(Side::Receive), tail) == self.layout.capacity()
            }
        }
    }

    /// How many entries were full: exact when nobody sends or receives meanwhile; never above the
    /// capacity.
    pub(crate) fn len(self) -> usize {
        // The head is read first: by then it may have moved, and the tail after it by any distance.
        let head = self.end(Side::Receive);
        self.distance(head, self.end(Side::Send))
    }

    /// How many positions lie from one to a later one; the capacity if it is more.
    fn distance(self, from: Word, to: Word) -> usize {
        let laps = self.layout.lap(to).wrapping_sub(self.layout.lap(from));
        let (from, to) = (self.layout.index(from), self.layout.index(to));
        match laps {
            0 => to.saturating_sub(from),
            _ if laps == self.layout.lap_unit() && to < from => self.layout.capacity() - from + to,
            _ => self.layout.capacity(),
        }
    }

    /// The position at which `side` goes on.
    fn end(self, side: Side) -> Word {
        match self.find_shared(side) {
            Found::Ready(judged) | Found::Blocked(judged) => judged.position,
            Found::Closed(position) => position,
        }
    }
}
