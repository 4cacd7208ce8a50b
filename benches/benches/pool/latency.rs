//! How long an idle pool takes to start a job.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use droves_benches::{Options, Sample, percentile};

use crate::load::{CAPACITY, warm_up};
use crate::pools::{Opens, Patience, Submits};
use crate::tally;

const INTERVAL: Duration = Duration::from_micros(200);

/// A sleep may take so much longer than it should; the rest of the interval is spun.
const OVERSLEEP: Duration = Duration::from_micros(80);

/// Jobs that are not counted, at the start of each round: until then the system may keep a worker on a core that
/// it has to wake up for it, at four times the cost, depending on where the pool's threads happened to start.
const SETTLING: u64 = 300;

/// What is read off the samples of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantile {
    P50,
    P90,
}

impl Quantile {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
        }
    }

    const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
        }
    }
}

/// How many samples each contender gives in a round: 5270 in 31 rounds.
pub(crate) const fn samples(options: &Options) -> u64 {
    if options.quick { 50 } else { 170 }
}

/// How long the last job took to start, in ns; 0 until it has started.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Submits a job every [`INTERVAL`]. The time of the sample is the quantile, as often as there were jobs.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nanoseconds, positive and far below 2^52"
)]
pub(crate) fn run<P: Opens>(quantile: Quantile, samples: u64) -> Sample {
    tally::clear();
    let pool = P::open(CAPACITY);
    let mut handle = pool.handle();
    warm_up(&mut handle);

    let mut due = Instant::now() + INTERVAL;
    wait_until(due);
    let taken: Vec<f64> = (0..SETTLING + samples)
        .map(|_| {
            TAKEN.store(0, Ordering::Relaxed);
            let submitted = Instant::now();
            handle.submit(move || {
                let taken = u64::try_from(submitted.elapsed().as_nanos()).unwrap_or(u64::MAX);
                TAKEN.store(taken.max(1), Ordering::Release);
            });
            // Awake, as a producer with more to do would be; but the worker may be woken on this core.
            let mut patience = Patience::default();
            let taken = loop {
                match TAKEN.load(Ordering::Acquire) {
                    0 => patience.wait(),
                    taken => break taken,
                }
            };
            // The worker has time to fall asleep.
            due = wait_until(due + INTERVAL);
            taken as f64
        })
        .skip(SETTLING as usize)
        .collect();
    drop(handle);
    pool.close();
    let quantile = percentile(&taken, quantile.share());
    Sample {
        elapsed: Duration::from_nanos((quantile * samples as f64) as u64),
        operations: samples,
    }
}

/// Returns `due`, or now if that is later.
fn wait_until(due: Instant) -> Instant {
    let left = due.saturating_duration_since(Instant::now());
    thread::sleep(left.saturating_sub(OVERSLEEP));
    loop {
        let now = Instant::now();
        if now >= due {
            return now;
        }
        hint::spin_loop();
    }
}
