//! Which slot is due when.

use super::Key;
use super::front::Front;
use super::run::{Entry, FEW, Run};

/// No slot.
const NIL: u32 = u32::MAX;
/// In `next`: the slot is in the front.
const FRONT: u32 = u32::MAX - 1;
/// In `next`: the slot is in the run.
const RUN: u32 = u32::MAX - 2;

/// Six bits to a digit.
const DIGIT: u32 = 6;
const DIGITS: usize = 1 << DIGIT;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;
/// A bucket's slots are in so many lists: what comes next in each of them can be waited for at once.
const LANES: usize = 16;
/// So many slots are looked through for the earliest, rather than moved.
const GLANCE: u32 = 32;

/// A place for an item. One with it, as whoever moves or wants the one has both in the cache.
// Where there are caches: so that one does not lie across two lines more than it must.
#[cfg_attr(target_pointer_width = "64", repr(align(32)))]
pub struct Slot<T> {
    pub(super) link: Link,
    pub(super) item: Option<T>,
}

impl<T> Slot<T> {
    pub(super) const FREE: Self =
        Self { link: Link { time: 0, number: 0, next: 0, prev: 0 }, item: None };
}

/// Where a slot is: free, in the front, or in a bucket.
#[derive(Clone, Copy)]
pub(super) struct Link {
    time: u64,
    /// 0 if it is free.
    number: u64,
    /// The next in the bucket or among the free, or `FRONT`.
    next: u32,
    /// The one before in the bucket, or the place in the front.
    prev: u32,
}

impl Link {
    pub(super) const fn time(&self) -> u64 {
        self.time
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn is_of(&self, key: Key) -> bool {
        self.number == key.number
    }

    /// What it is ordered by: the time, then the number. In one word it is compared without a branch.
    pub(super) const fn rank(&self) -> u128 {
        (self.time as u128) << 64 | self.number as u128
    }

    pub(super) const fn stand_in_front(&mut self, place: u32) {
        self.next = FRONT;
        self.prev = place;
    }
}

/// What a queue knows beside its tables. All zero if it is new, so that a `static` lies in `.bss`.
pub(super) struct State {
    len: u32,
    /// Slots from this one on have never been in use.
    used: u32,
    /// The slot after the first free one of those below `used`, or 0.
    free: u32,
    /// How many are in the front.
    front: u32,
    /// The number of the last that was inserted.
    number: u64,
    /// What is due until then is in the front; what is due later is in a bucket, if there are any.
    bound: u64,
}

impl State {
    pub(super) const fn new() -> Self {
        Self { len: 0, used: 0, free: 0, front: 0, number: 0, bound: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) const fn used(&self) -> usize {
        self.used as usize
    }
}

/// A bucket for each digit of each level. The level is the highest at which a time differs from the bound.
pub struct Buckets {
    /// The levels that are not empty.
    levels: u16,
    /// The buckets of each level that are not empty.
    digits: [u64; LEVELS],
    table: [[Bucket; DIGITS]; LEVELS],
    /// What the last bucket that was opened had in it, if it was not much.
    run: Run,
}

#[derive(Clone, Copy)]
struct Bucket {
    len: u32,
    first: [u32; LANES],
}

impl Bucket {
    const EMPTY: Self = Self { len: 0, first: [NIL; LANES] };

    const fn is_small(&self) -> bool {
        self.len as usize <= FEW
    }
}

#[cfg(feature = "alloc")]
impl Buckets {
    #[expect(clippy::large_stack_arrays, reason = "it is made in a box")]
    pub(super) const fn new() -> Self {
        let table = [[Bucket::EMPTY; DIGITS]; LEVELS];
        Self { levels: 0, digits: [0; LEVELS], table, run: Run::new() }
    }
}

/// Where a time that is later than the bound belongs.
#[derive(Clone, Copy)]
struct Address {
    level: u32,
    digit: u32,
}

impl Address {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a digit")]
    const fn of(time: u64, bound: u64) -> Self {
        let level = (time ^ bound).ilog2() / DIGIT;
        let digit = (time >> (level * DIGIT)) as u32 % DIGITS as u32;
        Self { level, digit }
    }

    const fn place(self) -> (usize, usize) {
        (self.level as usize, self.digit as usize)
    }

    /// The first and the last time that belong here.
    const fn span(self, bound: u64) -> (u64, u64) {
        let shift = self.level * DIGIT;
        let below = (1 << shift) - 1;
        let above = (DIGITS as u64 - 1) << shift | below;
        let first = bound & !above | (self.digit as u64) << shift;
        (first, first | below)
    }
}

/// The time in a rank.
const fn time_of(rank: u128) -> u64 {
    (rank >> 64) as u64
}

/// Which list of its bucket a slot is in. Neighbours share one: those that were inserted one after the other
/// touch few lines of memory outside their own.
const fn lane_of(slot: u32) -> usize {
    (slot as usize >> 10) % LANES
}

/// What is next.
struct First {
    time: u64,
    slot: u32,
    in_run: bool,
}

/// The tables that a storage keeps.
pub struct Tables<'a, T> {
    pub(super) slots: &'a mut [Slot<T>],
    pub(super) front: &'a mut [u32],
    pub(super) buckets: Option<&'a mut Buckets>,
}

/// The algorithm.
pub(super) struct Order<'a, T> {
    state: &'a mut State,
    slots: &'a mut [Slot<T>],
    front: &'a mut [u32],
    buckets: Option<&'a mut Buckets>,
}

impl<'a, T> Order<'a, T> {
    #[inline]
    pub(super) fn new(state: &'a mut State, tables: Tables<'a, T>) -> Self {
        let Tables { slots, front, buckets } = tables;
        Self { state, slots, front, buckets }
    }

    /// Puts the item into a free slot, if there is one.
    #[inline]
    pub(super) fn insert(&mut self, time: u64, item: T) -> Result<Key, T> {
        let slot = match self.state.free {
            0 if self.state.used() == self.slots.len() => return Err(item),
            0 => {
                self.state.used += 1;
                self.state.used - 1
            }
            after => {
                self.state.free = self.slots[after as usize - 1].link.next;
                after - 1
            }
        };
        self.state.len += 1;
        self.slots[slot as usize].item = Some(item);
        Ok(self.enter(slot, time))
    }

    /// Whether the key's item is there.
    #[inline]
    pub(super) fn find(&self, key: Key) -> Option<()> {
        self.slots.get(key.slot as usize)?.link.is_of(key).then_some(())
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        self.take_out(slot);
        self.release(slot)
    }

    pub(super) fn reschedule(&mut self, slot: u32, time: u64) -> Key {
        self.take_out(slot);
        self.enter(slot, time)
    }

    pub(super) fn next(&mut self) -> Option<u64> {
        loop {
            if let Some(first) = self.first() {
                return Some(first.time);
            }
            let (address, bucket) = self.lowest()?;
            if bucket.len <= GLANCE {
                // They stay where they are, so that the bound does not pass what is inserted now.
                return self.soonest(bucket);
            }
            self.open(address, bucket);
        }
    }

    #[inline]
    pub(super) fn pop_due(&mut self, now: u64) -> Option<(u64, T)> {
        loop {
            if let Some(First { time, slot, in_run }) = self.first() {
                if time > now {
                    return None;
                }
                match self.buckets.as_deref_mut() {
                    Some(buckets) if in_run => buckets.run.pop(),
                    _ => self.heap().remove(0),
                }
                return self.release(slot).map(|item| (time, item));
            }
            let (address, bucket) = self.lowest()?;
            if address.span(self.state.bound).0 > now {
                return None;
            }
            self.open(address, bucket);
        }
    }

    /// Numbers a slot that is nowhere, and puts it where it belongs.
    #[inline]
    fn enter(&mut self, slot: u32, time: u64) -> Key {
        self.state.number += 1;
        let number = self.state.number;
        let link = &mut self.slots[slot as usize].link;
        link.time = time;
        link.number = number;
        self.put_in(slot, time);
        Key { slot, number }
    }

    // An insertion is little more than this; the call would be a fifth of it.
    #[expect(clippy::inline_always, reason = "measured")]
    #[inline(always)]
    fn put_in(&mut self, slot: u32, time: u64) {
        let bound = self.state.bound;
        let Some(buckets) = self.buckets.as_deref_mut().filter(|_| time > bound) else {
            self.heap().push(slot);
            return;
        };
        let (level, digit) = Address::of(time, bound).place();
        let bucket = &mut buckets.table[level][digit];
        if bucket.len == 0 {
            buckets.levels |= 1 << level;
            buckets.digits[level] |= 1 << digit;
        }
        bucket.len += 1;
        let first = &mut bucket.first[lane_of(slot)];
        let next = core::mem::replace(first, slot);
        let link = &mut self.slots[slot as usize].link;
        link.next = next;
        link.prev = NIL;
        if next != NIL {
            self.slots[next as usize].link.prev = slot;
        }
    }

    #[inline]
    fn take_out(&mut self, slot: u32) {
        let link = self.slots[slot as usize].link;
        let Link { time, next, prev, .. } = link;
        if next == FRONT {
            self.heap().remove(prev as usize);
            return;
        }
        let Some(buckets) = self.buckets.as_deref_mut() else { return };
        if next == RUN {
            buckets.run.remove(link.rank());
            return;
        }
        let (level, digit) = Address::of(time, self.state.bound).place();
        let bucket = &mut buckets.table[level][digit];
        if prev == NIL {
            bucket.first[lane_of(slot)] = next;
        } else {
            self.slots[prev as usize].link.next = next;
        }
        if next != NIL {
            self.slots[next as usize].link.prev = prev;
        }
        bucket.len -= 1;
        if bucket.len == 0 {
            buckets.mark_empty(level, digit);
        }
    }

    /// Gives back a slot that is nowhere.
    #[inline]
    fn release(&mut self, slot: u32) -> Option<T> {
        let Slot { link, item } = &mut self.slots[slot as usize];
        link.number = 0;
        link.next = self.state.free;
        self.state.free = slot + 1;
        self.state.len -= 1;
        if self.state.len == 0 {
            // As new, in the order of memory; the numbers go on.
            *self.state = State { number: self.state.number, ..State::new() };
        }
        item.take()
    }

    fn heap(&mut self) -> Front<'_, T> {
        Front { slots: self.slots, places: self.front, len: &mut self.state.front }
    }

    /// The first of the front and of the run.
    #[inline]
    fn first(&self) -> Option<First> {
        let run = self.buckets.as_deref().and_then(|buckets| buckets.run.soonest());
        let front = (self.state.front > 0).then(|| self.front[0]);
        if let Some(slot) = front {
            let rank = self.slots[slot as usize].link.rank();
            if run.is_none_or(|entry| rank < entry.rank) {
                return Some(First { time: time_of(rank), slot, in_run: false });
            }
        }
        run.map(|entry| First { time: time_of(entry.rank), slot: entry.slot, in_run: true })
    }

    /// The bucket whose slots are due next.
    fn lowest(&self) -> Option<(Address, Bucket)> {
        let buckets = self.buckets.as_deref()?;
        if buckets.levels == 0 {
            return None;
        }
        let level = buckets.levels.trailing_zeros();
        let digit = buckets.digits[level as usize].trailing_zeros();
        Some((Address { level, digit }, buckets.table[level as usize][digit as usize]))
    }

    /// Moves the slots of the lowest bucket: a few to the run, many to the buckets below, and those that are
    /// due at the same moment to the front. Front and run are empty.
    ///
    /// The other buckets keep their addresses, since the new bound has the bucket's digits from its level on.
    fn open(&mut self, address: Address, bucket: Bucket) {
        let Some(buckets) = self.buckets.as_deref_mut() else { return };
        let (level, digit) = address.place();
        buckets.table[level][digit] = Bucket::EMPTY;
        buckets.mark_empty(level, digit);
        let (first, last) = address.span(self.state.bound);
        self.state.bound = if bucket.is_small() { last } else { first };
        let mut cursors = bucket.first;
        let mut left = bucket.len;
        while left > 0 {
            // All lists' loads come before all that depends on them.
            let slots = cursors;
            let mut ranks = [0; LANES];
            for (cursor, rank) in cursors.iter_mut().zip(&mut ranks) {
                if *cursor != NIL {
                    let link = &self.slots[*cursor as usize].link;
                    *rank = link.rank();
                    *cursor = link.next;
                }
            }
            for (slot, rank) in slots.into_iter().zip(ranks) {
                if slot == NIL {
                    continue;
                }
                left -= 1;
                match self.buckets.as_deref_mut() {
                    Some(buckets) if bucket.is_small() => {
                        buckets.run.push(Entry { rank, slot });
                        self.slots[slot as usize].link.next = RUN;
                    }
                    _ => self.put_in(slot, time_of(rank)),
                }
            }
        }
        if let Some(buckets) = self.buckets.as_deref_mut() {
            buckets.run.sort();
        }
    }

    /// The earliest time in a bucket.
    fn soonest(&self, bucket: Bucket) -> Option<u64> {
        let lists = bucket.first.into_iter().map(|first| {
            let mut soonest = u64::MAX;
            let mut slot = first;
            while slot != NIL {
                let link = &self.slots[slot as usize].link;
                soonest = soonest.min(link.time);
                slot = link.next;
            }
            soonest
        });
        lists.min()
    }
}

impl Buckets {
    fn mark_empty(&mut self, level: usize, digit: usize) {
        self.digits[level] &= !(1 << digit);
        if self.digits[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}
