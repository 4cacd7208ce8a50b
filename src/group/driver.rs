//! The driver of a group: a future that alone owns the machine, starts members and carries events to and fro.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::client::{Gate, InsertErrorKind, Inserted, Insertion};
use super::events::{Feed, GroupEvent, History, What, publish};
use super::exit::{EndError, Exit, ExitEvent, Trace};
use super::hub::{CANCEL, Ended, Hub, Listing, Question, Told};
use super::inbox::Inbox;
use super::machine::{Effect, Event, Machine, MemberState, Order, Phase, Slot};
use super::member::{Kind, Member, MemberHandle, Shelf, Task};
use super::reply::Reply;
use super::restart::Restart;
use super::run::Desk;
use super::snapshot::MemberSnapshot;
use super::{Cargo, Group};
use crate::mailbox::{HeapMailbox, Receiver};
use crate::panic::finish_each;
use crate::runtime::{Spawn, Timer};
use crate::sync::{Arc, Ordering, TryLock};
use crate::time::Instant;

/// How much it does before it lets others have a turn.
const TURN: u32 = 1024;

type Spawned<Rt, K> = <Rt as Spawn<Task<K>>>::Task;

/// A member, as the driver has it.
struct Entry<K: Kind> {
    name: Arc<String>,
    /// Until the first start, and later if it is not started again.
    body: Option<K::Body>,
    /// Where it is if it may be.
    shelf: Option<Shelf<K>>,
    restart: Option<Box<Restart>>,
    extra: Option<Arc<Inbox>>,
    desk: Option<Arc<Desk>>,
    /// Who inserted it.
    reply: Option<Reply<Inserted<K>>>,
    run: u32,
    restarts: u32,
    since: Instant,
    exit: Option<Exit>,
    last_error: Option<String>,
}

impl<K: Kind> Entry<K> {
    fn new(member: Member<K>, since: Instant) -> Self {
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

    fn take_body(&mut self) -> Option<K::Body> {
        self.body.take().or_else(|| {
            let between = self.shelf.as_ref()?;
            between.with((), |place, ()| place.take()).ok().flatten()
        })
    }

    /// It is somewhere else in its life since this moment.
    fn moved(&mut self, now: Instant) {
        self.since = now;
    }
}

/// All that it has of a group that was started.
struct Core<K: Kind> {
    name: String,
    machine: Machine<Vec<Slot>>,
    entries: Vec<Option<Entry<K>>>,
    exits: VecDeque<ExitEvent>,
    /// How many ends are kept.
    keep: usize,
    omitted: u64,
    failed: bool,
    history: History,
    feeds: Vec<Feed>,
    gate: Option<Gate<K>>,
    /// Places of a dynamic group, and who has one.
    free: Vec<usize>,
    names: BTreeMap<String, usize>,
    /// How many runs there were: each has a number, so that what an old one says late is not taken for a new one's.
    runs: u32,
    finished: bool,
    entropy: u64,
}

impl<K: Kind> Core<K> {
    fn new(cargo: Cargo<K>, now: Instant) -> Self {
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

    fn entry(&mut self, member: usize) -> Option<&mut Entry<K>> {
        self.entries.get_mut(member)?.as_mut()
    }

    /// The next number of splitmix64 (Steele, Lea and Flood, 2014).
    fn entropy(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.entropy;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn publish(&mut self, name: Option<Arc<String>>, at: Instant, what: What) {
        let Self { history, feeds, .. } = self;
        publish(history, feeds, &GroupEvent { name, at, what });
    }

    fn publish_of(&mut self, member: usize, at: Instant, what: What) {
        if let Some(entry) = self.entry(member) {
            let name = entry.name.clone();
            self.publish(Some(name), at, what);
        }
    }

    /// A member has told something of its run.
    fn hear(&mut self, told: Told, now: Instant) -> Option<usize> {
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
    fn exited(&mut self, member: usize, exit: Exit, now: Instant) {
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
                exit => exit.to_string(),
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
    fn ended(&mut self, member: usize, now: Instant) {
        let cut = self.machine.slot(member).cut();
        let abandoned = self.machine.slot(member).state() == MemberState::Abandoned;
        let dynamic = self.gate.is_some();
        let Some(entry) = self.entry(member) else { return };
        let exit =
            if abandoned { Exit::Abandoned } else { entry.exit.clone().unwrap_or(Exit::Lost) };
        let (name, restarts, at) = (entry.name.clone(), entry.restarts, now);
        let event = ExitEvent { name, exit, cut, at, restarts };
        entry.body = None;
        entry.moved(now);
        if abandoned {
            entry.last_error = Some(event.exit.to_string());
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
    fn vacate(&mut self, member: usize) {
        let Some(gate) = &self.gate else { return };
        if let Some(entry) = self.entries[member].take() {
            self.names.remove(&*entry.name);
            self.free.push(member);
            gate.free();
        }
    }

    fn insert(&mut self, insertion: Insertion<K>, now: Instant) {
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

    fn listing(&self, now: Instant) -> Listing {
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

    fn answer(&mut self, question: Question, now: Instant) {
        match question {
            Question::Snapshot(reply) => reply.give(self.listing(now)),
            Question::Listen(topic, reply) => {
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

    fn trace(&mut self) -> Trace {
        let exits = core::mem::take(&mut self.exits);
        Trace::new(exits.into(), self.omitted, self.failed)
    }
}

/// The driver of a group on `Rt`, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done drops the members that run: the group's runtime is gone.
pub struct Driver<Rt: Timer + Spawn<Task<K>>, K: Kind> {
    runtime: Rt,
    hub: Arc<Hub>,
    /// The group, until the first poll.
    cargo: Arc<TryLock<Option<Cargo<K>>>>,
    core: Option<Core<K>>,
    told: Receiver<Told, Arc<HeapMailbox<Told>>>,
    questions: Receiver<Question, Arc<HeapMailbox<Question>>>,
    tasks: Vec<Option<Spawned<Rt, K>>>,
    /// The sleep, and until when.
    sleep: Option<(Instant, Pin<Box<Rt::Sleep>>)>,
}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> Unpin for Driver<Rt, K> {}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> Driver<Rt, K> {
    pub(super) fn new(runtime: Rt, hub: Arc<Hub>, cargo: Arc<TryLock<Option<Cargo<K>>>>) -> Self {
        let told = Receiver::new(hub.told.clone()).expect("a new mailbox has free seats");
        let questions = Receiver::new(hub.questions.clone()).expect("it has few handles");
        let tasks = Vec::new();
        Self { runtime, hub, cargo, core: None, told, questions, tasks, sleep: None }
    }

    /// Takes the group out, and starts it.
    fn begin(&mut self) {
        let cargo = self.cargo.with((), |cargo, ()| cargo.take()).ok().flatten();
        let Some(cargo) = cargo else { return };
        let now = self.runtime.now();
        let mut core = Core::new(cargo, now);
        self.tasks.resize_with(core.entries.len(), || None);
        core.machine.handle(Event::Start, now);
        self.core = Some(core);
        self.act(now);
    }

    /// Starts a member, or takes note that it cannot be.
    fn start(&mut self, member: usize, now: Instant) {
        let Self { runtime, hub, core: Some(core), tasks, .. } = self else { return };
        core.runs = core.runs.wrapping_add(1);
        let run = core.runs;
        let Some(entry) = core.entry(member) else { return };
        entry.run = run;
        entry.moved(now);
        let number = u32::try_from(member).unwrap_or(u32::MAX);
        let (name, extra) = (entry.name.clone(), entry.extra.clone());
        let desk = Arc::new(Desk::new(hub.clone(), name, (number, run), extra));
        let body = entry.take_body();
        let task = body.map(|body| Task::new(desk.clone(), body, entry.shelf.clone()));
        entry.desk = Some(desk.clone());
        let reply = entry.reply.take();
        core.publish_of(member, now, What::Started);
        let failed = match task.map(|task| runtime.spawn(task)) {
            Some(Ok(task)) => {
                tasks[member] = Some(task);
                // It may have been dropped at once.
                desk.spawned().then_some(Exit::Lost)
            }
            Some(Err(error)) => {
                desk.spawned();
                Some(Exit::Refused(error))
            }
            None => Some(Exit::Spent),
        };
        if let Some(exit) = failed {
            if let Some(entry) = core.entry(member) {
                entry.desk = None;
            }
            core.exited(member, exit, now);
        }
        if let Some(reply) = reply {
            reply.give(Ok(MemberHandle(desk)));
        }
    }

    /// Does what the machine says.
    fn act(&mut self, now: Instant) {
        while let Some(effect) = self.core.as_mut().and_then(|core| core.machine.poll_effect()) {
            if let Effect::Start(member) = effect {
                self.start(member, now);
                continue;
            }
            let Some(core) = &mut self.core else { return };
            let desk = |core: &mut Core<K>, member| core.entry(member)?.desk.clone();
            match effect {
                Effect::Signal(member, signal) => {
                    let Some(desk) = desk(core, member) else { continue };
                    if let Some(entry) = core.entry(member) {
                        entry.moved(now);
                    }
                    let put = desk.inbox.put(signal);
                    let what = if put { What::Signalled } else { What::SignalLost };
                    core.publish_of(member, now, what(signal));
                }
                Effect::Cancel(member) => {
                    let Some(desk) = desk(core, member) else { continue };
                    if let Some(entry) = core.entry(member) {
                        entry.moved(now);
                    }
                    desk.cancel();
                    core.publish_of(member, now, What::Cancelled);
                }
                Effect::Abandon(member) => {
                    let Some(desk) = desk(core, member) else { continue };
                    desk.abandon();
                    core.publish_of(member, now, What::Abandoned);
                }
                Effect::Ended(member) => core.ended(member, now),
                Effect::Announce => {
                    core.publish(None, now, What::GroupReady);
                    self.hub.ready.set();
                }
                Effect::Finish => {
                    core.publish(None, now, What::GroupDone);
                    core.finished = true;
                }
                Effect::Start(_) => {}
            }
        }
    }

    fn event(&mut self, event: Event) {
        let now = self.runtime.now();
        let Some(core) = &mut self.core else { return };
        core.machine.handle(event, now);
        self.act(now);
    }

    /// Takes note of one thing that has come. Returns whether there was one.
    fn hear(&mut self, cx: &mut Context<'_>) -> bool {
        if let Poll::Ready(Some(told)) = self.told.poll_recv(cx) {
            let now = self.runtime.now();
            let Some(core) = &mut self.core else { return false };
            if let Some(member) = core.hear(told, now) {
                // It is as good as gone.
                self.tasks[member].take().into_iter().for_each(crate::runtime::Task::join);
            }
            self.act(now);
            return true;
        }
        if let Poll::Ready(signal) = self.hub.inbox.poll_take(cx) {
            self.event(Event::Signal(signal));
            return true;
        }
        // Acquire: pairs with `wish`.
        let wishes = self.hub.wishes.fetch_and(0, Ordering::Acquire);
        if wishes & CANCEL != 0 {
            self.event(Event::Cancel);
            return true;
        }
        if let Poll::Ready(Some(question)) = self.questions.poll_recv(cx) {
            let now = self.runtime.now();
            if let Some(core) = &mut self.core {
                core.answer(question, now);
            }
            return true;
        }
        self.let_in(cx)
    }

    /// Lets a member into a dynamic group, or closes it.
    fn let_in(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(core) = &mut self.core else { return false };
        let Some(gate) = &mut core.gate else { return false };
        if core.machine.phase() > Phase::Ready && !gate.insertions.is_closed() {
            gate.close();
            self.hub.closed.set();
        }
        match gate.insertions.poll_recv(cx) {
            Poll::Ready(Some(insertion)) => {
                let now = self.runtime.now();
                core.insert(insertion, now);
                self.act(now);
                true
            }
            Poll::Ready(None) if core.machine.is_open() => {
                gate.close();
                self.hub.closed.set();
                self.event(Event::Close);
                true
            }
            Poll::Ready(None) | Poll::Pending => false,
        }
    }

    /// Sleeps until the machine's next deadline. Returns whether it has come.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.core.as_ref().and_then(|core| core.machine.next_deadline()) else {
            self.sleep = None;
            return false;
        };
        let runtime = &self.runtime;
        let new = || (at, Box::pin(runtime.sleep_until(at)));
        let (until, sleep) = self.sleep.get_or_insert_with(new);
        if *until != at {
            sleep.set(runtime.sleep_until(at));
            *until = at;
        }
        let due = sleep.as_mut().poll(cx).is_ready();
        if due {
            self.sleep = None;
            self.event(Event::Time);
        }
        due
    }

    /// Leaves what is left, and answers what is asked yet. The last steps, each even if a waker panics.
    fn leave(&mut self, gone: bool) {
        let now = self.runtime.now();
        let early = self.core.is_none();
        let (listing, trace, history) = if let Some(core) = &mut self.core {
            (core.listing(now), core.trace(), core.history.clone())
        } else {
            let (name, phase, members) = (String::new(), Phase::Starting, Vec::new());
            let listing = Listing { name, phase, at: now, members };
            (listing, Trace::default(), History::new(1))
        };
        let result = match (gone, trace.has_failed()) {
            (true, _) => Err(EndError::RuntimeGone(trace)),
            (false, true) => Err(EndError::Failed(trace)),
            (false, false) => Ok(trace),
        };
        self.hub.ended.get_or_set(|| Ended { result, listing, history });
        let close: fn(&mut Self) = |this| {
            this.hub.told.close();
            this.hub.questions.close();
        };
        let answer: fn(&mut Self) = |this| {
            while let Ok(question) = this.questions.try_recv() {
                if let Some(core) = &mut this.core {
                    core.finished = true;
                    let now = this.runtime.now();
                    core.answer(question, now);
                }
            }
        };
        // Those that still run are abandoned, or were before.
        let abandon: fn(&mut Self) = |this| {
            let core = this.core.iter();
            for entry in core.flat_map(|core| core.entries.iter().flatten()) {
                if let Some(desk) = &entry.desk {
                    desk.abandon();
                }
            }
        };
        let drop_core: fn(&mut Self) = |this| {
            this.core = None;
            let cargo = this.cargo.with((), |cargo, ()| cargo.take());
            drop(cargo);
        };
        let done: fn(&mut Self) = |this| {
            this.hub.closed.set();
            this.hub.done.set();
        };
        let steps: &[fn(&mut Self)] = if early {
            // What could not be spawned is left where it is.
            &[close, answer, done]
        } else {
            &[close, answer, abandon, drop_core, done]
        };
        let mut steps = steps.iter();
        finish_each(|| steps.next().map(|step| step(self)));
    }
}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> Future for Driver<Rt, K> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.hub.done.is_set() {
            return Poll::Ready(());
        }
        if this.core.is_none() {
            this.begin();
        }
        for _ in 0..TURN {
            if this.core.as_ref().is_none_or(|core| core.finished) {
                this.leave(this.core.is_none());
                return Poll::Ready(());
            }
            if !this.hear(cx) && !this.is_due(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> Drop for Driver<Rt, K> {
    fn drop(&mut self) {
        if !self.hub.done.is_set() {
            self.leave(true);
        }
    }
}

impl<Rt: Timer + Spawn<Task<K>>, K: Kind> core::fmt::Debug for Driver<Rt, K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Driver")
    }
}
