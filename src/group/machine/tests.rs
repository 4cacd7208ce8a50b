use std::vec::Vec;

use super::{Cut, Effect, Event, Limits, Machine, MemberState, Order, Phase, Slot};
use crate::group::signal::Signal;
use crate::time::Instant;
use core::time::Duration;

const TERM: Signal = Signal::TERMINATE;
const KILL: Signal = Signal::new(9);

struct Group(Machine<Vec<Slot>>, u64);

impl Group {
    fn new(members: usize, order: Order) -> Self {
        Self::with(members, order, Limits::default())
    }

    fn with(members: usize, order: Order, limits: Limits) -> Self {
        let mut machine = Machine::new(std::vec![Slot::new(); members], order);
        (0..members).for_each(|member| machine.set_limits(member, limits));
        Self(machine.termination(Some(TERM)), 0)
    }

    fn on(&mut self, event: Event) -> Vec<Effect> {
        self.0.handle(event, Instant::from_nanos(self.1));
        core::iter::from_fn(|| self.0.poll_effect()).collect()
    }

    fn at(&mut self, nanos: u64) -> Vec<Effect> {
        self.1 = nanos;
        self.on(Event::Time)
    }

    fn exit(&mut self, member: usize) -> Vec<Effect> {
        self.on(Event::Exited { member, again: None })
    }
}

const fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

#[test]
fn if_05_parallel_members_start_at_once_and_an_empty_group_is_ready() {
    let mut group = Group::new(3, Order::Parallel);
    assert_eq!(group.on(Event::Start), [0, 1, 2].map(Effect::Start));
    assert_eq!(group.on(Event::Ready(2)), []);
    assert_eq!(group.on(Event::Ready(0)), []);
    assert_eq!(group.on(Event::Ready(1)), [Effect::Announce]);
    for order in [Order::Parallel, Order::Ordered, Order::QueueOrdered] {
        let mut empty = Group::new(0, order);
        assert_eq!(empty.on(Event::Start), [Effect::Announce, Effect::Finish]);
    }
}

#[test]
fn if_06_if_07_ordered_members_stop_in_reverse_and_queue_ordered_ones_forward() {
    for (order, stops) in [(Order::Ordered, [2, 1, 0]), (Order::QueueOrdered, [0, 1, 2])] {
        let mut group = Group::new(3, order);
        assert_eq!(group.on(Event::Start), [Effect::Start(0)]);
        assert_eq!(group.on(Event::Ready(0)), [Effect::Start(1)]);
        assert_eq!(group.on(Event::Ready(1)), [Effect::Start(2)]);
        assert_eq!(group.on(Event::Ready(2)), [Effect::Announce]);
        assert_eq!(group.on(Event::Signal(TERM)), [Effect::Signal(stops[0], TERM)]);
        assert_eq!(group.on(Event::Signal(TERM)), [], "it is the current one");
        assert_eq!(group.on(Event::Signal(KILL)), [Effect::Signal(stops[0], KILL)]);
        let second = [Effect::Ended(stops[0]), Effect::Signal(stops[1], KILL)];
        let mut effects = group.exit(stops[0]);
        effects.sort_by_key(|effect| matches!(effect, Effect::Signal(..)));
        assert_eq!(effects, second, "the signal that replaced the first");
        // Out of its turn: it is passed over.
        assert_eq!(group.exit(stops[2]), [Effect::Ended(stops[2])]);
        assert_eq!(group.exit(stops[1]), [Effect::Ended(stops[1]), Effect::Finish]);
        assert_eq!(group.on(Event::Signal(TERM)), [], "after the end");
    }
}

#[test]
fn if_09_the_first_exit_sends_the_termination_signal_once() {
    let mut group = Group::new(3, Order::Parallel);
    let _ = group.on(Event::Start);
    (0..3).for_each(|member| drop(group.on(Event::Ready(member))));
    let told = [Effect::Ended(1), Effect::Signal(0, TERM), Effect::Signal(2, TERM)];
    assert_eq!(group.exit(1), told);
    assert_eq!(group.exit(0), [Effect::Ended(0)]);
    assert_eq!(group.exit(2), [Effect::Ended(2), Effect::Finish]);
}

#[test]
fn if_11_an_exit_before_ready_starts_no_more_and_stops_the_started() {
    let mut group = Group::new(4, Order::Ordered);
    let _ = group.on(Event::Start);
    let _ = group.on(Event::Ready(0));
    let _ = group.on(Event::Ready(1));
    assert_eq!(group.exit(2), [Effect::Ended(2), Effect::Signal(1, TERM)]);
    assert_eq!(group.0.slot(3).state(), MemberState::Skipped);
    assert_eq!(group.exit(1), [Effect::Ended(1), Effect::Signal(0, TERM)]);
    assert_eq!(group.exit(0), [Effect::Ended(0), Effect::Finish]);
}

#[test]
fn if_13_without_a_termination_signal_none_is_sent() {
    let mut group = Group::new(3, Order::Ordered);
    group.0 = group.0.termination(None);
    let _ = group.on(Event::Start);
    let _ = group.on(Event::Ready(0));
    assert_eq!(group.exit(1), [Effect::Ended(1)]);
    assert_eq!((group.0.phase(), group.0.live()), (Phase::Broken, 1));
    assert_eq!(group.on(Event::Signal(KILL)), [Effect::Signal(0, KILL)]);
    assert_eq!(group.exit(0), [Effect::Ended(0), Effect::Finish]);
}

#[test]
fn limits_cancel_and_then_abandon() {
    let limits = Limits { ready: Some(ns(10)), stop: Some(ns(5)) };
    let mut group = Group::with(2, Order::Parallel, limits);
    let _ = group.on(Event::Start);
    let _ = group.on(Event::Ready(1));
    assert_eq!(group.0.next_deadline(), Some(Instant::from_nanos(10)));
    assert_eq!(group.at(9), []);
    assert_eq!(group.at(10), [Effect::Cancel(0)]);
    assert_eq!(group.0.slot(0).cut(), Some(Cut::NotReady));
    let effects = group.at(15);
    assert_eq!(effects, [Effect::Abandon(0), Effect::Ended(0), Effect::Signal(1, TERM)]);
    assert_eq!(group.0.slot(0).cut(), Some(Cut::NotReady), "that was the reason");
    assert_eq!(group.at(20), [Effect::Cancel(1)]);
    assert_eq!(group.0.slot(1).cut(), Some(Cut::Cancelled));
    assert_eq!(group.exit(0), [], "too late");
    assert_eq!(group.exit(1), [Effect::Ended(1), Effect::Finish]);
    assert_eq!(group.0.next_deadline(), None);
}

#[test]
fn limits_of_readiness_hold_for_what_follows_from_them_alone() {
    let limits = Limits { ready: Some(ns(10)), stop: None };
    let mut group = Group::with(2, Order::Dynamic, limits);
    let _ = group.on(Event::Start);
    let _ = group.on(Event::Insert(0));
    let _ = group.on(Event::Insert(1));
    let _ = group.on(Event::Ready(1));
    assert_eq!(group.at(10), [Effect::Cancel(0)]);
    assert_eq!(group.0.next_deadline(), Some(Instant::from_nanos(20)), "it has as long again");
    assert_eq!(group.at(20)[0], Effect::Abandon(0));
    assert_eq!(group.on(Event::Cancel), [Effect::Cancel(1)]);
    assert_eq!(group.0.next_deadline(), None, "it was ready in time");
}

#[test]
fn if_06_what_is_cancelled_is_still_told_the_signal_at_its_turn() {
    let mut group = Group::new(2, Order::Ordered);
    let _ = group.on(Event::Start);
    (0..2).for_each(|member| drop(group.on(Event::Ready(member))));
    assert_eq!(group.on(Event::Signal(TERM)), [Effect::Signal(1, TERM)]);
    assert_eq!(group.on(Event::Cancel), [0, 1].map(Effect::Cancel));
    assert_eq!(group.exit(1), [Effect::Ended(1), Effect::Signal(0, TERM)]);
    assert_eq!(group.exit(0), [Effect::Ended(0), Effect::Finish]);
}

#[test]
fn a_stop_deadline_holds_for_all_that_still_run() {
    let mut group = Group::new(3, Order::Ordered);
    group.0 = group.0.stop_within(Some(ns(7)));
    let _ = group.on(Event::Start);
    (0..3).for_each(|member| drop(group.on(Event::Ready(member))));
    assert_eq!(group.on(Event::Signal(TERM)), [Effect::Signal(2, TERM)]);
    assert_eq!(group.at(6), []);
    assert_eq!(group.at(7), [0, 1, 2].map(Effect::Cancel));
    assert_eq!(group.exit(1), [Effect::Ended(1)]);
    let effects = group.at(14);
    assert!(effects.contains(&Effect::Abandon(0)) && effects.contains(&Effect::Abandon(2)));
    assert_eq!(effects.last(), Some(&Effect::Finish));
    assert_eq!(group.0.next_deadline(), None);
}

#[test]
fn a_restart_waits_for_its_moment_and_a_stop_forgets_it() {
    let mut group = Group::new(2, Order::Parallel);
    let _ = group.on(Event::Start);
    let again = Some(Instant::from_nanos(5));
    assert_eq!(group.on(Event::Exited { member: 0, again }), []);
    assert_eq!((group.at(4), group.at(5)), (std::vec![], std::vec![Effect::Start(0)]));
    assert_eq!(group.on(Event::Ready(0)), []);
    assert_eq!(group.on(Event::Ready(1)), [Effect::Announce]);
    let again = Some(Instant::from_nanos(50));
    assert_eq!(group.on(Event::Exited { member: 0, again }), []);
    assert_eq!(group.on(Event::Signal(TERM)), [Effect::Ended(0), Effect::Signal(1, TERM)]);
    assert_eq!(group.on(Event::Exited { member: 1, again }), [Effect::Ended(1), Effect::Finish]);
}

#[test]
fn if_15_if_16_a_dynamic_group_ends_when_it_is_closed_and_empty() {
    let mut group = Group::new(2, Order::Dynamic);
    group.0 = group.0.termination(None);
    assert_eq!(group.on(Event::Start), [Effect::Announce]);
    assert_eq!(group.on(Event::Insert(0)), [Effect::Start(0)]);
    assert_eq!(group.on(Event::Insert(0)), [], "it is taken");
    assert_eq!(group.exit(0), [Effect::Ended(0)]);
    assert_eq!(group.on(Event::Insert(0)), [Effect::Start(0)]);
    assert_eq!(group.on(Event::Close), []);
    assert_eq!(group.on(Event::Insert(1)), [], "it is closed");
    assert_eq!(group.exit(0), [Effect::Ended(0), Effect::Finish]);
    let mut closed = Group::new(2, Order::Dynamic);
    assert_eq!(closed.on(Event::Close), []);
    assert_eq!(closed.on(Event::Start), [Effect::Announce, Effect::Finish]);
}

#[test]
fn deadlines_come_in_order_whatever_is_armed_and_disarmed() {
    let mut machine = Machine::new(std::vec![Slot::new(); 50], Order::Parallel);
    let mut seed = 1_u64;
    let mut model = [None; 50];
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let member = (seed >> 33) as usize % 50;
        model[member] = (seed >> 60 > 4).then_some(Instant::from_nanos(seed >> 40));
        machine.arm(member, model[member]);
        assert_eq!(machine.earliest(), model.iter().flatten().min().copied());
    }
    let mut last = Instant::default();
    while let Some(at) = machine.earliest() {
        assert!(at >= last);
        last = at;
        let member = machine.pop_due(at).unwrap();
        assert_eq!(model[member].take(), Some(at));
    }
    assert_eq!(model, [None; 50]);
}

/// As many steps for each of 100 000 members as for each of 100.
#[test]
fn if_25_steps_do_not_grow_with_the_members() {
    for order in [Order::Parallel, Order::Ordered, Order::QueueOrdered] {
        let mut group = Group::new(100_000, order);
        let mut effects = group.on(Event::Start).len();
        (0..100_000).for_each(|member| effects += group.on(Event::Ready(member)).len());
        effects += group.on(Event::Signal(TERM)).len();
        let forward = order == Order::QueueOrdered;
        for at in 0..100_000 {
            effects += group.exit(if forward { at } else { 99_999 - at }).len();
        }
        assert_eq!((effects, group.0.phase()), (300_002, Phase::Done));
    }
}
