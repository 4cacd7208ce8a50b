//! A seat that was taken, with the spare cell that belongs to it.

use super::storage::Parts;
use super::{HandlesError, Pointer};
use crate::sync::{Ordering, Word, low};

/// Ownership of a seat and of a spare cell. Gives both back when it is dropped.
pub(super) struct Seated<P: Pointer> {
    pub(super) mailbox: P,
    pub(super) seat: usize,
    pub(super) spare: usize,
}

impl<P: Pointer> Seated<P> {
    /// Takes a free seat; makes more of them if there is none, where there may be more.
    pub(super) fn take(mailbox: P) -> Result<Self, HandlesError> {
        let storage = &mailbox.storage;
        let (mut number, mut sure) = (0, 0);
        let (block, seat) = loop {
            let Some(block) = storage.block(number) else {
                // A hint may have hidden a free seat.
                let hidden = (sure..number).find_map(|number| {
                    let block = storage.block(number)?;
                    Some((block, block.take_anywhere()?))
                });
                if let Some(found) = hidden {
                    break found;
                }
                sure = number;
                if storage.grow(number) {
                    continue;
                }
                return Err(HandlesError { max: storage.max_seats() });
            };
            if let Some(seat) = block.take() {
                break (block, seat);
            }
            number += 1;
            if !block.has_hint() {
                sure = number;
            }
        };
        // Relaxed: `take` ordered it after the last owner's `drop`.
        let spare = block.get(seat).spare.load(Ordering::Relaxed);
        let spare = low(spare) ^ Self::home(&mailbox, seat);
        Ok(Self { mailbox, seat, spare })
    }

    /// The index of the cell that came with the seat.
    fn home(mailbox: &P, seat: usize) -> usize {
        mailbox.capacity() + seat
    }
}

impl<P: Pointer> Drop for Seated<P> {
    fn drop(&mut self) {
        let block = self.mailbox.storage.block_of(self.seat);
        let seat = block.get(self.seat);
        let spare = self.spare ^ Self::home(&self.mailbox, self.seat);
        // Relaxed: `release` orders it before the next owner's `take`.
        seat.spare.store(spare as Word, Ordering::Relaxed);
        // Also if the waker that was left panics when it is dropped.
        let _release = Finally(|| block.release(self.seat));
        seat.waiter.clear();
    }
}

struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
