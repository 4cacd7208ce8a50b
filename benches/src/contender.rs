//! A contender: a name and something that can be run for a number of operations.

use std::fmt;
use std::time::Duration;

/// What a contender did in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// From the first thread's start to the last one's end.
    pub elapsed: Duration,
    /// Operations done; may be somewhat more than asked for, to share them out evenly.
    pub operations: u64,
}

impl Sample {
    /// Nanoseconds an operation.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 operations")]
    pub fn nanos_each(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e9 / self.operations as f64
    }
}

/// Why a contender's round does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sign beside a contender's name, explained below the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What stands beside the name.
    pub sign: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// The one dynamic call is around a whole round; all that happens inside is monomorphised.
type Run = Box<dyn Fn(u64) -> Result<Sample, Fault>>;

/// One of those that race.
pub struct Contender {
    name: String,
    mark: Option<Mark>,
    run: Run,
}

impl Contender {
    /// `run` does at least as many operations as it is told, and fails unless all of them came off.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(u64) -> Result<Sample, Fault> + 'static,
    ) -> Self {
        Self { name: name.into(), mark: None, run: Box::new(run) }
    }

    /// Puts a sign beside the name.
    #[must_use]
    pub fn marked(self, mark: Option<Mark>) -> Self {
        Self { mark, ..self }
    }

    /// Changes the name.
    #[must_use]
    pub fn renamed(self, rename: impl FnOnce(&str) -> String) -> Self {
        Self { name: rename(&self.name), ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn mark(&self) -> Option<Mark> {
        self.mark
    }

    pub(crate) fn run(&self, operations: u64) -> Result<Sample, Fault> {
        (self.run)(operations)
    }
}
