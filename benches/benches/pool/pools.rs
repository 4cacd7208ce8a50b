//! What a pool has to offer to race.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use droves_benches::Mark;

use crate::load::BATCH;
use crate::tally;

/// Workers of every pool.
pub(crate) const WORKERS: usize = 2;

/// A pool of [`WORKERS`] threads.
pub(crate) trait Opens: Sized + 'static {
    const NAME: &'static str;
    const MARK: Option<Mark> = None;

    /// What a producer submits by.
    type Handle: Submits;

    /// Starts a pool with room for so many waiting jobs, if it has a bound.
    fn open(capacity: usize) -> Self;

    fn handle(&self) -> Self::Handle;

    /// Ends it. All jobs are done, and all handles are dropped.
    fn close(self);
}

/// A handle to a pool.
pub(crate) trait Submits: Send {
    /// Whether the pool itself makes its producers wait.
    const BOUNDED: bool = true;

    /// Submits a job, and waits for room as the pool does.
    fn submit(&mut self, job: impl FnOnce() + Send + 'static);
}

/// Those that can take several jobs at once.
pub(crate) trait SubmitsMany: Submits {
    fn submit_many<F: FnOnce() + Send + 'static>(&mut self, jobs: impl Iterator<Item = F>);
}

/// What to do after a try that failed, where a contender does not wait by itself.
#[derive(Default)]
pub(crate) struct Patience {
    spins: u32,
}

impl Patience {
    const SPINS: u32 = 64;

    #[inline]
    pub(crate) fn wait(&mut self) {
        if self.spins < Self::SPINS {
            self.spins += 1;
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

/// Bounds a pool that has no bound, at the least cost there is: the producer draws some dozens of numbers
/// at a time, and only then looks at what the workers have counted.
pub(crate) struct Gate {
    producer: usize,
    producers: u64,
    capacity: u64,
    credit: u64,
}

#[repr(align(128))]
struct Drawn(AtomicU64);

static DRAWN: [Drawn; 2] = [const { Drawn(AtomicU64::new(0)) }; 2];

impl Gate {
    /// Most numbers drawn at a time.
    const MOST: u64 = 2 * BATCH;

    /// Gates for so many producers, who together may be `capacity` numbers ahead of the workers.
    pub(crate) fn all(producers: usize, capacity: usize) -> Vec<Self> {
        for drawn in &DRAWN {
            drawn.0.store(0, Ordering::SeqCst);
        }
        let (capacity, count) = (capacity as u64, producers as u64);
        (0..producers)
            .map(|producer| Self { producer, producers: count, capacity, credit: 0 })
            .collect()
    }

    /// Waits until `numbers`, at most [`BATCH`], may be submitted.
    #[inline]
    pub(crate) fn pass(&mut self, numbers: u64) {
        if self.credit < numbers {
            self.draw();
        }
        self.credit -= numbers;
    }

    fn draw(&mut self) {
        let mut patience = Patience::default();
        loop {
            // What is done is read first: then it is never more than what was drawn.
            let done = tally::done();
            let drawn: u64 = DRAWN.iter().map(|drawn| drawn.0.load(Ordering::Acquire)).sum();
            let room = self.capacity.saturating_sub(drawn - done);
            let share = (room / self.producers).min(Self::MOST);
            if share >= BATCH {
                self.credit += share;
                // This thread is the only one that writes it.
                DRAWN[self.producer].0.fetch_add(share, Ordering::AcqRel);
                return;
            }
            patience.wait();
        }
    }
}
