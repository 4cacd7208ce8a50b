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
mod slot;
#[cfg(all(test, feature = "std"))]
mod tests;
#[cfg(all(test, feature = "std"))]
mod walk;

pub use slot::{Cut, Limits, MemberState, Slot};

use core::time::Duration;

use super::signal::Signal;
use crate::time::Instant;
use slot::{ABANDON, CANCEL, ENDED, LISTED, NOBODY, SIGNAL, START};

/// In which order members start and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// All start at once, and are told to stop at once.
    Parallel,
    /// Each starts when the one before it is ready, and they stop one after the other, the last one first.
    Ordered,
    /// Each starts when the one before it is ready, and they stop one after the other, the first one first.
    QueueOrdered,
    /// Members come and go; each slot is a place for one. They are told to stop at once.
    Dynamic,
}

/// Where a group is in its life.
///
/// ```text
///              all are ready
///   Starting ----------------> Ready ---------+
///      |  |                      |            |
///      |  | an end before        | a signal,  | all members have ended
///      |  v                      | an end     |
///      | Broken ---------------> Stopping ----+--> Done
///      +-------------------------^
/// ```
///
/// An end leads to `Stopping` if there is a termination signal. Without one, the others go on as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not all members have been ready yet.
    Starting,
    /// All members have been ready.
    Ready,
    /// A member ended before all were ready. No more of them start, and nobody has told those that run to stop.
    Broken,
    /// Members are told to stop.
    Stopping,
    /// All members have ended or are abandoned.
    Done,
}

/// What has happened. Members are known by the index of their slot.
///
/// Every event is legal at any time; one that cannot be, such as the readiness of a member that does not run, changes
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The group is to start.
    Start,
    /// A member is ready.
    Ready(usize),
    /// A member has ended.
    Exited {
        /// Which.
        member: usize,
        /// When it is to be started again, if it is. A group that stops does not.
        again: Option<Instant>,
    },
    /// The group is told a signal.
    Signal(Signal),
    /// Members are asked to stop at once, all of them.
    Cancel,
    /// A dynamic group takes no more members.
    Close,
    /// A dynamic group is given a member for a vacant slot.
    Insert(usize),
    /// Time has passed.
    Time,
}

/// What the owner must now do. Dropping one loses a start, a signal or an end.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start this member. If that fails, it has [exited](Event::Exited).
    Start(usize),
    /// Tell this member a signal.
    Signal(usize, Signal),
    /// Ask this member to stop at once.
    Cancel(usize),
    /// Drop this member as soon as that can be. Nobody waits for it any more.
    Abandon(usize),
    /// This member has ended for good, or was abandoned: it goes into the trace.
    Ended(usize),
    /// The group is ready.
    Announce,
    /// The group is done.
    Finish,
}

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

    fn start(&mut self, now: Instant) {
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
    fn begin(&mut self, member: usize, now: Instant) {
        let slot = &mut self.slots.as_mut()[member];
        slot.state = MemberState::Starting;
        slot.cut = None;
        let limit = slot.limits.ready;
        self.owe(member, START);
        self.arm(member, limit.map(|limit| now.saturating_add(limit)));
    }

    fn insert(&mut self, member: usize, now: Instant) {
        let Some(slot) = self.slots.as_mut().get_mut(member) else { return };
        if !self.started || !self.open || !slot.is_vacant() {
            return;
        }
        slot.ready = false;
        self.live += 1;
        self.begin(member, now);
    }

    fn ready(&mut self, member: usize, now: Instant) {
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

    fn exited(&mut self, member: usize, again: Option<Instant>, now: Instant) {
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

    fn signal(&mut self, signal: Signal, now: Instant) {
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

    fn cancel_all(&mut self, now: Instant) {
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
    fn pass(&mut self, now: Instant) {
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
                    slot.cut = Some(Cut::Abandoned);
                    self.owe(member, ABANDON);
                    self.end(member, now);
                }
                MemberState::Backoff => self.begin(member, now),
                _ => {}
            }
        }
    }
}
