//! The driver: a future that alone spawns workers, retires idle ones, and ends last.
//!
//! Everybody else changes the state and rings its bell. It costs nothing while nothing changes: it sleeps
//! only while a worker may be retired, or when a worker could not be had.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::crew::{Door, Sizing, apply, count_out, grow};
use super::state::{Effect, Event, State};
use super::worker::{Station, Worker};
use crate::control::Phase;
use crate::mailbox::{HeapMailbox, Receiver};
use crate::panic::finish_each;
use crate::runtime::{Clock, Spawn, SpawnError, Task, Timer};
use crate::sync::{Arc, Word};
use crate::time::Instant;

/// How long it waits before it tries again to have a worker.
const RETRY: Duration = Duration::from_millis(50);

/// How often it looks at everything before others may have the thread.
const ROUNDS: u32 = 64;

/// How often it tries at the end, before what is left is left over: for a second.
const TRIES: u32 = 20;

/// What the driver of a door has to do beside minding workers that look at the time by `K`.
pub trait Desk<K>: Unpin {
    type Door: Door;
    type Station: Station<K, Door = Self::Door>;

    fn door(&self) -> &Arc<Self::Door>;
    /// Where the worker with this index works; `None` if there is no room for one more.
    fn station(&mut self, index: usize) -> Option<Self::Station>;
    /// Does what is due, and says when the next is.
    #[inline]
    fn tend(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        let _ = now;
        None
    }
    /// Whether it is to end when all is done, and what cannot be done is to be left over.
    #[inline]
    fn is_ending(&self) -> bool {
        false
    }
    /// Leaves over what it has. Nothing is called after that.
    #[inline]
    fn leave(&mut self) {}
}

/// The driver at a desk `D`, as a future to be spawned: it sleeps by `Rt` and spawns by `Sp`.
///
/// # Cancel safety
/// Dropping it before it is done aborts the door: its runtime is gone.
pub struct Driver<Rt: Timer, Sp: Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> {
    desk: D,
    runtime: Rt,
    spawner: Sp,
    bell: Receiver<(), Arc<HeapMailbox<()>>>,
    /// Made once, and set again and again.
    sleep: Option<Pin<Box<Rt::Sleep>>>,
    /// When its desk has to do something.
    due: Option<Instant>,
    /// When it is to look again who is idle.
    look: Option<Instant>,
    /// When it is to try again to have a worker.
    retry: Option<Instant>,
    /// Whether it has had one more worker for work that was left.
    revived: bool,
    lost: Word,
    /// How often it has tried in vain since nobody was left to end the work.
    vain: u32,
    /// How much each worker had started at the last look.
    seen: Vec<Word>,
    /// What was spawned, by slot.
    tasks: Vec<Option<Sp::Task>>,
}

impl<Rt: Timer, Sp: Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> Unpin for Driver<Rt, Sp, D> {}

impl<Rt: Timer, Sp: Clock + Clone + Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> Driver<Rt, Sp, D> {
    /// The driver of a door that has none yet.
    pub(crate) fn new(desk: D, runtime: Rt, spawner: Sp) -> Self {
        let bell = desk.door().crew().bell.clone();
        let bell = Receiver::new(bell).expect("a new mailbox has free seats");
        let (seen, tasks) = (Vec::new(), Vec::new());
        let (sleep, due, look, retry) = (None, None, None, None);
        let (revived, lost, vain) = (false, 0, 0);
        Self {
            desk,
            runtime,
            spawner,
            bell,
            sleep,
            due,
            look,
            retry,
            revived,
            lost,
            vain,
            seen,
            tasks,
        }
    }

    /// Spawns the workers that are missing. If one can't be had, the others wait as well.
    fn spawn(&mut self, mut missing: u32) {
        let mut from = 0;
        while missing > 0 {
            missing -= 1;
            let index = self.desk.door().crew().slots.take(from);
            from = index + 1;
            if self.spawn_one(index).is_err() {
                break;
            }
        }
        // They were promised.
        for _ in 0..missing {
            let _ = apply(&**self.desk.door(), Event::Lost);
        }
    }

    fn spawn_one(&mut self, index: usize) -> Result<(), SpawnError> {
        if self.tasks.len() <= index {
            self.tasks.resize_with(index + 1, || None);
            self.seen.resize(index + 1, 0);
        }
        // A new worker has not been idle before.
        self.seen[index] = self.desk.door().crew().slots.get(index).started().wrapping_sub(1);
        // Its last owner is gone, or as good as gone.
        if let Some(task) = self.tasks[index].take() {
            task.join();
        }
        let (door, clock) = (self.desk.door().clone(), self.spawner.clone());
        let worker = Worker::new(door, clock, Sp::linger, index, self.desk.station(index));
        if !worker.has_station() {
            return Err(SpawnError::Limit);
        }
        // A worker that is dropped says that it is lost.
        self.tasks[index] = Some(self.spawner.spawn(worker)?);
        Ok(())
    }
}

impl<Rt: Timer, Sp: Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> Driver<Rt, Sp, D> {
    /// Whether workers may be retired if they are idle, and down to how many.
    fn retires(&self, state: State) -> Option<(u32, Duration)> {
        match self.desk.door().crew().sizing {
            Sizing::Dynamic { min, idle_timeout, .. }
                if state.phase < Phase::Draining && state.target > min =>
            {
                Some((min, idle_timeout))
            }
            Sizing::Dynamic { .. } | Sizing::Fixed => None,
        }
    }

    /// Joins what has ended, where there is something to join.
    fn reap(&mut self) {
        if size_of::<Sp::Task>() == 0 {
            return;
        }
        for (slot, task) in self.desk.door().crew().slots.iter().zip(&mut self.tasks) {
            if !slot.is_taken() {
                task.take().into_iter().for_each(Task::join);
            }
        }
    }

    /// How many workers have been idle since the last look.
    fn idle_since_last_look(&mut self) -> u32 {
        let mut idle = 0;
        for (slot, seen) in self.desk.door().crew().slots.iter().zip(&mut self.seen) {
            let started = slot.started();
            let rests = slot.is_taken() && !slot.is_busy();
            if rests && started == *seen {
                idle += 1;
            }
            // One that does not rest now has not been idle at the next look, if it is then.
            *seen = if rests { started } else { started.wrapping_sub(1) };
        }
        idle
    }

    /// Retires those that have been idle for long. Looks again as long as there may be some.
    fn retire(&mut self, state: State) {
        let Some((min, idle_timeout)) = self.retires(state) else {
            self.look = None;
            return;
        };
        let now = self.runtime.now();
        match self.look {
            Some(at) if now < at => return,
            Some(_) => {
                self.reap();
                let by = self.idle_since_last_look();
                if by > 0 {
                    let _ = apply(&**self.desk.door(), Event::Shrink { by, min });
                    // Jobs that chose them meanwhile, and did not grow, may need as many again.
                    for _ in 0..by {
                        if self.desk.door().is_empty() || self.desk.door().has_idle() {
                            break;
                        }
                        grow(&**self.desk.door());
                    }
                }
            }
            None => {
                let _ = self.idle_since_last_look();
            }
        }
        self.look = Some(now.saturating_add(idle_timeout));
    }

    /// Whether work was let in that would have had its worker, had the door not begun to drain in between. Once: who could not
    /// be had then leaves it over.
    fn has_work_left(&self, state: State) -> bool {
        let grows = matches!(self.desk.door().crew().sizing, Sizing::Dynamic { .. });
        if !grows || self.revived || state.phase != Phase::Draining {
            return false;
        }
        // Until it is closed, some may still come.
        self.desk.door().close();
        !self.desk.door().is_empty()
    }

    /// Whether a worker may be spawned now: after one was lost, not at once.
    fn may_spawn(&mut self) -> bool {
        let lost = self.desk.door().crew().lost();
        let now = || self.runtime.now();
        if lost != self.lost {
            self.lost = lost;
            self.vain += 1;
            self.retry = Some(now().saturating_add(RETRY));
        }
        if self.retry.is_some_and(|at| now() < at) {
            return false;
        }
        self.retry = None;
        true
    }

    /// Sleeps until the next of its moments. `Pending` if there is none.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = [self.due, self.look, self.retry].into_iter().flatten().min() else {
            return Poll::Pending;
        };
        let next = self.runtime.sleep_until(at);
        match &mut self.sleep {
            Some(sleep) => sleep.set(next),
            None => self.sleep = Some(Box::pin(next)),
        }
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

impl<Rt: Timer, Sp: Clock + Clone + Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> Future
    for Driver<Rt, Sp, D>
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            while this.bell.poll_recv(cx).is_ready() {}
            let Self { desk, due, runtime, .. } = this;
            *due = desk.tend(|| runtime.now());
            let state = this.desk.door().crew().newest_state();
            if state.is_done() && this.has_work_left(state) {
                this.revived = true;
                let _ = apply(&**this.desk.door(), Event::More);
                continue;
            }
            if state.is_done() {
                // The last worker rings when nothing is left of it.
                let alone = this.desk.door().crew().is_driver_alone();
                return if alone { Poll::Ready(()) } else { Poll::Pending };
            }
            if state.phase >= Phase::Draining && state.live == 0 {
                // Whoever began to close it may not have done so yet: until then work may come.
                this.desk.door().close();
                // What nobody can be had for is left over.
                let hopeless = this.vain > TRIES;
                this.revived |= hopeless;
                if hopeless || this.desk.door().is_empty() {
                    let _ = apply(&**this.desk.door(), Event::Empty);
                    continue;
                }
            }
            if state.phase < Phase::Draining {
                if !this.desk.is_ending() {
                    this.vain = 0;
                } else if this.vain > TRIES && state.live == 0 {
                    let _ = apply(&**this.desk.door(), Event::Cancel);
                    continue;
                }
            }
            if state.target <= state.live {
                // Nobody is missing any more: it would wake for nothing, again and again.
                this.retry = None;
            } else if this.may_spawn() {
                if let Effect::Spawn(missing) = apply(&**this.desk.door(), Event::Promise) {
                    this.spawn(missing);
                }
                continue;
            }
            this.retire(state);
            if this.poll_sleep(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // It is always late; others may have the thread in between.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Rt: Timer, Sp: Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> Drop for Driver<Rt, Sp, D> {
    fn drop(&mut self) {
        let crew = self.desk.door().crew();
        if crew.state().is_done() && crew.is_driver_alone() {
            self.tasks.drain(..).flatten().for_each(Task::join);
        }
        // All of it, even if a waker panics.
        let gone: fn(&mut Self) = |this| {
            let _ = apply(&**this.desk.door(), Event::DriverGone);
        };
        let leave: fn(&mut Self) = |this| this.desk.leave();
        let counted: fn(&mut Self) = |this| count_out(&**this.desk.door());
        let mut steps = [gone, leave, counted].into_iter();
        finish_each(|| steps.next().map(|step| step(self)));
    }
}

impl<Rt: Timer, Sp: Spawn<Worker<Sp, D::Station>>, D: Desk<Sp>> core::fmt::Debug
    for Driver<Rt, Sp, D>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Driver")
    }
}
