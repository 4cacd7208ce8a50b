//! Makes contenders of the peers: each list is a field that races together.

use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::ArrayQueue;
use droves_benches::{Contender, Fault, Mark, Sample};
use heapless::mpmc::Queue as HeaplessQueue;
use lfqueue::AllocBoundedQueue;
use thingbuf::ThingBuf;

use crate::handles::{
    AsyncReceiver, AsyncSender, BlockingReceiver, BlockingSender, Opens, Shared, TryReceiver,
    TrySender,
};
use crate::load::{Load, Shape};
use crate::message::{BATCH, Chunk, Message};
use crate::ours::Droves;
use crate::peers::asynchronous::{AsyncChannel, CrossfireAsync, Fibre, FibreRing, TokioMpsc};
use crate::peers::blocking::{Crossbeam, Flume, Std};
use crate::peers::marked::{Kanal, Ringbuf, Rtrb};
use crate::peers::queues::{Crossfire, Omango};
use crate::tasks::{Runtime, run_async};
use crate::threads::{run_batches, run_blocking, run_in_turn, run_try};

const NOT_LOCK_FREE: Mark = Mark {
    sign: "†",
    meaning: "not lock-free, as ours is: a thread stopped at the wrong place holds up the others",
};
const ONE_PAIR: Mark = Mark { sign: "¹", meaning: "one producer and one consumer only" };
const LOSES: Mark = Mark { sign: "!", meaning: "loses a message when a receive is cancelled" };

/// How a try cell moves its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// From producing threads to consuming ones.
    Across,
    /// One thread sends and receives in turn.
    InTurn,
}

fn contender<T, C>(load: Load, run: fn(&Load, u64) -> Result<Sample, Fault>) -> Contender
where
    C: Opens<T>,
{
    Contender::new(C::NAME, move |numbers| run(&load, numbers))
}

fn trying<T, C>(load: Load, way: Way) -> Contender
where
    T: Message,
    C: Opens<T, Sender: TrySender<T>, Receiver: TryReceiver<T>>,
{
    let run = match way {
        Way::Across => run_try::<T, C>,
        Way::InTurn => run_in_turn::<T, C>,
    };
    contender::<T, C>(load, run).marked((!C::LOCK_FREE).then_some(NOT_LOCK_FREE))
}

/// Ours, with single messages.
pub(crate) fn ours<T: Message>(load: Load, way: Way) -> Contender {
    trying::<T, Droves>(load, way)
}

/// Ours, with batches.
pub(crate) fn ours_in_batches(load: Load) -> Contender {
    contender::<u64, Droves>(load, run_batches::<Droves>).renamed(|name| format!("{name}×{BATCH}"))
}

/// The usual peers of the try cells.
pub(crate) fn queues<T: Message>(load: Load, way: Way) -> Vec<Contender> {
    vec![
        trying::<T, Shared<ArrayQueue<T>>>(load, way),
        trying::<T, Shared<ConcurrentQueue<T>>>(load, way),
        trying::<T, Crossfire>(load, way),
        trying::<T, Omango>(load, way),
    ]
}

/// Peers that have never been the best on the machines this was written on.
pub(crate) fn further_queues<T: Message>(load: Load, way: Way) -> Vec<Contender> {
    let heapless = match load.capacity {
        64 => Some(trying::<T, Shared<HeaplessQueue<T, 64>>>(load, way)),
        1024 => Some(trying::<T, Shared<HeaplessQueue<T, 1024>>>(load, way)),
        _ => None,
    };
    heapless.into_iter().chain([trying::<T, Shared<ThingBuf<T>>>(load, way)]).collect()
}

/// Peers that are lock-free, as ours is.
pub(crate) fn lock_free_queues<T: Message>(load: Load, way: Way) -> Vec<Contender> {
    vec![trying::<T, Shared<AllocBoundedQueue<T>>>(load, way)]
}

/// The best peers with [`BATCH`] numbers in each message and room for as many numbers.
pub(crate) fn queues_of_chunks(load: Load) -> Vec<Contender> {
    let load = Load { capacity: load.capacity.div_ceil(BATCH), ..load };
    [
        trying::<Chunk, Shared<ArrayQueue<Chunk>>>(load, Way::Across),
        trying::<Chunk, Crossfire>(load, Way::Across),
        trying::<Chunk, Omango>(load, Way::Across),
    ]
    .map(|contender| contender.renamed(|name| format!("{name}×{BATCH}")))
    .into()
}

/// Shown where there is one producer and one consumer.
pub(crate) fn pairs<T: Message>(load: Load) -> Vec<Contender> {
    if load.shape != Shape::PAIR {
        return Vec::new();
    }
    vec![
        trying::<T, Rtrb>(load, Way::Across).marked(Some(ONE_PAIR)),
        trying::<T, Ringbuf>(load, Way::Across).marked(Some(ONE_PAIR)),
    ]
}

/// Shown beside the wide messages, at which it is good.
pub(crate) fn kanal<T: Message>(load: Load, way: Way) -> Contender {
    trying::<T, Kanal>(load, way).marked(Some(LOSES))
}

fn blocking<T, C>(load: Load) -> Contender
where
    T: Message,
    C: Opens<T, Sender: BlockingSender<T>, Receiver: BlockingReceiver<T>>,
{
    contender::<T, C>(load, run_blocking::<T, C>)
}

/// Ours, blocking.
pub(crate) fn ours_blocking(load: Load) -> Contender {
    blocking::<u64, Droves>(load)
}

/// Peers that block.
pub(crate) fn blocking_channels(load: Load) -> Vec<Contender> {
    let mut field = vec![
        blocking::<u64, Crossbeam>(load),
        blocking::<u64, Crossfire>(load),
        blocking::<u64, Flume>(load),
        blocking::<u64, Omango>(load),
    ];
    if load.shape.consumers == 1 {
        field.push(blocking::<u64, Std>(load));
    }
    field
}

fn asynchronous<T, C, E>(load: Load) -> Contender
where
    T: Message,
    C: Opens<T, Sender: AsyncSender<T>, Receiver: AsyncReceiver<T>>,
    E: Runtime,
{
    contender::<T, C>(load, run_async::<T, C, E>)
}

/// Ours, asynchronous.
pub(crate) fn ours_async<E: Runtime>(load: Load) -> Contender {
    asynchronous::<u64, Droves, E>(load)
}

/// Asynchronous peers.
pub(crate) fn async_channels<E: Runtime>(load: Load) -> Vec<Contender> {
    let mut field = vec![
        asynchronous::<u64, AsyncChannel, E>(load),
        asynchronous::<u64, CrossfireAsync, E>(load),
        asynchronous::<u64, Fibre, E>(load),
        asynchronous::<u64, FibreRing, E>(load),
        asynchronous::<u64, Flume, E>(load),
    ];
    if load.shape.consumers == 1 {
        field.push(asynchronous::<u64, TokioMpsc, E>(load));
    }
    field
}
