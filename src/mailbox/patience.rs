//! How often to try again before waiting in earnest.
//!
//! Registering and being woken by an executor costs a hundred times as much as a message, so where the
//! other side is at work on another core, a short pause is better. Where it is not (one core, one executor
//! thread, a slow peer), every pause is wasted. Nobody can know, so each handle learns: pauses that paid
//! make it more patient, others less, and now and then it tries again to see whether things have changed.
//!
//! Even the first pause is long enough for a few messages to come: who looks again at once finds one, and
//! then the two sides move the same cache lines to and fro for each.

/// How patient a handle is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How many pauses to make.
    level: u8,
    waits: u8,
}

/// The first pause.
const SHORTEST: u32 = 8;
/// Each pause is twice as long as the one before it: 8, 16, 32, 64. In all, one or two microseconds.
const MOST: u8 = 4;
/// How far a probe goes, and a new handle.
const PROBE: u8 = 2;
/// How many waits there are from one probe to the next.
const PROBE_EVERY: u8 = 16;

impl Patience {
    /// Whether pausing can pay at all: not where there is one core, and the model checkers explore
    /// what happens without.
    const PAUSES: bool = !cfg!(any(droves_loom, droves_shuttle, target_os = "none"));

    pub(super) const fn new() -> Self {
        Self { level: PROBE, waits: 0 }
    }

    /// How long to pause before each further try.
    pub(super) fn pauses(&mut self) -> impl Iterator<Item = u32> + use<> {
        self.waits = self.waits.wrapping_add(1);
        let probes = self.waits.is_multiple_of(PROBE_EVERY);
        let level = if probes { self.level.max(PROBE) } else { self.level };
        (0..if Self::PAUSES { level } else { 0 }).map(|step| SHORTEST << step)
    }

    /// A further try succeeded.
    pub(super) fn paid(&mut self) {
        self.level = (self.level + 1).min(MOST);
    }

    /// All tries failed.
    pub(super) fn failed(&mut self) {
        self.level = self.level.saturating_sub(1);
    }
}
