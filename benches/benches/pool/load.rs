//! Lets producers loose on a pool and checks that every job was run once.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use droves_benches::{Fault, Job, Regime, Sample, Tally, run_crew};

use crate::pools::{Gate, Opens, Patience, Submits, SubmitsMany, WORKERS};
use crate::tally::{self, count_in};

/// How many numbers a batch, or a closure of many calls, has.
pub(crate) const BATCH: u64 = STEP as u64;
const STEP: usize = 32;

/// How many jobs may wait.
pub(crate) const CAPACITY: usize = 1024;

/// Far longer than a worker may be held up by other work on the machine.
const LOST: Duration = Duration::from_secs(10);

/// One job for each number.
pub(crate) fn run_singles<P: Opens>(producers: usize, numbers: u64) -> Result<Sample, Fault> {
    run::<P>(producers, CAPACITY, numbers, |handle, gate, share| {
        for number in share {
            if !P::Handle::BOUNDED {
                gate.pass(1);
            }
            handle.submit(move || count_in(number));
        }
    })
}

/// One job for each number, [`BATCH`] at once.
pub(crate) fn run_batches<P>(producers: usize, numbers: u64) -> Result<Sample, Fault>
where
    P: Opens<Handle: SubmitsMany>,
{
    run::<P>(producers, CAPACITY, numbers, |handle, _, share| {
        for first in share.step_by(STEP) {
            handle.submit_many((first..first + BATCH).map(|number| move || count_in(number)));
        }
    })
}

/// One job for [`BATCH`] numbers, and room for as many numbers.
pub(crate) fn run_chunks<P: Opens>(producers: usize, numbers: u64) -> Result<Sample, Fault> {
    run::<P>(producers, CAPACITY / STEP, numbers, |handle, gate, share| {
        for first in share.step_by(STEP) {
            if !P::Handle::BOUNDED {
                gate.pass(BATCH);
            }
            handle.submit(move || (first..first + BATCH).for_each(count_in));
        }
    })
}

fn run<P: Opens>(
    producers: usize,
    capacity: usize,
    numbers: u64,
    produce: fn(&mut P::Handle, &mut Gate, Range<u64>),
) -> Result<Sample, Fault> {
    tally::clear();
    let pool = P::open(capacity);
    warm_up(&mut pool.handle());

    let share = numbers.div_ceil(producers as u64 * BATCH).max(1) * BATCH;
    let total = share * producers as u64;
    let crew = Gate::all(producers, CAPACITY)
        .into_iter()
        .zip(0..)
        .map(|(mut gate, producer)| -> Job<Result<(), Fault>> {
            let mut handle = pool.handle();
            Box::new(move || {
                produce(&mut handle, &mut gate, producer * share..(producer + 1) * share);
                wait_for(total)
            })
        })
        .collect();
    let (elapsed, waited) = run_crew(Regime::One, crew);
    waited.into_iter().collect::<Result<(), Fault>>()?;
    pool.close();
    // After the end, so that a job that is run twice does not escape.
    verify(total)?;
    Ok(Sample { elapsed, operations: total })
}

/// Waits until so many numbers were counted.
pub(crate) fn wait_for(total: u64) -> Result<(), Fault> {
    let mut patience = Patience::default();
    let mut last = (0, Instant::now());
    loop {
        let done = tally::done();
        if done >= total {
            return Ok(());
        }
        if done != last.0 {
            last = (done, Instant::now());
        } else if last.1.elapsed() > LOST {
            return Err(Fault(format!("lost {} of {total} jobs", total - done)));
        }
        patience.wait();
    }
}

fn verify(total: u64) -> Result<(), Fault> {
    let [count, ..] = tally::sums();
    if tally::sums() == Tally::of_first(total).sums() {
        Ok(())
    } else {
        Err(Fault(format!("wrong checksum: {count} jobs done of {total}")))
    }
}

/// Lets every worker have a job, as far as the pool shares jobs out at all.
pub(crate) fn warm_up(handle: &mut impl Submits) {
    let warm = Arc::new(AtomicUsize::new(0));
    for _ in 0..WORKERS {
        let warm = warm.clone();
        handle.submit(move || {
            tally::sit_down();
            let start = Instant::now();
            while tally::seated() < WORKERS && start.elapsed() < Duration::from_millis(20) {
                thread::yield_now();
            }
            warm.fetch_add(1, Ordering::AcqRel);
        });
    }
    while warm.load(Ordering::Acquire) < WORKERS {
        thread::yield_now();
    }
}
