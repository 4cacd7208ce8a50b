//! What driver, workers and handles of one door share.

use super::cell::StateCell;
use super::slots::Slots;
use super::state::{Effect, Event, State};
use crate::cancel::CancelToken;
use crate::control::Phase;
use crate::latch::Latch;
use crate::mailbox::HeapMailbox;
use crate::panic::finish_each;
use crate::sync::{Arc, AtomicWord, Ordering};
use crate::trace;

/// How many workers there may be, and how long they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizing {
    /// As many as were asked for last.
    Fixed,
    /// More when nobody is idle, fewer when somebody is for long.
    Dynamic { min: u32, max: u32, idle_timeout: core::time::Duration },
}

/// The shared part of a door.
pub trait Door: 'static {
    fn crew(&self) -> &Crew;
    /// Lets no more work in, and wakes everybody who waits for some.
    fn close(&self);
    /// Whether no work waits.
    fn is_empty(&self) -> bool;
    /// Whether a worker waits for work that nobody has woken.
    fn has_idle(&self) -> bool;
    /// Wakes the workers that wait for work.
    fn wake_idle(&self);
}

/// The parts of a door that are the same for all of them.
#[derive(Debug)]
pub struct Crew {
    state: StateCell,
    /// The driver and the workers that have not been dropped, wholly.
    alive: AtomicWord,
    /// Workers that went without leave.
    lost: AtomicWord,
    /// Rung for the driver.
    pub(crate) bell: Arc<HeapMailbox<()>>,
    pub(crate) cancelled: CancelToken,
    pub(super) aborted: Latch,
    /// Set when all is over.
    pub(crate) stopped: Latch,
    pub(crate) slots: Slots,
    pub(crate) sizing: Sizing,
    /// Whether workers look at the clock for each piece of work.
    pub(super) timed: bool,
}

impl Crew {
    pub(crate) fn new(target: u32, sizing: Sizing, timed: bool) -> Self {
        let bell = HeapMailbox::with_capacity(1).expect("one is a capacity");
        bell.keep_receiving();
        Self {
            state: StateCell::new(State::new(target)),
            alive: AtomicWord::new(1),
            lost: AtomicWord::new(0),
            bell: Arc::new(bell),
            cancelled: CancelToken::new(),
            aborted: Latch::new(),
            stopped: Latch::new(),
            slots: Slots::new(),
            sizing,
            timed,
        }
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        self.state.load()
    }

    pub(super) fn newest_state(&self) -> State {
        self.state.load_newest()
    }

    /// How many workers went without leave: were dropped, or could not be spawned.
    pub(crate) fn lost(&self) -> crate::sync::Word {
        self.lost.load(Ordering::Relaxed)
    }

    /// Wakes the driver.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    /// Counts a worker that is made.
    pub(super) fn count_in(&self) {
        self.alive.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the driver is alone.
    pub(super) fn is_driver_alone(&self) -> bool {
        // AcqRel, and a read-modify-write: either this one sees that the last worker is counted out, or that worker
        // sees what the driver saw, and rings. All that workers did comes before what follows.
        self.alive.fetch_add(0, Ordering::AcqRel) == 1
    }
}

/// Applies an event to a door, and does what is to be done about it but for what only the caller can do:
/// to spawn, to stay or to exit.
pub fn apply<D: Door>(door: &D, event: Event) -> Effect {
    let crew = door.crew();
    if event == Event::Lost {
        // First, so that the driver does not replace it before it knows that one was lost.
        crew.lost.fetch_add(1, Ordering::Relaxed);
    }
    let (state, effect) = crew.state.apply(event);
    tell(event, effect, state);
    match effect {
        Effect::WakeDriver | Effect::ExitLast => crew.ring(),
        Effect::WakeIdle => door.wake_idle(),
        Effect::Close => {
            let (cancelled, aborted) =
                (state.phase >= Phase::Cancelling, state.phase >= Phase::Aborting);
            // All of it, even if a waker panics.
            let steps: [&dyn Fn(); 4] = [
                &|| {
                    let _ = cancelled && crew.cancelled.cancel();
                },
                &|| {
                    let _ = aborted && crew.aborted.set();
                },
                &|| door.close(),
                &|| crew.ring(),
            ];
            let mut steps = steps.into_iter();
            finish_each(|| steps.next().map(|step| step()));
        }
        Effect::Stopped => {
            let steps: [&dyn Fn(); 2] = [&|| door.close(), &|| {
                let _ = crew.stopped.set();
            }];
            let mut steps = steps.into_iter();
            finish_each(|| steps.next().map(|step| step()));
        }
        Effect::None | Effect::Refused | Effect::Spawn(_) | Effect::Exit | Effect::Stay => {}
    }
    effect
}

/// What is worth telling somebody who reads along.
fn tell(event: Event, effect: Effect, state: State) {
    if effect == Effect::Refused {
        return;
    }
    match event {
        Event::Resize(size) => trace::resize(size, state.live),
        Event::Lost => trace::worker_lost(state.live),
        // At the end it goes as it should.
        Event::DriverGone if effect == Effect::None => {}
        Event::Quiet
        | Event::Resume
        | Event::Drain
        | Event::Cancel
        | Event::Abort
        | Event::DriverGone
        | Event::AllGone => trace::phase(state.phase, state.target, state.live),
        _ => {}
    }
}

/// Lets the door have one worker more, if it may: nobody is idle for work that waits.
#[inline]
pub fn grow<D: Door>(door: &D) {
    if let Sizing::Dynamic { max, .. } = door.crew().sizing {
        if door.crew().state().target < max {
            let _ = apply(door, Event::Grow { max });
        }
    }
}

/// Counts out the driver, or a worker, of which nothing is left. The last one ends it all.
pub fn count_out<D: Door>(door: &D) {
    let crew = door.crew();
    // AcqRel: what each of them did comes before the end that the last one tells of.
    match crew.alive.fetch_sub(1, Ordering::AcqRel) {
        1 => {
            let _ = apply(door, Event::AllGone);
        }
        // The driver may be waiting for that, if it is the one that is left.
        2 if crew.state().phase >= Phase::Draining => crew.ring(),
        _ => {}
    }
}
