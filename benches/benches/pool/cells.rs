//! Which contenders meet under which load, and what is asked of us there.

use droves_benches::{Arena, Contender, Entry, Fault, Options, Sample};

use crate::allocations;
use crate::latency::{self, Quantile};
use crate::load::{BATCH, run_batches, run_chunks, run_singles};
use crate::ours::{Droves, DrovesAssign};
use crate::peers::{
    CrossbeamBox, CrossbeamInline, FlumeInline, Rayon, RustyPool, Smol, Threadpool, Tokio,
};
use crate::pools::{Opens, WORKERS};

/// What is asked of us: our time as a share of the best peer's.
mod target {
    pub(super) const TINY: f64 = 0.8;
    pub(super) const BATCH: f64 = 0.45;
    pub(super) const BATCH_CHUNKS: f64 = 1.0;
    pub(super) const LATENCY_P50: f64 = 1.2;
    pub(super) const LATENCY_P90: f64 = 1.5;
}

/// Every arena of this bench.
pub(crate) fn all(options: &Options) -> Vec<Arena> {
    let mut arenas = vec![tiny(1), tiny(2)];
    arenas.push(latency(Quantile::P50, target::LATENCY_P50, options));
    arenas.push(latency(Quantile::P90, target::LATENCY_P90, options));
    arenas
}

fn tiny(producers: usize) -> Arena {
    let mut arena = Arena::new(producers + WORKERS).judged();
    let ours = arena.enter(Contender::new(Droves::NAME, move |numbers| {
        allocations::check()?;
        run_singles::<Droves>(producers, numbers)
    }));
    let assigning = arena.enter(singles::<DrovesAssign>(producers));
    let in_batches =
        arena.enter(contender::<Droves>(run_batches::<Droves>, producers).renamed(batch));
    let in_one = arena.enter(chunks::<Droves>(producers));
    let single_peers = enter(
        &mut arena,
        [
            singles::<CrossbeamInline>(producers),
            singles::<CrossbeamBox>(producers),
            singles::<Rayon>(producers),
            singles::<Threadpool>(producers),
            singles::<RustyPool>(producers),
            singles::<Smol>(producers),
            singles::<Tokio>(producers),
        ],
    );
    let chunk_peers = enter(
        &mut arena,
        [
            chunks::<CrossbeamInline>(producers),
            chunks::<CrossbeamBox>(producers),
            chunks::<Rayon>(producers),
            chunks::<Threadpool>(producers),
            chunks::<RustyPool>(producers),
            chunks::<Smol>(producers),
            chunks::<Tokio>(producers),
        ],
    );

    let cell = |way: &str| format!("pool/{way}/{producers}p");
    arena.race(cell("tiny"), ours, &single_peers, Some(target::TINY));
    arena.race(cell("tiny-assign"), assigning, &single_peers, None);
    arena.race(cell("batch32"), in_batches, &single_peers, Some(target::BATCH));
    arena.race(cell("batch32-chunks"), in_batches, &chunk_peers, Some(target::BATCH_CHUNKS));
    arena.race(cell("closure32"), in_one, &chunk_peers, None);
    arena
}

fn latency(quantile: Quantile, target: f64, options: &Options) -> Arena {
    // The producer sleeps while the job is done.
    let mut arena = Arena::new(1).paced(latency::samples(options));
    let ours = arena.enter(waiting::<Droves>(quantile));
    let peers = enter(
        &mut arena,
        [
            waiting::<FlumeInline>(quantile),
            waiting::<CrossbeamInline>(quantile),
            waiting::<Threadpool>(quantile),
            waiting::<Tokio>(quantile),
        ],
    );
    arena.race(format!("pool/latency/{}", quantile.name()), ours, &peers, Some(target));
    arena
}

fn contender<P: Opens>(
    run: fn(usize, u64) -> Result<Sample, Fault>,
    producers: usize,
) -> Contender {
    Contender::new(P::NAME, move |numbers| run(producers, numbers)).marked(P::MARK)
}

fn singles<P: Opens>(producers: usize) -> Contender {
    contender::<P>(run_singles::<P>, producers)
}

fn chunks<P: Opens>(producers: usize) -> Contender {
    contender::<P>(run_chunks::<P>, producers).renamed(|name| format!("{name} 1×{BATCH}"))
}

fn batch(name: &str) -> String {
    format!("{name}×{BATCH}")
}

fn waiting<P: Opens>(quantile: Quantile) -> Contender {
    Contender::new(P::NAME, move |samples| Ok(latency::run::<P>(quantile, samples))).marked(P::MARK)
}

fn enter<const N: usize>(arena: &mut Arena, field: [Contender; N]) -> Vec<Entry> {
    field.map(|contender| arena.enter(contender)).into()
}
