//! The committed fuzz corpus, replayed without a fuzzer: each file is a sequence of operations on a
//! mailbox that is checked against a model, step by step.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

#[path = "../fuzz/src/mailbox/mod.rs"]
mod mailbox;

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
