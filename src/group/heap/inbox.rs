//! Signals on their way to who takes them.
//!
//! ```text
//! entry (one word):  lap | FULL | signal (16 bits)
//!
//!   put, position t:   (lap(t), -)    -> CAS to (lap(t), FULL, signal)
//!                      (lap(t), FULL) -> t + 1, go on           (lap(t) - 1, FULL) -> full
//!   take, position h:  (lap(h), FULL) -> CAS to (lap(h) + 1, -)
//!                      (later lap)    -> after what was taken here, go on
//! ```
//!
//! A signal is in the entry itself, so that one exchange publishes it: nobody who is stopped keeps others waiting. A
//! signal that repeats the last one is merged with it: the entry before the first empty one holds it, and that entry is
//! still empty afterwards.

use core::task::{Context, Poll};

use super::signal::Signal;
use super::wake::WakerCell;
use crate::sync::{AtomicWord, OnceBox, Ordering, Word, low, retry};

/// How many signals may wait.
pub(super) const PENDING: usize = 32;

const FULL: Word = 1 << 16;
const LAP: Word = 1 << 17;
/// The bits of a lap number.
const LAPS: Word = Word::MAX >> 17;

/// Signals that wait for whoever takes them, mostly one.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Made for the first signal.
    ring: OnceBox<[AtomicWord; PENDING]>,
    /// Where the next may go: a hint.
    tail: AtomicWord,
    /// Where the next may be taken: a hint.
    head: AtomicWord,
    pub(super) waker: WakerCell,
}

fn lap(position: Word) -> Word {
    (position / PENDING as Word) & LAPS
}

fn entry(ring: &[AtomicWord; PENDING], position: Word) -> &AtomicWord {
    &ring[low(position) % PENDING]
}

/// If the hint is old: the position after the last one that was taken from this entry. In its present lap the entry may
/// be empty, and others before it too.
fn after(word: Word, at: Word) -> Option<Word> {
    let ahead = (word / LAP).wrapping_sub(lap(at)) & LAPS;
    let taken = ahead.wrapping_sub(1).wrapping_mul(PENDING as Word);
    (1..=LAPS / 2).contains(&ahead).then(|| at.wrapping_add(taken).wrapping_add(1))
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            ring: OnceBox::new(),
            tail: AtomicWord::new(0),
            head: AtomicWord::new(0),
            waker: WakerCell::new(),
        }
    }

    /// Puts a signal in, unless it is the last that waits. Returns whether there was room.
    pub(super) fn put(&self, signal: Signal) -> bool {
        self.ring.get_or_set(|| core::array::from_fn(|_| AtomicWord::new(0)));
        let Some(ring) = self.ring.get() else { return false };
        let number = Word::from(signal.number());
        // Acquire: pairs with the store below.
        let mut at = self.tail.load(Ordering::Acquire);
        loop {
            // Acquire: pairs with the exchange below and the store in `take`.
            let word = entry(ring, at).load(Ordering::Acquire);
            if let Some(next) = after(word, at) {
                at = next;
                continue;
            }
            let old = word / LAP != lap(at);
            if !old && word & FULL != 0 {
                at = at.wrapping_add(1);
                continue;
            }
            let before = at.wrapping_sub(1);
            let last = (lap(before) * LAP) | FULL | number;
            if entry(ring, before).load(Ordering::Acquire) == last {
                if entry(ring, at).load(Ordering::Acquire) == word {
                    return true;
                }
                continue;
            }
            if old {
                return false;
            }
            // Release: what was done before is seen by who takes it.
            let put = entry(ring, at).compare_exchange(
                word,
                word | FULL | number,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if put.is_ok() {
                self.tail.store(at.wrapping_add(1), Ordering::Release);
                self.waker.wake();
                return true;
            }
            retry();
        }
    }

    /// Takes the signal that has waited longest.
    pub(super) fn take(&self) -> Option<Signal> {
        let ring = self.ring.get()?;
        // Acquire: pairs with the store below.
        let mut at = self.head.load(Ordering::Acquire);
        loop {
            // Acquire: pairs with the exchange in `put` and the one below.
            let word = entry(ring, at).load(Ordering::Acquire);
            if let Some(next) = after(word, at) {
                at = next;
                continue;
            }
            if word & FULL == 0 {
                return None;
            }
            let empty = ((lap(at) + 1) & LAPS) * LAP;
            // Release: pairs with the load in `put`.
            let taken =
                entry(ring, at).compare_exchange(word, empty, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                self.head.store(at.wrapping_add(1), Ordering::Release);
                let number = u16::try_from(word & (FULL - 1)).unwrap_or_default();
                return Some(Signal::new(number));
            }
            retry();
        }
    }

    /// Waits for a signal. For one at a time.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Signal> {
        let found = self.take().or_else(|| {
            self.waker.register(cx.waker());
            self.take()
        });
        found.map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(all(test, feature = "std", not(any(droves_loom, droves_shuttle))))]
mod tests {
    use std::thread;
    use std::vec::Vec;

    use super::{Inbox, PENDING, retry};
    use crate::group::Signal;
    use crate::sync::{AtomicWord, Ordering, Word};

    fn signals(numbers: impl IntoIterator<Item = u16>) -> Vec<Signal> {
        numbers.into_iter().map(Signal::new).collect()
    }

    #[test]
    fn if_04_signals_keep_their_order_repeats_are_merged_and_32_may_wait() {
        let inbox = Inbox::new();
        assert_eq!(inbox.take(), None);
        for _ in 0..5 {
            let numbers = 0..u16::try_from(PENDING).unwrap();
            for number in numbers.clone() {
                assert!((0..3).all(|_| inbox.put(Signal::new(number))));
            }
            assert!(!inbox.put(Signal::new(99)), "there is no room");
            assert!(inbox.put(Signal::new(31)), "it repeats the last");
            assert!(!inbox.put(Signal::new(30)));
            let taken: Vec<_> = core::iter::from_fn(|| inbox.take()).collect();
            assert_eq!(taken, signals(numbers));
            // The last is gone: nothing to merge with.
            assert!(inbox.put(Signal::new(31)));
            assert_eq!(inbox.take(), Some(Signal::new(31)));
        }
    }

    /// Who was stopped before it left its hint leaves it when others are laps ahead.
    #[test]
    fn if_04_an_old_hint_leaves_no_gap() {
        for behind in 1..=3 * Word::try_from(PENDING).unwrap() {
            let inbox = Inbox::new();
            for number in 0..100 {
                assert!(inbox.put(Signal::new(number)));
                assert_eq!(inbox.take(), Some(Signal::new(number)));
            }
            assert!(inbox.put(Signal::new(100)));
            inbox.tail.store(101 - behind, Ordering::Release);
            inbox.head.store(101 - behind, Ordering::Release);
            assert!(inbox.put(Signal::new(101)), "{behind} behind");
            let taken: Vec<_> = core::iter::from_fn(|| inbox.take()).collect();
            assert_eq!(taken, signals([100, 101]), "{behind} behind");
        }
    }

    #[test]
    fn if_04_two_who_take_share_the_signals() {
        const EACH: u16 = 5_000;
        let (inbox, left) = (Inbox::new(), AtomicWord::new(Word::from(EACH)));
        let take = || {
            let mut taken = Vec::new();
            while left.load(Ordering::Acquire) > 0 {
                if let Some(signal) = inbox.take() {
                    taken.push(signal.number());
                    left.fetch_sub(1, Ordering::AcqRel);
                }
            }
            taken
        };
        let taken = thread::scope(|scope| {
            let takers = [(); 2].map(|()| scope.spawn(take));
            for number in 0..EACH {
                while !inbox.put(Signal::new(number)) {
                    retry();
                }
            }
            takers.map(|taker| taker.join().unwrap())
        });
        assert!(taken.iter().all(|taken| taken.is_sorted()));
        let mut all = taken.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..EACH));
    }

    #[test]
    fn if_04_each_sender_s_signals_arrive_in_order() {
        const EACH: u16 = 5_000;
        let inbox = Inbox::new();
        let mut taken = [const { Vec::new() }; 3];
        thread::scope(|scope| {
            for sender in 0..3 {
                let inbox = &inbox;
                scope.spawn(move || {
                    for number in 0..EACH {
                        while !inbox.put(Signal::new(number * 3 + sender)) {
                            retry();
                        }
                    }
                });
            }
            let mut left = 3 * usize::from(EACH);
            while left > 0 {
                if let Some(signal) = inbox.take() {
                    taken[usize::from(signal.number() % 3)].push(signal.number() / 3);
                    left -= 1;
                }
            }
        });
        assert!(taken.iter().all(|taken| taken.iter().copied().eq(0..EACH)));
    }
}
