//! Which contenders meet under which load, and what is asked of us there.

use std::time::Duration;

use droves_benches::{Arena, Contender};

use crate::{WORKERS, ours, peers};

/// What is asked of us: our time as a share of the better peer's.
const TARGET: f64 = 0.3;

/// Who queues, and the workers: more than cores, and nobody spins.
const TASKS: usize = 1 + WORKERS;

/// How many are scheduled already.
pub(crate) const SCHEDULED: u64 = 1 << 20;

/// How many are scheduled then.
pub(crate) const MORE: u64 = 100_000;

/// When what is scheduled begins: after all rounds.
pub(crate) const AHEAD: Duration = Duration::from_secs(40_000);

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    vec![queue(), schedule()]
}

fn queue() -> Arena {
    let mut arena = Arena::new(TASKS).judged();
    let ours = arena.enter(Contender::new(ours::NAME, ours::queue));
    let one = arena.enter(Contender::new(peers::SEMAPHORE, peers::semaphore));
    let two = arena.enter(Contender::new(peers::SEMAPHORES, peers::semaphores));
    arena.race(format!("tasks/queue/w{WORKERS}"), ours, &[one, two], Some(TARGET));
    arena
}

/// Without a target.
fn schedule() -> Arena {
    let mut arena = Arena::new(1).paced(MORE);
    let ours = arena.enter(Contender::new(ours::NAME, |_| ours::schedule()));
    let peer = arena.enter(Contender::new(peers::SLEEPS, |_| Ok(peers::sleeps())));
    arena.race("tasks/schedule/same".into(), ours, &[peer], None);
    arena
}
