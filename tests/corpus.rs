//! The committed fuzz corpus, replayed without a fuzzer: each file is a sequence of operations on a
//! mailbox or on a queue of deadlines, which are checked against a model step by step, or on a pool.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

#[macro_use]
#[path = "../fuzz/src/outcomes.rs"]
mod outcomes;

#[path = "../fuzz/src/group.rs"]
mod group;
#[path = "../fuzz/src/mailbox/mod.rs"]
mod mailbox;
#[path = "../fuzz/src/timers.rs"]
mod timers;
#[cfg(feature = "sim")]
#[path = "../fuzz/src/workers.rs"]
mod workers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mailbox::{Outcome, Outcomes, run};

#[test]
fn mailbox_corpus_reaches_every_outcome() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/mailbox");
    let mut files = 0;
    let mut outcomes = Outcomes::new();
    for entry in fs::read_dir(corpus).unwrap() {
        outcomes.add(&run(&fs::read(entry.unwrap().path()).unwrap()));
        files += 1;
    }
    assert!(files >= 100, "only {files} files");
    let missing: Vec<_> =
        Outcome::ALL.iter().filter(|&&outcome| outcomes.count(outcome) == 0).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[test]
fn group_corpus_reaches_every_outcome() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/group");
    let mut outcomes = BTreeSet::new();
    for entry in fs::read_dir(corpus).unwrap() {
        outcomes.extend(group::run(&fs::read(entry.unwrap().path()).unwrap()));
    }
    let missing: Vec<_> =
        group::Outcome::ALL.iter().filter(|&outcome| !outcomes.contains(outcome)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

/// What a fuzzer does, for a moment, without one.
#[test]
fn random_orders_of_events_fit_the_account_of_a_group() {
    let mut seed = 1_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()
    };
    for _ in 0..5_000 {
        let length = 2 + usize::from(random()[0]);
        let bytes: Vec<_> = (0..length).map(|_| random()[3]).collect();
        group::run(&bytes);
    }
}

#[test]
fn timers_corpus_reaches_every_outcome() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/timers");
    let mut files = 0;
    let mut outcomes = BTreeSet::new();
    for entry in fs::read_dir(corpus).unwrap() {
        outcomes.extend(timers::run(&fs::read(entry.unwrap().path()).unwrap()));
        files += 1;
    }
    assert!(files >= 60, "only {files} files");
    let missing: Vec<_> =
        timers::Outcome::ALL.iter().filter(|&outcome| !outcomes.contains(outcome)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[cfg(feature = "sim")]
#[test]
fn workers_corpus_reaches_every_outcome() {
    use workers::{Outcome, Outcomes};

    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/workers");
    let mut outcomes = Outcomes::default();
    for entry in fs::read_dir(corpus).unwrap() {
        outcomes.add(&workers::run(&fs::read(entry.unwrap().path()).unwrap()));
    }
    let missing: Vec<_> =
        Outcome::ALL.iter().filter(|&&outcome| outcomes.count(outcome) == 0).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}
