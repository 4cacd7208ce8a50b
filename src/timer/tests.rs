use core::time::Duration;
use std::collections::BTreeMap;
use std::format;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Full, Key, StaticTimers, Storage, Timers};
use crate::time::Instant;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Insert(u64),
    /// Of one of the keys that were given, still good or not.
    Cancel(usize),
    Reschedule(usize, u64),
    Next,
    /// So many, of what is due then.
    Pop(u64, usize),
}

/// A queue beside one that is obviously right.
struct Pair<S: Storage<Item = u64>> {
    timers: Timers<S>,
    model: BTreeMap<(u64, u64), u64>,
    /// The keys that were ever given, and where the model has them.
    keys: Vec<(Key, (u64, u64))>,
    number: u64,
}

impl<S: Storage<Item = u64>> Pair<S> {
    fn new(timers: Timers<S>) -> Self {
        Self { timers, model: BTreeMap::new(), keys: Vec::new(), number: 0 }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Insert(time) => {
                self.number += 1;
                let inserted = self.timers.insert(at(time), self.number);
                if self.model.len() == self.timers.capacity() {
                    assert_eq!(inserted, Err(Full(self.number)));
                } else {
                    self.keys.push((inserted.unwrap(), (time, self.number)));
                    self.model.insert((time, self.number), self.number);
                }
            }
            Op::Cancel(which) if !self.keys.is_empty() => {
                let (key, place) = self.keys[which % self.keys.len()];
                assert_eq!(self.timers.get(key), self.model.get(&place));
                let there = self.model.contains_key(&place);
                assert_eq!(self.timers.deadline(key), there.then_some(at(place.0)));
                assert_eq!(self.timers.cancel(key), self.model.remove(&place));
            }
            Op::Reschedule(which, time) if !self.keys.is_empty() => {
                let (key, place) = self.keys[which % self.keys.len()];
                let moved = self.timers.reschedule(key, at(time));
                let item = self.model.remove(&place);
                assert_eq!(moved.is_some(), item.is_some());
                if let (Some(key), Some(item)) = (moved, item) {
                    self.number += 1;
                    self.keys.push((key, (time, self.number)));
                    self.model.insert((time, self.number), item);
                }
            }
            Op::Cancel(_) | Op::Reschedule(..) => {}
            Op::Next => {
                let next = self.model.first_key_value().map(|(&(time, _), _)| at(time));
                assert_eq!(self.timers.next_deadline(), next);
            }
            Op::Pop(now, count) => {
                for _ in 0..count {
                    let due = self.model.first_entry().filter(|entry| entry.key().0 <= now);
                    let due = due.map(|entry| (at(entry.key().0), entry.remove()));
                    assert_eq!(self.timers.pop_due(at(now)), due);
                    if due.is_none() {
                        break;
                    }
                }
            }
        }
        assert_eq!(self.timers.len(), self.model.len());
        assert_eq!(self.timers.is_empty(), self.model.is_empty());
    }

    fn finish(mut self) {
        let mut left: Vec<_> = self.timers.iter().map(|(_, time, &item)| (time, item)).collect();
        left.sort_by_key(|&(_, item)| item);
        let mut expected: Vec<_> =
            self.model.iter().map(|(&(t, _), &item)| (at(t), item)).collect();
        expected.sort_by_key(|&(_, item)| item);
        assert_eq!(left, expected);
        let found = self.timers.iter().all(|(key, time, item)| {
            self.timers.get(key) == Some(item) && self.timers.deadline(key) == Some(time)
        });
        assert!(found);
        for (&(time, _), &item) in &self.model {
            assert_eq!(self.timers.pop(), Some((at(time), item)));
        }
        assert_eq!(self.timers.pop(), None);
        assert!(self.keys.iter().all(|&(key, _)| self.timers.cancel(key).is_none()));
    }
}

/// Far apart, close together, equal, and at the ends.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..4_u64,
        1000..1300_u64,
        0..1_u64 << 42,
        (u64::MAX - 3..=u64::MAX),
        (0..64_u32).prop_map(|bit| 1_u64 << bit),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => time().prop_map(Op::Insert),
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => (any::<usize>(), time()).prop_map(|(which, time)| Op::Reschedule(which, time)),
        2 => Just(Op::Next),
        2 => (time(), 0..9_usize).prop_map(|(now, count)| Op::Pop(now, count)),
    ]
}

fn run<S: Storage<Item = u64>>(timers: Timers<S>, ops: Vec<Op>) {
    let mut pair = Pair::new(timers);
    for op in ops {
        pair.apply(op);
    }
    pair.finish();
}

proptest! {
    #[test]
    fn promise_09_inline_timers_are_a_sorted_map(ops in prop::collection::vec(op(), 0..300)) {
        run(StaticTimers::<u64, 20>::new(), ops);
    }

    #[test]
    fn promise_09_a_place_for_one_is_enough(ops in prop::collection::vec(op(), 0..60)) {
        run(StaticTimers::<u64, 1>::new(), ops);
    }
}

#[cfg(feature = "alloc")]
proptest! {
    #[test]
    fn promise_09_heap_timers_are_a_sorted_map(
        ops in prop::collection::vec(op(), 0..1200), large in any::<bool>(),
    ) {
        run(super::HeapTimers::with_capacity(if large { 2048 } else { 30 }).unwrap(), ops);
    }
}

#[cfg(feature = "alloc")]
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// Long runs, in which the clock goes on as it does in a driver.
#[cfg(feature = "alloc")]
#[test]
fn promise_09_a_long_life_is_a_sorted_map() {
    for seed in 0..if cfg!(miri) { 1 } else { 12_u64 } {
        let mut state = seed + 1;
        let mut random = |bound: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            u64::try_from((u128::from(state) * u128::from(bound)) >> 64).unwrap()
        };
        let mut pair = Pair::new(super::HeapTimers::with_capacity(3000).unwrap());
        let mut now = 0_u64;
        let width = [1, 1 << 8, 1 << 16, 1 << 24, 1 << 41, u64::MAX / 4][index(seed % 6)];
        for _ in 0..if cfg!(miri) { 500 } else { 40_000 } {
            let spread = width >> random(12);
            pair.apply(match random(16) {
                0..=7 => Op::Insert(now.saturating_add(random(spread + 1))),
                8 => Op::Insert(random(now.saturating_add(1))),
                9 => Op::Cancel(index(random(1 << 30))),
                // A recent one.
                10 => Op::Cancel(pair.keys.len().saturating_sub(1 + index(random(20)))),
                11 => Op::Reschedule(index(random(1 << 30)), now.saturating_add(spread)),
                12 | 13 => Op::Next,
                _ => {
                    now = now.saturating_add(random(spread / 64 + 2));
                    Op::Pop(now, index(random(40)))
                }
            });
        }
        pair.finish();
    }
}

#[cfg(feature = "alloc")]
#[test]
fn equal_times_come_in_the_order_of_insertion() {
    for time in [0, 1, 1 << 41, u64::MAX] {
        let mut timers = super::HeapTimers::with_capacity(3000).unwrap();
        for item in 0..3000 {
            timers.insert(at(time), item).unwrap();
            if item % 1000 == 0 {
                assert_eq!(timers.next_deadline(), Some(at(time)));
            }
        }
        assert_eq!(timers.insert(at(time), 3000).unwrap_err().into_inner(), 3000);
        for item in 0..3000 {
            assert_eq!(timers.pop_due(at(time)), Some((at(time), item)));
        }
        assert!(timers.is_empty());
    }
}

#[test]
fn promise_06_what_is_refused_comes_back() {
    let mut timers = StaticTimers::<_, 1>::new();
    timers.insert(at(1), "a").unwrap();
    let refused = timers.insert(at(0), "b").unwrap_err();
    assert_eq!(refused.discard(), Full(()));
    assert_eq!(format!("{refused}"), "there are as many deadlines as there may be");
    assert_eq!(refused.into_inner(), "b");
    assert_eq!(timers.pop(), Some((at(1), "a")));
    timers.insert(at(0), "b").unwrap();
}

#[test]
fn a_stale_key_finds_nothing() {
    let mut timers = StaticTimers::<_, 1>::new();
    let old = timers.insert(at(1), "a").unwrap();
    assert_eq!(timers.cancel(old), Some("a"));
    let new = timers.insert(at(1), "b").unwrap();
    assert_eq!((timers.cancel(old), timers.get(old), timers.deadline(old)), (None, None, None));
    assert_eq!(timers.reschedule(old, at(2)), None);
    let newer = timers.reschedule(new, at(2)).unwrap();
    assert_eq!(timers.cancel(new), None);
    assert_eq!(timers.cancel(newer), Some("b"));
    let far = Key { slot: 7, number: 1 };
    assert_eq!((timers.cancel(far), timers.deadline(far)), (None, None));
}

#[test]
fn no_place_at_all() {
    let mut timers = StaticTimers::<u8, 0>::default();
    assert_eq!(timers.insert(at(0), 1), Err(Full(1)));
    assert_eq!((timers.next_deadline(), timers.pop()), (None, None));
}

#[cfg(feature = "alloc")]
#[test]
fn promise_11_a_capacity_of_0_is_an_error() {
    let error = super::HeapTimers::<u8>::with_capacity(0).unwrap_err();
    assert_eq!((error.field, error.value), ("capacity", 0));
    assert!(super::HeapTimers::<u8>::with_capacity((1 << 30) + 1).is_err());
}

#[test]
fn it_is_small() {
    let each = size_of::<StaticTimers<u64, 1025>>() - size_of::<StaticTimers<u64, 1>>();
    assert!(each <= 1024 * (60 + 8), "{each}");
    let each = size_of::<StaticTimers<u32, 1025>>() - size_of::<StaticTimers<u32, 1>>();
    assert_eq!(each, 1024 * 36);
}

#[test]
fn it_is_made_at_compile_time() {
    struct Board {
        timers: StaticTimers<u8, 4>,
    }
    const BOARD: Board = Board { timers: StaticTimers::new() };
    let mut timers = BOARD.timers;
    let later = at(0).saturating_add(Duration::from_secs(1));
    timers.insert(later, 1).unwrap();
    assert_eq!(timers.next_deadline(), Some(later));
}
