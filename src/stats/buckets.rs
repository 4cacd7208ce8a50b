//! Which durations are counted together.

/// What is shorter than 2 to this, in nanoseconds, is in the first bucket.
const SHORTEST: u32 = 6;
/// What is 2 to this or longer is in the last.
const LONGEST: u32 = 44;
/// Each power of two has 2 to this buckets.
const PARTS: u32 = 4;

pub(super) const BUCKETS: usize = 2 + ((LONGEST - SHORTEST) << PARTS) as usize;

/// The bucket of a duration.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the last branch is for less than 2^LONGEST")]
pub(super) const fn bucket_of(nanos: u64) -> usize {
    if nanos >> SHORTEST == 0 {
        0
    } else if nanos >> LONGEST != 0 {
        BUCKETS - 1
    } else {
        let power = nanos.ilog2();
        // The highest bit, and those that tell the parts.
        let digits = (nanos >> (power - PARTS)) as usize;
        1 + ((power - SHORTEST) << PARTS) as usize + (digits - (1 << PARTS))
    }
}

/// The longest duration in a bucket.
pub(super) const fn longest_in(bucket: usize) -> u64 {
    if bucket == BUCKETS - 1 {
        return u64::MAX;
    }
    // One less than the shortest in the next.
    let (power, part) = (bucket >> PARTS, bucket % (1 << PARTS));
    (((1 << PARTS) + part as u64) << (power + (SHORTEST - PARTS) as usize)) - 1
}
