//! Members start, and get ready.

use super::slot::START;
use super::{Machine, MemberState, Order, Phase, Slot};
use crate::time::Instant;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Machine<S> {
    pub(super) fn start(&mut self, now: Instant) {
        if self.started {
            return;
        }
        self.started = true;
        match self.order {
            Order::Parallel => (0..self.slots.as_ref().len()).for_each(|i| self.begin(i, now)),
            Order::Ordered | Order::QueueOrdered => self.start_next(now),
            Order::Dynamic => {}
        }
        self.announce_if_ready();
    }

    fn start_next(&mut self, now: Instant) {
        if self.next < self.len() && self.phase == Phase::Starting {
            let member = self.next as usize;
            self.next += 1;
            self.begin(member, now);
        }
    }

    /// Starts a member, for the first time or again.
    pub(super) fn begin(&mut self, member: usize, now: Instant) {
        let slot = &mut self.slots.as_mut()[member];
        slot.state = MemberState::Starting;
        slot.cut = None;
        let limit = slot.limits.ready;
        self.owe(member, START);
        self.arm(member, limit.map(|limit| now.saturating_add(limit)));
    }

    pub(super) fn insert(&mut self, member: usize, now: Instant) {
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        if !self.started || !self.open || !slot.is_vacant() {
            return;
        }
        slot.ready = false;
        self.live += 1;
        self.begin(member, now);
    }

    pub(super) fn ready(&mut self, member: usize, now: Instant) {
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        match slot.state {
            MemberState::Starting => slot.state = MemberState::Ready,
            // Too late to count.
            _ => return,
        }
        let first = !core::mem::replace(&mut slot.ready, true);
        self.arm(member, None);
        if first && self.order != Order::Dynamic {
            self.unready -= 1;
            if self.order != Order::Parallel {
                self.start_next(now);
            }
            self.announce_if_ready();
        }
    }

    fn announce_if_ready(&mut self) {
        if self.started && self.phase == Phase::Starting && self.unready == 0 {
            self.phase = Phase::Ready;
            self.announce = true;
        }
    }
}
