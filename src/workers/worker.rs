//! A worker: a future that takes work and does it, until it should go.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::crew::{Door, apply, count_out, grow};
use super::inside::Inside;
use super::slots::{End, Slot};
use super::state::{Effect, Event};
use crate::latch::Wait;
use crate::panic::{finish_each, swallow};
use crate::runtime::Clock;
use crate::sync::Arc;
use crate::time::Instant;

/// How many pieces of work a worker does before it lets others have the thread.
const BUDGET: u32 = 64;

/// Where one worker works. `K` tells it the time.
pub trait Station<K>: Unpin {
    /// Whose worker it is.
    type Door: Door;

    /// Makes ready, before the first piece of work.
    fn open(&mut self);
    /// Takes the next piece of work, if there is one now; `Pending` means that there is none, and does not wait.
    fn try_take(&mut self) -> Poll<bool>;
    /// Takes the next piece of work; `false` if none is left and none will come.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<bool>;
    /// Whether a piece of work has been taken that has not ended.
    fn is_working(&self) -> bool;
    /// Works on it.
    fn poll_work(&mut self, clock: &K, cx: &mut Context<'_>) -> Poll<End>;
    /// Tells others how it ended, when that has been counted.
    #[inline]
    fn tell(&mut self) {}
    /// Gives it back: it has not begun, and somebody else is to do it.
    fn put_back(&mut self);
    /// Others have the thread for a while.
    #[inline]
    fn pause(&mut self) {}
    /// Drops it. If it cannot be had now, it ends later, and `poll_work` says when.
    fn abort(&mut self);
    /// Whether work waits that was given back.
    fn has_more(&self) -> bool;
    /// After a wait began, and before it is slept: see `Mailbox::meet`.
    fn meet(&self);
}

/// A worker at a station `S`, as a future to be spawned. `K` tells it the time.
///
/// # Cancel safety
/// Dropping it before it is done drops what it works on, which counts as aborted. The driver replaces it.
pub struct Worker<K, S: Station<K>> {
    door: Arc<S::Door>,
    clock: K,
    /// See `Spawn::linger`.
    linger: fn(u32) -> bool,
    index: usize,
    station: Option<S>,
    opened: bool,
    /// Made when work first has to wait; boxed, since most workers need none.
    aborted: Option<Box<Wait>>,
    /// Whether its work has been aborted.
    told: bool,
    /// Whether it has been told to go, and counts no more.
    left: bool,
}

impl<K, S: Station<K>> Unpin for Worker<K, S> {}

impl<K: Clock, S: Station<K>> Worker<K, S> {
    /// A worker with a slot that is its own. It counts from now on, until it has been dropped.
    pub(super) fn new(
        door: Arc<S::Door>,
        clock: K,
        linger: fn(u32) -> bool,
        index: usize,
        station: Option<S>,
    ) -> Self {
        door.crew().count_in();
        Self {
            door,
            clock,
            linger,
            index,
            station,
            opened: false,
            aborted: None,
            told: false,
            left: false,
        }
    }

    /// Whether there is a place for it to work at.
    pub(super) fn has_station(&self) -> bool {
        self.station.is_some()
    }

    fn now(&self) -> Option<Instant> {
        self.door.crew().timed.then(|| self.clock.now())
    }

    /// Whether it should go, and may: one that may counts no more.
    fn leaves(&mut self) -> bool {
        let crew = self.door.crew();
        if crew.state().has_excess() {
            self.left = matches!(apply(&*self.door, Event::Leave), Effect::Exit | Effect::ExitLast);
            // It may have been the idle worker for which another did not grow.
            if self.left && !self.door.is_empty() && !self.door.has_idle() {
                grow(&*self.door);
            }
        }
        self.left
    }
}

impl<K, S: Station<K>> Worker<K, S> {
    /// Goes, since there is nothing more to do.
    fn finish(&mut self) {
        self.left = true;
        // Another may have put work back after this one had looked, and then left.
        if apply(&*self.door, Event::Finish) == Effect::ExitLast && !self.door.is_empty() {
            let _ = apply(&*self.door, Event::More);
        }
    }

    fn station_mut(&mut self) -> &mut S {
        self.station.as_mut().expect("taken when dropped")
    }

    fn slot(&self) -> &Slot {
        self.door.crew().slots.get(self.index)
    }
}

impl<K: Clock, S: Station<K>> Future for Worker<K, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _inside = Inside::enter(Arc::as_ptr(&this.door).cast());
        if !this.opened {
            this.opened = true;
            let station = this.station.as_mut().expect("only the driver makes one without");
            if !swallow(|| station.open()) {
                // Not told to go: lost.
                return Poll::Ready(());
            }
        }
        let mut budget = BUDGET;
        loop {
            let station = this.station.as_mut().expect("taken when dropped");
            if station.is_working() {
                let Poll::Ready(end) = station.poll_work(&this.clock, cx) else {
                    return this.poll_aborted(cx);
                };
                this.slot().end(end, this.now());
                this.station_mut().tell();
            }
            if this.leaves() {
                return Poll::Ready(());
            }
            // Before it takes more: what is taken begins at once, and not after others had the thread.
            if budget == 0 {
                this.station_mut().pause();
                break;
            }
            budget -= 1;
            let station = this.station.as_mut().expect("taken when dropped");
            match take(station, this.linger, cx) {
                // It was taken after others may have become too many: those who are begin nothing more.
                Poll::Ready(true) if this.door.crew().state().has_excess() => station.put_back(),
                Poll::Ready(true) => this.slot().start(this.now()),
                Poll::Ready(false) => {
                    this.finish();
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    station.meet();
                    if !station.has_more() && !this.door.crew().state().has_excess() {
                        return Poll::Pending;
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Takes the next piece of work; lingers a little, and then waits, if there is none.
#[inline]
fn take<K>(
    station: &mut impl Station<K>,
    linger: fn(u32) -> bool,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    let mut round = 0;
    loop {
        let taken = station.try_take();
        if taken.is_ready() {
            return taken;
        }
        if !linger(round) {
            return station.poll_take(cx);
        }
        round += 1;
    }
}

impl<K: Clock, S: Station<K>> Worker<K, S> {
    /// Waits on, unless the work is to be aborted.
    fn poll_aborted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wait = || Box::new(self.door.crew().aborted.wait());
        let aborted = self.aborted.get_or_insert_with(wait);
        if !self.told && Pin::new(aborted).poll(cx).is_ready() {
            self.told = true;
            self.abort(false);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<K, S: Station<K>> Worker<K, S> {
    fn abort(&mut self, last: bool) {
        let working = |station: &S| station.is_working();
        if let Some(station) = self.station.as_mut().filter(|station| working(station)) {
            // What panics on being dropped takes nobody with it.
            swallow(|| station.abort());
        }
        // What cannot be had yet ends later, unless this worker does.
        let ends = last || !self.station.as_ref().is_some_and(working);
        if ends && self.slot().is_busy() {
            self.slot().end(End::Aborted, None);
        }
    }
}

impl<K, S: Station<K>> Drop for Worker<K, S> {
    fn drop(&mut self) {
        // Who waits for the worker in what is dropped here would wait for ever.
        let _inside = Inside::enter(Arc::as_ptr(&self.door).cast());
        self.abort(true);
        let station = self.station.take();
        swallow(|| drop(station));
        self.slot().release();
        // All of it, even if a waker panics.
        let mut steps = [Self::tell_if_lost, Self::count_out].into_iter();
        finish_each(|| steps.next().map(|step| step(self)));
    }
}

impl<K, S: Station<K>> Worker<K, S> {
    fn tell_if_lost(&mut self) {
        if !self.left {
            let _ = apply(&*self.door, Event::Lost);
        }
    }

    fn count_out(&mut self) {
        count_out(&*self.door);
    }
}

impl<K, S: Station<K>> core::fmt::Debug for Worker<K, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).finish_non_exhaustive()
    }
}
