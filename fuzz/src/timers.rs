//! Operation sequences on a queue of deadlines, decoded from bytes and checked against a sorted map.
//!
//! Every byte string is a valid sequence. There are operations on hundreds of items, so that short
//! sequences fill the queues that have buckets.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use droves::time::Instant;
use droves::timer::{HeapTimers, Key, StaticTimers, Storage, Timers};

outcomes! {
    Inserted, Refused, InsertedPast, InsertedNext, InsertedEqual, InsertedManyEqual, UsedAgain,
    Cancelled, CancelledNext, CancelledMany, CancelledNothing, CancelledNothingWhileFull,
    RescheduledEarlier, RescheduledLater, RescheduledEqual, RescheduledWhileFull, RescheduledMany,
    RescheduledNothing,
    Next, NextOfNone, Popped, PoppedEqual, PoppedMany, PoppedFirstMoment, PoppedLastMoment, PoppedFarLater,
    NotDue, Emptied, Found, FoundNothing, Listed, Drained, LeftToDrop,
    InPlace, OnHeap, Large, LargeFull, LargeInsertedNext, LargeCancelledNext, LargeEmptied,
    LargePoppedSome, LargeCancelledSecond, LargeNextAfterCancelledNext,
}

/// From this many items on a queue has buckets.
const LARGE: usize = 2048;
/// More than this are many: a bucket that holds them is dealt out to others.
const MANY: usize = 512;
/// No operation is on more than this many items.
const MOST: usize = 1024;
/// A longer sequence reaches nothing more, and takes longer.
const LONGEST: usize = 512;

/// Runs the sequence that `data` stands for. Tells which outcomes it reached.
///
/// # Panics
/// If the queue does anything that the model does not.
pub fn run(data: &[u8]) -> BTreeSet<Outcome> {
    let mut bytes = Bytes(&data[..data.len().min(LONGEST)]);
    let [kind, size] = [bytes.next(), bytes.next()];
    let heap = |capacity| HeapTimers::with_capacity(capacity).unwrap();
    let drain = kind / 8 % 2 == 0;
    match kind % 8 {
        0 => play(StaticTimers::<_, 1>::new(), bytes, drain, Outcome::InPlace),
        1 => play(StaticTimers::<_, 20>::new(), bytes, drain, Outcome::InPlace),
        2 | 3 => play(heap(1 + usize::from(size)), bytes, drain, Outcome::OnHeap),
        _ => play(heap(LARGE + 8 * usize::from(size)), bytes, drain, Outcome::Large),
    }
}

fn play<S>(timers: Timers<S>, mut bytes: Bytes<'_>, drain: bool, kind: Outcome) -> BTreeSet<Outcome>
where
    S: Storage<Item = Item>,
{
    let alive = Rc::new(Cell::new(0));
    let mut machine = Machine {
        large: timers.capacity() >= LARGE,
        timers,
        model: BTreeMap::new(),
        keys: Vec::new(),
        number: 0,
        now: 0,
        recent: 0,
        next_cancelled: false,
        alive: alive.clone(),
        outcomes: BTreeSet::from([kind]),
    };
    while !bytes.0.is_empty() {
        machine.step(&mut bytes);
        machine.check();
    }
    let outcomes = machine.end(drain);
    assert_eq!(alive.get(), 0, "items were leaked");
    outcomes
}

/// What is in the queue: its number, and how many of them are alive.
#[derive(Debug)]
struct Item(u64, Rc<Cell<usize>>);

impl Item {
    fn new(number: u64, alive: &Rc<Cell<usize>>) -> Self {
        alive.set(alive.get() + 1);
        Self(number, alive.clone())
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

/// By time, and among equal times by insertion.
type Place = (u64, u64);

/// A queue beside one that is obviously right.
struct Machine<S: Storage<Item = Item>> {
    timers: Timers<S>,
    /// The numbers of the items.
    model: BTreeMap<Place, u64>,
    /// The keys that were ever given, and where the model has them.
    keys: Vec<(Key, Place)>,
    /// The number of the last that was inserted.
    number: u64,
    /// The latest moment until which items were taken out.
    now: u64,
    /// The moment of the last that was inserted.
    recent: u64,
    /// Whether the last that was cancelled was the next.
    next_cancelled: bool,
    large: bool,
    alive: Rc<Cell<usize>>,
    outcomes: BTreeSet<Outcome>,
}

impl<S: Storage<Item = Item>> Machine<S> {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (operation, with) = (bytes.next(), bytes.next());
        let many = 4 * usize::from(with) + 1;
        match operation % 16 {
            0..=2 => {
                let time = self.time(with, bytes.next());
                self.insert(time);
            }
            3 | 4 => {
                let start = self.time(bytes.next(), bytes.next());
                self.insert_many(start, bytes.next(), many);
            }
            5 | 6 => {
                let recent = operation % 16 == 5;
                let key = if recent { self.recent_key(with) } else { self.any_key(with) };
                self.cancel(key);
            }
            7 => {
                let before = self.model.len();
                self.each_key(with, bytes.next(), Self::cancel);
                self.note_if(before - self.model.len() > MANY, Outcome::CancelledMany);
            }
            8 => {
                let time = self.time(bytes.next(), bytes.next());
                let key =
                    if with % 2 == 0 { self.recent_key(with / 2) } else { self.any_key(with) };
                self.reschedule(key, time);
            }
            9 => {
                let (start, stride) = (self.time(bytes.next(), bytes.next()), stride(bytes.next()));
                let mut time = start;
                let moved = self.each_key(with, bytes.next(), |machine, key| {
                    time = time.wrapping_add(stride);
                    machine.reschedule(key, time)
                });
                self.note_if(moved > MANY, Outcome::RescheduledMany);
            }
            10 | 11 => self.next(),
            12 => self.pop_due(self.now, many),
            13 => {
                let now = self.time(bytes.next(), bytes.next());
                self.pop_due(now, many);
            }
            14 => self.pop_due(u64::MAX, many),
            _ if with < 128 => self.look(self.any_key(with)),
            _ => self.list(),
        }
    }

    /// A moment: near the ends, a power of two, near the present, far from it, equal to another, or any.
    fn time(&self, kind: u8, value: u8) -> u64 {
        let (scale, value) = (kind / 8, u64::from(value));
        match kind % 8 {
            0 => value,
            1 => u64::MAX - value,
            2 => 1 << (value % 64),
            3 => self.now.saturating_add(value),
            4 => self.now.saturating_add(value << (2 * scale)),
            5 => self.now.saturating_sub(value << scale),
            6 => self.recent,
            _ => (u64::from(scale) << 8 | value).wrapping_mul(SPREAD),
        }
    }

    fn insert(&mut self, time: u64) -> bool {
        let next = self.model.first_key_value().is_some_and(|(place, _)| time < place.0);
        let (len, number) = (self.model.len(), self.number + 1);
        let item = Item::new(number, &self.alive);
        match self.timers.insert(Instant::from_nanos(time), item) {
            Err(full) => {
                assert_eq!(len, self.timers.capacity(), "refused too early");
                assert_eq!(full.into_inner().0, number);
                self.note_if(true, Outcome::Refused);
                self.note_if(self.large, Outcome::LargeFull);
                false
            }
            Ok(key) => {
                assert_ne!(len, self.timers.capacity(), "accepted too much");
                self.note_if(true, Outcome::Inserted);
                self.note_if(time < self.now, Outcome::InsertedPast);
                self.note_if(next, Outcome::InsertedNext);
                self.note_if(next && self.large && self.now > 0, Outcome::LargeInsertedNext);
                self.note_if(self.recent == time && len > 0, Outcome::InsertedEqual);
                self.note_if(len == 0 && number > 1, Outcome::UsedAgain);
                self.number = number;
                self.recent = time;
                self.model.insert((time, number), number);
                self.keys.push((key, (time, number)));
                true
            }
        }
    }

    fn insert_many(&mut self, start: u64, by: u8, count: usize) {
        let stride = stride(by);
        let times = (0..).map(|index: u64| start.wrapping_add(stride.wrapping_mul(index)));
        let inserted = times.take(count).take_while(|&time| self.insert(time)).count();
        self.note_if(self.large && stride == 0 && inserted > MANY, Outcome::InsertedManyEqual);
    }

    /// One of those that were given last.
    fn recent_key(&self, with: u8) -> usize {
        self.keys.len().saturating_sub(1 + usize::from(with))
    }

    /// One of all that were ever given.
    fn any_key(&self, with: u8) -> usize {
        self.keys.len() * usize::from(with) / 256
    }

    /// Does something to every so many of the keys. Returns for how many of them it was true.
    fn each_key(
        &mut self,
        from: u8,
        step: u8,
        mut action: impl FnMut(&mut Self, usize) -> bool,
    ) -> usize {
        let keys = (self.any_key(from)..self.keys.len()).step_by(usize::from(step % 8) + 1);
        keys.take(MOST).filter(|&key| action(self, key)).count()
    }

    fn cancel(&mut self, which: usize) -> bool {
        let Some(&(key, place)) = self.keys.get(which) else { return false };
        let full = self.model.len() == self.timers.capacity();
        let next = self.model.first_key_value().is_some_and(|(&first, _)| first == place);
        let second = self.model.keys().nth(1) == Some(&place);
        let expected = self.model.remove(&place);
        self.next_cancelled = next;
        assert_eq!(self.timers.cancel(key).map(|item| item.0), expected);
        self.note_if(expected.is_some(), Outcome::Cancelled);
        self.note_if(next, Outcome::CancelledNext);
        self.note_if(next && self.large && self.now > 0, Outcome::LargeCancelledNext);
        self.note_if(second && self.large && self.now > 0, Outcome::LargeCancelledSecond);
        self.note_if(expected.is_none(), Outcome::CancelledNothing);
        // Whatever had the key's place, another item has it now.
        self.note_if(expected.is_none() && full, Outcome::CancelledNothingWhileFull);
        self.note_if(expected.is_some() && self.model.is_empty(), Outcome::Emptied);
        expected.is_some()
    }

    fn reschedule(&mut self, which: usize, time: u64) -> bool {
        let Some(&(key, place)) = self.keys.get(which) else { return false };
        let full = self.model.len() == self.timers.capacity();
        let moved = self.timers.reschedule(key, Instant::from_nanos(time));
        let item = self.model.remove(&place);
        assert_eq!(moved.is_some(), item.is_some());
        let (Some(moved), Some(item)) = (moved, item) else {
            self.note_if(true, Outcome::RescheduledNothing);
            return false;
        };
        assert_ne!(moved, key);
        self.number += 1;
        self.model.insert((time, self.number), item);
        self.keys.push((moved, (time, self.number)));
        self.note_if(time < place.0, Outcome::RescheduledEarlier);
        self.note_if(time == place.0, Outcome::RescheduledEqual);
        self.note_if(time > place.0, Outcome::RescheduledLater);
        self.note_if(full, Outcome::RescheduledWhileFull);
        true
    }

    fn next(&mut self) {
        let expected = self.model.first_key_value().map(|(place, _)| place.0);
        assert_eq!(self.timers.next_deadline().map(Instant::as_nanos), expected);
        self.note_if(expected.is_some(), Outcome::Next);
        let after_cancel = self.large && self.next_cancelled && expected.is_some();
        self.note_if(after_cancel, Outcome::LargeNextAfterCancelledNext);
        self.note_if(expected.is_none(), Outcome::NextOfNone);
    }

    /// Takes out up to so many that are due at `now`.
    fn pop_due(&mut self, now: u64, count: usize) {
        self.now = self.now.max(now);
        let mut last = None;
        for popped in 0..count {
            let due = self.model.first_entry().filter(|entry| entry.key().0 <= now);
            let expected = due.map(|entry| (entry.key().0, entry.remove()));
            let found = self.timers.pop_due(Instant::from_nanos(now));
            assert_eq!(found.map(|(at, item)| (at.as_nanos(), item.0)), expected);
            let Some((time, _)) = expected else {
                self.note_if(!self.model.is_empty(), Outcome::NotDue);
                let some = popped > 0 && !self.model.is_empty();
                self.note_if(some && self.large, Outcome::LargePoppedSome);
                return;
            };
            self.note_if(true, Outcome::Popped);
            self.note_if(popped == MANY, Outcome::PoppedMany);
            self.note_if(last == Some(time), Outcome::PoppedEqual);
            self.note_if(last.is_some_and(|last| (time - last) >> 48 > 0), Outcome::PoppedFarLater);
            self.note_if(time == 0, Outcome::PoppedFirstMoment);
            self.note_if(time == u64::MAX, Outcome::PoppedLastMoment);
            self.note_if(self.model.is_empty(), Outcome::Emptied);
            self.note_if(
                self.model.is_empty() && self.large && popped > MANY,
                Outcome::LargeEmptied,
            );
            last = Some(time);
        }
    }

    fn look(&mut self, which: usize) {
        let Some(&(key, place)) = self.keys.get(which) else { return };
        let expected = self.model.get(&place);
        assert_eq!(self.timers.get(key).map(|item| &item.0), expected);
        let deadline = self.timers.deadline(key).map(Instant::as_nanos);
        assert_eq!(deadline, expected.map(|_| place.0));
        let outcome = if expected.is_some() { Outcome::Found } else { Outcome::FoundNothing };
        self.note_if(true, outcome);
    }

    /// Looks at all items.
    fn list(&mut self) {
        let mut listed = Vec::new();
        for (key, at, item) in self.timers.iter() {
            assert_eq!(self.timers.get(key).map(|found| found.0), Some(item.0));
            assert_eq!(self.timers.deadline(key), Some(at));
            listed.push((at.as_nanos(), item.0));
        }
        listed.sort_unstable();
        let mut expected: Vec<_> =
            self.model.iter().map(|(place, &item)| (place.0, item)).collect();
        expected.sort_unstable();
        assert_eq!(listed, expected);
        self.note_if(!listed.is_empty(), Outcome::Listed);
    }

    fn check(&self) {
        assert_eq!(self.timers.len(), self.model.len());
        assert_eq!(self.timers.is_empty(), self.model.is_empty());
        assert_eq!(self.alive.get(), self.model.len(), "items were leaked or dropped");
    }

    /// Takes out what is left, or leaves it to the queue to drop it.
    fn end(mut self, drain: bool) -> BTreeSet<Outcome> {
        self.list();
        if drain {
            self.note_if(!self.model.is_empty(), Outcome::Drained);
            for (place, number) in std::mem::take(&mut self.model) {
                let (at, item) = self.timers.pop().expect("items are missing");
                assert_eq!((at.as_nanos(), item.0), (place.0, number));
            }
            assert!(self.timers.pop().is_none(), "there are too many items");
            self.check();
            self.each_key(0, 0, Self::cancel);
        }
        self.note_if(!self.model.is_empty(), Outcome::LeftToDrop);
        self.outcomes
    }

    fn note_if(&mut self, reached: bool, outcome: Outcome) {
        if reached {
            self.outcomes.insert(outcome);
        }
    }
}

/// 2^64 divided by the golden ratio: its multiples are spread over all moments.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// What lies between one moment and the next of several: nothing, a power of two, up or down, or what
/// takes them all over a range.
fn stride(by: u8) -> u64 {
    match by {
        0 => 0,
        1..64 => 1 << by,
        64..128 => (1_u64 << (by - 64)).wrapping_neg(),
        128.. => SPREAD >> (by % 64),
    }
}

/// Bytes, and zeros after the last.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }
}
