//! Where threads run.

use std::sync::LazyLock;

use core_affinity::CoreId;

/// The cores this process may use.
static CORES: LazyLock<Vec<CoreId>> =
    LazyLock::new(|| core_affinity::get_core_ids().unwrap_or_default());

/// How many cores this process may use.
#[must_use]
pub fn cores() -> usize {
    CORES.len().max(1)
}

/// Who decides where a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Threads are pinned alternately to the cores.
    Par,
    /// The scheduler decides.
    One,
}

impl Regime {
    /// Both regimes.
    pub const ALL: [Self; 2] = [Self::Par, Self::One];

    /// The name used in cells.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Par => "par",
            Self::One => "one",
        }
    }

    /// Settles the calling thread, the `index`th of its crew.
    pub fn settle(self, index: usize) {
        if self == Self::Par && !CORES.is_empty() {
            core_affinity::set_for_current(CORES[index % CORES.len()]);
        }
    }
}
