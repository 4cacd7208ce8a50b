//! From the times of the rounds to a score and a verdict.

/// How one cell ended, as ratios ours / best peer. Lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Index of the best peer, by the median of its odd rounds.
    pub best: usize,
    /// Our median in the even rounds, in nanoseconds an operation.
    pub ours: f64,
    /// The best peer's median in the even rounds, in nanoseconds an operation.
    pub peer: f64,
    /// Median of the even rounds' ratios.
    pub ratio: f64,
    /// 10th percentile of the even rounds' ratios.
    pub p10: f64,
    /// 90th percentile of the even rounds' ratios.
    pub p90: f64,
}

impl Score {
    /// Scores `times[ours]` against the best of `peers`, where `times[contender][round]` are nanoseconds.
    ///
    /// A peer with fewer rounds than we have left early and cannot be the best. `None` if no peer is
    /// left, or if there are less than two rounds.
    #[must_use]
    pub fn of(times: &[Vec<f64>], ours: usize, peers: &[usize]) -> Option<Self> {
        let rounds = times[ours].len();
        if rounds < 2 {
            return None;
        }
        let (best, _) = peers
            .iter()
            .filter(|&&peer| times[peer].len() == rounds)
            .map(|&peer| (peer, median(&odd_rounds(&times[peer]))))
            .min_by(|a, b| a.1.total_cmp(&b.1))?;

        let our_times = even_rounds(&times[ours]);
        let peer_times = even_rounds(&times[best]);
        let ratios: Vec<f64> = our_times.iter().zip(&peer_times).map(|(o, p)| o / p).collect();
        Some(Self {
            best,
            ours: median(&our_times),
            peer: median(&peer_times),
            ratio: median(&ratios),
            p10: percentile(&ratios, 0.1),
            p90: percentile(&ratios, 0.9),
        })
    }

    /// Holds the score against `target`.
    #[must_use]
    pub fn verdict(&self, target: Option<f64>) -> Verdict {
        match target {
            None => Verdict::Reported,
            Some(target) if self.p90 <= target => Verdict::Met,
            Some(target) if self.p10 > target => Verdict::Missed,
            Some(_) => Verdict::Unclear,
        }
    }
}

/// What a cell says about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval from p10 to p90 is at or below the target.
    Met,
    /// The whole interval is above the target.
    Missed,
    /// The interval straddles the target.
    Unclear,
    /// The cell has no target.
    Reported,
    /// A contender lost or duplicated work, or none was left to race.
    Failed,
}

impl Verdict {
    /// The word for the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Unclear => "unclear",
            Self::Reported => "reported",
            Self::Failed => "FAILED",
        }
    }
}

/// The times that pick the best peer.
pub(crate) fn odd_rounds(times: &[f64]) -> Vec<f64> {
    times.iter().copied().skip(1).step_by(2).collect()
}

/// The times that make the score.
pub(crate) fn even_rounds(times: &[f64]) -> Vec<f64> {
    times.iter().copied().step_by(2).collect()
}

/// The middle value, or the mean of the two middle ones.
///
/// # Panics
/// On an empty slice.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which the share `p` of the values lies, interpolated linearly between neighbours.
///
/// # Panics
/// On an empty slice, or if `p` is not in `[0, 1]`.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a slice that was held in memory"
)]
pub fn percentile(values: &[f64], p: f64) -> f64 {
    assert!(!values.is_empty(), "no values");
    assert!((0.0..=1.0).contains(&p), "not a share: {p}");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = p * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn percentiles_interpolate_between_sorted_neighbours() {
        assert_close(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_close(percentile(&[10.0, 20.0], 0.1), 11.0);
        assert_close(percentile(&[5.0], 0.9), 5.0);
        assert_close(percentile(&[1.0, 2.0, 3.0], 0.0), 1.0);
        assert_close(percentile(&[1.0, 2.0, 3.0], 1.0), 3.0);
    }

    #[test]
    fn the_best_peer_comes_from_odd_rounds_and_the_score_from_even_ones() {
        let ours = vec![10.0, 999.0, 20.0, 999.0, 30.0];
        // Best in the even rounds, but that is not what it is picked by.
        let even_hero = vec![1.0, 50.0, 1.0, 50.0, 1.0];
        let odd_hero = vec![20.0, 40.0, 20.0, 40.0, 20.0];
        let score = Score::of(&[ours, even_hero, odd_hero], 0, &[1, 2]).unwrap();
        assert_eq!(score.best, 2);
        assert_close(score.ours, 20.0);
        assert_close(score.peer, 20.0);
        assert_close(score.ratio, 1.0);
        assert_close(score.p10, 0.6);
        assert_close(score.p90, 1.4);
    }

    #[test]
    fn a_peer_that_left_early_is_not_the_best() {
        let times = [vec![2.0; 6], vec![1.0; 4], vec![4.0; 6]];
        assert_eq!(Score::of(&times, 0, &[1, 2]).unwrap().best, 2);
        assert_eq!(Score::of(&times, 0, &[1]), None);
        assert_eq!(Score::of(&times, 0, &[]), None);
    }

    #[test]
    fn the_verdict_looks_at_the_interval_not_at_the_median() {
        let score = Score { best: 1, ours: 1.0, peer: 1.0, ratio: 0.9, p10: 0.8, p90: 1.1 };
        assert_eq!(score.verdict(Some(1.1)), Verdict::Met);
        assert_eq!(score.verdict(Some(1.0)), Verdict::Unclear);
        assert_eq!(score.verdict(Some(0.8)), Verdict::Unclear);
        assert_eq!(score.verdict(Some(0.79)), Verdict::Missed);
        assert_eq!(score.verdict(None), Verdict::Reported);
    }
}
