//! How many threads or tasks send and receive, through how large a channel.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use droves_benches::Regime;

/// How many send and how many receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
}

impl Shape {
    pub(crate) const PAIR: Self = Self { producers: 1, consumers: 1 };
    pub(crate) const MANY_TO_ONE: Self = Self { producers: 2, consumers: 1 };
    pub(crate) const MANY_TO_MANY: Self = Self { producers: 2, consumers: 2 };
    pub(crate) const ALL: [Self; 3] = [Self::PAIR, Self::MANY_TO_ONE, Self::MANY_TO_MANY];

    pub(crate) const fn threads(self) -> usize {
        self.producers + self.consumers
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}p{}c", self.producers, self.consumers)
    }
}

/// What all contenders of an arena are put through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) capacity: usize,
    pub(crate) shape: Shape,
    pub(crate) regime: Regime,
}

impl Load {
    /// Every shape in both regimes.
    pub(crate) fn all(capacity: usize) -> impl Iterator<Item = Self> {
        Shape::ALL.into_iter().flat_map(move |shape| {
            Regime::ALL.into_iter().map(move |regime| Self { capacity, shape, regime })
        })
    }

    /// The cell's name, for instance `mpmc/c64/try/2p1c/par`.
    pub(crate) fn cell(&self, way: &str) -> String {
        let Self { capacity, shape, regime } = self;
        format!("mpmc/c{capacity}/{way}/{shape}/{}", regime.name())
    }

    /// Shares `0..numbers` out to the producers, in multiples of `granule`; the last one ends at or
    /// above `numbers`.
    pub(crate) fn shares(&self, numbers: u64, granule: u64) -> Vec<Range<u64>> {
        let producers = self.shape.producers as u64;
        let share = numbers.div_ceil(producers * granule).max(1) * granule;
        (0..producers).map(|producer| producer * share..(producer + 1) * share).collect()
    }
}

/// The producers that are still at work.
#[derive(Debug)]
pub(crate) struct Producers(AtomicUsize);

impl Producers {
    pub(crate) const fn new(count: usize) -> Self {
        Self(AtomicUsize::new(count))
    }

    /// A producer has sent everything. True for the last one.
    pub(crate) fn one_is_done(&self) -> bool {
        // Release: what was sent is there for whoever sees the count; pairs with `all_are_done`.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether all that will ever be sent has been sent.
    pub(crate) fn all_are_done(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
