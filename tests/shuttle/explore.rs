//! Running a program in many interleavings, and counting what it met and what became of its messages.

use std::collections::BTreeMap;
use std::sync::{Arc as PlainArc, Mutex};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

/// Runs `program` in so many random interleavings, half of them with few switches of priority, and
/// tells how often it met what.
pub fn explore(schedules: usize, program: impl Fn(&Run) + Send + Sync + 'static) -> Met {
    let met = PlainArc::new(Met::default());
    let program = PlainArc::new(program);
    let start = std::time::Instant::now();
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let (met, program) = (met.clone(), program.clone());
        let mut config = Config::new();
        config.silence_warnings = true;
        // Starting a herd moves more than fits into a page or two.
        config.stack_size = 1 << 17;
        Runner::new(scheduler, config).run(move || {
            let run = Run { met: met.clone(), ledger: PlainArc::default() };
            program(&run);
            run.ledger.settle(&run);
            // Also a run that was over at once has a choice: the PCT scheduler gives up otherwise.
            let other = thread::spawn(thread::yield_now);
            thread::yield_now();
            other.join().unwrap();
        });
    };
    run(Box::new(RandomScheduler::new(schedules / 2)));
    run(Box::new(PctScheduler::new(3, schedules / 4)));
    run(Box::new(PctScheduler::new(6, schedules / 4)));
    let met = PlainArc::into_inner(met).unwrap();
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {schedules} schedules, {:?}, {:?}", met.0.lock().unwrap(), start.elapsed());
    met
}

/// What the programs met, and how often.
#[derive(Default)]
pub struct Met(Mutex<BTreeMap<&'static str, u64>>);

impl Met {
    #[track_caller]
    pub fn all(&self, what: &[&str]) {
        for what in what {
            assert!(self.0.lock().unwrap().contains_key(what), "never met: {what}");
        }
    }

    #[track_caller]
    pub fn none(&self, what: &[&str]) {
        for what in what {
            assert!(!self.0.lock().unwrap().contains_key(what), "met: {what}");
        }
    }
}

/// One execution of a program.
#[derive(Clone)]
pub struct Run {
    pub met: PlainArc<Met>,
    pub ledger: PlainArc<Ledger>,
}

impl Run {
    pub fn met(&self, what: &'static str) {
        *self.met.0.lock().unwrap().entry(what).or_insert(0) += 1;
    }

    /// The next message of sender `from`.
    pub fn message(&self, from: usize) -> Message {
        let mut fates = self.ledger.fates.lock().unwrap();
        fates.push(Fate::default());
        Message { number: fates.len() - 1, from, ledger: self.ledger.clone() }
    }
}

/// What became of each message.
#[derive(Default)]
pub struct Ledger {
    pub fates: Mutex<Vec<Fate>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    pub accepted: bool,
    pub received: bool,
    pub drops: u32,
}

impl Ledger {
    pub fn fate(&self, number: usize, change: impl FnOnce(&mut Fate)) {
        // A program that failed already may have left it poisoned.
        if let Ok(mut fates) = self.fates.lock() {
            change(&mut fates[number]);
        }
    }

    /// At the end, when all handles are gone: accepted = received + left, and nothing twice.
    pub fn settle(&self, run: &Run) {
        for (number, fate) in self.fates.lock().unwrap().iter().enumerate() {
            assert_eq!(fate.drops, 1, "message {number}: {fate:?}");
            assert!(fate.accepted || !fate.received, "message {number}: {fate:?}");
            match fate {
                Fate { received: true, .. } => run.met("received"),
                Fate { accepted: true, .. } => run.met("left in the mailbox"),
                _ => run.met("not sent"),
            }
        }
    }
}

pub struct Message {
    pub number: usize,
    pub from: usize,
    pub ledger: PlainArc<Ledger>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.ledger.fate(self.number, |fate| fate.drops += 1);
    }
}

pub fn below(n: usize) -> usize {
    thread_rng().gen_range(0..n)
}

/// Lets others go on for a while.
pub fn linger() {
    for _ in 0..below(8) {
        thread::yield_now();
    }
}
