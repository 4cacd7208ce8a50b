//! What the driver of a group knows of it: the machine, the members, and what they have done.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use super::client::{Gate, InsertErrorKind, Inserted, Insertion};
use super::events::{Feed, GroupEvent, History, What, publish};
use super::exit::{Exit, ExitEvent, Trace};
use super::hub::{Listing, Question, Told};
use super::inbox::Inbox;
use super::machine::{Event, Machine, MemberState, Order, Phase, Slot};
use super::member::{Kind, Member, MemberHandle, Shelf};
use super::reply::Reply;
use super::restart::Restart;
use super::run::Desk;
use super::snapshot::MemberSnapshot;
use super::start::{Cargo, Group};
use crate::panic::swallow;
use crate::sync::{Arc, TryLock};
use crate::time::Instant;

/// A member, as the driver has it.
pub(super) struct Entry<K: Kind> {
    pub(super) name: Arc<String>,
    /// Until the first start, and later if it is not started again.
    pub(super) body: Option<K::Body>,
    /// Where it is if it may be.
    pub(super) shelf: Option<Shelf<K>>,
    pub(super) restart: Option<Box<Restart>>,
    pub(super) extra: Option<Arc<Inbox>>,
    pub(super) desk: Option<Arc<Desk>>,
    /// Who inserted it.
    pub(super) reply: Option<Reply<Inserted<K>>>,
    pub(super) run: u32,
    pub(super) restarts: u32,
    pub(super) since: Instant,
    pub(super) exit: Option<Exit>,
    pub(super) last_error: Option<String>,
}

impl<K: Kind> Entry<K> {
    pub(super) fn new(member: Member<K>, since: Instant) -> Self {
        let Member { name, body, restart, extra, .. } = member;
        let shelf = restart.as_ref().map(|_| Arc::new(TryLock::new(None)));
        Self {
            name: Arc::new(name),
            body: Some(body),
            shelf,
            restart,
            extra,
            desk: None,
            reply: None,
            run: 0,
            restarts: 0,
            since,
            exit: None,
            last_error: None,
        }
    }

    pub(super) fn take_body(&mut self) -> Option<K::Body> {
        self.body.take().or_else(|| {
            let between = self.shelf.as_ref()?;
            between.with((), |place, ()| place.take()).ok().flatten()
        })
    }

    /// Drops it. What users have put into it may panic then, and the driver goes on.
    pub(super) fn discard(self) {
        let Self { body, shelf, restart, .. } = self;
        swallow(|| drop(body));
        swallow(|| drop(shelf));
        swallow(|| drop(restart));
    }

    /// It is somewhere else in its life since this moment.
    pub(super) fn moved(&mut self, now: Instant) {
        self.since = now;
    }
}

/// All that it has of a group that was started.
pub(super) struct Core<K: Kind> {
    pub(super) name: String,
    pub(super) machine: Machine<Vec<Slot>>,
    pub(super) entries: Vec<Option<Entry<K>>>,
    pub(super) exits: VecDeque<ExitEvent>,
    /// How many ends are kept.
    pub(super) keep: usize,
    pub(super) omitted: u64,
    pub(super) failed: bool,
    pub(super) history: History,
    pub(super) feeds: Vec<Feed>,
    pub(super) gate: Option<Gate<K>>,
    /// Places of a dynamic group, and who has one.
    pub(super) free: Vec<usize>,
    pub(super) names: BTreeMap<String, usize>,
    /// How many runs there were: each has a number, so that what an old one says late is not taken for a new one's.
    pub(super) runs: u32,
    pub(super) finished: bool,
    pub(super) entropy: u64,
}

impl<K: Kind> Core<K> {
    pub(super) fn new(cargo: Cargo<K>, now: Instant) -> Self {
        let Cargo { group, gate } = cargo;
        let Group {
            name, order, members, termination, stop_within, events, capacity, seed, ..
        } = group;
        let count = if order == Order::Dynamic { capacity } else { members.len() };
        let slots = core::iter::repeat_with(Slot::new).take(count).collect();
        let mut machine =
            Machine::new(slots, order).termination(termination).stop_within(stop_within);
        let mut entries: Vec<_> = Vec::with_capacity(count);
        for (index, member) in members.into_iter().enumerate() {
            machine.set_limits(index, member.limits);
            entries.push(Some(Entry::new(member, now)));
        }
        entries.resize_with(count, || None);
        let dynamic = order == Order::Dynamic;
        Self {
            name,
            machine,
            entries,
            exits: VecDeque::new(),
            keep: if dynamic { events } else { count },
            omitted: 0,
            failed: false,
            history: History::new(events),
            feeds: Vec::new(),
            gate,
            free: if dynamic { (0..count).rev().collect() } else { Vec::new() },
            names: BTreeMap::new(),
            runs: 0,
            finished: false,
            entropy: seed,
        }
    }

    pub(super) fn entry(&mut self, member: usize) -> Option<&mut Entry<K>> {
        self.entries.get_mut(member)?.as_mut()
    }

    /// The next number of splitmix64 (Steele, Lea and Flood, 2014).
    pub(super) fn entropy(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.entropy;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn publish(&mut self, name: Option<Arc<String>>, at: Instant, what: What) {
        let Self { history, feeds, .. } = self;
        publish(history, feeds, &GroupEvent { name, at, what });
    }

    pub(super) fn publish_of(&mut self, member: usize, at: Instant, what: What) {
        if let Some(entry) = self.entry(member) {
            let name = entry.name.clone();
            self.publish(Some(name), at, what);
        }
    }

    /// A member has told something of its run.
    pub(super) fn hear(&mut self, told: Told, now: Instant) -> Option<usize> {
        let member = told.member as usize;
        let entry = self.entry(member).filter(|entry| entry.run == told.run)?;
        let Some(exit) = told.exit else {
            let before = self.machine.slot(member).state();
            self.machine.handle(Event::Ready(member), now);
            if before == MemberState::Starting {
                self.entry(member)?.moved(now);
                self.publish_of(member, now, What::Ready);
            }
            return None;
        };
        entry.desk = None;
        self.exited(member, exit, now);
        Some(member)
    }

    /// A run of a member is over.
    pub(super) fn exited(&mut self, member: usize, exit: Exit, now: Instant) {
        let state = self.machine.slot(member).state();
        if state == MemberState::Abandoned {
            // It was told before. Its place is free now.
            self.machine.handle(Event::Exited { member, again: None }, now);
            self.vacate(member);
            return;
        }
        let cut = self.machine.slot(member).cut();
        let stops = self.machine.phase() >= Phase::Stopping;
        let entropy = self.entropy();
        let Some(entry) = self.entry(member) else { return };
        let (name, restarts) = (entry.name.clone(), entry.restarts);
        let event = ExitEvent { name, exit: exit.clone(), cut, at: now, restarts };
        if event.is_error() {
            entry.last_error = Some(match &event.exit {
                Exit::Clean => "it was not ready in time".into(),
                exit => exit.text(),
            });
        }
        let restart = entry.restart.as_mut().filter(|_| !stops);
        let again = restart.and_then(|restart| restart.next(&exit, now, entropy));
        entry.restarts += u32::from(again.is_some());
        entry.exit = Some(exit);
        entry.moved(now);
        self.publish_of(member, now, What::Exited(event));
        if let Some(at) = again {
            self.publish_of(member, now, What::Restarting(at));
        }
        self.machine.handle(Event::Exited { member, again }, now);
    }

    /// A member has ended for good: into the trace.
    pub(super) fn ended(&mut self, member: usize, now: Instant) {
        let cut = self.machine.slot(member).cut();
        let abandoned = self.machine.slot(member).state() == MemberState::Abandoned;
        let dynamic = self.gate.is_some();
        let Some(entry) = self.entry(member) else { return };
        let exit =
            if abandoned { Exit::Abandoned } else { entry.exit.clone().unwrap_or(Exit::Lost) };
        let (name, restarts, at) = (entry.name.clone(), entry.restarts, now);
        let event = ExitEvent { name, exit, cut, at, restarts };
        let body = entry.body.take();
        swallow(|| drop(body));
        entry.moved(now);
        if abandoned {
            entry.last_error = Some(event.exit.text());
            self.publish_of(member, now, What::Exited(event.clone()));
        }
        self.failed |= event.is_error();
        if dynamic && !event.is_error() {
            self.omitted += 1;
        } else {
            if self.exits.len() == self.keep {
                self.exits.pop_front();
                self.omitted += 1;
            }
            self.exits.push_back(event);
        }
        if dynamic && !abandoned {
            self.vacate(member);
        }
    }

    /// The place of a member of a dynamic group is free.
    pub(super) fn vacate(&mut self, member: usize) {
        let Some(gate) = &self.gate else { return };
        if let Some(entry) = self.entries[member].take() {
            self.names.remove(&*entry.name);
            self.free.push(member);
            gate.free();
            entry.discard();
        }
    }

    pub(super) fn insert(&mut self, insertion: Insertion<K>, now: Instant) {
        let open = self.machine.phase() == Phase::Ready && self.machine.is_open();
        let taken = self.names.contains_key(&insertion.member.name);
        let Some(member) = self.free.last().copied().filter(|_| open && !taken) else {
            if let Some(gate) = &self.gate {
                gate.free();
            }
            let kind = if open { InsertErrorKind::Duplicate } else { InsertErrorKind::Closed };
            return insertion.refuse(kind);
        };
        self.free.pop();
        let Insertion { member: inserted, reply } = insertion;
        self.names.insert(inserted.name.clone(), member);
        self.machine.set_limits(member, inserted.limits);
        let mut entry = Entry::new(inserted, now);
        entry.reply = Some(reply);
        self.entries[member] = Some(entry);
        self.machine.handle(Event::Insert(member), now);
    }

    pub(super) fn listing(&self, now: Instant) -> Listing {
        let mut members = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let group = entry.desk.as_ref().and_then(|desk| desk.group.get()).cloned();
            let member = MemberSnapshot {
                name: String::clone(&entry.name),
                state: self.machine.slot(index).state(),
                since: entry.since,
                restarts: entry.restarts,
                last_error: entry.last_error.clone(),
                group: None,
            };
            members.push((member, group));
        }
        Listing { name: self.name.clone(), phase: self.machine.phase(), at: now, members }
    }

    pub(super) fn answer(&mut self, question: Question, now: Instant) {
        match question {
            Question::Snapshot(reply) => reply.give(self.listing(now)),
            Question::Listen(topic, reply) => {
                // In a quiet group nobody else finds out who has gone.
                self.feeds.retain(Feed::is_heard);
                let (feed, events) = self.history.listen(topic);
                if !self.finished {
                    self.feeds.push(feed);
                }
                reply.give(events);
            }
            Question::Get(name, reply) => {
                let desks = self.entries.iter().flatten().filter_map(|entry| entry.desk.as_ref());
                let found = desks.filter(|desk| *desk.name == name).find(|desk| !desk.is_over());
                reply.give(found.cloned().map(MemberHandle));
            }
        }
    }

    pub(super) fn trace(&mut self) -> Trace {
        let exits = core::mem::take(&mut self.exits);
        Trace::new(exits.into(), self.omitted, self.failed)
    }
}

#[cfg(all(test, feature = "std", not(any(droves_loom, droves_shuttle))))]
mod tests {
    use super::{Cargo, Core, Group, Question};
    use crate::group::Local;
    use crate::group::Topic;
    use crate::group::heap::reply::reply;
    use crate::time::Instant;

    /// Nothing happens that would tell who has gone.
    #[test]
    fn if_18_listeners_that_leave_a_quiet_group_leave_nothing() {
        let now = Instant::default();
        let group = Group::<Local>::parallel([]);
        let mut core = Core::new(Cargo { group, gate: None }, now);
        for _ in 0..20 {
            let (listens, answer) = reply();
            core.answer(Question::Listen(Topic::All, listens), now);
            drop(answer);
        }
        assert_eq!(core.feeds.len(), 1, "the last one's");
    }
}
