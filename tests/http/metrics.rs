//! What Prometheus is told.

#![allow(clippy::float_cmp, reason = "counts are exact")]

use std::collections::BTreeMap;

use droves::herd::{Fault, Herd, Item};
use droves::http::{ControlPlane, Metrics};
use droves::threads::{Threads, block_on};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::help::get;

/// Each sample by its name and labels; and for each family its type. Every family has a help and a type, of one line each.
fn parse(page: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut samples, mut types, mut helps) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let page = page.strip_suffix("# EOF\n").expect("the end");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !helps.contains(&name), "{line}");
            helps.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "{line}");
        } else if !line.starts_with("# UNIT ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(samples.insert(name.to_owned(), value.parse().unwrap()), None, "{line}");
        }
    }
    assert_eq!(helps.len(), types.len());
    for sample in samples.keys() {
        let name = sample.split('{').next().unwrap();
        let family = types.keys().any(|family| name.starts_with(family.as_str()));
        assert!(family, "{name} has no type");
    }
    (samples, types)
}

/// 6 items, of which each third fails for good, and each other one is tried again once.
fn worked() -> Herd<u64, u64, &'static str> {
    let handler = async |item: Item<u64>| match *item % 3 {
        0 => Err(Fault::Failure("no")),
        1 if item.attempt() == 1 => Err(Fault::Retry("later")),
        _ => Ok(*item),
    };
    let threads = Threads::new();
    let builder = Herd::builder(handler).size(2).max_retries(3).measured(threads.clone());
    let (herd, mut results) = builder.start(&threads).unwrap();
    for id in 0..6 {
        herd.send_blocking(id, id).unwrap();
    }
    for _ in 0..6 {
        block_on(results.next()).unwrap();
    }
    herd
}

#[test]
fn gh_10_the_old_names_under_the_old_namespace() {
    let plane = ControlPlane::builder(worked()).address("127.0.0.1:0").namespace("gofherd").start();
    let answer = get(plane.unwrap().local_addr(), "/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let (samples, types) = parse(&answer.body);
    for (name, value) in [("success", 4.0), ("retry", 2.0), ("failure", 2.0)] {
        assert_eq!(types[&format!("gofherd_{name}")], "counter");
        assert_eq!(samples[&format!("gofherd_{name}_total")], value, "{name}");
    }
}

#[test]
fn all_other_numbers_too() {
    let herd = worked();
    let plane = ControlPlane::builder(herd.clone()).address("127.0.0.1:0").start().unwrap();
    let (samples, types) = parse(&get(plane.local_addr(), "/metrics").body);
    for name in [
        "submitted",
        "refused",
        "timed_out",
        "panicked",
        "aborted",
        "dropped",
        "handler_panics",
        "lost_workers",
    ] {
        assert_eq!(types[&format!("droves_{name}")], "counter");
        let value = if name == "submitted" { 6.0 } else { 0.0 };
        assert_eq!(samples[&format!("droves_{name}_total")], value, "{name}");
    }
    for name in ["size", "live", "idle", "waiting", "scheduled", "backing_off", "running", "unread"]
    {
        assert_eq!(types[&format!("droves_{name}")], "gauge");
        assert!(samples.contains_key(&format!("droves_{name}")), "{name}");
    }
    assert_eq!(samples["droves_size"], 2.0);
    assert_eq!(samples[r#"droves_phase{phase="running"}"#], 1.0);
    let phases = samples.iter().filter(|(name, _)| name.starts_with("droves_phase"));
    assert_eq!(phases.map(|(_, value)| value).sum::<f64>(), 1.0);

    herd.quiet().unwrap();
    let (samples, _) = parse(&get(plane.local_addr(), "/metrics").body);
    assert_eq!(samples[r#"droves_phase{phase="quiet"}"#], 1.0);
    assert_eq!(samples[r#"droves_phase{phase="running"}"#], 0.0);
}

#[test]
fn histograms_rise_up_to_the_count() {
    let herd = worked();
    let plane = ControlPlane::builder(herd.clone()).address("127.0.0.1:0").start().unwrap();
    let page = get(plane.local_addr(), "/metrics").body;
    let (samples, types) = parse(&page);
    for (name, times) in
        [("waiting", herd.times().unwrap().waiting), ("running", herd.times().unwrap().running)]
    {
        let family = format!("droves_{name}_seconds");
        assert_eq!(types[&family], "histogram");
        assert_eq!(samples[&format!("{family}_count")], 8.0, "one for each attempt");
        assert!((samples[&format!("{family}_sum")] - times.sum().as_secs_f64()).abs() < 1e-9);
        let bucket = format!("{family}_bucket{{le=\"");
        let buckets: Vec<(f64, f64)> = page
            .lines()
            .filter_map(|line| line.strip_prefix(&bucket)?.split_once("\"} "))
            .map(|(bound, count)| (bound.parse().unwrap(), count.parse().unwrap()))
            .collect();
        assert!(buckets.is_sorted() && buckets.len() == 21, "{buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, 8.0)));
        assert_eq!(page.matches(&format!("{bucket}+Inf\"")).count(), 1);
        // A duration stands where it belongs.
        let below = |bound| buckets.iter().find(|(at, _)| *at >= bound).unwrap().1;
        assert_eq!(below(times.max().as_secs_f64() * 17.0 / 16.0), 8.0, "{buckets:?}");
    }
}

#[test]
fn they_stand_in_a_registry_of_ones_own() {
    let herd = worked();
    let mut registry = Registry::with_prefix("mine");
    let other = prometheus_client::metrics::counter::Counter::<u64>::default();
    other.inc_by(7);
    registry.register("other", "Another", other);
    registry
        .sub_registry_with_prefix("herd")
        .register_collector(Box::new(Metrics::new(herd.clone())));
    let mut page = String::new();
    text::encode(&mut page, &registry).unwrap();
    let (samples, _) = parse(&page);
    assert_eq!(samples["mine_other_total"], 7.0);
    assert_eq!(samples["mine_herd_success_total"], 4.0);
}
