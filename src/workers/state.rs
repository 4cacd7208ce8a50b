//! How many workers there are to be, and when it is over: a pure machine, a word wide.
//!
//! ```text
//!            resume             drain              cancel               abort
//! Running <----------> Quiet ----------> Draining ----------> Cancelling -------> Aborting
//!     \      quiet                          ^                                        |
//!      `------------------------------------'                                        v
//!            (drain, cancel and abort come from any phase before)                 Stopped
//! ```
//!
//! `target` is how many workers there should be, `live` how many there are or are promised; what is
//! missing, the driver promises in the same word before it spawns, so that nobody else does. A worker
//! leaves when there are more than should be: that is how a smaller size, a cancellation and the end of
//! the work all end it. The word changes on start, exit, resize and phase, and never for a job.

use crate::control::Phase;
use crate::sync::Word;

/// The machine's state.
///
/// ```text
/// bit  63      52    51   50  48 47       24 23        0     (32-bit: 1 + 3 + 14 + 14 bits)
///     |   zero   | gone | phase |  target   |   live   |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub phase: Phase,
    /// Whether the driver went before the end.
    pub gone: bool,
    /// How many workers there should be.
    pub target: u32,
    /// How many there are, or are promised.
    pub live: u32,
}

const BITS: u32 = if Word::BITS == 64 { 24 } else { 14 };
const PHASE_BITS: u32 = 3;
const COUNT: Word = (1 << BITS) - 1;

/// The most workers.
#[allow(clippy::cast_possible_truncation, reason = "24 bits")]
pub const MAX_WORKERS: u32 = COUNT as u32;

/// Something that happened, or that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// There should be so many workers.
    Resize(u32),
    /// Nobody was idle: there should be one more, up to `max`.
    Grow {
        max: u32,
    },
    /// So many have been idle for long: there should be fewer, down to `min`.
    Shrink {
        by: u32,
        min: u32,
    },
    /// The driver is about to spawn those that are missing.
    Promise,
    /// A worker asks whether it should go.
    Leave,
    /// A worker went without asking: it was dropped, or could not be spawned.
    Lost,
    /// A worker goes, since no further work will come, and none is left. Its place goes with it.
    Finish,
    /// No further work will come, none is left, and there is no worker.
    Empty,
    /// Work has been put back that the last worker to finish did not see.
    More,
    Quiet,
    Resume,
    Drain,
    Cancel,
    Abort,
    /// The driver ends. Unless all is over, that is before its time.
    DriverGone,
    /// Driver and workers are gone, every one of them.
    AllGone,
}

/// What the caller must now do. Dropping one loses a worker or a wake-up.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Nothing: the event has no place in this phase any more, and has changed nothing.
    Refused,
    /// Wake the driver.
    WakeDriver,
    /// Wake the idle workers: some of them should go.
    WakeIdle,
    /// Close the input, tell those that are to be told of the phase, and wake the driver.
    Close,
    /// Spawn so many workers.
    Spawn(u32),
    /// Go.
    Exit,
    /// Go, and wake the driver.
    ExitLast,
    /// Stay.
    Stay,
    /// Tell everybody that all is over.
    Stopped,
}

impl State {
    /// A machine of so many workers, none of which has been spawned.
    pub const fn new(target: u32) -> Self {
        Self { phase: Phase::Running, gone: false, target, live: 0 }
    }

    /// Whether there are more workers than there should be.
    pub const fn has_excess(self) -> bool {
        self.live > self.target
    }

    /// Whether nothing is left to do but for the driver to go.
    pub fn is_done(self) -> bool {
        self.phase >= Phase::Draining && self.live == 0 && self.target == 0
    }

    /// Applies one event. Total: every event is legal in every phase.
    pub fn step(self, event: Event) -> (Self, Effect) {
        if self.phase == Phase::Stopped {
            return (self, if event == Event::Leave { Effect::Stay } else { Effect::Refused });
        }
        match event {
            // What is over stays so: the driver may be about to go.
            Event::Resize(target) if self.phase < Phase::Cancelling && !self.is_done() => {
                self.aim_at(target)
            }
            Event::Grow { max } if self.phase < Phase::Draining && self.target < max => {
                // One more than there are, so that it may begin at once what they may be waiting for.
                let present =
                    if self.live < max { self.target.max(self.live) } else { self.target };
                self.aim_at(present + 1)
            }
            Event::Shrink { by, min } if self.phase < Phase::Draining && self.target > min => {
                self.aim_at(self.target.saturating_sub(by).max(min))
            }
            Event::Promise if self.target > self.live => {
                // Promised in the word, so that nobody spawns them twice.
                let missing = self.target - self.live;
                (Self { live: self.target, ..self }, Effect::Spawn(missing))
            }
            Event::Leave if self.has_excess() => {
                let left = Self { live: self.live - 1, ..self };
                (left, if left.is_done() { Effect::ExitLast } else { Effect::Exit })
            }
            Event::Leave => (self, Effect::Stay),
            Event::Lost => (Self { live: self.live.saturating_sub(1), ..self }, Effect::WakeDriver),
            Event::Finish => {
                let live = self.live.saturating_sub(1);
                let phase = self.phase.max(Phase::Draining);
                let left = Self { phase, target: self.target.min(live), live, ..self };
                (left, if left.is_done() { Effect::ExitLast } else { Effect::Exit })
            }
            Event::More if self.phase == Phase::Draining && self.target == 0 => {
                (Self { target: 1, ..self }, Effect::WakeDriver)
            }
            Event::Empty if self.phase <= Phase::Draining => {
                let ending = Self { phase: Phase::Draining, target: 0, ..self };
                (ending, if ending.is_done() { Effect::WakeDriver } else { Effect::None })
            }
            Event::Quiet if self.phase <= Phase::Quiet => {
                (Self { phase: Phase::Quiet, ..self }, Effect::None)
            }
            Event::Resume if self.phase <= Phase::Quiet => {
                (Self { phase: Phase::Running, ..self }, Effect::None)
            }
            Event::Drain if self.phase < Phase::Draining => {
                (Self { phase: Phase::Draining, ..self }, Effect::Close)
            }
            Event::Cancel if self.phase < Phase::Cancelling => {
                (Self { phase: Phase::Cancelling, target: 0, ..self }, Effect::Close)
            }
            Event::Abort if self.phase < Phase::Aborting => {
                (Self { phase: Phase::Aborting, target: 0, ..self }, Effect::Close)
            }
            Event::DriverGone if !self.is_done() => {
                let phase = Phase::Aborting;
                (Self { phase, gone: true, target: 0, ..self }, Effect::Close)
            }
            Event::AllGone => {
                (Self { phase: Phase::Stopped, target: 0, live: 0, ..self }, Effect::Stopped)
            }
            Event::Grow { .. } | Event::Shrink { .. } | Event::Promise | Event::DriverGone => {
                (self, Effect::None)
            }
            Event::Resize(_)
            | Event::More
            | Event::Empty
            | Event::Quiet
            | Event::Resume
            | Event::Drain
            | Event::Cancel
            | Event::Abort => (self, Effect::Refused),
        }
    }

    /// Changes how many workers there should be.
    fn aim_at(self, target: u32) -> (Self, Effect) {
        let aimed = Self { target, ..self };
        let effect = if target > self.target {
            Effect::WakeDriver
        } else if target < self.target && aimed.has_excess() {
            Effect::WakeIdle
        } else if aimed.is_done() {
            Effect::WakeDriver
        } else {
            Effect::None
        };
        (aimed, effect)
    }

    /// The state as a word.
    pub const fn pack(self) -> Word {
        let upper = (self.gone as Word) << PHASE_BITS | self.phase as Word;
        (upper << BITS | self.target as Word) << BITS | self.live as Word
    }

    /// The state that a word stands for.
    #[allow(clippy::cast_possible_truncation, reason = "each field is masked first")]
    pub const fn unpack(word: Word) -> Self {
        let upper = word >> (2 * BITS);
        Self {
            phase: Phase::ALL[(upper & ((1 << PHASE_BITS) - 1)) as usize],
            gone: upper >> PHASE_BITS != 0,
            target: (word >> BITS & COUNT) as u32,
            live: (word & COUNT) as u32,
        }
    }
}

#[cfg(test)]
mod tests;
