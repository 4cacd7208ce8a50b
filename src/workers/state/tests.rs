//! Every reachable state with every event, for up to three workers.

extern crate std;

use std::collections::{BTreeMap, HashSet};
use std::format;
use std::string::String;
use std::vec::Vec;

use super::{Effect, Event, MAX_WORKERS, State};
use crate::control::Phase;

const LIMIT: u32 = 3;

/// The machine, and what it is a machine of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    state: State,
    workers: u32,
    driver: bool,
}

impl World {
    fn new(target: u32) -> Self {
        Self { state: State::new(target), workers: 0, driver: true }
    }

    /// What can happen in it.
    fn events(self) -> Vec<Event> {
        let mut events = std::vec![
            Event::Quiet,
            Event::Resume,
            Event::Drain,
            Event::Cancel,
            Event::Abort,
            Event::Empty,
            Event::More,
        ];
        events.extend((0..=LIMIT).map(Event::Resize));
        events.extend((0..=LIMIT).map(|max| Event::Grow { max }));
        events.extend(
            (0..=LIMIT).flat_map(|by| (0..=LIMIT).map(move |min| Event::Shrink { by, min })),
        );
        if self.workers > 0 {
            events.extend([Event::Leave, Event::Lost, Event::Finish]);
        }
        if self.driver {
            events.extend([Event::Promise, Event::DriverGone]);
        } else if self.workers == 0 {
            events.push(Event::AllGone);
        }
        events
    }

    fn step(self, event: Event) -> (Self, Effect) {
        let (state, effect) = self.state.step(event);
        let mut next = Self { state, ..self };
        match (event, effect) {
            (_, Effect::Spawn(spawned)) => next.workers += spawned,
            (_, Effect::Exit | Effect::ExitLast) | (Event::Lost, _) => next.workers -= 1,
            (Event::DriverGone, _) => next.driver = false,
            _ => {}
        }
        (next, effect)
    }
}

type Step = (World, Event, World, Effect);

/// All worlds that can be reached, and each step between them.
fn walk() -> (HashSet<World>, Vec<Step>) {
    let mut open: Vec<_> = (0..=LIMIT).map(World::new).collect();
    let mut seen: HashSet<_> = open.iter().copied().collect();
    let mut steps = Vec::new();
    while let Some(world) = open.pop() {
        for event in world.events() {
            let (next, effect) = world.step(event);
            steps.push((world, event, next, effect));
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    (seen, steps)
}

#[test]
fn promise_02_live_is_what_was_spawned_and_has_not_left() {
    let (worlds, _) = walk();
    assert!(worlds.len() > 60, "only {} states were reached", worlds.len());
    for world in worlds {
        assert_eq!(world.state.live, world.workers, "{world:?}");
        assert!(world.state.target <= LIMIT, "{world:?}");
    }
}

#[test]
fn promise_02_a_spawn_is_exactly_what_is_missing() {
    let (_, steps) = walk();
    let mut spawns = 0;
    for (world, event, next, effect) in steps {
        if let Effect::Spawn(spawned) = effect {
            spawns += 1;
            assert_eq!(event, Event::Promise);
            assert!(world.driver && world.state.phase <= Phase::Draining, "{world:?}");
            assert_eq!(world.state.live + spawned, world.state.target, "{world:?}");
            assert_eq!(next.state.live, next.state.target);
        }
        if next.state.live > world.state.live {
            assert!(matches!(effect, Effect::Spawn(_)), "{world:?} {event:?}");
        }
    }
    assert!(spawns > 0);
}

#[test]
fn promise_02_only_the_excess_leaves() {
    let (_, steps) = walk();
    let mut kinds = BTreeMap::new();
    for (world, event, next, effect) in steps {
        let exits = matches!(effect, Effect::Exit | Effect::ExitLast);
        let excess = event == Event::Leave && world.state.live > world.state.target;
        assert_eq!(exits, excess || event == Event::Finish, "{world:?} {event:?}");
        assert_eq!(effect == Effect::ExitLast, exits && next.state.is_done());
        *kinds.entry(format!("{effect:?}")).or_insert(0) += 1;
    }
    let names: Vec<_> =
        kinds.keys().map(|kind| kind.split('(').next().unwrap_or_default()).collect();
    for kind in [
        "Close",
        "Exit",
        "ExitLast",
        "None",
        "Refused",
        "Spawn",
        "Stay",
        "Stopped",
        "WakeDriver",
        "WakeIdle",
    ] {
        assert!(names.contains(&kind), "{kind} was never an effect");
    }
}

#[test]
fn promise_03_no_phase_goes_back_but_from_quiet_to_running() {
    let (_, steps) = walk();
    for (world, event, next, _) in steps {
        let (from, to) = (world.state.phase, next.state.phase);
        assert!(to >= from || (from, to) == (Phase::Quiet, Phase::Running), "{world:?} {event:?}");
        assert!(next.state.gone >= world.state.gone);
    }
}

#[test]
fn promise_03_stopped_is_told_once_and_only_when_nobody_is_left() {
    let (_, steps) = walk();
    let mut told = 0;
    for (world, event, next, effect) in steps {
        let ends = world.state.phase != Phase::Stopped && next.state.phase == Phase::Stopped;
        assert_eq!(effect == Effect::Stopped, ends, "{world:?} {event:?}");
        if ends {
            told += 1;
            assert_eq!((world.workers, world.driver), (0, false));
        }
        if world.state.phase == Phase::Stopped {
            assert_eq!(world.state, next.state, "{event:?}");
        }
    }
    assert!(told > 0);
}

/// Whoever makes work for the driver wakes it; whoever makes workers too many wakes them.
#[test]
fn promise_07_nobody_who_has_something_to_do_is_left_asleep() {
    let (_, steps) = walk();
    let wants = |state: State| state.target > state.live || state.is_done();
    let (mut drivers, mut idlers) = (0, 0);
    for (world, event, next, effect) in steps {
        let before = world.state;
        let after = next.state;
        let stopping = matches!(event, Event::AllGone | Event::DriverGone | Event::Promise);
        if !stopping && !wants(before) && wants(after) {
            drivers += 1;
            let woken = matches!(effect, Effect::WakeDriver | Effect::Close | Effect::ExitLast);
            assert!(woken, "{world:?} {event:?} {effect:?}");
        }
        if !before.has_excess() && after.has_excess() {
            idlers += 1;
            // Where the input is found empty, it is closed, and everybody has been woken.
            let woken = matches!(effect, Effect::WakeIdle | Effect::Close);
            assert!(woken || event == Event::Empty, "{world:?} {event:?} {effect:?}");
        }
    }
    assert!(drivers > 0 && idlers > 0);
}

/// From the first drain on, workers and driver that do what they should come to the end.
#[test]
fn promise_03_what_drains_ends() {
    let (worlds, _) = walk();
    let mut lengths = BTreeMap::new();
    for world in worlds.into_iter().filter(|world| world.state.phase >= Phase::Draining) {
        let mut at = world;
        let mut path = Vec::new();
        while at.state.phase != Phase::Stopped {
            assert!(path.len() < 30, "{world:?} goes on and on: {path:?}");
            let event = if at.state.has_excess() {
                Event::Leave
            } else if at.workers > 0 {
                Event::Finish
            } else if at.driver && at.state.target > at.state.live {
                Event::Promise
            } else if at.driver {
                Event::DriverGone
            } else {
                Event::AllGone
            };
            path.push(event);
            at = at.step(event).0;
        }
        *lengths.entry(path.len()).or_insert(0) += 1;
        let lost_driver = world.state.gone || world.driver;
        assert!(lost_driver || !at.state.gone);
    }
    assert!(lengths.len() > 3, "{lengths:?}");
}

/// Who finishes takes his place with him, and no other's; the last may find that work was put back.
#[test]
fn who_finishes_leaves_the_others_their_work() {
    let (_, steps) = walk();
    let mut lasts = 0;
    for (world, event, next, effect) in steps {
        let (before, after) = (world.state, next.state);
        if event == Event::Finish {
            assert_eq!(after.live, before.live - 1);
            assert_eq!(after.target, before.target.min(after.live), "{world:?}");
            assert_eq!(after.phase, before.phase.max(Phase::Draining));
            lasts += u32::from(effect == Effect::ExitLast);
        }
        if event == Event::More && before.phase != Phase::Stopped {
            let taken = before.phase == Phase::Draining && before.target == 0;
            assert_eq!(after.target, if taken { 1 } else { before.target });
            assert_eq!(effect, if taken { Effect::WakeDriver } else { Effect::Refused });
        }
    }
    assert!(lasts > 0);
}

#[test]
fn a_driver_that_ends_in_time_is_not_missed() {
    let (_, steps) = walk();
    let mut seen = [0, 0];
    for (world, event, next, effect) in steps {
        if event == Event::DriverGone && world.state.phase != Phase::Stopped {
            let done = world.state.is_done();
            seen[usize::from(done)] += 1;
            assert_eq!(next.state.gone, world.state.gone || !done);
            assert_eq!(effect, if done { Effect::None } else { Effect::Close });
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0);
}

#[test]
fn growth_and_shrinking_stay_in_their_range() {
    let (_, steps) = walk();
    for (world, event, next, _) in steps {
        let (before, after) = (world.state.target, next.state.target);
        match event {
            Event::Grow { max } => {
                let grows = world.state.phase < Phase::Draining && before < max;
                let live = world.state.live;
                let expected = match grows {
                    true if live < max => before.max(live) + 1,
                    true => before + 1,
                    false => before,
                };
                assert_eq!(after, expected, "{world:?} {event:?}");
            }
            Event::Shrink { by, min } => {
                let least = before.min(min);
                let running = world.state.phase < Phase::Draining;
                let expected = if running { before.saturating_sub(by).max(least) } else { before };
                assert_eq!(after, expected, "{world:?} {event:?}");
            }
            Event::Resize(target) => {
                let takes = world.state.phase < Phase::Cancelling && !world.state.is_done();
                assert_eq!(after, if takes { target } else { before });
            }
            _ => {}
        }
    }
}

#[test]
fn words_and_states_are_the_same() {
    let (worlds, _) = walk();
    let mut pairs = HashSet::new();
    for World { state, .. } in worlds {
        assert_eq!(State::unpack(state.pack()), state);
        pairs.insert((state.pack(), state));
    }
    let different: HashSet<_> = pairs.iter().map(|(word, _)| word).collect();
    assert_eq!(different.len(), pairs.len());
    for phase in Phase::ALL {
        let state = State { phase, gone: true, target: MAX_WORKERS, live: MAX_WORKERS - 1 };
        assert_eq!(State::unpack(state.pack()), state);
    }
    let name: String = format!("{:?}", Phase::Running);
    assert_eq!(name, "Running");
}

/// What each call does in each phase, written down once more.
#[test]
fn each_call_has_its_phases() {
    let calls = [
        // The last phase in which it does something, the phase it leads to, and whether nobody is to work then.
        (Event::Quiet, Phase::Quiet, Phase::Quiet, Effect::None, false),
        (Event::Resume, Phase::Quiet, Phase::Running, Effect::None, false),
        (Event::Drain, Phase::Quiet, Phase::Draining, Effect::Close, false),
        (Event::Cancel, Phase::Draining, Phase::Cancelling, Effect::Close, true),
        (Event::Abort, Phase::Cancelling, Phase::Aborting, Effect::Close, true),
        (Event::Empty, Phase::Draining, Phase::Draining, Effect::None, true),
    ];
    for (event, last, to, effect, ends) in calls {
        for phase in Phase::ALL {
            let state = State { phase, gone: false, target: 3, live: 2 };
            let target = if ends { 0 } else { 3 };
            let expected = if phase <= last {
                (State { phase: to, target, ..state }, effect)
            } else {
                (state, Effect::Refused)
            };
            assert_eq!(state.step(event), expected, "{event:?} in {phase:?}");
        }
    }
    let nobody = State { live: 0, ..State::new(3) };
    assert_eq!(nobody.step(Event::Empty).1, Effect::WakeDriver);
}

#[test]
fn it_is_done_when_it_ends_and_nobody_is_left_or_to_come() {
    for phase in Phase::ALL {
        for (target, live) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let done = State { phase, gone: false, target, live }.is_done();
            assert_eq!(done, phase >= Phase::Draining && target + live == 0, "{phase:?}");
        }
    }
}

/// It is the driver who finds out that nobody is to be had.
#[test]
fn who_is_lost_is_missing() {
    for phase in &Phase::ALL[..5] {
        for live in 0..3_u32 {
            let state = State { phase: *phase, gone: false, target: 3, live };
            let (next, effect) = state.step(Event::Lost);
            assert_eq!(next, State { live: live.saturating_sub(1), ..state });
            assert_eq!(effect, Effect::WakeDriver);
        }
    }
}

#[test]
fn who_stays_or_goes_at_the_end() {
    let state = State { target: 2, live: 1, ..State::new(0) };
    let (gone, effect) = state.step(Event::DriverGone);
    let aborting = State { phase: Phase::Aborting, gone: true, target: 0, live: 1 };
    assert_eq!((gone, effect), (aborting, Effect::Close));
    let stopped = State { phase: Phase::Stopped, gone: false, target: 0, live: 0 };
    assert_eq!(state.step(Event::AllGone), (stopped, Effect::Stopped));
    for event in [Event::Leave, Event::AllGone, Event::Promise, Event::Lost, Event::Resize(1)] {
        let effect = if event == Event::Leave { Effect::Stay } else { Effect::Refused };
        assert_eq!(stopped.step(event), (stopped, effect));
    }
}

/// Nobody is woken for a size that changes nothing for him.
#[test]
fn a_new_size_wakes_only_whom_it_concerns() {
    let at = |phase, target, live| State { phase, gone: false, target, live };
    for (state, size, effect) in [
        (at(Phase::Running, 2, 2), 3, Effect::WakeDriver),
        (at(Phase::Running, 2, 2), 2, Effect::None),
        (at(Phase::Running, 2, 2), 1, Effect::WakeIdle),
        (at(Phase::Running, 2, 3), 2, Effect::None),
        (at(Phase::Running, 2, 0), 1, Effect::None),
        (at(Phase::Running, 2, 0), 0, Effect::None),
        (at(Phase::Draining, 2, 0), 0, Effect::WakeDriver),
        (at(Phase::Draining, 2, 1), 0, Effect::WakeIdle),
        (at(Phase::Draining, 0, 1), 1, Effect::WakeDriver),
    ] {
        let expected = (State { target: size, ..state }, effect);
        assert_eq!(state.step(Event::Resize(size)), expected, "{state:?}");
    }
    // What is over stays so: the driver goes, and is not to be called lost for a size that comes late.
    let over = at(Phase::Draining, 0, 0);
    assert_eq!(over.step(Event::Resize(2)), (over, Effect::Refused));
}

#[test]
fn as_many_workers_as_the_word_has_bits_for() {
    let bits = if crate::sync::Word::BITS == 64 { 24 } else { 14 };
    assert_eq!(MAX_WORKERS, (1 << bits) - 1);
    let full = State { target: MAX_WORKERS, ..State::new(0) };
    let (next, effect) = full.step(Event::Promise);
    assert_eq!((next.live, effect), (MAX_WORKERS, Effect::Spawn(MAX_WORKERS)));
}
