//! What became of each job, by the job's own account.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::seeds::Met;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Succeeded,
    Failed,
    Panicked,
    /// Dropped before its end.
    Aborted,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    pub accepted: bool,
    pub started: bool,
    pub end: Option<End>,
    pub left: bool,
    pub drops: u32,
}

#[derive(Default)]
pub struct Book {
    pub fates: Vec<Fate>,
    pub running: usize,
    /// Workers' own states that there are.
    pub states: usize,
    /// What the error handler was told of.
    pub told: BTreeMap<End, u64>,
    pub handler_panics: u64,
    pub met: Met,
}

/// Shared by all of a run.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

impl Ledger {
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn met(&self, what: &'static str) {
        *self.book().met.entry(what).or_insert(0) += 1;
    }

    pub fn met_if(&self, met: bool, what: &'static str) {
        if met {
            self.met(what);
        }
    }

    /// A new job.
    pub fn witness(&self) -> Witness {
        let mut book = self.book();
        book.fates.push(Fate::default());
        Witness { id: book.fates.len() - 1, ledger: self.clone() }
    }

    pub fn accept(&self, id: usize) {
        self.book().fates[id].accepted = true;
    }

    pub fn count(&self, which: impl Fn(&Fate) -> bool) -> u64 {
        self.book().fates.iter().filter(|fate| which(fate)).count() as u64
    }

    pub fn ended(&self, end: End) -> u64 {
        self.count(|fate| fate.end == Some(end))
    }

    /// When nothing is left of the pool: each job was dropped once, and what was refused never began.
    pub fn settle(&self) {
        let book = self.book();
        for (id, fate) in book.fates.iter().enumerate() {
            assert_eq!(fate.drops, 1, "job {id}: {fate:?}");
            assert!(fate.accepted || !fate.started, "job {id}: {fate:?}");
            assert_eq!(fate.started, fate.end.is_some(), "job {id}: {fate:?}");
            assert!(!(fate.left && fate.started), "job {id}: {fate:?}");
        }
        assert_eq!(book.running, 0);
        assert_eq!(book.states, 0, "states of workers were leaked");
    }
}

/// Lies in a job, and tells the ledger what happens to it.
pub struct Witness {
    pub id: usize,
    pub ledger: Ledger,
}

impl Witness {
    /// The job begins. Returns how many run then.
    pub fn start(&self) -> usize {
        let mut book = self.ledger.book();
        let fate = &mut book.fates[self.id];
        assert!(!fate.started && fate.drops == 0, "{fate:?}");
        fate.started = true;
        book.running += 1;
        book.running
    }

    pub fn end(&self, end: End) {
        let mut book = self.ledger.book();
        let fate = &mut book.fates[self.id];
        assert!(fate.started && fate.end.is_none(), "{fate:?}");
        fate.end = Some(end);
        book.running -= 1;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let mut book = self.ledger.book();
        let fate = &mut book.fates[self.id];
        fate.drops += 1;
        if fate.started && fate.end.is_none() {
            fate.end = Some(End::Aborted);
            book.running -= 1;
        }
    }
}

/// Lies in a worker's own state.
pub struct State {
    pub jobs: u64,
    ledger: Ledger,
}

impl State {
    pub fn new(ledger: &Ledger) -> Self {
        ledger.book().states += 1;
        Self { jobs: 0, ledger: ledger.clone() }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.ledger.book().states -= 1;
    }
}
