//! Herds: one function and many items, some at a time, with retries, timeouts, schedules and results.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use droves::herd::{Fault, Herd, Item};
//! use droves::threads::{Threads, block_on};
//!
//! let handler = async |item: Item<u64>| match *item {
//!     0 => Err(Fault::Failure("nothing to divide by")),
//!     body => Ok(1_000 / body),
//! };
//! let (herd, mut results) = Herd::builder(handler).size(2).start(&Threads::new())?;
//! for body in 0..4 {
//!     herd.send_blocking(body, body)?;
//! }
//! herd.close();
//! let mut sum = 0;
//! while let Some(done) = block_on(results.next()) {
//!     sum += done.outcome.into_result().unwrap_or(0);
//! }
//! assert_eq!(sum, 1_000 + 500 + 333);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Outcomes
//! A handler is given an [`Item`], a guard that points to the item's body, and returns what it made of it; or a [`Fault`],
//! which says whether to try again: `?` on any other error means yes. What has become of the item at last is its [`Outcome`].
//! A handler that panics has failed. An item keeps its place from its admission until its result is taken, so that a
//! retry needs no room, and whoever sends waits when there are as many items as the herd has [room](Builder::capacity) for.
//!
//! # The end
//! What happens to an item in each state:
//!
//! | call | waits | scheduled, or backs off | runs | has ended, unread | comes |
//! |---|---|---|---|---|---|
//! | [`quiet`](Herd::quiet) | is done | is done at its time | goes on | can be read | is refused, until [`resume`](Herd::resume) |
//! | [`close`](Herd::close), or the last handle is dropped | is done | is done at its time | goes on | can be read | is refused |
//! | [`finish`](Herd::finish) | is done | is left over | goes on; its retry is left over | can be read | is refused |
//! | [`drain`](Herd::drain) | is done | is done at its time | goes on | can be read | is refused |
//! | … when its time is over, and [`cancel`](Herd::cancel) | is left over | is left over | is [asked](Item::is_cancelled) to stop; its retry is left over | can be read | is refused |
//! | [`abort`](Herd::abort) | is left over | is left over | a future is dropped, and the item left over | can be read | is refused |
//! | the runtime goes away | is left over | is left over | is dropped, and left over | can be read | is refused |
//! | [`Results`] is dropped | is done | is done at its time | goes on | is dropped | is accepted; its result is dropped |
//!
//! None of them waits. [`Herd::join`] does, and gives back what is left over, each with a [`Mark`]. With a size of 0
//! nothing is begun: a herd that was closed then waits to be [resized](Herd::resize), if there is something to be done.

mod bench;
mod builder;
mod desk;
mod error;
mod every;
mod item;
mod outcome;
mod results;
mod runner;
mod send;
mod shared;
mod slab;
mod station;
mod ticket;
mod work;

pub use crate::control::{AlreadyStopping, Phase, ResizeError, Stats, Times};
pub use crate::workers::error::{JoinError, Refusal, StartError, StartErrorKind};
pub use crate::workers::refused::{Refused, RefusedMany};
pub use builder::{Async, Blocking, BlockingBuilder, Builder, Started};
pub use error::LeftOver;
pub use every::{Every, Overrun};
pub use item::{Item, ItemCancelled, Mark};
pub use outcome::{About, Done, Failure, Fault, Kind, Leftover, Outcome, Trouble};
pub use results::{JoinFut, Leftovers, NextFut, Results};
pub use send::{SendForResultFut, SendFut, SendWorkFut};
pub use ticket::Ticket;
pub use work::Work;

use core::fmt;
use core::future::{Future, Ready};
use core::time::Duration;

use crate::cancel::CancelToken;
use crate::config::ConfigError;
use crate::control::Control;
use crate::sync::{Arc, Ordering, TryLock};
use crate::workers::refused;
use crate::workers::state::Event;
pub(crate) use builder::MAX_SIZE;
use shared::Shared;
use slab::{Claim, Giver, Taker};

/// A worker of a herd, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done interrupts the item that it works on, which is tried again. The driver replaces it.
pub type Worker<Sp, F, Fut, B, R, E> =
    crate::workers::worker::Worker<Sp, station::HerdStation<F, Fut, B, R, E, Sp>>;

/// The driver of a herd, as a future for its runtime to spawn.
///
/// # Cancel safety
/// Dropping it before it is done aborts the herd: its runtime is gone.
pub type Driver<Rt, Sp, F, Fut, B, R, E> =
    crate::workers::driver::Driver<Rt, Sp, desk::HerdDesk<F, Fut, B, R, E>>;

/// A handle to a herd. Clone it for each thread or task that sends.
///
/// `B` is the body of an item, `R` what handlers make of it, and `E` what they fail with. When the last handle is
/// dropped the herd is [closed](Self::close).
pub struct Herd<B: 'static, R: 'static, E: 'static> {
    /// For the one thread at a time that sends by this handle.
    port: TryLock<Port>,
    shared: Arc<Shared<B, R, E>>,
}

/// What sending takes.
struct Port {
    free: Taker,
    ready: Giver,
}

impl Herd<(), (), ()> {
    /// Begins to make a herd whose handler is an asynchronous function.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn builder<B, R, E, F, Fut>(handler: F) -> Builder<B, R, E, F, Fut>
    where
        F: Fn(Item<B>) -> Fut,
        Fut: Future<Output = Result<R, Fault<E>>>,
    {
        Builder::new(handler)
    }

    /// Begins to make a herd whose handler is a function that may block: its workers are threads. The handler borrows its item; one that is
    /// asynchronous has it.
    ///
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use droves::herd::{Herd, Item};
    /// use droves::threads::Threads;
    ///
    /// let read = |path: &mut Item<String>| Ok(std::fs::read_to_string(&**path)?); // `?` means: try again
    /// let (herd, mut results) = Herd::blocking_builder(read).size(2).max_retries(1).start(&Threads::new())?;
    /// herd.send_blocking(1, "Cargo.toml".into())?;
    /// herd.close();
    /// while let Some(done) = results.next_blocking() {
    ///     let text: Result<String, droves::herd::Failure<std::io::Error>> = done.outcome.into_result();
    ///     println!("{}: {} bytes", done.body, text?.len());
    /// }
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    #[allow(clippy::type_complexity, reason = "it has no name")]
    pub fn blocking_builder<B, R, E, F>(
        handler: F,
    ) -> BlockingBuilder<B, R, E, impl Fn(Item<B>) -> Ready<Result<R, Fault<E>>>>
    where
        F: Fn(&mut Item<B>) -> Result<R, Fault<E>>,
    {
        builder::blocking(handler)
    }
}

impl<B: 'static, R: 'static, E: 'static> Herd<B, R, E> {
    fn new(shared: Arc<Shared<B, R, E>>) -> Self {
        let seated = "there are as many handles and workers as there can be";
        let free = shared.slab.free.taker().expect(seated);
        let ready = shared.slab.ready.giver().expect(seated);
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { port: TryLock::new(Port { free, ready }), shared }
    }

    pub(crate) fn shared(&self) -> &Shared<B, R, E> {
        &self.shared
    }

    /// Sends work, or gives it back.
    #[inline]
    fn put(&self, work: Work<B>) -> Result<(), Refused<Work<B>>> {
        if let Some(kind) = self.shared.refusal() {
            return Err(Refused::new(kind, work));
        }
        let through = |port: &mut Port, work| match Shared::<B, R, E>::admit(&mut port.free) {
            Err(kind) => Err(Refused::new(kind, work)),
            Ok(claim) => self.submit(claim, work, |claim| port.ready.give(claim)),
        };
        match self.port.with(work, through) {
            Ok(result) => result,
            Err(work) => self.put_by_visit(work),
        }
    }

    fn submit(
        &self,
        claim: Claim,
        work: Work<B>,
        ready: impl FnOnce(Claim) -> Result<(), Claim>,
    ) -> Result<(), Refused<Work<B>>> {
        let submitted = self.shared.submit(claim, work, ready);
        submitted.map_err(|refused| Refused::new(Refusal::ShuttingDown, refused))
    }

    /// As [`put`](Self::put), while another thread sends by this handle.
    #[cold]
    fn put_by_visit(&self, work: Work<B>) -> Result<(), Refused<Work<B>>> {
        // There may be as many calls at once as there can be handles.
        let admitted = match self.shared.slab.free.visitor() {
            Some(mut free) => Shared::<B, R, E>::admit(&mut free),
            None => Err(Refusal::Full),
        };
        match admitted {
            Err(kind) => Err(Refused::new(kind, work)),
            Ok(claim) => self.submit(claim, work, |claim| self.shared.slab.ready.give(claim)),
        }
    }

    /// Sends an item if there is room.
    ///
    /// # Errors
    /// The body comes back if there is no room for it, or if the herd takes none.
    ///
    /// # Cost
    /// Three atomic operations, and one more for each thread that was faster. Lock-free: while another thread
    /// sends by the same handle it costs more, and waits for nobody. May wake a worker.
    pub fn try_send(&self, id: u64, body: B) -> Result<(), Refused<B>> {
        self.try_send_work(Work::new(id, body)).map_err(|error| error.map(|work| work.body))
    }

    /// Sends an item about which something is special, if there is room.
    ///
    /// # Errors
    /// The work comes back if there is no room for it, or if the herd takes none.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send). What is for later wakes the driver.
    pub fn try_send_work(&self, work: Work<B>) -> Result<(), Refused<Work<B>>> {
        let result = self.put(work);
        if result.is_err() {
            self.shared.count_refused(1);
        }
        result
    }

    /// Sends an item, and waits for room if there is none.
    ///
    /// # Errors
    /// The body comes back if the herd takes none any more, or is quiet. In one of the herd's own handlers it does not wait, since that
    /// might be for itself: there it answers `Full`.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send) while there is room; then a handle for the time of the wait. Beyond some 130 000 sends
    /// that wait (510 with 32-bit words) each is polled again and again.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done drops the item, which was not sent, and nothing else.
    pub fn send(&self, id: u64, body: B) -> SendFut<'_, B, R, E> {
        SendFut { send: self.send_work(Work::new(id, body)) }
    }

    /// Sends an item about which something is special, and waits for room if there is none.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cost
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub fn send_work(&self, work: Work<B>) -> SendWorkFut<'_, B, R, E> {
        SendWorkFut::new(self, work)
    }

    /// Sends items as long as there is room. Returns how many.
    ///
    /// # Errors
    /// The first that is refused comes back, with the number of those before it. What is left in the
    /// iterator stays there if it is passed as `&mut iterator`.
    ///
    /// # Cost
    /// [`try_send`](Self::try_send) for each.
    pub fn try_send_many(
        &self,
        items: impl IntoIterator<Item = (u64, B)>,
    ) -> Result<usize, RefusedMany<B>> {
        refused::each(items, |(id, body)| self.try_send(id, body))
    }

    /// Sends an item whose result is to come by a [`Ticket`], if there is room.
    ///
    /// # Errors
    /// The work comes back if there is no room for it, or if the herd takes none.
    ///
    /// # Cost
    /// As [`try_send`](Self::try_send), and some ten allocations.
    pub fn try_send_for_result(
        &self,
        work: impl Into<Work<B>>,
    ) -> Result<Ticket<B, R, E>, Refused<Work<B>>> {
        let (ticket, work) = Ticket::tie(self.shared.clone(), work.into());
        match self.try_send_work(work) {
            Ok(()) => Ok(ticket),
            Err(error) => Err(error.map(Ticket::<B, R, E>::untie)),
        }
    }

    /// Sends an item whose result is to come by a [`Ticket`], and waits for room if there is none.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cost
    /// As [`send`](Self::send), and some ten allocations.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub fn send_for_result(&self, work: impl Into<Work<B>>) -> SendForResultFut<'_, B, R, E> {
        let (ticket, work) = Ticket::tie(self.shared.clone(), work.into());
        SendForResultFut { send: self.send_work(work), ticket: Some(ticket) }
    }

    /// Takes no further item. What was accepted is done, and when all of it has ended, the herd ends. Does not wait:
    /// see [`join`](Self::join). Returns whether it took some before.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each who waits for room.
    #[allow(clippy::must_use_candidate, reason = "most do not ask")]
    pub fn close(&self) -> bool {
        self.shared.close_input()
    }

    /// Closes it, and lets what is left over be dropped at the end: nobody will ask for it, and it may hold handles of this herd.
    pub(crate) fn abandon(&self) {
        self.shared.abandon();
    }

    /// As [`close`](Self::close), but does not wait for the times of what is scheduled or backs off: that is left over.
    ///
    /// # Cost
    /// As [`close`](Self::close).
    #[allow(clippy::must_use_candidate, reason = "most do not ask")]
    pub fn finish(&self) -> bool {
        self.shared.finish()
    }

    /// As [`close`](Self::close), and what has not ended within a time is left over, as by [`cancel`](Self::cancel). A
    /// later call can make the time shorter.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if the herd is cancelled or over.
    ///
    /// # Cost
    /// As [`close`](Self::close).
    pub fn drain(&self, within: Duration) -> Result<(), AlreadyStopping> {
        if self.phase() > Phase::Draining {
            return Err(AlreadyStopping);
        }
        self.shared.drain_within(within);
        Ok(())
    }

    /// Refuses items from now on, until [`resume`](Self::resume). Those that were accepted are done. Whoever waits for room
    /// already may still be let in.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it takes none any more anyway.
    ///
    /// # Cost
    /// One compare-and-swap.
    pub fn quiet(&self) -> Result<(), AlreadyStopping> {
        self.enter_open(Event::Quiet)
    }

    /// Accepts items again.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it cannot any more.
    ///
    /// # Cost
    /// One compare-and-swap.
    pub fn resume(&self) -> Result<(), AlreadyStopping> {
        self.enter_open(Event::Resume)
    }

    /// Takes no further item, and asks what runs to [stop](Item::is_cancelled). What does not run is left over.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it is cancelled already, or over.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each idle worker and each who waits for the token.
    pub fn cancel(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Cancel)
    }

    /// As [`cancel`](Self::cancel), and handlers that are futures are dropped where they wait. A function that runs
    /// cannot be stopped.
    ///
    /// # Errors
    /// [`AlreadyStopping`] if it is aborted already, or over.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each worker and each who waits for the token.
    pub fn abort(&self) -> Result<(), AlreadyStopping> {
        self.enter(Event::Abort)
    }

    fn enter(&self, event: Event) -> Result<(), AlreadyStopping> {
        if self.shared.enter(event) { Ok(()) } else { Err(AlreadyStopping) }
    }

    fn enter_open(&self, event: Event) -> Result<(), AlreadyStopping> {
        if self.phase() >= Phase::Draining { Err(AlreadyStopping) } else { self.enter(event) }
    }

    /// Changes how many items are worked on at a time, at any time until the herd is cancelled or over. If there are to be fewer, those
    /// that run are not stopped, and until as many of them have ended no other begins.
    ///
    /// # Errors
    /// [`ResizeError`] if the size is not from 0 to 261 116 (1004 with 32-bit words); or if the herd is cancelled or over.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each idle worker if there are to be fewer. Workers are
    /// spawned by the herd's driver.
    pub fn resize(&self, size: usize) -> Result<(), ResizeError> {
        ConfigError::check("size", size, 0, MAX_SIZE as usize).map_err(ResizeError::Config)?;
        #[allow(clippy::cast_possible_truncation, reason = "checked just now")]
        let resized = self.shared.enter(Event::Resize(size as u32));
        if resized { Ok(()) } else { Err(ResizeError::Stopping) }
    }

    /// What may still happen.
    ///
    /// # Cost
    /// Two loads.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// The herd's numbers, read one after the other: while it runs, an item that goes on meanwhile may be missed, or, if
    /// it is to be tried again, be met twice.
    ///
    /// # Cost
    /// Some twenty loads, and eight for each worker.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How long items have waited and run; `None` unless the herd is [measured](Builder::measured).
    ///
    /// # Cost
    /// A few thousand loads for each worker.
    #[must_use]
    pub fn times(&self) -> Option<Times> {
        self.shared.times()
    }

    /// How many items there may be in the herd.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// A token that is cancelled when the herd is cancelled or aborted, or its runtime goes away. Whoever cancels it
    /// himself cancels nothing else.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.shared.crew.cancelled.child()
    }

    /// Whether the herd has ended: no handler runs, and every worker is gone.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.crew.stopped.is_set()
    }

    /// Waits until the herd has ended: every handler has returned or been dropped, and every worker is gone. Does not
    /// end it, and needs nobody to read the results.
    ///
    /// # Errors
    /// [`JoinError`] in one of the herd's own handlers (known with `std`), or if the runtime went away first.
    ///
    /// # Cost
    /// A place to wait, which allocates if more wait than ever before.
    ///
    /// # Cancel safety
    /// Dropping the future takes nobody's wake, and nothing of what is left over.
    pub fn join(&self) -> JoinFut<B, R, E> {
        JoinFut::new(self.shared.clone())
    }

    /// Takes back what is left over, when the herd has ended; before that there is nothing.
    ///
    /// # Cost
    /// One atomic operation, and a few for each item.
    pub fn leftovers(&self) -> Leftovers<B, R, E> {
        Leftovers::new(self.shared.clone())
    }
}

impl<B, R, E> Control for Herd<B, R, E> {
    fn max_size(&self) -> usize {
        MAX_SIZE as usize
    }

    fn resize(&self, size: usize) -> Result<(), ResizeError> {
        Self::resize(self, size)
    }

    fn stats(&self) -> Stats {
        Self::stats(self)
    }

    fn times(&self) -> Option<Times> {
        Self::times(self)
    }

    fn quiet(&self) -> Result<(), AlreadyStopping> {
        Self::quiet(self)
    }

    fn resume(&self) -> Result<(), AlreadyStopping> {
        Self::resume(self)
    }

    fn drain(&self, within: Option<Duration>) -> Result<(), AlreadyStopping> {
        match within {
            Some(within) => Self::drain(self, within),
            None if self.close() => Ok(()),
            None => Err(AlreadyStopping),
        }
    }

    fn cancel(&self) -> Result<(), AlreadyStopping> {
        Self::cancel(self)
    }
}

impl<B: 'static, R: 'static, E: 'static> Clone for Herd<B, R, E> {
    /// Another handle to the same herd.
    ///
    /// # Panics
    /// If there are as many handles and workers as there may be: 262 140, or 1020 with 32-bit words.
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<B: 'static, R: 'static, E: 'static> Drop for Herd<B, R, E> {
    fn drop(&mut self) {
        // AcqRel: what the others sent was sent before it closes.
        if self.shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}

// As for what it points to.
impl<B, R, E> core::panic::UnwindSafe for Herd<B, R, E> {}
impl<B, R, E> core::panic::RefUnwindSafe for Herd<B, R, E> {}

impl<B: 'static, R: 'static, E: 'static> fmt::Debug for Herd<B, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
    }
}
