//! Which contenders meet under which load, and what is asked of us there.

use droves_benches::{Arena, Contender, Fault, Sample};

use crate::load::{self, COUNT, Turn};
use crate::ours::Droves;
use crate::peers::{Delays, Heap};
use crate::queue::Queue;

/// What is asked of us: our time as a share of the peer's.
mod target {
    pub(super) const INSERT: f64 = 0.3;
    pub(super) const CANCEL: f64 = 0.3;
    pub(super) const EXPIRE: f64 = 0.15;
}

/// The cell that is no race.
pub(crate) const BYTES: &str = "timers/bytes";

type Load = fn() -> Result<Sample, Fault>;

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    let in_order: [Load; 2] =
        [|| load::cancel::<Droves>(Turn::Inserted), || load::cancel::<Delays>(Turn::Inserted)];
    let in_none: [Load; 2] =
        [|| load::cancel::<Droves>(Turn::Random), || load::cancel::<Delays>(Turn::Random)];
    vec![
        arena(
            "insert",
            [load::insert::<Droves>, load::insert::<Delays>],
            Some(load::insert::<Heap>),
            Some(target::INSERT),
        ),
        arena("cancel/inserted", in_order, None, Some(target::CANCEL)),
        arena("cancel/random", in_none, None, Some(target::CANCEL)),
        arena(
            "expire",
            [load::expire::<Droves>, load::expire::<Delays>],
            Some(load::expire::<Heap>),
            Some(target::EXPIRE),
        ),
        arena("churn", [load::churn::<Droves>, load::churn::<Heap>], None, None),
    ]
}

fn arena(cell: &str, [ours, peer]: [Load; 2], heap: Option<Load>, target: Option<f64>) -> Arena {
    let mut arena = Arena::new(1).paced(COUNT as u64);
    let peer_name = if cell == "churn" { Heap::NAME } else { Delays::NAME };
    let ours = arena.enter(Contender::new(Droves::NAME, move |_| ours()));
    let peer = arena.enter(Contender::new(peer_name, move |_| peer()));
    if let Some(heap) = heap {
        arena.show(Contender::new(Heap::NAME, move |_| heap()));
    }
    arena.race(format!("timers/{cell}"), ours, &[peer], target);
    arena
}
