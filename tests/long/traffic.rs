//! Traffic on one herd, and its accounts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use droves::herd::{Refusal, Ticket};
use droves::threads::block_on;
use futures_lite::future::poll_once;

use crate::chores::{Chore, Chores, End, Ends, MAY_BE_CANCELLED, judge};
use crate::dice::Dice;
use crate::{PATIENCE, violated, wait_until};

pub const CAPACITY: usize = 128;
const SENDERS: u64 = 2;
const SIZE: usize = 8;
const MS: Duration = Duration::from_millis(1);

/// A herd, those who send to it, and the one who reads its results.
pub struct Traffic {
    name: &'static str,
    herd: Chores,
    ledger: Arc<Ledger>,
    senders: Vec<JoinHandle<()>>,
    reader: JoinHandle<()>,
    /// How many had been accepted at the last check.
    before: u64,
}

/// What senders and readers have seen. Identities are added up, so that none is mistaken for another.
#[derive(Debug, Default)]
struct Ledger {
    stop: AtomicBool,
    accepted: AtomicU64,
    accepted_ids: AtomicU64,
    ended: AtomicU64,
    ended_ids: AtomicU64,
}

impl Ledger {
    fn note_accepted(&self, id: u64) {
        self.accepted_ids.fetch_add(id, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    fn note_ended(&self, done: &End) {
        judge(done);
        self.ended_ids.fetch_add(done.id, Ordering::Relaxed);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Traffic {
    pub fn start(name: &'static str, (herd, results): (Chores, Ends), seed: u64) -> Self {
        let ledger = Arc::new(Ledger::default());
        let senders = (0..SENDERS).map(|number| {
            let (herd, ledger) = (herd.clone(), ledger.clone());
            let dice = Dice::new(seed * SENDERS + number);
            let mut sender = Sender { herd, ledger, dice, next: number << 40, tickets: Vec::new() };
            thread::spawn(move || sender.run())
        });
        let senders = senders.collect();
        let reader = thread::spawn({
            let (ledger, dice) = (ledger.clone(), Dice::new(!seed));
            move || read(results, &ledger, dice)
        });
        Self { name, herd, ledger, senders, reader, before: 0 }
    }

    pub fn resize(&self, size: usize) {
        if self.herd.resize(size).is_err() {
            violated(&format!("{} is not resized", self.name));
        }
    }

    /// While nothing comes in, accepted must be ended and inside.
    pub fn check(&mut self) {
        self.resize(SIZE);
        let was_running = self.herd.quiet().is_ok();
        wait_until(|| self.balances(), || format!("the accounts do not balance: {self:?}"));
        let was_quiet = self.herd.resume().is_ok();
        if !was_running || !was_quiet {
            violated(&format!("{} is stopping", self.name));
        }
        let accepted = self.ledger.accepted.load(Ordering::Relaxed);
        if accepted == self.before {
            violated(&format!("nothing comes in: {self:?}"));
        }
        self.before = accepted;
    }

    fn balances(&self) -> bool {
        let stats = self.herd.stats();
        let (ended, times) = (stats.succeeded + stats.failed, self.herd.times());
        // What is scheduled may be for later than the check.
        stats.waiting + stats.running + stats.backing_off + stats.unread == 0
            && stats.submitted == ended + stats.scheduled as u64
            && self.ledger.accepted.load(Ordering::Relaxed) == stats.submitted
            && self.ledger.ended.load(Ordering::Relaxed) == ended
            && stats.handler_panics + stats.lost_workers + stats.aborted == 0
            && times.is_none_or(|times| times.waiting.count() == times.running.count())
    }

    pub fn end(mut self) {
        self.ledger.stop.store(true, Ordering::Relaxed);
        self.resize(SIZE);
        for sender in self.senders.drain(..) {
            sender.join().expect("a sender does not panic");
        }
        wait_until(
            || self.balances() && self.herd.stats().scheduled == 0,
            || format!("there is no rest: {self:?}"),
        );
        // Every place must be free again.
        self.resize(0);
        wait_until(|| self.herd.stats().live == 0, || format!("workers stay: {self:?}"));
        let mut places = 0;
        while self.herd.try_send(places, Chore::Quick).is_ok() {
            self.ledger.note_accepted(places);
            places += 1;
        }
        if places != CAPACITY as u64 {
            violated(&format!("{} has {places} places left of {CAPACITY}", self.name));
        }
        self.resize(SIZE);
        self.herd.close();
        let joined = self.herd.join_deadline(Instant::now() + PATIENCE);
        if joined.map(Iterator::count) != Ok(0) {
            violated(&format!("it does not end: {self:?}"));
        }
        self.reader.join().expect("the reader does not panic");
        let ids = self.ledger.accepted_ids.load(Ordering::Relaxed);
        if ids != self.ledger.ended_ids.load(Ordering::Relaxed) {
            violated(&format!("{}: others have ended than were sent", self.name));
        }
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}, {:?}", self.name, self.herd.stats(), self.ledger)
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.herd.stats();
        let (name, submitted, refused) = (self.name, stats.submitted, stats.refused);
        write!(f, "{name} {submitted} accepted, {refused} refused, {} retried", stats.retried)?;
        write!(f, ", {} timed out, {} panicked", stats.timed_out, stats.panicked)
    }
}

/// Reads until the end, and stands still now and then.
fn read(mut results: Ends, ledger: &Ledger, mut dice: Dice) {
    while let Some(done) = results.next_blocking() {
        ledger.note_ended(&done);
        if dice.below(5_000) == 0 {
            thread::sleep(100 * MS);
        }
    }
}

/// One who sends, in each way that there is.
struct Sender {
    herd: Chores,
    ledger: Arc<Ledger>,
    dice: Dice,
    next: u64,
    tickets: Vec<Ticket<Chore, u64, &'static str>>,
}

impl Sender {
    fn run(&mut self) {
        while !self.ledger.stops() {
            match self.send() {
                Ok(()) => {}
                Err(Refusal::Full) => thread::sleep(MS / 4),
                Err(Refusal::Quiet) => {
                    self.settle();
                    thread::sleep(MS);
                }
                Err(Refusal::ShuttingDown) => violated("a herd has closed by itself"),
            }
            if self.tickets.len() > 8 {
                self.settle();
            }
        }
        self.settle();
    }

    fn send(&mut self) -> Result<(), Refusal> {
        self.next += 1;
        let id = self.next;
        let chore = Chore::any(&mut self.dice);
        let delay = MS * u32::try_from(self.dice.below(20)).expect("it is small");
        let herd = &self.herd;
        let sent = match self.dice.below(32) {
            0..8 => herd.try_send_work(chore.work(id)).map_err(|error| error.kind),
            8..16 => block_on(herd.send_work(chore.work(id))).map_err(|error| error.kind),
            16..18 => {
                block_on(herd.send_work(chore.work(id).after(delay))).map_err(|error| error.kind)
            }
            18 if delay < MS => {
                let work = chore.work(id).after(1_000 * MS);
                herd.try_send_work(work).map_err(|error| error.kind)
            }
            18..20 => {
                let deadline = Instant::now() + delay;
                herd.send_deadline(id, Chore::Again(1), deadline).map_err(|error| error.kind)
            }
            20..22 => return self.send_many(),
            // A sender who does not wait to the end.
            22..24 => match block_on(poll_once(herd.send_work(chore.work(id)))) {
                Some(sent) => sent.map_err(|error| error.kind),
                None => Err(Refusal::Full),
            },
            24..28 => return self.send_for_result(chore, id),
            _ => herd.send_blocking(id, Chore::Quick).map_err(|error| error.kind),
        };
        sent.map(|()| self.ledger.note_accepted(id))
    }

    fn send_many(&mut self) -> Result<(), Refusal> {
        let first = self.next;
        self.next += 4;
        let items = (first..self.next).map(|id| (id, Chore::Slow));
        let (sent, result) = match self.herd.try_send_many(items) {
            Ok(sent) => (sent, Ok(())),
            Err(error) => (error.accepted, Err(error.error.kind)),
        };
        for id in (first..self.next).take(sent) {
            self.ledger.note_accepted(id);
        }
        result
    }

    fn send_for_result(&mut self, chore: Chore, id: u64) -> Result<(), Refusal> {
        let id = id | MAY_BE_CANCELLED;
        let ticket = self.herd.try_send_for_result(chore.work(id)).map_err(|error| error.kind)?;
        self.ledger.note_accepted(id);
        self.tickets.push(ticket);
        Ok(())
    }

    /// Waits for some of those that have a ticket, cancels some, and leaves the others to the reader.
    fn settle(&mut self) {
        for ticket in self.tickets.drain(..) {
            let chance = self.dice.below(4);
            if chance == 0 {
                ticket.cancel();
            }
            if chance == 1 {
                continue;
            }
            match block_on(ticket) {
                Ok(done) => self.ledger.note_ended(&done),
                Err(_) => violated("a ticket has no result"),
            }
        }
    }
}
