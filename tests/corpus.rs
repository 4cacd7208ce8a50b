//! The committed fuzz corpus, replayed without a fuzzer: each file is a sequence of operations on a
//! mailbox or on a queue of deadlines, which are checked against a model step by step, or on a pool.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

#[macro_use]
#[path = "../fuzz/src/outcomes.rs"]
mod outcomes;

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
