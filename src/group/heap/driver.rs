//! The driver of a group: a future that alone owns the machine, starts members and carries events to and fro.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::events::{History, What};
use super::exit::{EndError, Exit, Trace};
use super::hub::{CANCEL, Ended, Hub, Listing, Question, Told};
use super::machine::{Effect, Event, Phase};
use super::member::{Kind, MemberHandle, Task};
use super::roster::{Core, Entry};
use super::run::Desk;
use super::start::Cargo;
use crate::mailbox::{HeapMailbox, Receiver};
use crate::panic::finish_each;
use crate::runtime::{Spawn, Timer};
use crate::sync::{Arc, Ordering, TryLock};
use crate::time::Instant;

/// How much it does before it lets others have a turn.
const TURN: u32 = 1024;

type Spawned<Rt, K> = <Rt as Spawn<Task<K>>>::Task;

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
            let entries = this.core.iter_mut().flat_map(|core| core.entries.drain(..));
            entries.flatten().for_each(Entry::discard);
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
