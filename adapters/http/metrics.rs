//! All numbers for Prometheus.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::vec::Vec;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::report::word;
use crate::control::{Control, Phase};
use crate::stats::Histogram;

/// From 100 µs to an hour, as tightly as one reads them off a chart.
const BOUNDS: [Duration; 20] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];

/// A door's numbers, read when they are asked for, for a registry of `prometheus_client`:
///
/// ```
/// # #[cfg(feature = "threads")] {
/// use droves::{http::Metrics, pool::Pool, threads::Threads};
/// use prometheus_client::{encoding::text, registry::Registry};
///
/// let pool = Pool::builder().fixed(2).start(&Threads::new())?;
/// let mut registry = Registry::with_prefix("mine");
/// registry.register_collector(Box::new(Metrics::new(pool.clone())));
///
/// let mut page = String::new();
/// text::encode(&mut page, &registry)?;
/// assert!(page.contains("# TYPE mine_size gauge"));
/// assert!(page.contains("mine_success_total 0"));
/// # drop(registry);
/// # pool.shutdown()?;
/// # pool.join_blocking()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// These are all fields of [`Stats`](crate::control::Stats), of which `succeeded`, `failed` and `retried` are known as
/// `success_total`, `failure_total` and `retry_total`, and the other counts by their own names with `_total`; the phase as `phase{phase="running"}` and so on, one of
/// which is 1; and, if the door measures them, the histograms `waiting_seconds` and `running_seconds`, with bounds from 100 µs to one hour.
pub struct Metrics {
    control: Arc<dyn Control + Send + Sync>,
}

impl Metrics {
    /// The numbers of a door.
    ///
    /// # Cost
    /// An allocation. Each time that they are asked for costs the door's `stats` and `times`.
    #[must_use]
    pub fn new(control: impl Control + Send + Sync + 'static) -> Self {
        Self { control: Arc::new(control) }
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.control.stats();
        let counters = [
            ("success", "What has ended well.", stats.succeeded),
            ("retry", "Attempts that were, or are to be, followed by another.", stats.retried),
            ("failure", "What has failed for good.", stats.failed),
            ("submitted", "What has been accepted.", stats.submitted),
            ("refused", "What was refused.", stats.refused),
            ("timed_out", "Attempts that took too long.", stats.timed_out),
            ("panicked", "Of those that failed, those that panicked.", stats.panicked),
            ("aborted", "What was dropped or interrupted before its end.", stats.aborted),
            ("dropped", "What was dropped before it began.", stats.dropped),
            (
                "handler_panics",
                "Handlers of errors and results that panicked.",
                stats.handler_panics,
            ),
            ("lost_workers", "Workers that could not be had or were dropped.", stats.lost_workers),
        ];
        for (name, help, value) in counters {
            put(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        let gauges = [
            ("size", "How many workers there should be.", stats.size),
            ("live", "How many workers there are.", stats.live),
            ("idle", "How many workers wait for work.", stats.idle),
            ("waiting", "What could begin, if there were a worker for it.", stats.waiting),
            ("scheduled", "What waits for its time.", stats.scheduled),
            ("backing_off", "What failed and waits to be tried again.", stats.backing_off),
            ("running", "What is being done.", stats.running),
            ("unread", "Results that nobody has taken.", stats.unread),
        ];
        for (name, help, value) in gauges {
            put(&mut encoder, name, help, &gauge(value))?;
        }
        phase(&mut encoder, stats.phase)?;
        let Some(times) = self.control.times() else { return Ok(()) };
        let help = "How long what could begin waited until it began, for each attempt.";
        histogram(&mut encoder, "waiting", help, &times.waiting)?;
        let help = "How long each attempt took.";
        histogram(&mut encoder, "running", help, &times.running)
    }
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// No machine has more than 2^63 of anything.
fn gauge(value: usize) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

fn phase(encoder: &mut DescriptorEncoder<'_>, now: Phase) -> fmt::Result {
    let help = "What may still happen: 1 for the phase that it is in.";
    let mut encoder = encoder.encode_descriptor("phase", help, None, MetricType::Gauge)?;
    let phases = [
        Phase::Running,
        Phase::Quiet,
        Phase::Draining,
        Phase::Cancelling,
        Phase::Aborting,
        Phase::Stopped,
    ];
    for phase in phases {
        let label = [("phase", word(phase))];
        gauge(usize::from(phase == now)).encode(encoder.encode_family(&label)?)?;
    }
    Ok(())
}

fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    times: &Histogram,
) -> fmt::Result {
    // Each bucket is told by itself; the encoder adds them up.
    let mut before = 0;
    let mut own = |count: u64| {
        let more = count.saturating_sub(before);
        before = count;
        more
    };
    let mut buckets: Vec<(f64, u64)> = BOUNDS
        .iter()
        .zip(times.buckets_le(&BOUNDS))
        .map(|(bound, count)| (bound.as_secs_f64(), own(count)))
        .collect();
    buckets.push((f64::INFINITY, own(times.count())));
    let unit = Some(&Unit::Seconds);
    let mut encoder = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
    let sum = times.sum().as_secs_f64();
    encoder.encode_histogram::<[(&str, &str); 0]>(sum, times.count(), &buckets, None)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("stats", &self.control.stats()).finish_non_exhaustive()
    }
}
