//! A million deadlines, put in, taken out, or waited for.

use std::hint::black_box;
use std::time::{Duration, Instant};

use droves_benches::{Fault, Sample, Tally};

use crate::queue::Queue;

/// How many deadlines there are.
pub(crate) const COUNT: usize = 1 << 20;

/// What they are spread over, in nanoseconds.
pub(crate) const HOUR: u64 = 3_600_000_000_000;

/// The order in which items are cancelled.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    Inserted,
    Random,
}

/// The same numbers in every round, for every contender.
struct Random(u64);

impl Random {
    const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 as u128 * bound as u128) >> 64) as u64
    }
}

fn deadlines<Q: Queue>(queue: &Q) -> Vec<Q::Time> {
    let mut random = Random(1);
    (0..COUNT).map(|_| queue.time(random.below(HOUR))).collect()
}

fn fill<Q: Queue>(queue: &mut Q, deadlines: &[Q::Time]) -> Vec<Q::Key> {
    deadlines.iter().zip(0..).map(|(&at, number)| queue.insert(at, number)).collect()
}

fn sample(elapsed: Duration) -> Sample {
    Sample { elapsed, operations: COUNT as u64 }
}

pub(crate) fn insert<Q: Queue>() -> Result<Sample, Fault> {
    Q::around(|| {
        let mut queue = Q::open(COUNT);
        let deadlines = deadlines(&queue);
        let start = Instant::now();
        for (&at, number) in deadlines.iter().zip(0..) {
            black_box(queue.insert(at, number));
        }
        let elapsed = start.elapsed();
        drain(&mut queue, COUNT)?;
        Ok(sample(elapsed))
    })
}

pub(crate) fn cancel<Q: Queue>(turn: Turn) -> Result<Sample, Fault> {
    Q::around(|| {
        let mut queue = Q::open(COUNT);
        let deadlines = deadlines(&queue);
        let mut keys = fill(&mut queue, &deadlines);
        if matches!(turn, Turn::Random) {
            let mut random = Random(2);
            for left in (1..keys.len()).rev() {
                let other = random.below(left as u64 + 1);
                keys.swap(left, usize::try_from(other).expect("an index"));
            }
        }
        let mut tally = Tally::default();
        let start = Instant::now();
        for key in &keys {
            if let Some(number) = queue.cancel(key) {
                tally.add(number);
            }
        }
        let elapsed = start.elapsed();
        tally.verify(COUNT as u64)?;
        Ok(sample(elapsed))
    })
}

pub(crate) fn expire<Q: Queue>() -> Result<Sample, Fault> {
    Q::around(|| {
        let mut queue = Q::open(COUNT);
        let deadlines = deadlines(&queue);
        fill(&mut queue, &deadlines);
        drain(&mut queue, COUNT).map(sample)
    })
}

/// Puts one in for each that comes out, up to an hour later.
pub(crate) fn churn<Q: Queue>() -> Result<Sample, Fault> {
    Q::around(|| {
        let mut queue = Q::open(COUNT + 1);
        let deadlines = deadlines(&queue);
        fill(&mut queue, &deadlines);
        let mut random = Random(3);
        let mut last = 0;
        let mut tally = Tally::default();
        let start = Instant::now();
        for number in 0..COUNT as u64 {
            let at = queue.time(last + random.below(HOUR));
            queue.insert(at, number + COUNT as u64);
            let Some((at, number)) = queue.expire() else { return Err(Fault("lost one".into())) };
            last = at;
            tally.add(number);
        }
        let elapsed = start.elapsed();
        while let Some((_, number)) = queue.expire() {
            tally.add(number);
        }
        tally.verify(2 * COUNT as u64)?;
        Ok(sample(elapsed))
    })
}

/// Takes all out, and checks that they are all there and in order.
fn drain<Q: Queue>(queue: &mut Q, count: usize) -> Result<Duration, Fault> {
    queue.all_due();
    let mut tally = Tally::default();
    let mut last = 0;
    let mut ordered = true;
    let start = Instant::now();
    while let Some((at, number)) = queue.expire() {
        ordered &= at + Q::grain() >= last;
        last = at;
        tally.add(number);
    }
    let elapsed = start.elapsed();
    tally.verify(count as u64)?;
    if ordered { Ok(elapsed) } else { Err(Fault("not in order".into())) }
}
