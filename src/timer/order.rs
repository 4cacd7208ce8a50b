//! Which slot is due when. Knows nothing of the items.

use super::Key;
use super::front::Front;

/// No slot.
const NIL: u32 = u32::MAX;
/// In `next`: the slot is in the front.
const FRONT: u32 = u32::MAX - 1;

/// Six bits to a digit.
const DIGIT: u32 = 6;
const DIGITS: usize = 1 << DIGIT;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT) as usize;
/// A bucket's slots are in so many lists, by the last bits of their numbers: the places in memory of so many
/// slots can be waited for at once.
const LANES: usize = 4;
/// The front takes in so many slots at a time.
const FEW: u32 = 32;

/// One slot: free, in the front, or in a bucket.
#[derive(Clone, Copy)]
pub struct Link {
    time: u64,
    /// 0 if it is free.
    number: u64,
    /// The next in the bucket or among the free, or `FRONT`.
    next: u32,
    /// The one before in the bucket, or the place in the front.
    prev: u32,
}

impl Link {
    pub(super) const FREE: Self = Self { time: 0, number: 0, next: 0, prev: 0 };

    pub(super) const fn time(&self) -> u64 {
        self.time
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn is_of(&self, key: Key) -> bool {
        self.number == key.number
    }

    /// What it is ordered by.
    pub(super) const fn rank(&self) -> (u64, u64) {
        (self.time, self.number)
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
}

#[derive(Clone, Copy)]
struct Bucket {
    len: u32,
    first: [u32; LANES],
}

impl Bucket {
    const EMPTY: Self = Self { len: 0, first: [NIL; LANES] };
}

#[cfg(feature = "alloc")]
impl Buckets {
    pub(super) const fn new() -> Self {
        Self { levels: 0, digits: [0; LEVELS], table: [[Bucket::EMPTY; DIGITS]; LEVELS] }
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

/// The tables that a storage keeps.
pub struct Tables<'a> {
    pub(super) links: &'a mut [Link],
    pub(super) front: &'a mut [u32],
    pub(super) buckets: Option<&'a mut Buckets>,
}

/// The algorithm.
pub(super) struct Order<'a> {
    state: &'a mut State,
    links: &'a mut [Link],
    front: &'a mut [u32],
    buckets: Option<&'a mut Buckets>,
}

impl<'a> Order<'a> {
    #[inline]
    pub(super) fn new(state: &'a mut State, tables: Tables<'a>) -> Self {
        let Tables { links, front, buckets } = tables;
        Self { state, links, front, buckets }
    }

    /// Takes a free slot, if there is one.
    #[inline]
    pub(super) fn insert(&mut self, time: u64) -> Option<Key> {
        let slot = match self.state.free {
            0 if self.state.used() == self.links.len() => return None,
            0 => {
                self.state.used += 1;
                self.state.used - 1
            }
            after => {
                self.state.free = self.links[after as usize - 1].next;
                after - 1
            }
        };
        self.state.len += 1;
        Some(self.enter(slot, time))
    }

    /// Whether the key's item is there.
    #[inline]
    pub(super) fn find(&self, key: Key) -> Option<()> {
        self.links.get(key.slot as usize)?.is_of(key).then_some(())
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        self.take_out(slot);
        self.release(slot);
    }

    pub(super) fn reschedule(&mut self, slot: u32, time: u64) -> Key {
        self.take_out(slot);
        self.enter(slot, time)
    }

    pub(super) fn next(&mut self) -> Option<u64> {
        loop {
            if let Some(slot) = self.first() {
                return Some(self.links[slot as usize].time);
            }
            let (address, bucket) = self.lowest()?;
            if bucket.len <= FEW {
                // They stay where they are, so that the front does not take in what is inserted now.
                return self.soonest(bucket);
            }
            self.open(address, bucket);
        }
    }

    #[inline]
    pub(super) fn pop_due(&mut self, now: u64) -> Option<(u32, u64)> {
        loop {
            if let Some(slot) = self.first() {
                let time = self.links[slot as usize].time;
                if time > now {
                    return None;
                }
                self.heap().remove(0);
                self.release(slot);
                return Some((slot, time));
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
        let link = &mut self.links[slot as usize];
        link.time = time;
        link.number = number;
        self.put_in(slot, time);
        Key { slot, number }
    }

    #[inline]
    fn put_in(&mut self, slot: u32, time: u64) {
        let bound = self.state.bound;
        let Some(buckets) = self.buckets.as_deref_mut().filter(|_| time > bound) else {
            self.heap().push(slot);
            return;
        };
        let (level, digit) = Address::of(time, bound).place();
        buckets.levels |= 1 << level;
        buckets.digits[level] |= 1 << digit;
        let bucket = &mut buckets.table[level][digit];
        bucket.len += 1;
        let first = &mut bucket.first[slot as usize % LANES];
        let next = core::mem::replace(first, slot);
        let link = &mut self.links[slot as usize];
        link.next = next;
        link.prev = NIL;
        if next != NIL {
            self.links[next as usize].prev = slot;
        }
    }

    #[inline]
    fn take_out(&mut self, slot: u32) {
        let Link { time, next, prev, .. } = self.links[slot as usize];
        if next == FRONT {
            self.heap().remove(prev as usize);
            return;
        }
        let Some(buckets) = self.buckets.as_deref_mut() else { return };
        let (level, digit) = Address::of(time, self.state.bound).place();
        let bucket = &mut buckets.table[level][digit];
        if prev == NIL {
            bucket.first[slot as usize % LANES] = next;
        } else {
            self.links[prev as usize].next = next;
        }
        if next != NIL {
            self.links[next as usize].prev = prev;
        }
        bucket.len -= 1;
        if bucket.len == 0 {
            buckets.mark_empty(level, digit);
        }
    }

    /// Gives back a slot that is nowhere.
    #[inline]
    fn release(&mut self, slot: u32) {
        let link = &mut self.links[slot as usize];
        link.number = 0;
        link.next = self.state.free;
        self.state.free = slot + 1;
        self.state.len -= 1;
        if self.state.len == 0 {
            self.state.bound = 0;
        }
    }

    fn heap(&mut self) -> Front<'_> {
        Front { links: self.links, places: self.front, len: &mut self.state.front }
    }

    /// The first of the front.
    fn first(&self) -> Option<u32> {
        (self.state.front > 0).then(|| self.front[0])
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

    /// Moves the slots of the lowest bucket: a few to the front, many to the buckets below.
    ///
    /// The other buckets keep their addresses, since the new bound has the bucket's digits from its level on.
    fn open(&mut self, address: Address, bucket: Bucket) {
        let Some(buckets) = self.buckets.as_deref_mut() else { return };
        let (level, digit) = address.place();
        buckets.table[level][digit] = Bucket::EMPTY;
        buckets.mark_empty(level, digit);
        let (first, last) = address.span(self.state.bound);
        self.state.bound = if bucket.len <= FEW { last } else { first };
        let mut cursors = bucket.first;
        let mut left = bucket.len;
        while left > 0 {
            for cursor in &mut cursors {
                let slot = *cursor;
                if slot != NIL {
                    let Link { time, next, .. } = self.links[slot as usize];
                    *cursor = next;
                    left -= 1;
                    self.put_in(slot, time);
                }
            }
        }
    }

    /// The earliest time in a bucket.
    fn soonest(&self, bucket: Bucket) -> Option<u64> {
        let lists = bucket.first.into_iter().map(|first| {
            let mut soonest = u64::MAX;
            let mut slot = first;
            while slot != NIL {
                let link = &self.links[slot as usize];
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
