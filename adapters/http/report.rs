//! All numbers as JSON.

use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

use serde_json::{Value, json};

use super::failures::Noted;
use crate::control::{Control, Phase, Stats};
use crate::stats::Histogram;

/// A phase in a word.
pub(super) const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "running",
        Phase::Quiet => "quiet",
        Phase::Draining => "draining",
        Phase::Cancelling => "cancelling",
        Phase::Aborting => "aborting",
        Phase::Stopped => "stopped",
    }
}

/// What `GET /stats` answers; times are in seconds.
pub(super) fn report(
    control: &dyn Control,
    max_size: usize,
    began: Instant,
    failures: &[Arc<Noted>],
) -> Value {
    // Before the numbers, so that a rate is never too high by what came in between.
    let uptime = began.elapsed();
    let Stats {
        phase,
        size,
        live,
        idle,
        submitted,
        refused,
        waiting,
        scheduled,
        backing_off,
        running,
        unread,
        succeeded,
        failed,
        retried,
        timed_out,
        panicked,
        aborted,
        dropped,
        handler_panics,
        lost_workers,
    } = control.stats();
    let times = control.times().map(|times| {
        json!({ "waiting": histogram(&times.waiting), "running": histogram(&times.running) })
    });
    let failures: Vec<_> = failures.iter().map(|failure| noted(failure)).collect();
    json!({
        "uptime": uptime.as_secs_f64(),
        "phase": word(phase),
        "size": size,
        "max_size": max_size,
        "live": live,
        "idle": idle,
        "submitted": submitted,
        "refused": refused,
        "waiting": waiting,
        "scheduled": scheduled,
        "backing_off": backing_off,
        "running": running,
        "unread": unread,
        "succeeded": succeeded,
        "failed": failed,
        "retried": retried,
        "timed_out": timed_out,
        "panicked": panicked,
        "aborted": aborted,
        "dropped": dropped,
        "handler_panics": handler_panics,
        "lost_workers": lost_workers,
        "times": times,
        "failures": failures,
    })
}

/// The count, the sum, some percentiles, and for each bucket that is not empty its bound and how many were not above it.
fn histogram(times: &Histogram) -> Value {
    let percentile = |p| times.percentile(p).as_secs_f64();
    let buckets: Vec<_> =
        times.buckets().map(|(bound, count)| json!([bound.as_secs_f64(), count])).collect();
    json!({
        "count": times.count(),
        "sum": times.sum().as_secs_f64(),
        "max": times.max().as_secs_f64(),
        "p50": percentile(50.0),
        "p90": percentile(90.0),
        "p99": percentile(99.0),
        "buckets": buckets,
    })
}

fn noted(failure: &Noted) -> Value {
    json!({
        "id": failure.id,
        "attempts": failure.attempts,
        "error": failure.error,
        "age": failure.at.elapsed().as_secs_f64(),
    })
}
