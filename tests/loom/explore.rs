//! Running a program in every interleaving, and counting what it ended in.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc as PlainArc, Mutex};

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::history::{Did, History};

/// Runs `program` in every interleaving with so many preemptions, and tells what it ended in.
///
/// With `droves_strong` there are fewer interleavings, since no load is stale, and so a larger bound;
/// the environment variable `DROVES_MORE` adds to either.
pub fn explore<O: Ord + Debug + Send + 'static>(
    Bound { plain, strong }: Bound,
    program: impl Fn() -> O + Send + Sync + 'static,
) -> Seen<O> {
    let seen = PlainArc::new(Mutex::new(BTreeMap::new()));
    let mut model = loom::model::Builder::new();
    let bound = if cfg!(droves_strong) { strong } else { plain };
    let more = std::env::var("DROVES_MORE").map_or(0, |more| more.parse().unwrap());
    model.preemption_bound = bound.checked_add_signed(more);
    model.max_branches = 10_000;
    let start = std::time::Instant::now();
    let ends = seen.clone();
    model.check(move || {
        // Makes the word, so that making it does not order the threads.
        turn();
        let end = program();
        *ends.lock().unwrap().entry(end).or_insert(0) += 1;
    });
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!(
        "{name}: {} executions, {} outcomes, {:?}",
        seen.values().sum::<u64>(),
        seen.len(),
        start.elapsed()
    );
    Seen(seen)
}

/// How many preemptions: switches from a thread that could go on.
pub struct Bound {
    pub plain: usize,
    pub strong: usize,
}

/// The outcomes of a program, and how often it ended so.
pub struct Seen<O>(BTreeMap<O, u64>);

impl<O: Ord + Debug> Seen<O> {
    /// Each of these was reached, and nothing else.
    #[track_caller]
    pub fn exactly(self, expected: impl IntoIterator<Item = O>) {
        let expected: Vec<O> = expected.into_iter().collect();
        for outcome in self.0.keys() {
            assert!(expected.contains(outcome), "must not happen: {outcome:?}");
        }
        for outcome in expected {
            assert!(self.0.contains_key(&outcome), "never happened: {outcome:?}");
        }
    }

    #[track_caller]
    pub fn reached(&self, outcome: impl Fn(&O) -> bool) {
        assert!(self.0.keys().any(outcome), "never happened, but {:#?}", self.0.keys());
    }
}

impl Seen<History> {
    /// Each of these answers was given in some execution.
    #[track_caller]
    pub fn answered(&self, answers: impl IntoIterator<Item = Did>) {
        for did in answers {
            let given = self.0.keys().any(|history| history.has(did));
            assert!(given, "never happened: {did:?}");
        }
    }
}

loom::lazy_static! {
    static ref TURN: AtomicUsize = AtomicUsize::new(0);
}

/// Stands before a call whose order against the calls of other threads matters.
///
/// Loom asks only the last access of a word whether the next one conflicts with it, and a call that
/// loads a word before it exchanges it hides the other threads' loads by its own. So plain loom would
/// never try some orders of whole calls. With `droves_strong` there are no loads.
pub fn turn() {
    if !cfg!(droves_strong) {
        TURN.fetch_add(1, Ordering::Relaxed);
    }
}
