use core::time::Duration;
use std::vec::Vec;

use proptest::prelude::*;

use super::{Backoff, DelayFn, Exhausted, Policy};

const LONGEST: Duration = Duration::from_nanos(u64::MAX);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_shapes() {
    let delays = |backoff: Backoff| -> Vec<_> {
        (1..=4).map(|attempt| backoff.delay(attempt, 7).unwrap()).collect()
    };
    assert_eq!(delays(Backoff::none()), [ms(0); 4]);
    assert_eq!(delays(Backoff::constant(ms(5))), [ms(5); 4]);
    assert_eq!(delays(Backoff::exponential(ms(5))), [ms(5), ms(10), ms(20), ms(40)]);
    let bounded = Backoff::exponential(ms(5)).min(ms(7)).max(ms(30));
    assert_eq!(delays(bounded), [ms(7), ms(10), ms(20), ms(30)]);
    assert_eq!(delays(Backoff::custom(|n| Some(ms(n.into())))), [ms(1), ms(2), ms(3), ms(4)]);
    assert_eq!(Backoff::exponential(ms(5)).delay(0, 0), Some(ms(5)), "0 is taken for 1");
}

#[test]
fn the_maximum_wins_over_the_minimum() {
    let backoff = Backoff::constant(ms(5)).min(ms(9)).max(ms(3));
    for backoff in [backoff, backoff.full_jitter(), backoff.equal_jitter()] {
        assert_eq!(backoff.delay(1, 0), Some(ms(3)));
        assert_eq!(backoff.delay(1, u64::MAX), Some(ms(3)));
    }
}

#[test]
fn the_jitter_reaches_both_ends() {
    let reach = |backoff: Backoff| [0, u64::MAX].map(|e| backoff.delay(1, e).unwrap());
    let backoff = Backoff::constant(ms(100));
    assert_eq!(reach(backoff), [ms(100), ms(100)]);
    assert_eq!(reach(backoff.full_jitter()), [ms(0), ms(100)]);
    assert_eq!(reach(backoff.full_jitter().min(ms(30))), [ms(30), ms(100)]);
    assert_eq!(reach(backoff.equal_jitter()), [ms(50), ms(100)]);
    assert_eq!(reach(backoff.equal_jitter().min(ms(70))), [ms(70), ms(100)]);
    assert_eq!(reach(backoff.full_jitter().no_jitter()), [ms(100), ms(100)]);
    assert_eq!(reach(Backoff::constant(Duration::MAX).full_jitter()), [ms(0), LONGEST]);
}

#[test]
fn each_nanosecond_is_as_likely_as_the_others() {
    let backoff = Backoff::constant(Duration::from_nanos(3)).full_jitter();
    let quarter = 1 << 62;
    for nanos in 0..4 {
        let delay = |entropy| backoff.delay(1, entropy);
        assert_eq!(delay(quarter * nanos), Some(Duration::from_nanos(nanos)));
        assert_eq!(delay(quarter * nanos + (quarter - 1)), Some(Duration::from_nanos(nanos)));
    }
}

#[test]
fn nothing_overflows() {
    for first in [1, 2, 3, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
        let backoff = Backoff::exponential(Duration::from_nanos(first));
        for attempt in [1, 2, 63, 64, 65, 66, u32::MAX] {
            let exact = u128::from(first) << (attempt - 1).min(64);
            let expected = u64::try_from(exact).map_or(LONGEST, Duration::from_nanos);
            assert_eq!(backoff.delay(attempt, 0), Some(expected), "{first} in attempt {attempt}");
        }
    }
    let zero = Backoff::exponential(ms(0));
    assert_eq!(zero.delay(u32::MAX, 0), Some(ms(0)));
    assert_eq!(Backoff::constant(Duration::MAX).delay(1, 0), Some(LONGEST));
}

#[test]
fn gh_06_max_retries_3_is_at_most_4_attempts() {
    let policy = Policy::retries(3).backoff(Backoff::none());
    let next = |attempt| policy.next(attempt, ms(0), None, 0);
    assert_eq!([1, 2, 3].map(next), [Ok(ms(0)); 3]);
    assert_eq!([4, 5, u32::MAX].map(next), [Err(Exhausted::Attempts); 3]);
}

#[test]
fn ma_09_there_are_no_retries_unless_asked_for() {
    let first = Policy::default().next(1, ms(0), None, 0);
    assert_eq!(first, Err(Exhausted::Attempts));
    assert_eq!(Policy::default().next(0, ms(0), None, 0), first);
    let endless = Policy::default().max_retries(u32::MAX);
    assert!(endless.next(u32::MAX, ms(0), None, 0).is_ok());
}

#[test]
fn ma_10_backoff_is_exponential_unless_said_otherwise() {
    let backoff = |attempt| Backoff::default().delay(attempt, u64::MAX).unwrap();
    assert_eq!([1, 2, 3].map(backoff), [ms(100), ms(200), ms(400)]);
    assert_eq!(backoff(100), ms(10_000));
    let policy = |attempt| Policy::retries(9).next(attempt, ms(0), None, u64::MAX).unwrap();
    assert_eq!([1, 2, 3].map(policy), [ms(100), ms(200), ms(400)]);
}

#[test]
fn ma_10_a_policy_may_say_stop() {
    let backoff = Backoff::custom(|failed| (failed < 3).then_some(ms(1)));
    let policy = Policy::retries(9).backoff(backoff);
    assert_eq!(policy.next(2, ms(0), None, 0), Ok(ms(1)));
    assert_eq!(policy.next(3, ms(0), Some(ms(9)), 0), Err(Exhausted::Stopped));
}

#[test]
fn not_before_may_exceed_the_maximum_but_not_the_total_time() {
    let policy = Policy::retries(9).backoff(Backoff::constant(ms(5)).max(ms(5)));
    assert_eq!(policy.next(1, ms(0), Some(ms(3)), 0), Ok(ms(5)));
    assert_eq!(policy.next(1, ms(0), Some(ms(60)), 0), Ok(ms(60)));
    assert_eq!(policy.next(1, ms(0), Some(Duration::MAX), 0), Ok(LONGEST));
    let policy = policy.max_total(ms(60));
    assert_eq!(policy.next(1, ms(0), Some(ms(60)), 0), Ok(ms(60)));
    assert_eq!(policy.next(1, ms(1), Some(ms(60)), 0), Err(Exhausted::Time));
    assert_eq!(policy.next(1, ms(55), None, 0), Ok(ms(5)));
    assert_eq!(policy.next(1, ms(56), None, 0), Err(Exhausted::Time));
}

/// Any duration, and often the extremes.
fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => any::<u64>().prop_map(Duration::from_nanos),
        3 => (0..10_000_000_000_u64).prop_map(Duration::from_nanos),
        1 => (0..4_u64).prop_map(Duration::from_nanos),
        1 => Just(Duration::MAX),
        1 => Just(LONGEST),
    ]
}

fn entropy() -> impl Strategy<Value = u64> {
    prop_oneof![3 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)]
}

fn attempt() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..80_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let shape = prop_oneof![
        Just(Backoff::none()),
        duration().prop_map(Backoff::constant),
        duration().prop_map(Backoff::exponential),
        Just(Backoff::custom((|failed| Some(ms(failed.into()))) as DelayFn)),
    ];
    let bounds = (proptest::option::of(duration()), proptest::option::of(duration()));
    (shape, bounds, 0..3).prop_map(|(backoff, (min, max), jitter)| {
        let backoff = min.into_iter().fold(backoff, Backoff::min);
        let backoff = max.into_iter().fold(backoff, Backoff::max);
        match jitter {
            0 => backoff,
            1 => backoff.equal_jitter(),
            _ => backoff.full_jitter(),
        }
    })
}

proptest! {
    #[test]
    fn the_bounds_hold_with_the_jitter(
        backoff in backoff(), min in duration(), max in duration(),
        attempt in attempt(), entropy in entropy(),
    ) {
        let delay = backoff.min(min).max(max).delay(attempt, entropy).unwrap();
        prop_assert!(delay >= min.min(max).min(LONGEST));
        prop_assert!(delay <= max);
    }

    #[test]
    fn later_attempts_and_more_entropy_wait_no_shorter(
        backoff in backoff(), early in attempt(), late in attempt(), less in entropy(), more in entropy(),
    ) {
        let (early, late) = (early.min(late), early.max(late));
        let (less, more) = (less.min(more), less.max(more));
        prop_assert!(backoff.delay(early, less) <= backoff.delay(late, less));
        prop_assert!(backoff.delay(early, less) <= backoff.delay(early, more));
    }

    #[test]
    fn jitter_only_shortens_and_equal_jitter_at_most_by_half(
        backoff in backoff(), attempt in attempt(), entropy in entropy(),
    ) {
        let whole = backoff.no_jitter().delay(attempt, entropy).unwrap();
        let equal = backoff.equal_jitter().delay(attempt, entropy).unwrap();
        let full = backoff.full_jitter().delay(attempt, entropy).unwrap();
        prop_assert!(equal <= whole && equal.as_nanos() >= whole.as_nanos() / 2);
        prop_assert!(full <= equal);
        prop_assert_eq!(backoff.full_jitter().delay(attempt, u64::MAX).unwrap(), whole);
        prop_assert_eq!(backoff.equal_jitter().delay(attempt, u64::MAX).unwrap(), whole);
    }

    #[test]
    fn what_is_exhausted_stays_so(
        backoff in backoff(), retries in attempt(), total in proptest::option::of(duration()),
        attempt in attempt(), elapsed in duration(), not_before in proptest::option::of(duration()),
        entropy in entropy(), further in attempt(), longer in duration(),
    ) {
        let policy = Policy::retries(retries).backoff(backoff);
        let policy = total.into_iter().fold(policy, Policy::max_total);
        match policy.next(attempt, elapsed, not_before, entropy) {
            Err(_) => {
                let attempt = attempt.saturating_add(further);
                let elapsed = elapsed.saturating_add(longer);
                prop_assert!(policy.next(attempt, elapsed, not_before, entropy).is_err());
            }
            Ok(delay) => {
                let not_before = not_before.unwrap_or_default().min(LONGEST);
                prop_assert!(attempt.max(1) <= retries);
                prop_assert_eq!(delay, backoff.delay(attempt, entropy).unwrap().max(not_before));
                if let Some(total) = total {
                    let end = elapsed.saturating_add(delay).min(LONGEST);
                    prop_assert!(end <= total.min(LONGEST));
                }
            }
        }
    }
}
