//! Threads that send and receive, and what must come of it.

use std::sync::Arc;
use std::thread;

use droves::mailbox::{Pointer, Receiver, Sender};

use super::ledger::{Ledger, Message, Source, Tally};
use super::ways::{Ended, Way};

/// What all threads of a run do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub ways: &'static [Way],
    pub senders: u32,
    pub receivers: u32,
    pub messages: u32,
    pub end: End,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All is sent, and the senders go.
    Sent,
    /// A receiver that has got so many messages closes the mailbox.
    CloseAfter(u32),
    /// Receivers go when they have got so many messages.
    LeaveAfter(u32),
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from[(self.0 >> 32) as usize % from.len()]
    }
}

/// Sends until all is sent, or the mailbox closes.
fn send<P: Pointer<Message = Message>>(
    mut tx: Sender<Message, P>,
    mut source: Source,
    plan: Plan,
    seed: u64,
) -> Tally {
    let mut dice = Dice(seed);
    while !source.is_done() {
        if let Err(Ended) = dice.pick(plan.ways).send(&mut tx, &mut source) {
            assert_ne!(plan.end, End::Sent, "nobody has closed the mailbox");
            break;
        }
    }
    source.sent
}

/// Receives until the mailbox is closed and drained, or the plan says to leave.
fn receive<P: Pointer<Message = Message>>(
    mut rx: Receiver<Message, P>,
    plan: Plan,
    seed: u64,
) -> Tally {
    let mut dice = Dice(seed);
    let mut ledger = Ledger::default();
    while let Ok(()) = dice.pick(plan.ways).recv(&mut rx, &mut ledger) {
        match plan.end {
            End::CloseAfter(count) if ledger.received.count >= count => drop(rx.close()),
            End::LeaveAfter(count) if ledger.received.count >= count => break,
            _ => {}
        }
    }
    ledger.received
}

/// Runs a plan. Returns how many messages are left in the mailbox, which nobody else uses.
#[allow(clippy::needless_pass_by_value, reason = "it is a pointer")]
pub fn run<P: Pointer<Message = Message> + Send>(mailbox: P, plan: Plan) -> usize {
    let alive = Arc::new(());
    let tx = Sender::new(mailbox.clone()).unwrap();
    let rx = Receiver::new(mailbox.clone()).unwrap();
    let mut seed = u64::from(plan.messages) << 32 | mailbox.capacity() as u64;
    let (sent, received) = thread::scope(|scope| {
        let receiving: Vec<_> = (0..plan.receivers)
            .map(|_| {
                seed += 1;
                let (rx, seed) = (rx.try_clone().unwrap(), seed);
                scope.spawn(move || receive(rx, plan, seed))
            })
            .collect();
        let sending: Vec<_> = (0..plan.senders)
            .map(|id| {
                seed += 1;
                let (tx, seed) = (tx.try_clone().unwrap(), seed);
                let source = Source::new(id, plan.messages / plan.senders, &alive);
                scope.spawn(move || send(tx, source, plan, seed))
            })
            .collect();
        drop((tx, rx));
        let sent: Tally = sending.into_iter().map(|thread| thread.join().unwrap()).sum();
        let received: Tally = receiving.into_iter().map(|thread| thread.join().unwrap()).sum();
        (sent, received)
    });
    assert!(mailbox.is_closed(), "all handles are gone");
    let left = mailbox.len();
    match plan.end {
        End::Sent | End::CloseAfter(_) => assert_eq!(sent, received),
        // What is not left is dropped.
        End::LeaveAfter(_) => assert!(sent.count as usize >= received.count as usize + left),
    }
    assert_eq!(Arc::strong_count(&alive) - 1, left, "all others are dropped");
    left
}
