//! Every state that a group of up to three members can reach, by every order of events; each step is checked against
//! what the members have seen.

use std::collections::HashSet;
use std::vec::Vec;

use super::{Cut, Effect, Event, Limits, Machine, MemberState, Order, Phase, Slot};
use crate::group::signal::Signal;
use crate::time::Instant;
use core::time::Duration;

const TERM: Signal = Signal::TERMINATE;
const USER: Signal = Signal::USER_1;

/// What one member has seen.
#[allow(clippy::struct_excessive_bools, reason = "an account")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Member {
    runs: bool,
    starts: u8,
    was_ready: bool,
    /// In this run.
    told: [u8; 2],
    cancelled: bool,
    abandoned: bool,
    ended: bool,
}

#[allow(clippy::struct_excessive_bools, reason = "an account")]
#[derive(Clone, PartialEq, Eq, Hash)]
struct World<const N: usize> {
    machine: Machine<[Slot; N]>,
    now: u64,
    members: [Member; N],
    /// Which signals the group was told.
    sent: [bool; 2],
    cancelled: bool,
    closed: bool,
    /// Whether a member ended for good before the group was told anything.
    lost_early: bool,
    announced: bool,
    finished: bool,
    /// Members that have ended, in order, whose end the machine has still to tell.
    ends: [Option<u8>; N],
}

#[derive(Clone, Copy)]
struct Config {
    order: Order,
    termination: Option<Signal>,
    limits: Limits,
    stop_within: Option<Duration>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Reached {
    announced: usize,
    finished: usize,
    replaced: usize,
    abandoned: usize,
    restarted: usize,
    skipped: usize,
    broken: usize,
    not_ready: usize,
    late: usize,
}

fn index(signal: Signal) -> usize {
    usize::from(signal == USER)
}

impl<const N: usize> World<N> {
    fn new(config: Config) -> Self {
        let mut machine = Machine::new([const { Slot::new() }; N], config.order)
            .termination(config.termination)
            .stop_within(config.stop_within);
        (0..N).for_each(|member| machine.set_limits(member, config.limits));
        Self {
            machine,
            now: 0,
            members: [Member::default(); N],
            sent: [false; 2],
            cancelled: false,
            closed: false,
            lost_early: false,
            announced: false,
            finished: false,
            ends: [None; N],
        }
    }

    /// All that may happen now.
    fn events(&self, config: Config) -> Vec<Event> {
        let mut events = Vec::new();
        for (member, seen) in self.members.iter().enumerate() {
            if seen.runs {
                if !seen.was_ready || self.machine.slot(member).state() == MemberState::Starting {
                    events.push(Event::Ready(member));
                }
                events.push(Event::Exited { member, again: None });
                // Of many states, one member comes again.
                let comes = member == 1 || N < 3 && config.limits == Limits::default();
                if comes && seen.starts < 2 && config.order != Order::Dynamic {
                    let again = Some(Instant::from_nanos(self.now + 1));
                    events.push(Event::Exited { member, again });
                }
            } else if config.order == Order::Dynamic && seen.starts < (if N < 3 { 2 } else { 1 }) {
                events.push(Event::Insert(member));
            }
        }
        for signal in [TERM, USER] {
            if !self.sent[index(signal)] {
                events.push(Event::Signal(signal));
            }
        }
        if !self.cancelled {
            events.push(Event::Cancel);
        }
        if !self.closed && config.order == Order::Dynamic {
            events.push(Event::Close);
        }
        if self.machine.next_deadline().is_some() {
            events.push(Event::Time);
        }
        events
    }

    /// One event, and all that follows from it.
    fn step(&self, event: Event, config: Config, reached: &mut Reached) -> Self {
        let mut world = self.clone();
        let quiet = !self.sent.contains(&true) && !self.cancelled;
        let mut told = [false; 2];
        match event {
            Event::Time => {
                let at = world.machine.next_deadline().unwrap().as_nanos();
                assert!(at > world.now, "what was due was not done");
                world.now = at;
            }
            Event::Ready(member) => {
                if self.machine.slot(member).state() == MemberState::Starting {
                    world.members[member].was_ready = true;
                }
            }
            Event::Exited { member, again } => {
                let seen = &mut world.members[member];
                seen.runs = false;
                reached.late += usize::from(seen.abandoned);
                if !seen.abandoned && (again.is_none() || self.machine.phase() >= Phase::Stopping) {
                    world.lost_early |= quiet;
                    world.push_end(member);
                }
            }
            Event::Signal(signal) => {
                world.sent[index(signal)] = true;
                told[index(signal)] = true;
            }
            Event::Cancel => world.cancelled = true,
            Event::Close => world.closed = true,
            Event::Start | Event::Insert(_) => {}
        }
        let before = self.machine.phase();
        world.machine.handle(event, Instant::from_nanos(world.now));
        while let Some(effect) = world.machine.poll_effect() {
            world.apply(effect, config, reached);
        }
        world.check(config);
        assert!(world.machine.phase() >= before);
        let stopping = before == Phase::Stopping && !self.cancelled;
        let replaced = stopping && told.contains(&true) && self.sent.contains(&true);
        reached.replaced += usize::from(replaced);
        reached.broken += usize::from(world.machine.phase() == Phase::Broken);
        world
    }

    fn push_end(&mut self, member: usize) {
        let place = self.ends.iter_mut().find(|end| end.is_none()).unwrap();
        *place = Some(u8::try_from(member).unwrap());
    }

    fn apply(&mut self, effect: Effect, config: Config, reached: &mut Reached) {
        assert!(!self.finished, "{effect:?} after the end");
        match effect {
            Effect::Start(member) => {
                let before = &self.members[..member];
                if matches!(config.order, Order::Ordered | Order::QueueOrdered) {
                    assert!(before.iter().all(|before| before.was_ready));
                }
                assert!(!self.sent.contains(&true) && !self.cancelled);
                if config.termination.is_some() || config.order != Order::Parallel {
                    let first = self.members[member].starts == 0;
                    assert!(!first || !self.lost_early || config.order == Order::Dynamic);
                }
                let seen = &mut self.members[member];
                assert!(!seen.runs);
                reached.restarted += usize::from(seen.starts == 1);
                let (starts, was_ready) = (seen.starts + 1, seen.was_ready);
                *seen = Member { runs: true, starts, was_ready, ..Member::default() };
            }
            Effect::Signal(member, signal) => {
                let terminated = self.lost_early || self.members.iter().any(|seen| seen.abandoned);
                assert!(
                    self.sent[index(signal)] || config.termination == Some(signal) && terminated
                );
                let (earlier, rest) = self.members.split_at(member);
                let running = |seen: &Member| seen.runs && !seen.abandoned;
                match config.order {
                    Order::Ordered => assert!(!rest[1..].iter().any(running)),
                    Order::QueueOrdered => assert!(!earlier.iter().any(running)),
                    Order::Parallel | Order::Dynamic => {}
                }
                let seen = &mut self.members[member];
                assert!(seen.runs && !seen.abandoned);
                seen.told[index(signal)] += 1;
                // The user's own, and the group's when a member is lost.
                let causes = u8::from(self.sent[index(signal)]) + u8::from(terminated);
                assert!(seen.told[index(signal)] <= causes, "told twice");
            }
            Effect::Cancel(member) => {
                let seen = &mut self.members[member];
                assert!(seen.runs && !std::mem::replace(&mut seen.cancelled, true));
                let not_ready = self.machine.slot(member).cut() == Some(Cut::NotReady);
                reached.not_ready += usize::from(not_ready);
            }
            Effect::Abandon(member) => {
                let seen = &mut self.members[member];
                assert!(seen.runs && seen.cancelled);
                assert!(!std::mem::replace(&mut seen.abandoned, true));
                reached.abandoned += 1;
                self.push_end(member);
            }
            Effect::Ended(member) => {
                let Some(place) =
                    self.ends.iter().position(|&end| end.map(usize::from) == Some(member))
                else {
                    // It was to be started again, and is not.
                    let seen = &mut self.members[member];
                    assert!(!seen.runs && seen.starts > 0);
                    assert!(!std::mem::replace(&mut seen.ended, true), "ended twice");
                    return;
                };
                self.ends[place..].rotate_left(1);
                self.ends[N - 1] = None;
                let seen = &mut self.members[member];
                assert!(!std::mem::replace(&mut seen.ended, true), "ended twice");
            }
            Effect::Announce => {
                assert!(!std::mem::replace(&mut self.announced, true), "ready twice");
                assert!(
                    self.members.iter().all(|seen| seen.was_ready)
                        || config.order == Order::Dynamic
                );
                assert!(!self.sent.contains(&true) && !self.cancelled && !self.lost_early);
                reached.announced += 1;
            }
            Effect::Finish => {
                self.finished = true;
                for (member, seen) in self.members.iter().enumerate() {
                    assert!(!seen.runs || seen.abandoned);
                    assert!(seen.ended || seen.starts == 0);
                    let state = self.machine.slot(member).state();
                    reached.skipped += usize::from(state == MemberState::Skipped);
                }
                reached.finished += 1;
            }
        }
    }

    /// What must be so when nothing is left to be done.
    fn check(&self, config: Config) {
        assert_eq!(self.ends, [None; N], "an end is not in the trace");
        let undisturbed = !self.sent.contains(&true) && !self.cancelled && !self.lost_early;
        let abandoned = self.members.iter().any(|seen| seen.abandoned);
        let all_ready = self.members.iter().all(|seen| seen.was_ready);
        if undisturbed && !abandoned && (all_ready || config.order == Order::Dynamic) {
            assert!(self.announced, "all are ready");
        }
        let running = |seen: &&Member| seen.runs && !seen.abandoned;
        let count = self.members.iter().filter(running).count();
        assert!(self.machine.live() >= count);
        if self.finished {
            return;
        }
        assert_ne!(self.machine.phase(), Phase::Done);
        // Somebody is there who can bring it on, or it is open, or a restart is due.
        let due = self.machine.next_deadline().is_some();
        assert!(count > 0 || due || config.order == Order::Dynamic && !self.closed, "it hangs");
        if config.order == Order::Parallel || config.order == Order::Dynamic {
            // Signals reach all.
            for (member, seen) in self.members.iter().enumerate().filter(|(_, seen)| running(seen))
            {
                for signal in [TERM, USER] {
                    let started_before = seen.starts > 0;
                    if self.sent[index(signal)] && started_before && !self.cancelled {
                        let stale = self.machine.slot(member).state() == MemberState::Cancelling;
                        assert!(seen.told[index(signal)] > 0 || stale, "{member} was not told");
                    }
                }
                let undisturbed = !self.sent.contains(&true) && !self.cancelled;
                if self.lost_early && undisturbed {
                    let told = |signal| seen.told[index(signal)] > 0;
                    assert!(config.termination.is_none_or(told));
                }
            }
        }
        if self.cancelled {
            assert!(self.members.iter().filter(running).all(|seen| seen.cancelled));
        }
    }
}

fn walk<const N: usize>(config: Config, reached: &mut Reached) -> usize {
    let mut world = World::<N>::new(config);
    world.machine.handle(Event::Start, Instant::from_nanos(0));
    while let Some(effect) = world.machine.poll_effect() {
        world.apply(effect, config, reached);
    }
    world.check(config);
    let mut seen = HashSet::from([world.clone()]);
    let mut todo = std::vec![world];
    while let Some(world) = todo.pop() {
        for event in world.events(config) {
            let next = world.step(event, config, reached);
            if !next.finished && seen.insert(next.clone()) {
                todo.push(next);
            }
        }
    }
    seen.len()
}

fn configs(limits: Limits, stop_within: Option<Duration>) -> impl Iterator<Item = Config> {
    [Order::Parallel, Order::Ordered, Order::QueueOrdered, Order::Dynamic].into_iter().flat_map(
        move |order| {
            [None, Some(TERM)].map(|termination| Config { order, termination, limits, stop_within })
        },
    )
}

#[test]
fn every_order_of_events_for_up_to_three_members() {
    let mut reached = Reached::default();
    let mut states = 0;
    for config in configs(Limits::default(), None) {
        states += walk::<0>(config, &mut reached);
        states += walk::<1>(config, &mut reached);
        states += walk::<2>(config, &mut reached);
        states += walk::<3>(config, &mut reached);
    }
    std::println!("{states} states, {reached:?}");
    assert!(states > 10_000);
    let counts = [reached.announced, reached.finished, reached.replaced, reached.restarted];
    assert!(counts.iter().all(|&count| count > 0), "{reached:?}");
    assert!(reached.skipped > 0 && reached.broken > 0, "{reached:?}");
    assert_eq!((reached.abandoned, reached.not_ready), (0, 0), "without limits");
}

#[test]
fn every_order_of_events_and_limits_for_up_to_two_members() {
    let mut reached = Reached::default();
    let mut states = 0;
    let limits =
        Limits { ready: Some(Duration::from_nanos(2)), stop: Some(Duration::from_nanos(3)) };
    let deadline = Some(Duration::from_nanos(4));
    for (limits, deadline) in [(limits, None), (Limits::default(), deadline)] {
        for config in configs(limits, deadline) {
            states += walk::<1>(config, &mut reached);
            states += walk::<2>(config, &mut reached);
        }
    }
    std::println!("{states} states, {reached:?}");
    let counts = [reached.abandoned, reached.not_ready, reached.late, reached.restarted];
    assert!(counts.iter().all(|&count| count > 0), "{reached:?}");
}
