//! The contender all this is about.

use droves::time::Instant;
use droves::timer::{HeapTimers, Key, StaticTimers};

use crate::queue::Queue;

pub(crate) struct Droves(HeapTimers<u64>);

impl Queue for Droves {
    const NAME: &'static str = "droves";

    type Key = Key;
    type Time = Instant;

    fn open(capacity: usize) -> Self {
        let mut timers = HeapTimers::with_capacity(capacity).expect("a legal configuration");
        for number in 0..capacity as u64 {
            timers.insert(Instant::from_nanos(1), number).expect("there is room");
        }
        while timers.pop().is_some() {}
        Self(timers)
    }

    fn time(&self, nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[inline]
    fn insert(&mut self, at: Instant, number: u64) -> Key {
        self.0.insert(at, number).expect("there is room")
    }

    #[inline]
    fn cancel(&mut self, key: &Key) -> Option<u64> {
        self.0.cancel(*key)
    }

    #[inline]
    fn expire(&mut self) -> Option<(u64, u64)> {
        self.0.pop().map(|(at, number)| (at.as_nanos(), number))
    }
}

/// What it takes for each, from the size of one in place: the heap's is the same.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(crate) fn bytes_each() -> f64 {
    let size = size_of::<StaticTimers<u64, 1025>>() - size_of::<StaticTimers<u64, 1>>();
    size as f64 / 1024.0
}
