//! Herds that begin and end all the time, in each way that there is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use droves::herd::{Herd, Phase};
use droves::threads::Threads;
use droves::tokio::Tokio;

use crate::chores::{self, Chore, Chores, Ends, RETRIES, judge};
use crate::dice::Dice;
use crate::{PATIENCE, violated};

const MS: Duration = Duration::from_millis(1);

/// The thread that begins and ends them.
pub struct Churn {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Churn {
    pub fn start(tokio: Tokio) -> Self {
        let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (count, stop) = (count.clone(), stop.clone());
            move || {
                let mut dice = Dice::new(7);
                while !stop.load(Ordering::Relaxed) {
                    live(on_tokio(&tokio), &mut dice);
                    live(on_threads(), &mut dice);
                    count.fetch_add(2, Ordering::Relaxed);
                    thread::sleep(50 * MS);
                }
            }
        });
        Self { count, stop, thread }
    }

    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
    }
}

impl fmt::Display for Churn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} brief herds", self.count.load(Ordering::Relaxed))
    }
}

fn on_tokio(tokio: &Tokio) -> (Chores, Ends) {
    let builder = Herd::builder(chores::slowly).max_retries(RETRIES).backoff(chores::backoff());
    builder.capacity(64).start(tokio).expect("it starts")
}

fn on_threads() -> (Chores, Ends) {
    let builder = Herd::blocking_builder(chores::blocking);
    let builder = builder.max_retries(RETRIES).backoff(chores::backoff());
    builder.capacity(64).start(&Threads::new()).expect("it starts")
}

/// The life of one herd.
fn live((herd, mut results): (Chores, Ends), dice: &mut Dice) {
    let mut accepted = 0;
    for id in 0..48 {
        let mut work = Chore::any(dice).work(id);
        if dice.below(8) == 0 {
            work = work.after(MS * 30);
        }
        accepted += u64::from(herd.try_send_work(work).is_ok());
    }
    if dice.below(2) == 0 {
        thread::sleep(2 * MS);
    }
    let way = dice.below(6);
    let stops = match way {
        0 => herd.close(),
        1 => herd.finish(),
        2 => herd.drain(5 * MS).is_ok(),
        3 => herd.cancel().is_ok(),
        4 => herd.abort().is_ok(),
        // Once it is closed, it may have ended by itself.
        _ => herd.close() && (herd.cancel().is_ok() || herd.phase() == Phase::Stopped),
    };
    if !stops {
        violated(&format!("a brief herd does not stop, way {way}: {herd:?}"));
    }
    let mut read = 0;
    let mut note = |results: &mut Ends| {
        while let Some(done) = results.try_next() {
            judge(&done);
            read += 1;
        }
    };
    note(&mut results);
    let unread = (dice.below(4) != 0).then_some(results);
    let Ok(left) = herd.join_deadline(Instant::now() + PATIENCE) else {
        violated(&format!("a brief herd does not end, way {way}: {herd:?}"));
    };
    let left = left.count() as u64;
    let stats = herd.stats();
    let ended = stats.succeeded + stats.failed;
    if let Some(mut results) = unread {
        note(&mut results);
        if read != ended {
            violated(&format!("a brief herd has {read} results, way {way}: {stats:?}"));
        }
    }
    if accepted != stats.submitted || accepted != ended + left || (way == 0 && left > 0) {
        violated(&format!("a brief herd leaves {left} of {accepted}, way {way}: {stats:?}"));
    }
}
