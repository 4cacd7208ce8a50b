//! How long to try again before waiting in earnest.
//!
//! Registering, parking and being woken costs a hundred times as much as a message, so where the other
//! side is at work on another core, a short pause is better. Where it is not (one core, one executor
//! thread, a slow peer), every pause is wasted. Nobody can know, so each handle learns: pauses that paid
//! make it more patient, others less, and now and then it tries again to see whether things have changed.
//!
//! It also learns how long the first pause should be. Who looks again at once finds a single message, and
//! the two sides then move the same cache lines to and fro for each message; who lets a few come
//! first takes them all at once. So the first pause grows while few messages came between two waits.

/// How patient a handle is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The last pause's length: 2^last.
    last: u8,
    /// The first pause's length: 2^first.
    first: u8,
    waits: u8,
}

/// 64 pauses, and half as long before and so on: all in all one to five microseconds, about what it
/// costs to park and be woken.
const LONGEST: u8 = 7;
/// The longest that the first pause may be.
const LONGEST_FIRST: u8 = 4;
/// How far a probe goes, and a new handle.
const PROBE: u8 = 5;
/// How many waits there are from one probe to the next.
const PROBE_EVERY: u8 = 16;

impl Patience {
    /// Whether pausing can pay at all: not where there is one core, and the model checkers explore
    /// what happens without.
    pub(super) const PAUSES: bool = !cfg!(any(droves_loom, droves_shuttle, target_os = "none"));

    pub(super) const fn new() -> Self {
        Self { last: PROBE, first: 0, waits: 0 }
    }

    /// How many times to pause before each further try, when one is blocked after a `burst` of
    /// messages through a mailbox of this capacity.
    pub(super) fn pauses(
        &mut self,
        burst: usize,
        capacity: usize,
    ) -> impl Iterator<Item = u32> + use<> {
        if burst < capacity / 4 {
            self.first = (self.first + 1).min(LONGEST_FIRST);
        } else {
            self.first = self.first.saturating_sub(1);
        }
        self.waits = self.waits.wrapping_add(1);
        let probe = if self.waits.is_multiple_of(PROBE_EVERY) { PROBE } else { 0 };
        let last = self.last.max(probe);
        (self.first.min(last.saturating_sub(1))..last).map(|step| 1 << step)
    }

    /// A further try succeeded.
    pub(super) fn paid(&mut self) {
        self.last = (self.last + 2).min(LONGEST);
    }

    /// All tries failed.
    pub(super) fn failed(&mut self) {
        self.last = self.last.saturating_sub(1);
    }
}
