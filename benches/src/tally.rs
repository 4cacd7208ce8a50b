//! The proof that a contender did all its work, once.

use crate::Fault;

/// Sums over the numbers that came through, in any order.
///
/// A number lost, doubled, torn or swapped for another changes the count, the sum or the sum of
/// squares. That costs one multiplication a number, the same for every contender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    count: u64,
    sum: u64,
    squares: u64,
}

impl Tally {
    /// Counts `number` in.
    #[inline]
    pub const fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(number);
        self.squares = self.squares.wrapping_add(number.wrapping_mul(number));
    }

    /// Joins what two threads have counted.
    #[must_use]
    pub const fn merged(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum.wrapping_add(other.sum),
            squares: self.squares.wrapping_add(other.squares),
        }
    }

    /// The count, the sum and the sum of squares, for jobs that keep them elsewhere.
    #[must_use]
    pub const fn sums(self) -> [u64; 3] {
        [self.count, self.sum, self.squares]
    }

    /// What `0..count` must add up to.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the sums wrap at 64 bits by design")]
    pub const fn of_first(count: u64) -> Self {
        if count == 0 {
            return Self { count: 0, sum: 0, squares: 0 };
        }
        let n = count as u128;
        Self {
            count,
            sum: (n * (n - 1) / 2) as u64,
            squares: ((n - 1) * n * (2 * n - 1) / 6) as u64,
        }
    }

    /// Checks that exactly `0..count` came through.
    ///
    /// # Errors
    /// A [`Fault`] that says what is wrong.
    pub fn verify(self, count: u64) -> Result<(), Fault> {
        if self == Self::of_first(count) {
            Ok(())
        } else if self.count < count {
            Err(Fault(format!("lost {} of {count} messages", count - self.count)))
        } else if self.count > count {
            Err(Fault(format!("delivered {} messages too many after {count}", self.count - count)))
        } else {
            Err(Fault(format!("wrong checksum over {count} messages")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(numbers: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        numbers.into_iter().for_each(|number| tally.add(number));
        tally
    }

    #[test]
    fn the_closed_form_is_the_sum() {
        for count in [0, 1, 2, 3, 1000, 4097] {
            assert_eq!(tally_of(0..count), Tally::of_first(count));
        }
        let halves = tally_of((0..100).step_by(2)).merged(tally_of((1..100).step_by(2)));
        assert_eq!(halves.verify(100), Ok(()));
    }

    #[test]
    fn loss_duplication_and_exchange_are_faults() {
        assert!(tally_of(0..99).verify(100).unwrap_err().0.starts_with("lost 1 "));
        assert!(tally_of((0..100).chain([7])).verify(100).unwrap_err().0.contains("too many"));
        // One lost and one doubled, so that the count is right.
        assert!(tally_of((0..99).chain([7])).verify(100).unwrap_err().0.contains("checksum"));
        // Two wrong numbers whose sum is right.
        assert!(tally_of([0, 1, 1, 4, 4]).verify(5).unwrap_err().0.contains("checksum"));
    }
}
