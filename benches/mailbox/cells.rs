//! Which contenders meet under which load, and what is asked of us there.

use droves_benches::{Arena, Contender, Entry, Mark, Regime};

use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::ArrayQueue;
use heapless::mpmc::Queue as HeaplessQueue;
use lfqueue::AllocBoundedQueue;
use thingbuf::ThingBuf;

use crate::handles::{
    AsyncReceiver, AsyncSender, BlockingReceiver, BlockingSender, Opens, TryReceiver, TrySender,
};
use crate::load::{Load, Shape};
use crate::message::{BATCH, Chunk, Message, Wide};
use crate::ours::Droves;
use crate::peers::asynchronous::{self, AsyncChannel, Fibre, FibreRing, TokioMpsc};
use crate::peers::blocking::{Crossbeam, Flume, Std};
use crate::peers::marked::{Kanal, Ringbuf, Rtrb};
use crate::peers::queues::{Crossfire, Omango};
use crate::tasks::{Runtime, Smol, Tokio, WORKERS, run_async};
use crate::threads::{run_batches, run_blocking, run_in_turn, run_try};
use crate::{depth, threads};

/// The capacities all ways are measured with.
const CAPACITIES: [usize; 2] = [64, 1024];

/// What is asked of us, as ratios to the best peer.
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

const NOT_LOCK_FREE: Mark = Mark {
    sign: "†",
    meaning: "not lock-free, as ours is: a thread stopped at the wrong place holds up the others",
};
const ONE_PAIR: Mark = Mark { sign: "¹", meaning: "one producer and one consumer only" };
const LOSES: Mark = Mark { sign: "!", meaning: "loses a message when a receive is cancelled" };

/// Every arena of this bench.
pub(crate) fn all() -> Vec<Arena> {
    let loads = || CAPACITIES.into_iter().flat_map(Load::all);
    let mut arenas = Vec::new();
    arenas.extend(CAPACITIES.map(in_turn::<u64>("in-turn", target::IN_TURN)));
    arenas.extend(loads().map(numbers));
    arenas.extend(depth::loads().map(depth));
    arenas.extend(CAPACITIES.map(in_turn::<Wide>("in-turn-64b", target::WIDE)));
    arenas.extend(loads().map(wide));
    arenas.extend(loads().map(blocking));
    arenas.extend(loads().map(asynchronous::<Tokio>));
    arenas.extend(loads().map(asynchronous::<Smol>));
    arenas
}
