//! Which contenders meet under which load, and what is asked of us there.

use droves_benches::{Arena, Contender, Entry};

use crate::kinds::{Kind, Plain, Retry, Yield};
use crate::ours::Clocked;
use crate::runtimes::{Smol, Tokio};
use crate::{ours, peers};

/// What is asked of us: our time as a share of the peer's.
mod target {
    pub(super) const JOIN_SET: f64 = 0.3;
    pub(super) const UNORDERED: f64 = 2.0;
}

/// How many items are worked on at a time.
const SIZES: [usize; 2] = [2, 100];

/// The size of those that are shown on other runtimes.
const FEW: usize = 2;

/// How many items may be on their way: a herd's default.
const CAPACITY: usize = 256;

/// Who sends, who reads, and those between: more than cores, and nobody spins.
const TASKS: usize = 2 + FEW;

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    let mut arenas = Vec::new();
    arenas.extend(SIZES.map(plain));
    arenas.extend(SIZES.map(handled::<Yield>));
    arenas.extend(SIZES.map(handled::<Retry>));
    arenas.push(on_async_executor());
    arenas.push(on_threads());
    arenas
}

fn arena() -> Arena {
    Arena::new(TASKS).judged()
}

/// With a target, whether it looks at the clock or not.
fn plain(size: usize) -> Arena {
    let mut arena = arena();
    let ours = arena.enter(herd::<Plain>(size, Clocked::No));
    let [timed, measured] =
        [("timed", Clocked::Timed), ("measured", Clocked::Measured)].map(|(way, clocked)| {
            let herd = herd::<Plain>(size, clocked).renamed(|name| format!("{name} {way}"));
            arena.enter(herd)
        });
    let field = enter::<Plain>(&mut arena, size);
    race(&mut arena, Plain::NAME, size, ours, field, true);
    race(&mut arena, "timed", size, timed, field, true);
    race(&mut arena, "measured", size, measured, field, true);
    arena
}

/// Without a target.
fn handled<K: Kind>(size: usize) -> Arena {
    let mut arena = arena();
    let ours = arena.enter(herd::<K>(size, Clocked::No));
    let field = enter::<K>(&mut arena, size);
    race(&mut arena, K::NAME, size, ours, field, false);
    arena
}

fn on_async_executor() -> Arena {
    let mut arena = arena();
    let ours =
        arena.enter(Contender::new(ours::NAME, |numbers| ours::on_smol::<Plain>(FEW, numbers)));
    let unordered = arena.enter(
        Contender::new(peers::UNORDERED, |numbers| peers::unordered::<Plain, Smol>(FEW, numbers))
            .marked(Some(peers::ONE_TASK)),
    );
    arena.race(format!("herd/async-executor/s{FEW}"), ours, &[unordered], None);
    arena
}

fn on_threads() -> Arena {
    let mut arena = arena();
    let ours = arena.enter(Contender::new(ours::NAME, |numbers| ours::on_threads(FEW, numbers)));
    let channels = arena.enter(
        Contender::new(peers::CHANNELS, |numbers| peers::channels(FEW, CAPACITY, numbers))
            .marked(Some(peers::NO_CATCH)),
    );
    arena.race(format!("herd/threads/s{FEW}"), ours, &[channels], None);
    arena
}

fn herd<K: Kind>(size: usize, clocked: Clocked) -> Contender {
    Contender::new(ours::NAME, move |numbers| ours::on_tokio::<K>(size, clocked, numbers))
}

/// The peers on tokio.
#[derive(Clone, Copy)]
struct Field {
    join_set: Entry,
    unordered: Entry,
}

fn enter<K: Kind>(arena: &mut Arena, size: usize) -> Field {
    let join_set =
        Contender::new(peers::JOIN_SET, move |numbers| peers::join_set::<K>(size, numbers));
    let unordered = Contender::new(peers::UNORDERED, move |numbers| {
        peers::unordered::<K, Tokio>(size, numbers)
    })
    .marked(Some(peers::ONE_TASK));
    Field { join_set: arena.enter(join_set), unordered: arena.enter(unordered) }
}

/// A cell for each peer: they are so different that each has a target of its own.
fn race(arena: &mut Arena, way: &str, size: usize, ours: Entry, field: Field, judged: bool) {
    let cell = |peer: &str| format!("herd/{way}/s{size}/{peer}");
    let target = |target: f64| judged.then_some(target);
    arena.race(cell("joinset"), ours, &[field.join_set], target(target::JOIN_SET));
    arena.race(cell("buffer_unordered"), ours, &[field.unordered], target(target::UNORDERED));
}
