use core::time::Duration;
use std::vec::Vec;

use proptest::prelude::*;

use super::buckets::{BUCKETS, bucket_of, longest_in};
use super::{Histogram, Recorder};
use crate::sync::{AtomicWord, Ordering, Word, retry};

/// No longer duration, and no longer sum, is told from this.
fn limit() -> u64 {
    if Word::BITS == 64 { u64::MAX } else { u64::from(u32::MAX) << 20 }
}

const LONG: u64 = 1 << 44;

fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

fn recorded(samples: &[u64]) -> Recorder {
    let recorder = Recorder::new();
    for &sample in samples {
        recorder.record(ns(sample));
    }
    recorder
}

/// Whether a value is not below a sample, and no further above it than its bucket is wide.
fn is_near(value: u64, sample: u64) -> bool {
    match sample {
        0..64 => (sample..64).contains(&value),
        64..LONG => sample <= value && value - sample <= sample / 16,
        _ => value >= sample,
    }
}

#[test]
fn each_bucket_begins_where_the_one_before_it_ends() {
    assert_eq!((bucket_of(0), longest_in(0)), (0, 63));
    for bucket in 1..BUCKETS {
        let first = longest_in(bucket - 1) + 1;
        assert_eq!((bucket_of(first - 1), bucket_of(first)), (bucket - 1, bucket));
        let width = longest_in(bucket) - first;
        assert!(width < first / 16 || bucket == BUCKETS - 1, "{bucket} begins at {first}");
    }
    assert_eq!((bucket_of(LONG - 1), bucket_of(LONG)), (BUCKETS - 2, BUCKETS - 1));
    assert_eq!((bucket_of(u64::MAX), longest_in(BUCKETS - 1)), (BUCKETS - 1, u64::MAX));
}

#[test]
fn nothing_at_all() {
    for empty in [Histogram::default(), Recorder::default().histogram()] {
        assert_eq!(empty, Histogram::default());
        assert_eq!((empty.count(), empty.sum(), empty.max()), (0, ns(0), ns(0)));
        assert_eq!((empty.mean(), empty.percentile(50.0)), (ns(0), ns(0)));
        assert_eq!(empty.buckets().count(), 0);
        assert!(empty.buckets_le(&[ns(0), Duration::MAX]).eq([0, 0]));
        let mut sum = empty.clone();
        sum.merge(&empty);
        assert_eq!(sum, empty);
        let one = recorded(&[5]).histogram();
        sum.merge(&one);
        assert_eq!(sum, one);
    }
}

#[test]
fn percentiles_are_of_whole_ranks() {
    // Each in a bucket of its own, whose longest it is.
    let samples: Vec<_> = (0..200).map(longest_in).collect();
    let histogram = recorded(&samples).histogram();
    let rank = |p| bucket_of(nanos(histogram.percentile(p))) + 1;
    assert_eq!(
        [0.0, 0.5, 0.500_001, 50.0, 99.5, 99.500_001, 100.0].map(rank),
        [1, 1, 2, 100, 199, 200, 200]
    );
    assert_eq!(
        [-1.0, 101.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(rank),
        [1, 200, 1, 200, 1]
    );
    // 99.9 % of 1000 are 999, though 99.9 / 100 * 1000 is more.
    let mut thousand = recorded(&[100; 999]).histogram();
    thousand.merge(&recorded(&[9215]).histogram());
    assert!(thousand.percentile(99.9) < ns(110));
    assert_eq!(thousand.percentile(99.91), ns(9215));
}

#[test]
fn nothing_overflows() {
    let recorder = recorded(&[u64::MAX, u64::MAX]);
    recorder.record(Duration::MAX);
    let mut histogram = recorder.histogram();
    let clone = histogram.clone();
    histogram.merge(&clone);
    assert_eq!(histogram.count(), 6);
    assert!(histogram.sum() >= ns(limit()));
    assert_eq!((histogram.max(), histogram.percentile(1.0)), (ns(limit()), ns(limit())));
    assert!(histogram.buckets().eq([(ns(u64::MAX), 6)]));
    assert!(histogram.buckets_le(&[ns(LONG), Duration::MAX]).eq([0, 6]));
    let most = core::iter::repeat_n(u64::MAX, 2);
    histogram.add_counts(most);
    assert_eq!((histogram.count(), histogram.percentile(99.0)), (u64::MAX, ns(63)));
}

#[test]
fn it_is_small() {
    assert_eq!(size_of::<Recorder>(), size_of::<usize>());
    assert!(BUCKETS * size_of::<u64>() <= 4900);
}

/// Ends those who record, also if the reader fails.
struct Stop<'a>(&'a AtomicWord);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_sees_whole_samples_while_others_record() {
    // What a reader may be off by.
    const SLACK: u64 = if Word::BITS == 64 { 0 } else { 1 << 20 };
    let recorders = [Recorder::new(), Recorder::new()];
    let stop = AtomicWord::new(0);
    let recorded = std::thread::scope(|scope| {
        let threads = recorders.each_ref().map(|recorder| {
            scope.spawn(|| {
                // Each is longer than all before it.
                let going = (1..).take_while(|_| stop.load(Ordering::Relaxed) == 0);
                going.inspect(|&sample| recorder.record(ns(sample))).last().unwrap_or(0)
            })
        });
        let stop = Stop(&stop);
        for recorder in &recorders {
            let mut last = 0;
            for _ in 0..if cfg!(miri) { 3 } else { 100 } {
                let now = loop {
                    let now = recorder.histogram();
                    if now.count() > last {
                        break now;
                    }
                    let gone = threads.iter().any(std::thread::ScopedJoinHandle::is_finished);
                    assert!(!gone, "nobody records any longer");
                    retry();
                };
                last = now.count();
                let highest = now.buckets().last().map_or(0, |(longest, _)| nanos(longest));
                assert_eq!(bucket_of(nanos(now.max())), bucket_of(highest));
                assert!(nanos(now.sum()) + SLACK >= (last * (last + 1) / 2).min(limit()));
            }
        }
        drop(stop);
        threads.map(|thread| thread.join().unwrap())
    });
    for (recorder, recorded) in recorders.iter().zip(recorded) {
        assert_eq!(recorder.histogram().count(), recorded);
        assert!(nanos(recorder.histogram().max()) >= recorded);
    }
}

/// Short, long, and at the edges of buckets.
fn sample() -> impl Strategy<Value = u64> {
    let any = prop_oneof![
        4 => 0..200_000_u64,
        2 => (0..64_u32, any::<u64>()).prop_map(|(shift, nanos)| nanos >> shift),
        1 => 0..100_u64,
        1 => (0..BUCKETS, 0..2_u64).prop_map(|(bucket, more)| longest_in(bucket).saturating_add(more)),
    ];
    any.prop_map(|nanos| nanos.min(limit()))
}

fn samples() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(sample(), 1..200)
}

proptest! {
    #[test]
    fn a_histogram_is_about_the_sorted_samples(mut samples in samples(), p in 0..=1_000_000_u32, bound in sample()) {
        let histogram = recorded(&samples).histogram();
        samples.sort_unstable();
        let count = samples.len();
        prop_assert_eq!(histogram.count(), count as u64);

        let sum: u128 = samples.iter().map(|&sample| u128::from(sample)).sum();
        let found = histogram.sum().as_nanos();
        let exact = sum <= limit().into();
        prop_assert!(if exact { found == sum } else { found >= limit().into() }, "{}", found);
        prop_assert_eq!(histogram.mean().as_nanos(), found / count as u128);

        let (max, longest) = (nanos(histogram.max()), samples[count - 1]);
        prop_assert!(max == longest || Word::BITS < 64 && is_near(max, longest));

        // In ten-thousandths of a percent, in which the rank is a whole number again.
        let rank = (u64::from(p) * count as u64).div_ceil(1_000_000).max(1);
        let value = nanos(histogram.percentile(f64::from(p) / 1e4));
        prop_assert!(is_near(value, samples[usize::try_from(rank).unwrap() - 1]), "{value}");
        prop_assert!(value <= max);
        prop_assert_eq!(histogram.percentile(100.0), histogram.max());

        let mut last = 0;
        for (longest, up_to) in histogram.buckets() {
            prop_assert!(up_to > last, "an empty bucket");
            prop_assert_eq!(up_to, samples.partition_point(|&sample| ns(sample) <= longest) as u64);
            last = up_to;
        }
        prop_assert_eq!(last, count as u64);

        let up_to = |bound: u64| samples.partition_point(|&sample| sample <= bound) as u64;
        let found: Vec<_> = histogram.buckets_le(&[ns(bound), ns(longest_in(bucket_of(bound))), Duration::MAX]).collect();
        prop_assert!(found[0] <= up_to(bound));
        if (68..LONG).contains(&bound) {
            prop_assert!(found[0] >= up_to(bound / 17 * 16));
        }
        prop_assert_eq!(found[1], up_to(longest_in(bucket_of(bound))));
        prop_assert_eq!(found[2], count as u64);
    }

    #[test]
    fn parts_that_are_merged_are_the_whole(a in samples(), b in samples()) {
        let [first, second] = [&a, &b].map(|samples| recorded(samples));
        let mut added = first.histogram();
        second.add_to(&mut added);
        let mut merged = second.histogram();
        merged.merge(&first.histogram());
        prop_assert_eq!(&added, &merged);
        let whole = recorded(&[a, b].concat()).histogram();
        prop_assert!(whole.buckets().eq(merged.buckets()));
        if whole.sum() < ns(limit()) {
            prop_assert_eq!(whole.sum(), merged.sum());
        }
        prop_assert_eq!(bucket_of(nanos(whole.max())), bucket_of(nanos(merged.max())));
        prop_assert!(Word::BITS < 64 || whole == merged);
    }
}
