//! The peers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, advance};
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::{Expired, Key};

use crate::load::HOUR;
use crate::queue::Queue;

/// Its clock moves when it is told to.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime")
});

/// tokio-util's timing wheel.
pub(crate) struct Delays {
    queue: DelayQueue<u64>,
    start: Instant,
}

impl Queue for Delays {
    const NAME: &'static str = "tokio DelayQueue";

    type Key = Key;
    type Time = Instant;

    fn around<R>(round: impl FnOnce() -> R) -> R {
        let _entered = RUNTIME.enter();
        round()
    }

    fn open(capacity: usize) -> Self {
        let mut queue = DelayQueue::with_capacity(capacity);
        let start = Instant::now();
        for number in 0..capacity {
            queue.insert_at(number as u64, start + Duration::from_secs(1));
        }
        queue.clear();
        Self { queue, start }
    }

    fn time(&self, nanos: u64) -> Instant {
        self.start + Duration::from_nanos(nanos)
    }

    #[inline]
    fn insert(&mut self, at: Instant, number: u64) -> Key {
        self.queue.insert_at(number, at)
    }

    #[inline]
    fn cancel(&mut self, key: &Key) -> Option<u64> {
        self.queue.try_remove(key).map(Expired::into_inner)
    }

    fn all_due(&mut self) {
        RUNTIME.block_on(advance(Duration::from_nanos(2 * HOUR)));
    }

    #[inline]
    fn expire(&mut self) -> Option<(u64, u64)> {
        match self.queue.poll_expired(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(expired)) => {
                let at = expired.deadline() - self.start;
                Some((u64::try_from(at.as_nanos()).ok()?, expired.into_inner()))
            }
            _ => None,
        }
    }

    fn grain() -> u64 {
        1_000_000
    }
}

/// std's heap.
pub(crate) struct Heap(BinaryHeap<Reverse<(u64, u64)>>);

impl Queue for Heap {
    const NAME: &'static str = "BinaryHeap";

    type Key = ();
    type Time = u64;

    fn open(capacity: usize) -> Self {
        let mut heap = BinaryHeap::with_capacity(capacity);
        heap.extend((0..capacity as u64).map(|number| Reverse((number, number))));
        heap.clear();
        Self(heap)
    }

    fn time(&self, nanos: u64) -> u64 {
        nanos
    }

    #[inline]
    fn insert(&mut self, at: u64, number: u64) {
        self.0.push(Reverse((at, number)));
    }

    fn cancel(&mut self, (): &()) -> Option<u64> {
        None
    }

    #[inline]
    fn expire(&mut self) -> Option<(u64, u64)> {
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
