//! How long to try again before waiting in earnest.
//!
//! Registering, parking and being woken costs a hundred times as much as a message, so where the other
//! side is at work on another core, a short pause is better. Where it is not (one core, one executor
//! thread, a slow peer), every pause is wasted. Nobody can know, so each handle learns: pauses that paid make it
//! more patient, others less, and now and then it tries a long one to see whether things have changed.

/// How patient a handle is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How many pauses in a row, each twice as long as the one before it.
    level: u8,
    waits: u8,
}

/// 127 pauses in all: one to five microseconds, which is about what it costs to park and be woken.
const MOST: u8 = if cfg!(any(droves_loom, droves_shuttle)) { 0 } else { 7 };
/// A probe: 31 pauses in all.
const PROBE: u8 = if cfg!(any(droves_loom, droves_shuttle)) { 0 } else { 5 };
/// How many waits there are from probe to probe.
const PROBE_EVERY: u8 = 16;

impl Patience {
    pub(super) const fn new() -> Self {
        Self { level: PROBE, waits: 0 }
    }

    /// How many times to pause before each further try.
    pub(super) fn pauses(&mut self) -> impl Iterator<Item = u32> + use<> {
        self.waits = self.waits.wrapping_add(1);
        let probes = self.waits.is_multiple_of(PROBE_EVERY);
        let level = if probes { self.level.max(PROBE) } else { self.level };
        (0..level).map(|step| 1 << step)
    }

    /// A further try succeeded.
    pub(super) fn paid(&mut self) {
        self.level = (self.level + 2).min(MOST);
    }

    /// All tries failed.
    pub(super) fn failed(&mut self) {
        self.level = self.level.saturating_sub(1);
    }
}
