//! One function over many items, some at a time: a parallel map, fed only as fast as its results are taken.
//!
//! | on | takes | gives |
//! |---|---|---|
//! | threads | an iterator, a closure | an iterator: `threads::map` |
//! | threads, with borrowed items | the same | the same: `threads::map_scoped` |
//! | tokio | a stream, a closure that returns a future | a stream: `tokio::map` |
//! | smol | the same | the same: `smol::map` |
//! | any other runtime | the same | the same: [`map()`] |
//!
//! On threads:
//! ```
//! # #[cfg(feature = "threads")] {
//! let lengths = droves::threads::map(4, ["one", "three"], |word| word.len());
//! assert_eq!(lengths.sum::<usize>(), 8);
//! # }
//! ```
//! Each adapter shows its own.
//!
//! # How many at a time
//! At most `limit` calls run at a time, each on a worker: a thread or a task that does one call after the other. There
//! are never more workers than items, and none before the first `next` or poll.
//!
//! At most 2·`limit` items have been pulled from the input and not been given as results, however long a call takes; so
//! the input may be endless. Each `next` pulls one item if there is room, and goes on until a result is there. Between
//! two of them nothing is pulled, but the calls for what was pulled go on.
//!
//! # Order
//! Results come in the order in which the calls end; after [`ordered`](Map::ordered), in that of the items. A slow call
//! then keeps up to 2·`limit` − 1 results waiting, and no further call begins until it has ended.
//!
//! # The end
//! | what happens | `next` | the calls that run |
//! |---|---|---|
//! | the input ends | gives what is left, then `None` | are done |
//! | `f` panics | has that panic, where it would have given the result | futures are dropped, threads return first |
//! | no worker can be spawned | panics | there are none |
//! | the runtime drops a worker, since it goes away | panics | futures are dropped, threads return first |
//! | the map is dropped | | futures are dropped, threads return first |
//!
//! From then on no call begins; only one that was just beginning in another thread when a map was dropped may. A map
//! that has panicked is at its end: `next` gives `None`.
//!
//! With the last `None` or the panic the workers are gone, and all that `f` and the items had with them; so they are
//! when a map on threads has been dropped, as that waits. Tasks are gone as soon as their runtime has polled them once
//! more. If only some workers can be spawned, the map goes on with those, and tries for no others.
//!
//! A panic is caught where there are `std` and unwinding. Without `std` the runtime has it, and the map has lost a
//! worker.

mod crew;
mod iter;
mod worker;

pub use iter::{Iter, iter};
pub use worker::Worker;

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::mailbox::TryRecvError;
use crate::runtime::Spawn;
use crew::Crew;

/// Calls `f` for each item of a stream, at most `limit` at a time, as tasks of `runtime`.
///
/// ```
/// # #[cfg(feature = "sim")] {
/// use droves::{map, sim::Sim};
///
/// let sim = Sim::new(0);
/// let mut doubled = map::map(sim.clone(), 2, map::iter(1..=3), |n| async move { 2 * n }).ordered();
/// sim.block_on(async {
///     assert_eq!(doubled.next().await, Some(2));
///     assert_eq!(doubled.next().await, Some(4));
/// });
/// # }
/// ```
///
/// # Panics
/// If `limit` is 0 or above 131 070 (510 with 32-bit words).
///
/// # Cost
/// A few allocations, of some 4·`limit` items and results.
#[track_caller]
pub fn map<Rt, S, F, Fut>(runtime: Rt, limit: usize, items: S, f: F) -> Map<Rt, S, F, Fut>
where
    Rt: Spawn<Worker<S::Item, F, Fut>>,
    S: Stream,
    F: Fn(S::Item) -> Fut,
    Fut: Future,
{
    Map::new(runtime, limit, items, f, |f, item| f(item))
}

pin_project! {
    /// The results of calls that run at the same time: see the [module](self). A stream, fused, of what the futures
    /// `Fut` return.
    ///
    /// # Panics
    /// A poll panics if a call has, or if there are no workers.
    #[must_use = "a map does nothing unless polled"]
    pub struct Map<Rt, S, F, Fut>
    where
        Rt: Spawn<Worker<S::Item, F, Fut>>,
        S: Stream,
        Fut: Future,
    {
        #[pin]
        input: Option<S>,
        // Until the end.
        crew: Option<Crew<Rt, S::Item, F, Fut>>,
    }
}

impl<Rt, S, F, Fut> Map<Rt, S, F, Fut>
where
    Rt: Spawn<Worker<S::Item, F, Fut>>,
    S: Stream,
    Fut: Future,
{
    #[track_caller]
    pub(crate) fn new(
        runtime: Rt,
        limit: usize,
        items: S,
        f: F,
        call: fn(&F, S::Item) -> Fut,
    ) -> Self {
        match Crew::new(runtime, limit, f, call) {
            Ok(crew) => Self { input: Some(items), crew: Some(crew) },
            Err(error) => panic!("{error}"),
        }
    }

    /// Gives the results in the order of the items.
    ///
    /// # Panics
    /// If it has pulled an item, or come to its end.
    ///
    /// # Cost
    /// Room for as many results as may wait for others.
    #[track_caller]
    pub fn ordered(mut self) -> Self {
        let crew = self.crew.as_mut().filter(|crew| crew.is_fresh());
        crew.expect("`ordered` comes before the first item").ordered = true;
        self
    }

    /// The next result, without the help of another crate. `None` at the end.
    ///
    /// # Panics
    /// With the panic of a call, or if there are no workers.
    ///
    /// # Cost
    /// For each item a message there and one back; a worker for each that there has not been.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done loses nothing.
    pub async fn next(&mut self) -> Option<Fut::Output>
    where
        S: Unpin,
    {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<Rt, S, F, Fut> Stream for Map<Rt, S, F, Fut>
where
    Rt: Spawn<Worker<S::Item, F, Fut>>,
    S: Stream,
    Fut: Future,
{
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        let Some(crew) = this.crew else { return Poll::Ready(None) };
        // One for the result that is to be given, and more while there is none.
        let mut more = crew.feed(this.input.as_mut(), cx);
        loop {
            if let Some(value) = crew.next() {
                return Poll::Ready(Some(value));
            }
            let outcome = match crew.results.try_recv() {
                Ok(outcome) => Some(outcome),
                Err(TryRecvError::Empty) if more => {
                    more = crew.feed(this.input.as_mut(), cx);
                    continue;
                }
                Err(_) => ready!(crew.results.poll_recv(cx)),
            };
            if let Some(outcome) = outcome {
                crew.keep(outcome);
                continue;
            }
            let failure = crew.take_failure();
            // What is left of the workers goes first, so that the caller finds nothing of it.
            this.input.set(None);
            *this.crew = None;
            return failure.map_or(Poll::Ready(None), |failure| failure.raise());
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(crew) = &self.crew else { return (0, Some(0)) };
        let (least, most) = self.input.as_ref().map_or((0, Some(0)), Stream::size_hint);
        let more = crew.on_the_way();
        (least.saturating_add(more), most.and_then(|most| most.checked_add(more)))
    }
}

impl<Rt, S, F, Fut> fmt::Debug for Map<Rt, S, F, Fut>
where
    Rt: Spawn<Worker<S::Item, F, Fut>>,
    S: Stream,
    Fut: Future,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Map");
        f.field("on_the_way", &self.crew.as_ref().map(Crew::on_the_way)).finish_non_exhaustive()
    }
}
