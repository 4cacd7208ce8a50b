//! What is told to [`tracing`](https://docs.rs/tracing) with the feature of that name. Without it nothing is, at no cost.
//!
//! | event | level | fields |
//! |---|---|---|
//! | `phase` | info | `phase`, `size`, `live` |
//! | `resize` | info | `size`, `live` |
//! | `worker lost` | warn | `live` |
//! | `job` | debug, of a panic error | `end` |
//! | `success` | trace | `id`, `attempts` |
//! | `retry` | debug | `id`, `attempts`, `delay` |
//! | `failure` | warn, of a panic error | `id`, `attempts`, `why` |
//!
//! Each attempt at an item is polled in the span `attempt` (debug) with `id` and `attempt`. The target is `droves`.

#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, clippy::unused_self, clippy::if_same_then_else)
)]

use core::time::Duration;

use crate::control::Phase;

pub(crate) use imp::Span;

#[cfg(feature = "tracing")]
mod imp {
    /// The span of an attempt.
    pub(crate) struct Span(tracing::Span);

    impl Span {
        pub(crate) const fn none() -> Self {
            Self(tracing::Span::none())
        }

        pub(crate) fn attempt(id: u64, attempt: u32) -> Self {
            Self(tracing::debug_span!(target: "droves", "attempt", id, attempt))
        }

        pub(crate) fn within<T>(&self, f: impl FnOnce() -> T) -> T {
            self.0.in_scope(f)
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod imp {
    /// The span of an attempt.
    pub(crate) struct Span;

    impl Span {
        pub(crate) const fn none() -> Self {
            Self
        }

        #[inline]
        pub(crate) const fn attempt(_id: u64, _attempt: u32) -> Self {
            Self
        }

        #[inline]
        pub(crate) fn within<T>(&self, f: impl FnOnce() -> T) -> T {
            f()
        }
    }
}

/// Tells of an event, if somebody is to be told.
macro_rules! tell {
    ($level:ident, $($rest:tt)*) => {{
        // A subscriber that panics at an event takes nobody with it.
        #[cfg(feature = "tracing")]
        crate::panic::swallow(|| tracing::$level!(target: "droves", $($rest)*));
    }};
}

pub(crate) fn phase(phase: Phase, size: u32, live: u32) {
    tell!(info, ?phase, size, live, "phase");
}

pub(crate) fn resize(size: u32, live: u32) {
    tell!(info, size, live, "resize");
}

pub(crate) fn worker_lost(live: u32) {
    tell!(warn, live, "worker lost");
}

/// A job that has not succeeded.
pub(crate) fn job(end: &'static str, panicked: bool) {
    if panicked {
        tell!(error, end, "job");
    } else {
        tell!(debug, end, "job");
    }
}

#[inline]
pub(crate) fn success(id: u64, attempts: u32) {
    tell!(trace, id, attempts, "success");
}

pub(crate) fn retry(id: u64, attempts: u32, delay: Duration) {
    tell!(debug, id, attempts, ?delay, "retry");
}

pub(crate) fn failure(id: u64, attempts: u32, why: &'static str, panicked: bool) {
    if panicked {
        tell!(error, id, attempts, why, "failure");
    } else {
        tell!(warn, id, attempts, why, "failure");
    }
}
