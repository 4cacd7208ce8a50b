//! The pure machine of a group: no clock, no task, no allocator.
//!
//! Its owner tells it what has happened, with the time, and then does what it says until it has nothing more to say:
//!
//! ```
//! use droves::group::machine::{Effect, Event, Machine, Order, Slot};
//! use droves::time::Instant;
//!
//! let mut group = Machine::new([Slot::new(), Slot::new()], Order::Ordered);
//! let mut effects = |event| {
//!     group.handle(event, Instant::from_nanos(0));
//!     core::iter::from_fn(|| group.poll_effect()).collect::<Vec<_>>()
//! };
//! assert_eq!(effects(Event::Start), [Effect::Start(0)]);
//! assert_eq!(effects(Event::Ready(0)), [Effect::Start(1)]);
//! assert_eq!(effects(Event::Ready(1)), [Effect::Announce]);
//! ```
//!
//! # Cost
//! An event is handled in constant time, or in the logarithm of the number of members whose time is limited; but the
//! first signal, each further one of a group that is not ordered, and a cancellation look at all members. An effect is
//! found in constant time. Nothing recurses, and nothing is allocated.

mod deadlines;
mod event;
mod slot;
mod start;
mod stop;
#[cfg(all(test, feature = "std"))]
mod tests;
#[cfg(all(test, feature = "std"))]
mod walk;

pub use event::{Effect, Event, Order, Phase};
pub use slot::{Cut, Limits, MemberState, Slot};

use core::time::Duration;

use super::signal::Signal;
use crate::time::Instant;
use slot::{ABANDON, CANCEL, ENDED, LISTED, NOBODY, SIGNAL, START};

/// The machine, over a list of slots that is an array, a vector or a borrowed slice.
///
/// Call [`handle`](Self::handle) with an event, then [`poll_effect`](Self::poll_effect) until it returns `None`, and
/// again whenever something has happened or the [next deadline](Self::next_deadline) has come. Effects that are not
/// taken before the next event stay, but of two signals for one member only the later one.
#[allow(clippy::struct_excessive_bools, reason = "each is set by one event")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine<S> {
    slots: S,
    order: Order,
    phase: Phase,
    /// Whether it has been told to start.
    started: bool,
    /// Whether members may still be inserted.
    open: bool,
    termination: Option<Signal>,
    /// The last signal of the stop.
    current: Option<Signal>,
    stop_within: Option<Duration>,
    /// When all that still run are cancelled.
    stop_by: Option<Instant>,
    /// Members that have not ended: those that run, wait for their turn, or wait to be started again.
    live: u32,
    /// Members that have not been ready.
    unready: u32,
    /// The next to be started, in order.
    next: u32,
    /// Whose turn it is to stop, in order.
    turn: u32,
    /// The first and the last of the slots with something to do.
    first: u32,
    last: u32,
    /// How many slots have a deadline.
    timed: u32,
    announce: bool,
    finish: bool,
}

#[allow(clippy::cast_possible_truncation, reason = "there are less than 2^32 slots")]
impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Machine<S> {
    /// A group that has not started. In a dynamic one all slots are vacant.
    ///
    /// # Panics
    /// With 2^32 − 1 slots and more.
    ///
    /// # Cost
    /// A look at each slot.
    #[must_use]
    pub fn new(slots: S, order: Order) -> Self {
        let count = u32::try_from(slots.as_ref().len()).ok().filter(|&count| count != NOBODY);
        let count = count.expect("a group has less than 2^32 - 1 members");
        let dynamic = order == Order::Dynamic;
        let mut machine = Self {
            slots,
            order,
            phase: Phase::Starting,
            started: false,
            open: dynamic,
            termination: None,
            current: None,
            stop_within: None,
            stop_by: None,
            live: if dynamic { 0 } else { count },
            unready: if dynamic { 0 } else { count },
            next: 0,
            turn: 0,
            first: NOBODY,
            last: NOBODY,
            timed: 0,
            announce: false,
            finish: false,
        };
        for slot in machine.slots.as_mut() {
            slot.reset(if dynamic { MemberState::Vacant } else { MemberState::Waiting });
        }
        machine
    }

    /// The signal that the others are told when a member ends before the group is told one. Without it they are told
    /// none.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn termination(mut self, signal: Option<Signal>) -> Self {
        self.termination = signal;
        self
    }

    /// How long the whole stop may take: then all that still run are cancelled, and, after their own limit or as long
    /// again, abandoned.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn stop_within(mut self, limit: Option<Duration>) -> Self {
        self.stop_within = limit;
        self
    }

    /// Where the group is in its life.
    ///
    /// # Cost
    /// None.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How many members have not ended.
    ///
    /// # Cost
    /// None.
    pub fn live(&self) -> usize {
        self.live as usize
    }

    /// Whether members may still be inserted.
    ///
    /// # Cost
    /// None.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// A slot.
    ///
    /// # Panics
    /// If there is none with this index.
    ///
    /// # Cost
    /// None.
    pub fn slot(&self, member: usize) -> &Slot {
        &self.slots.as_ref()[member]
    }

    /// Limits of the member in this slot, from its next start or signal on.
    ///
    /// # Panics
    /// If there is no such slot.
    ///
    /// # Cost
    /// None.
    pub fn set_limits(&mut self, member: usize, limits: Limits) {
        self.slots.as_mut()[member].limits = limits;
    }

    /// Takes note of what has happened, at this moment.
    ///
    /// # Cost
    /// See the [module](self#cost).
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Start => self.start(now),
            Event::Ready(member) => self.ready(member, now),
            Event::Exited { member, again } => self.exited(member, again, now),
            Event::Signal(signal) => self.signal(signal, now),
            Event::Cancel => self.cancel_all(now),
            Event::Close => self.open = false,
            Event::Insert(member) => self.insert(member, now),
            Event::Time => {}
        }
        // Whatever it was, time has passed.
        self.pass(now);
        if self.started && self.live == 0 && !self.open && self.phase != Phase::Done {
            // An empty group is ready, and then done.
            self.phase = Phase::Done;
            self.stop_by = None;
            self.finish = true;
        }
    }

    /// The next thing to do, if there is one.
    ///
    /// # Cost
    /// Constant time.
    #[must_use = "what is not done is lost"]
    pub fn poll_effect(&mut self) -> Option<Effect> {
        while let Some(slot) = self.slots.as_mut().get_mut(self.first as usize) {
            let member = self.first as usize;
            let all = slot.todo & !LISTED;
            // The lowest bit.
            let todo = all & all.wrapping_neg();
            slot.todo &= !todo;
            if slot.todo == LISTED {
                slot.todo = 0;
                self.first = slot.next;
                if self.first == NOBODY {
                    self.last = NOBODY;
                }
            }
            return Some(match todo {
                START => Effect::Start(member),
                SIGNAL => Effect::Signal(member, slot.owed),
                CANCEL => Effect::Cancel(member),
                ABANDON => Effect::Abandon(member),
                ENDED => Effect::Ended(member),
                // It is not to be done any more.
                _ => continue,
            });
        }
        if core::mem::take(&mut self.announce) {
            return Some(Effect::Announce);
        }
        core::mem::take(&mut self.finish).then_some(Effect::Finish)
    }

    /// When time alone changes something.
    ///
    /// # Cost
    /// None.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.earliest(), self.stop_by].into_iter().flatten().min()
    }

    fn len(&self) -> u32 {
        self.slots.as_ref().len() as u32
    }

    fn owe(&mut self, member: usize, todo: u8) {
        let slot = &mut self.slots.as_mut()[member];
        let listed = slot.todo & LISTED != 0;
        slot.todo |= todo | LISTED;
        if listed {
            return;
        }
        slot.next = NOBODY;
        match self.slots.as_mut().get_mut(self.last as usize) {
            Some(last) => last.next = member as u32,
            None => self.first = member as u32,
        }
        self.last = member as u32;
    }
}
