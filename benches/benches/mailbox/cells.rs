//! Which contenders meet under which load, and what is asked of us there.

use droves_benches::{Arena, Contender, Entry, Regime};

use crate::depth;
use crate::field::{self, Way};
use crate::load::{Load, Shape};
use crate::message::Wide;
use crate::tasks::{Runtime, Smol, Tokio, WORKERS};

/// The capacities all ways are measured with.
const CAPACITIES: [usize; 2] = [64, 1024];

/// What is asked of us: our time as a share of the best peer's.
mod target {
    pub(super) const TRY: f64 = 1.0;
    pub(super) const TRY_LOCK_FREE: f64 = 0.4;
    pub(super) const BATCH: f64 = 0.6;
    pub(super) const BATCH_CHUNKS: f64 = 1.0;
    pub(super) const IN_TURN: f64 = 1.5;
    pub(super) const WIDE: f64 = 1.0;
    pub(super) const BLOCKING: f64 = 1.0;
    pub(super) const ASYNC: f64 = 1.0;
}

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    let loads = || CAPACITIES.into_iter().flat_map(Load::all);
    let mut arenas = Vec::new();
    arenas.extend(CAPACITIES.map(numbers_in_turn));
    arenas.extend(loads().map(numbers));
    arenas.extend(depth::loads().map(numbers_at_depth));
    arenas.extend(CAPACITIES.map(wide_in_turn));
    arenas.extend(loads().map(wide));
    arenas.extend(loads().map(blocking));
    arenas.extend(loads().map(asynchronous::<Tokio>));
    arenas.extend(loads().map(asynchronous::<Smol>));
    arenas
}

fn numbers(load: Load) -> Arena {
    let mut arena = Arena::new(load.shape.threads());
    let ours = arena.enter(field::ours::<u64>(load, Way::Across));
    let ours_in_batches = arena.enter(field::ours_in_batches(load));
    let lock_free = enter(&mut arena, field::lock_free_queues::<u64>(load, Way::Across));
    let mut singles = enter(&mut arena, field::queues::<u64>(load, Way::Across));
    singles.extend(enter(&mut arena, field::further_queues::<u64>(load, Way::Across)));
    singles.extend(&lock_free);
    let chunks = enter(&mut arena, field::queues_of_chunks(load));
    for pair in field::pairs::<u64>(load) {
        arena.show(pair);
    }

    arena.race(load.cell("try"), ours, &singles, Some(target::TRY));
    arena.race(load.cell("try-lockfree"), ours, &lock_free, Some(target::TRY_LOCK_FREE));
    arena.race(load.cell("batch32"), ours_in_batches, &singles, Some(target::BATCH));
    arena.race(load.cell("batch32-chunks"), ours_in_batches, &chunks, Some(target::BATCH_CHUNKS));
    arena
}

/// Capacities at which nothing is asked of us but to be no worse than at those beside them.
fn numbers_at_depth(load: Load) -> Arena {
    let mut arena = Arena::new(load.shape.threads());
    let ours = arena.enter(field::ours::<u64>(load, Way::Across));
    let peers = enter(&mut arena, field::queues::<u64>(load, Way::Across));
    arena.race(load.cell("try"), ours, &peers, None);
    arena
}

fn wide(load: Load) -> Arena {
    let mut arena = Arena::new(load.shape.threads());
    let ours = arena.enter(field::ours::<Wide>(load, Way::Across));
    let peers = enter(&mut arena, field::queues::<Wide>(load, Way::Across));
    arena.show(field::kanal::<Wide>(load, Way::Across));
    arena.race(load.cell("try-64b"), ours, &peers, Some(target::WIDE));
    arena
}

fn numbers_in_turn(capacity: usize) -> Arena {
    let load = on_one_thread(capacity);
    let mut arena = Arena::new(1);
    let ours = arena.enter(field::ours::<u64>(load, Way::InTurn));
    let mut peers = enter(&mut arena, field::queues::<u64>(load, Way::InTurn));
    peers.extend(enter(&mut arena, field::further_queues::<u64>(load, Way::InTurn)));
    peers.extend(enter(&mut arena, field::lock_free_queues::<u64>(load, Way::InTurn)));
    arena.race(format!("mpmc/c{capacity}/in-turn/1t"), ours, &peers, Some(target::IN_TURN));
    arena
}

fn wide_in_turn(capacity: usize) -> Arena {
    let load = on_one_thread(capacity);
    let mut arena = Arena::new(1);
    let ours = arena.enter(field::ours::<Wide>(load, Way::InTurn));
    let peers = enter(&mut arena, field::queues::<Wide>(load, Way::InTurn));
    arena.show(field::kanal::<Wide>(load, Way::InTurn));
    arena.race(format!("mpmc/c{capacity}/in-turn-64b/1t"), ours, &peers, Some(target::WIDE));
    arena
}

const fn on_one_thread(capacity: usize) -> Load {
    Load { capacity, shape: Shape::PAIR, regime: Regime::One }
}

fn blocking(load: Load) -> Arena {
    let mut arena = Arena::new(load.shape.threads());
    let ours = arena.enter(field::ours_blocking(load));
    let peers = enter(&mut arena, field::blocking_channels(load));
    arena.race(load.cell("blocking"), ours, &peers, Some(target::BLOCKING));
    arena
}

fn asynchronous<E: Runtime>(load: Load) -> Arena {
    let mut arena = Arena::new(WORKERS);
    let ours = arena.enter(field::ours_async::<E>(load));
    let peers = enter(&mut arena, field::async_channels::<E>(load));
    let way = format!("async-{}", E::NAME);
    arena.race(load.cell(&way), ours, &peers, Some(target::ASYNC));
    arena
}

fn enter(arena: &mut Arena, field: Vec<Contender>) -> Vec<Entry> {
    field.into_iter().map(|contender| arena.enter(contender)).collect()
}
