//! The harness can fail: it notices what it is there for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use droves::mailbox::{Heap, TryRecvError, TrySendError};

use crate::book::{Book, Message, lock};
use crate::going_on::{Ends, Way};
use crate::operations::act;
use crate::rig::{Empty, Kind, Rig, Shared};
use crate::victim::{Call, Victim};

/// Something that is stopped as mailboxes are; it takes its steps by way of one.
struct Steps(Shared<Heap<Message>>);

impl Steps {
    fn new() -> Self {
        Self(Heap::mailbox(1))
    }

    fn step(&self) {
        self.0.is_closed();
    }
}

/// What the harness complains about while a thread is stopped in the third step of a send.
fn complaint<Q>(queue: Q) -> String
where
    Arc<Q>: Ends + Send + Clone + 'static,
{
    let mut queue = Arc::new(queue);
    let mut author = Book::default().author();
    let (message, mut shared) = (author.write(), queue.clone());
    let victim = Victim::stop(2, act(move || drop(shared.send(message))));
    assert!(victim.is_stopped());
    let moved = catch_unwind(AssertUnwindSafe(|| queue.move_messages(&mut author, 2, 1)));
    victim.end();
    let panic = moved.expect_err("the harness notices nothing");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// A queue under a lock, which is waited for by spinning.
struct Locked {
    steps: Steps,
    queue: Mutex<VecDeque<Message>>,
}

impl Locked {
    fn with<R>(&self, work: impl FnOnce(&mut VecDeque<Message>) -> R) -> R {
        loop {
            self.steps.step();
            if let Ok(mut queue) = self.queue.try_lock() {
                self.steps.step();
                let result = work(&mut queue);
                self.steps.step();
                return result;
            }
        }
    }
}

impl Ends for Arc<Locked> {
    const CALL: Call = Call::Try;

    fn send(&mut self, message: Message) -> Result<(), TrySendError<Message>> {
        self.with(|queue| {
            if queue.len() == 2 {
                return Err(TrySendError::Full(message));
            }
            queue.push_back(message);
            Ok(())
        })
    }

    fn receive(&mut self) -> Result<Message, TryRecvError> {
        self.with(|queue| queue.pop_front().ok_or(TryRecvError::Empty))
    }
}

#[test]
fn promise_12_the_harness_notices_a_lock() {
    let complaint = complaint(Locked { steps: Steps::new(), queue: Mutex::default() });
    assert!(complaint.contains("more than 10000 steps"), "{complaint}");
}

/// A queue as most are: a sender claims an entry, and then fills it.
struct Claiming {
    steps: Steps,
    entries: [Mutex<Option<Message>>; 2],
    tail: AtomicUsize,
    head: AtomicUsize,
}

impl Ends for Arc<Claiming> {
    const CALL: Call = Call::Try;

    fn send(&mut self, message: Message) -> Result<(), TrySendError<Message>> {
        self.steps.step();
        let head = self.head.load(Ordering::SeqCst);
        let claim = |tail| (tail - head < 2).then_some(tail + 1);
        self.steps.step();
        match self.tail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, claim) {
            Err(_) => Err(TrySendError::Full(message)),
            Ok(tail) => {
                self.steps.step();
                *lock(&self.entries[tail % 2]) = Some(message);
                Ok(())
            }
        }
    }

    fn receive(&mut self) -> Result<Message, TryRecvError> {
        let head = self.head.load(Ordering::SeqCst);
        let message = lock(&self.entries[head % 2]).take().ok_or(TryRecvError::Empty)?;
        self.head.store(head + 1, Ordering::SeqCst);
        Ok(message)
    }
}

#[test]
fn promise_12_the_harness_notices_a_claim() {
    let complaint = complaint(Claiming {
        steps: Steps::new(),
        entries: Default::default(),
        tail: AtomicUsize::new(0),
        head: AtomicUsize::new(0),
    });
    assert!(complaint.contains("full with so many messages"), "{complaint}");
}

#[test]
fn promise_12_the_harness_notices_a_lost_wake() {
    let mut rig = Rig::<Heap<Message>>::new(2, Empty);
    rig.park_receiver();
    // The mailbox has the alarm that the task left, and this one will never ring.
    rig.tasks[0].alarm = Arc::default();
    let moved = catch_unwind(AssertUnwindSafe(|| rig.move_by_tasks(0, 2, Way::PLAIN)));
    assert!(moved.is_err(), "the harness notices nothing");
}
