//! Which contenders meet under which load, and what is asked of us there.

use std::sync::LazyLock;
use std::time::Duration;

use droves_benches::{Arena, Contender, Fault, Options, Report, Sample, guard};
use tokio::runtime::{Builder, Runtime};

use crate::{ours, peers};

/// What is asked of us: our time as a share of the peer's.
const TARGET: f64 = 2.0;
/// The time of ten times as many, at most.
const GROWTH: f64 = 15.0;
const BYTES: f64 = 1024.0;

const SIZES: [usize; 2] = [1_000, 10_000];
const SHORT: usize = 100_000;

type Figure = fn() -> Result<f64, Fault>;

/// The cells that are no races.
pub(crate) const FIGURES: [(&str, Figure); 4] = [
    ("group/growth", growth),
    ("group/bytes", ours::bytes_each),
    ("group/dynamic", || ours::dynamic(SHORT, 100).map(|sample| sample.nanos_each())),
    ("group/ordered", || ours::ordered(SIZES[1]).map(|sample| sample.nanos_each())),
];

/// It outlives the rounds.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("threads can be started")
});

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    SIZES.map(arena).into()
}

fn arena(size: usize) -> Arena {
    let mut arena = Arena::new(2);
    let ours = arena.enter(Contender::new(ours::NAME, move |least| {
        rounds(least, size, || ours::parallel(size))
    }));
    let peer = arena.enter(Contender::new(peers::NAME, move |least| {
        rounds(least, size, || peers::join_set(size))
    }));
    arena.race(format!("group/{size}"), ours, &[peer], Some(TARGET));
    arena
}

/// As many groups as it takes for so many members.
fn rounds(
    least: u64,
    size: usize,
    round: impl Fn() -> Result<Sample, Fault>,
) -> Result<Sample, Fault> {
    let mut all = Sample { elapsed: Duration::ZERO, operations: 0 };
    while all.operations < least.max(1) {
        let sample = round()?;
        all.elapsed += sample.elapsed;
        all.operations += size as u64;
    }
    Ok(all)
}

/// Of the best of a few rounds each.
fn growth() -> Result<f64, Fault> {
    let best = |size| {
        let mut best = Duration::MAX;
        for _ in 0..10 {
            best = best.min(ours::parallel(size)?.elapsed);
        }
        Ok(best.as_secs_f64())
    };
    Ok(best(SIZES[1])? / best(SIZES[0])?)
}

/// Measures those that are asked for.
pub(crate) fn figures(options: &Options, report: &mut Report) {
    for (cell, measure) in FIGURES.into_iter().filter(|(cell, _)| options.wants(cell)) {
        let limit = match cell {
            "group/growth" => Some(GROWTH),
            "group/bytes" => Some(BYTES),
            _ => None,
        };
        match guard(|| cell.to_owned(), measure) {
            Ok(figure) => report.add_figure(cell.to_owned(), figure, limit),
            Err(fault) => report.add_fault(&fault),
        }
    }
}
