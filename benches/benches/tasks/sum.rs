//! What tasks do: they add numbers up, the same way for every contender.

use std::sync::atomic::{AtomicU64, Ordering};

use droves_benches::Fault;

static SUM: AtomicU64 = AtomicU64::new(0);

#[inline]
pub(crate) fn add(number: u64) {
    // Relaxed: whoever checks has waited for all.
    SUM.fetch_add(number + 1, Ordering::Relaxed);
}

/// Checks that each of the numbers below `numbers` has been added once, and begins anew.
pub(crate) fn verify(numbers: u64) -> Result<(), Fault> {
    let sum = SUM.swap(0, Ordering::Relaxed);
    let wanted = numbers * (numbers + 1) / 2;
    if sum == wanted { Ok(()) } else { Err(Fault(format!("a sum of {sum}, not {wanted}"))) }
}

/// Moments within an hour, in nanoseconds: the same in every round, for every contender.
pub(crate) fn moments(count: u64) -> impl Iterator<Item = u64> {
    const HOUR: u128 = 3_600_000_000_000;
    let mut state = 1_u64;
    (0..count).map(move |_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u64::try_from((u128::from(state) * HOUR) >> 64).expect("less than an hour")
    })
}
