//! How a thread passes the time before it parks: most waits are short, while to park and be woken costs many
//! microseconds.
//!
//! The first pause is long enough for a few messages to come: who looks again at once finds one, and then the
//! two sides move the same cache lines to and fro for each. A few yields at the end help where there are more
//! threads than cores; more of them would make the thread slow to be woken later.

use std::thread;

use crate::sync::retry;

const PAUSES: [u32; 4] = [8, 16, 32, 64];
const YIELDS: u32 = 4;

/// Passes a little time; `false`, and no time, once it is better to park.
pub(super) fn linger(round: u32) -> bool {
    #[allow(clippy::cast_possible_truncation, reason = "there are four")]
    const FIRST_YIELD: u32 = PAUSES.len() as u32;
    const LAST_YIELD: u32 = FIRST_YIELD + YIELDS - 1;
    match round {
        0..FIRST_YIELD => (0..PAUSES[round as usize]).for_each(|_| retry()),
        #[allow(clippy::disallowed_methods, reason = "a few of them do no harm")]
        FIRST_YIELD..=LAST_YIELD => thread::yield_now(),
        _ => return false,
    }
    true
}

/// Tries, and tries again after a little time, until it is better to park.
pub(super) fn patiently<R>(mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
    let mut round = 0;
    loop {
        if let Some(done) = attempt() {
            return Some(done);
        }
        if !linger(round) {
            return None;
        }
        round += 1;
    }
}
