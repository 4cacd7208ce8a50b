//! Orders of events for the machine of a group, decoded from bytes: what it says is checked against the members' own
//! account, step by step.
//!
//! Every byte string is a valid order, also of events that cannot be.

use std::time::Duration;

use droves::group::Signal;
use droves::group::machine::{
    Cut, Effect, Event, Limits, Machine, MemberState, Order, Phase, Slot,
};
use droves::time::Instant;

outcomes! {
    Announced, Finished, Started, Restarted, Signalled, Replaced, Cancelled, NotReady, Abandoned, Late, Skipped, Broken,
    Inserted, Closed, Empty, OutOfRange, Ignored,
}

/// What one member has seen.
#[allow(clippy::struct_excessive_bools, reason = "an account")]
#[derive(Clone, Copy, Default)]
struct Member {
    runs: bool,
    starts: u32,
    cancelled: bool,
    abandoned: bool,
    ended: bool,
    last: Option<Signal>,
}

struct Play {
    machine: Machine<Vec<Slot>>,
    order: Order,
    members: Vec<Member>,
    now: u64,
    announced: bool,
    finished: bool,
    reached: Vec<Outcome>,
}

/// Runs the order that `data` stands for. Tells which outcomes it reached.
///
/// # Panics
/// If the machine says anything that does not fit the members' account.
pub fn run(data: &[u8]) -> Vec<Outcome> {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let shape = next().unwrap_or(0);
    let size = usize::from(next().unwrap_or(0) % 9);
    let orders = [Order::Parallel, Order::Ordered, Order::QueueOrdered, Order::Dynamic];
    let order = orders[usize::from(shape % 4)];
    let limit = |set: bool, nanos| set.then(|| Duration::from_nanos(nanos));
    let mut machine = Machine::new(vec![Slot::new(); size], order)
        .termination((shape & 4 != 0).then_some(Signal::TERMINATE))
        .stop_within(limit(shape & 8 != 0, 40));
    for member in 0..size {
        let (ready, stop) = (limit(shape & 16 != 0, 20), limit(shape & 32 != 0, 15));
        machine.set_limits(member, Limits { ready, stop });
    }
    let members = vec![Member::default(); size];
    let (announced, finished) = (false, false);
    let reached = Vec::new();
    let mut play = Play { machine, order, members, now: 0, announced, finished, reached };
    play.on(Event::Start);
    while let (Some(what), Some(with)) = (next(), next()) {
        play.step(what, with);
    }
    play.reached
}

impl Play {
    fn step(&mut self, what: u8, with: u8) {
        let member = usize::from(with % 10);
        let runs = self.members.get(member).is_some_and(|seen| seen.runs);
        self.note(member >= self.members.len(), Outcome::OutOfRange);
        match what % 16 {
            0..=3 => self.on(Event::Ready(member)),
            4..=7 => {
                let again = Instant::from_nanos(self.now + u64::from(with / 16));
                let again = (what & 16 != 0).then_some(again);
                // An end of one that does not run changes nothing.
                self.note(!runs, Outcome::Ignored);
                if runs {
                    let seen = &mut self.members[member];
                    seen.runs = false;
                    let late = seen.abandoned;
                    self.note(late, Outcome::Late);
                }
                self.on(Event::Exited { member, again });
            }
            8 => self.on(Event::Signal(Signal::new(u16::from(with % 3) + 14))),
            9 if with < 32 => self.on(Event::Cancel),
            10 if with < 64 => {
                self.note(self.order == Order::Dynamic, Outcome::Closed);
                self.on(Event::Close);
            }
            11 | 12 => self.on(Event::Insert(member)),
            13 | 14 => {
                self.now += u64::from(with);
                self.on(Event::Time);
            }
            _ => self.on(Event::Start),
        }
    }

    fn note(&mut self, reached: bool, outcome: Outcome) {
        self.reached.extend(reached.then_some(outcome));
    }

    fn on(&mut self, event: Event) {
        let before = self.machine.phase();
        self.machine.handle(event, Instant::from_nanos(self.now));
        while let Some(effect) = self.machine.poll_effect() {
            self.apply(effect);
        }
        let phase = self.machine.phase();
        assert!(phase >= before);
        self.note(phase == Phase::Broken, Outcome::Broken);
        assert_eq!(phase == Phase::Done, self.finished);
        let running = self.members.iter().filter(|seen| seen.runs && !seen.abandoned).count();
        assert!(self.machine.live() >= running);
        if let Some(at) = self.machine.next_deadline() {
            assert!(at.as_nanos() > self.now, "what is due was done");
        }
        for (member, seen) in self.members.iter().enumerate() {
            let state = self.machine.slot(member).state();
            assert_eq!(state.runs(), seen.runs && !seen.abandoned, "{member} is {state:?}");
        }
    }

    fn apply(&mut self, effect: Effect) {
        assert!(!self.finished, "{effect:?} after the end");
        match effect {
            Effect::Start(member) => {
                let seen = &mut self.members[member];
                assert!(!seen.runs && (!seen.ended || self.order == Order::Dynamic));
                let starts = seen.starts + 1;
                *seen = Member { runs: true, starts, ..Member::default() };
                let dynamic = self.order == Order::Dynamic;
                self.note(true, if dynamic { Outcome::Inserted } else { Outcome::Started });
                self.note(starts > 1 && !dynamic, Outcome::Restarted);
            }
            Effect::Signal(member, signal) => {
                let seen = &mut self.members[member];
                assert!(seen.runs && !seen.abandoned);
                let last = seen.last.replace(signal);
                assert_ne!(last, Some(signal), "it is the current one");
                self.note(true, Outcome::Signalled);
                self.note(last.is_some(), Outcome::Replaced);
            }
            Effect::Cancel(member) => {
                let seen = &mut self.members[member];
                assert!(seen.runs && !std::mem::replace(&mut seen.cancelled, true));
                let cut = self.machine.slot(member).cut();
                self.note(cut == Some(Cut::NotReady), Outcome::NotReady);
                self.note(cut == Some(Cut::Cancelled), Outcome::Cancelled);
            }
            Effect::Abandon(member) => {
                let seen = &mut self.members[member];
                assert!(seen.runs && seen.cancelled);
                assert!(!std::mem::replace(&mut seen.abandoned, true));
                self.note(true, Outcome::Abandoned);
            }
            Effect::Ended(member) => {
                let seen = &mut self.members[member];
                assert!((!seen.runs || seen.abandoned) && seen.starts > 0);
                assert!(!std::mem::replace(&mut seen.ended, true), "ended twice");
            }
            Effect::Announce => {
                assert!(!std::mem::replace(&mut self.announced, true), "ready twice");
                self.note(true, Outcome::Announced);
                self.note(self.members.is_empty(), Outcome::Empty);
            }
            Effect::Finish => {
                self.finished = true;
                for (member, seen) in self.members.iter().enumerate() {
                    assert!(!seen.runs || seen.abandoned);
                    assert!(seen.ended || seen.starts == 0);
                    let skipped = self.machine.slot(member).state() == MemberState::Skipped;
                    self.reached.extend(skipped.then_some(Outcome::Skipped));
                }
                self.note(true, Outcome::Finished);
            }
        }
    }
}
