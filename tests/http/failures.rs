//! The last failures.

use std::fmt;

use droves::herd::{Fault, Herd, Item};
use droves::http::{ControlPlane, Failures};
use droves::threads::{Threads, block_on};
use serde_json::Value;

use crate::help::{get, herd_of, plane_of};

fn shown(plane: &ControlPlane) -> Vec<Value> {
    get(plane.local_addr(), "/stats").json()["failures"].as_array().unwrap().clone()
}

#[test]
fn a_herds_failures_are_shown_with_error_and_attempts() {
    let failures = Failures::new();
    let handler = async |item: Item<u64>| match *item {
        0 => Err(Fault::Failure("<b>bold</b>")),
        1 => Err(Fault::Retry("again")),
        2 => panic!("out of 2"),
        _ => Ok(()),
    };
    let builder = Herd::builder(handler).size(1).max_retries(2).on_failure(failures.of_herd());
    let (herd, mut results) = builder.start(&Threads::new()).unwrap();
    let plane = ControlPlane::builder(herd.clone())
        .address("127.0.0.1:0")
        .failures(&failures)
        .start()
        .unwrap();
    assert!(shown(&plane).is_empty());
    for body in 0..4 {
        herd.send_blocking(body + 10, body).unwrap();
        block_on(results.next()).unwrap();
    }
    let shown = shown(&plane);
    let expected = [(12, 1, "out of 2"), (11, 3, "again"), (10, 1, "<b>bold</b>")];
    assert_eq!(shown.len(), 3, "the latest first: {shown:?}");
    for (shown, (id, attempts, error)) in shown.iter().zip(expected) {
        assert_eq!((&shown["id"], &shown["attempts"]), (&id.into(), &attempts.into()));
        assert!(shown["error"].as_str().unwrap().contains(error), "{shown}");
        assert!(shown["age"].as_f64().unwrap() >= 0.0);
    }
}

#[test]
fn the_last_64_are_kept() {
    let (herd, _results) = herd_of(1);
    let failures = Failures::new();
    let plane = plane_of(&herd).failures(&failures).start().unwrap();
    let ids = || -> Vec<u64> {
        shown(&plane).iter().map(|failure| failure["id"].as_u64().unwrap()).collect()
    };
    for id in 0..10 {
        failures.note(id, 1, "x");
    }
    assert_eq!(ids(), (0..10).rev().collect::<Vec<_>>());
    for id in 10..50 {
        failures.clone().note(id, 1, "x");
    }
    assert_eq!(ids(), (0..50).rev().collect::<Vec<_>>(), "they stay when they have been read");
    for id in 50..1_000 {
        failures.note(id, 1, "x");
    }
    assert_eq!(ids(), (936..1_000).rev().collect::<Vec<_>>());
}

#[test]
fn a_long_text_is_cut_off() {
    /// Would never end by itself.
    struct Endless;

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("é€")?;
            }
        }
    }

    let (herd, _results) = herd_of(1);
    let failures = Failures::new();
    let plane = plane_of(&herd).failures(&failures).start().unwrap();
    failures.note(1, 1, Endless);
    failures.note(2, 1, "x".repeat(512));
    failures.note(3, 1, "x".repeat(513));
    let texts: Vec<String> =
        shown(&plane).iter().map(|failure| failure["error"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts[0], format!("{}…", "x".repeat(512)));
    assert_eq!(texts[1], "x".repeat(512));
    assert!(texts[2].starts_with("é€é€") && texts[2].ends_with('…'), "{}", texts[2]);
    assert!((510..=515).contains(&texts[2].len()));
}

#[test]
fn many_note_at_once() {
    let (herd, _results) = herd_of(1);
    let failures = Failures::new();
    let plane = plane_of(&herd).failures(&failures).start().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let failures = &failures;
            scope.spawn(move || {
                (0..2_000).for_each(|id| failures.note(thread * 10_000 + id, 1, id));
            });
        }
        for _ in 0..20 {
            assert!(shown(&plane).len() <= 64);
        }
    });
    // Each thread's come in its own order.
    let shown = shown(&plane);
    assert_eq!(shown.len(), 64);
    for thread in 0..4 {
        let own = shown.iter().filter_map(|failure| failure["id"].as_u64());
        let own: Vec<_> = own.filter(|id| id / 10_000 == thread).collect();
        assert!(own.is_sorted_by(|a, b| a > b), "{own:?}");
    }
}
