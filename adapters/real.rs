//! Real time: the clock that threads, smol and async-executor share.

use core::time::Duration;
use std::sync::OnceLock;
use std::time::Instant as StdInstant;

use crate::time::Instant;

/// The moment from which it counts.
fn start() -> StdInstant {
    static START: OnceLock<StdInstant> = OnceLock::new();
    *START.get_or_init(StdInstant::now)
}

pub(super) fn now() -> Instant {
    Instant::from_nanos(0).saturating_add(start().elapsed())
}

/// The moment as the system has it.
pub(super) fn moment(at: Instant) -> StdInstant {
    // One that the system cannot tell is so far away that nobody sees the difference.
    let far = start() + Duration::from_secs(1 << 32);
    start().checked_add(Duration::from_nanos(at.as_nanos())).unwrap_or(far)
}
