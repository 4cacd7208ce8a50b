//! Members end and are told to stop, and what is not done in time is cut off.

use super::slot::{ABANDON, CANCEL, Cut, ENDED, LISTED, NOBODY, SIGNAL};
use super::{Machine, MemberState, Order, Phase, Slot};
use crate::group::signal::Signal;
use crate::time::Instant;

#[allow(clippy::cast_possible_truncation, reason = "there are less than 2^32 slots")]
impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Machine<S> {
    pub(super) fn exited(&mut self, member: usize, again: Option<Instant>, now: Instant) {
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        match slot.state {
            MemberState::Starting
            | MemberState::Ready
            | MemberState::Stopping
            | MemberState::Cancelling => {}
            MemberState::Abandoned => {
                // Late, but its place is free now.
                slot.state = MemberState::Exited;
                return;
            }
            _ => return,
        }
        // One that is to stop stays stopped, whether the whole group does or only its time was over.
        let again = again.filter(|_| self.phase < Phase::Stopping);
        if let Some(at) = again {
            slot.state = MemberState::Backoff;
            // What was not begun yet is not begun.
            slot.todo &= LISTED;
            self.arm(member, Some(at));
            return;
        }
        slot.state = MemberState::Exited;
        self.end(member, now);
    }

    /// A member has ended for good: the group stops, if it does not yet.
    fn end(&mut self, member: usize, now: Instant) {
        self.arm(member, None);
        // What it was still to be told it need not be told.
        self.slots.as_mut()[member].todo &= LISTED | ABANDON;
        self.owe(member, ENDED);
        self.live -= 1;
        match (self.phase, self.termination) {
            (Phase::Stopping, _) => {
                if self.turn == member as u32 {
                    self.next_turn(now);
                }
            }
            (Phase::Starting | Phase::Ready | Phase::Broken, Some(signal)) => {
                self.begin_stop(Some(signal), now);
            }
            (Phase::Starting, None) => {
                self.phase = Phase::Broken;
                self.skip_waiting();
            }
            (Phase::Ready | Phase::Broken, None) | (Phase::Done, _) => {}
        }
    }

    /// No more members start.
    fn skip_waiting(&mut self) {
        if self.order == Order::Dynamic {
            self.open = false;
            return;
        }
        let slots = self.slots.as_mut();
        for slot in slots.iter_mut().filter(|slot| slot.state == MemberState::Waiting) {
            slot.state = MemberState::Skipped;
            self.live -= 1;
        }
    }

    pub(super) fn signal(&mut self, signal: Signal, now: Instant) {
        match self.phase {
            Phase::Starting | Phase::Ready | Phase::Broken => self.begin_stop(Some(signal), now),
            Phase::Stopping if self.current != Some(signal) => {
                self.current = Some(signal);
                if self.is_one_by_one() {
                    self.tell(self.turn as usize, now);
                } else {
                    (0..self.len() as usize).for_each(|member| self.tell(member, now));
                }
            }
            Phase::Stopping | Phase::Done => {}
        }
    }

    fn is_one_by_one(&self) -> bool {
        matches!(self.order, Order::Ordered | Order::QueueOrdered)
    }

    /// Stops by a signal, or by a cancellation that follows.
    fn begin_stop(&mut self, signal: Option<Signal>, now: Instant) {
        self.phase = Phase::Stopping;
        self.started = true;
        self.current = signal;
        self.stop_by = self.stop_within.map(|limit| now.saturating_add(limit));
        self.turn = NOBODY;
        self.skip_waiting();
        for member in 0..self.len() as usize {
            if self.slots.as_ref()[member].state == MemberState::Backoff {
                // It runs no more, and will not.
                self.slots.as_mut()[member].state = MemberState::Exited;
                self.end(member, now);
            } else if !self.is_one_by_one() && signal.is_some() {
                self.tell(member, now);
            }
        }
        if self.is_one_by_one() && signal.is_some() {
            // One step before the first.
            self.turn = if self.order == Order::Ordered { self.len() } else { NOBODY };
            self.next_turn(now);
        }
    }

    /// Stops the next member, in order: one that has ended is passed over.
    fn next_turn(&mut self, now: Instant) {
        let forward = self.order == Order::QueueOrdered;
        loop {
            let step = if forward { self.turn.wrapping_add(1) } else { self.turn.wrapping_sub(1) };
            self.turn = step;
            let Some(slot) = self.slots.as_ref().get(step as usize) else {
                self.turn = NOBODY;
                return;
            };
            if slot.state.runs() {
                return self.tell(step as usize, now);
            }
        }
    }

    /// Tells a member the current signal, if it runs.
    fn tell(&mut self, member: usize, now: Instant) {
        let Some(signal) = self.current else { return };
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        let limit = slot.limits.stop;
        match slot.state {
            MemberState::Starting | MemberState::Ready => {
                slot.state = MemberState::Stopping;
                slot.owed = signal;
                self.owe(member, SIGNAL);
                self.arm(member, limit.map(|limit| now.saturating_add(limit)));
            }
            MemberState::Stopping | MemberState::Cancelling => {
                // Its time does not begin anew.
                slot.owed = signal;
                self.owe(member, SIGNAL);
            }
            _ => {}
        }
    }

    pub(super) fn cancel_all(&mut self, now: Instant) {
        if self.phase < Phase::Stopping {
            self.begin_stop(None, now);
        }
        (0..self.len() as usize).for_each(|member| self.cancel(member, Cut::Cancelled, now));
    }

    /// Asks a member to stop at once, if it runs and was not asked before.
    fn cancel(&mut self, member: usize, cut: Cut, now: Instant) {
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        if !slot.state.runs() || slot.state == MemberState::Cancelling {
            return;
        }
        let ready = if cut == Cut::NotReady { slot.limits.ready } else { None };
        let limit = slot.limits.stop.or(ready).or(self.stop_within);
        slot.state = MemberState::Cancelling;
        slot.cut = Some(cut);
        self.owe(member, CANCEL);
        self.arm(member, limit.map(|limit| now.saturating_add(limit)));
    }

    /// Does what is due: the members' own deadlines before that of the whole stop.
    pub(super) fn pass(&mut self, now: Instant) {
        self.pass_members(now);
        if self.stop_by.is_some_and(|at| at <= now) {
            self.stop_by = None;
            (0..self.len() as usize).for_each(|member| self.cancel(member, Cut::Cancelled, now));
            // Whose limit is zero is due at once.
            self.pass_members(now);
        }
    }

    fn pass_members(&mut self, now: Instant) {
        while let Some(member) = self.pop_due(now) {
            let slot = &mut self.slots.as_mut()[member];
            match slot.state {
                MemberState::Starting => self.cancel(member, Cut::NotReady, now),
                MemberState::Stopping => self.cancel(member, Cut::Cancelled, now),
                MemberState::Cancelling => {
                    slot.state = MemberState::Abandoned;
                    // The first reason says more.
                    if slot.cut != Some(Cut::NotReady) {
                        slot.cut = Some(Cut::Abandoned);
                    }
                    self.owe(member, ABANDON);
                    self.end(member, now);
                }
                MemberState::Backoff => self.begin(member, now),
                _ => {}
            }
        }
    }
}
