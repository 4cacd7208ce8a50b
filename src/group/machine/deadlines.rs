//! The members' deadlines: a binary heap whose places lie in the slots.

use super::slot::NOBODY;
use super::{Machine, MemberState, Slot};
use crate::time::Instant;

#[allow(clippy::cast_possible_truncation, reason = "there are less than 2^32 slots")]
impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Machine<S> {
    /// Gives a member a deadline in place of the one that it has, or none.
    pub(super) fn arm(&mut self, member: usize, at: Option<Instant>) {
        let slot = &mut self.slots.as_mut()[member];
        let place = slot.place;
        match at {
            Some(at) => {
                slot.at = at.as_nanos();
                let place = if place == NOBODY {
                    self.timed += 1;
                    self.timed - 1
                } else {
                    place
                };
                self.put(place, member as u32);
                let place = self.rise(place);
                self.sink(place);
            }
            None if place == NOBODY => {}
            None => {
                slot.place = NOBODY;
                self.timed -= 1;
                if place != self.timed {
                    let last = self.at_place(self.timed);
                    self.put(place, last);
                    let place = self.rise(place);
                    self.sink(place);
                }
            }
        }
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        (self.timed > 0).then(|| Instant::from_nanos(self.key(0).0))
    }

    /// Takes out a member whose time is over. Else those whose time is over together come in no order.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        if self.earliest()? > now {
            return None;
        }
        let member = self.at_place(0) as usize;
        self.arm(member, None);
        Some(member)
    }

    fn at_place(&self, place: u32) -> u32 {
        self.slots.as_ref()[place as usize].heap
    }

    /// Of those whose time is over together, who is abandoned comes first, so that nobody is told a signal before.
    fn key(&self, place: u32) -> (u64, bool) {
        let slot = &self.slots.as_ref()[self.at_place(place) as usize];
        (slot.at, slot.state != MemberState::Cancelling)
    }

    fn put(&mut self, place: u32, member: u32) {
        let slots = self.slots.as_mut();
        slots[place as usize].heap = member;
        slots[member as usize].place = place;
    }

    fn swap(&mut self, a: u32, b: u32) {
        let (first, second) = (self.at_place(a), self.at_place(b));
        self.put(a, second);
        self.put(b, first);
    }

    fn rise(&mut self, mut place: u32) -> u32 {
        while place > 0 {
            let above = (place - 1) / 2;
            if self.key(above) <= self.key(place) {
                break;
            }
            self.swap(above, place);
            place = above;
        }
        place
    }

    fn sink(&mut self, mut place: u32) {
        loop {
            let below = [2 * place + 1, 2 * place + 2].into_iter();
            let below = below.filter(|&below| below < self.timed).min_by_key(|&at| self.key(at));
            match below {
                Some(below) if self.key(below) < self.key(place) => {
                    self.swap(below, place);
                    place = below;
                }
                _ => return,
            }
        }
    }
}
