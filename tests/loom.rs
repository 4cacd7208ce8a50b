//! The smallest races that could break a sentence of the docs, in every interleaving.
//!
//! Each test explores one program, and asserts which outcomes were reached, so that a test that
//! explores nothing fails. The numbers are those of the promises; `_wrap` starts near the last lap.
#![cfg(droves_loom)]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool as PlainBool, AtomicUsize as PlainUsize};
use std::sync::{Arc as PlainArc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use droves::mailbox::{
    Heap, HeapMailbox, Mailbox, Pointer, Receiver, SendError, Sender, SharedRecvError,
    SharedSendError, TryRecvError, TrySendError, channel,
};
use loom::alloc::Track;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread::{self, Thread, ThreadId};

// ---- exploring --------------------------------------------------------------------------------

/// Runs `program` in every interleaving with so many preemptions, and tells what it ended in.
///
/// With `droves_strong` there are fewer interleavings, since no load is stale, and so a larger bound;
/// the environment variable `DROVES_MORE` adds to either.
fn explore<O: Ord + Debug + Send + 'static>(
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
struct Bound {
    plain: usize,
    strong: usize,
}

/// The outcomes of a program, and how often it ended so.
struct Seen<O>(BTreeMap<O, u64>);

impl<O: Ord + Debug> Seen<O> {
    /// Each of these was reached, and nothing else.
    #[track_caller]
    fn exactly(self, expected: impl IntoIterator<Item = O>) {
        let expected: Vec<O> = expected.into_iter().collect();
        for outcome in self.0.keys() {
            assert!(expected.contains(outcome), "must not happen: {outcome:?}");
        }
        for outcome in expected {
            assert!(self.0.contains_key(&outcome), "never happened: {outcome:?}");
        }
    }

    #[track_caller]
    fn reached(&self, outcome: impl Fn(&O) -> bool) {
        assert!(self.0.keys().any(outcome), "never happened, but {:#?}", self.0.keys());
    }
}

impl Seen<History> {
    /// Each of these answers was given in some execution.
    #[track_caller]
    fn answered(&self, answers: impl IntoIterator<Item = Did>) {
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
fn turn() {
    if !cfg!(droves_strong) {
        TURN.fetch_add(1, Ordering::Relaxed);
    }
}

// ---- threads and waiting ----------------------------------------------------------------------

/// Wakes the thread that waits for it.
///
/// Loom's own `block_on` and `join` wake spuriously too, which could hide a lost wake, and they print
/// each wait.
#[derive(Default)]
struct Signal {
    set: AtomicBool,
    // The rest is no part of the model: it changes together with `set`, in one step.
    parked: Mutex<Option<Thread>>,
    /// Whether it was set by the thread that polls.
    by_poll: PlainBool,
    polling: Mutex<Option<ThreadId>>,
}

impl Signal {
    fn set(&self) {
        if *self.polling.lock().unwrap() == Some(thread::current().id()) {
            self.by_poll.store(true, Ordering::Relaxed);
        }
        self.set.swap(true, Ordering::AcqRel);
        if let Some(thread) = self.parked.lock().unwrap().take() {
            thread.unpark();
        }
    }

    /// Returns whether it had to park.
    fn wait(&self) -> bool {
        let mut parked = false;
        while !self.set.swap(false, Ordering::AcqRel) {
            parked = true;
            *self.parked.lock().unwrap() = Some(thread::current());
            thread::park();
        }
        parked
    }
}

impl Wake for Signal {
    fn wake(self: PlainArc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &PlainArc<Self>) {
        self.set();
    }
}

/// How a future was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Waited {
    parked: bool,
    /// It was pending and asked to be polled again at once.
    again: bool,
}

/// A future, and what wakes its thread.
struct Call<F> {
    future: F,
    signal: PlainArc<Signal>,
    pending: bool,
}

impl<F: Future + Unpin> Call<F> {
    fn new(future: F) -> Self {
        Self { future, signal: PlainArc::default(), pending: false }
    }

    /// One that waits already when the race begins.
    fn waiting(future: F) -> Self {
        let mut call = Self::new(future);
        assert!(call.poll().is_pending());
        call
    }

    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.signal.clone());
        *self.signal.polling.lock().unwrap() = Some(thread::current().id());
        let polled = Pin::new(&mut self.future).poll(&mut Context::from_waker(&waker));
        *self.signal.polling.lock().unwrap() = None;
        self.pending = polled.is_pending();
        polled
    }

    /// Polls whenever it is woken, until it is done.
    fn finish(mut self) -> (F::Output, Waited) {
        let mut waited = Waited::default();
        loop {
            if self.pending {
                waited.parked |= self.signal.wait();
                if self.signal.by_poll.swap(false, Ordering::Relaxed) {
                    waited.again = true;
                    // Somebody else must go on first.
                    thread::yield_now();
                }
            }
            if let Poll::Ready(output) = self.poll() {
                return (output, waited);
            }
        }
    }

    /// Polls once, if it is not waiting yet, and drops it.
    fn give_up(mut self) -> GaveUp {
        if !self.pending && self.poll().is_ready() {
            return GaveUp::Done;
        }
        GaveUp::Dropped { woken: self.signal.set.swap(false, Ordering::Relaxed) }
    }
}

/// How a call that was polled once and then dropped ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GaveUp {
    Done,
    /// Dropped while it waited; whether it had been woken by then.
    Dropped {
        woken: bool,
    },
}

impl GaveUp {
    const ALL: [Self; 3] =
        [Self::Done, Self::Dropped { woken: false }, Self::Dropped { woken: true }];
}

fn block_on<F: Future>(future: F) -> (F::Output, Waited) {
    Call::new(pin!(future)).finish()
}

struct Joiner<T> {
    result: PlainArc<Mutex<Option<T>>>,
    done: PlainArc<Signal>,
}

fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> Joiner<T> {
    let (result, done) = (PlainArc::new(Mutex::new(None)), PlainArc::<Signal>::default());
    let joiner = Joiner { result: result.clone(), done: done.clone() };
    thread::spawn(move || {
        let value = f();
        *result.lock().unwrap() = Some(value);
        done.set();
    });
    joiner
}

impl<T> Joiner<T> {
    fn join(self) -> T {
        self.done.wait();
        self.result.lock().unwrap().take().unwrap()
    }
}

/// Runs two threads, this one first. What they return is dropped after both.
fn race<A, B: 'static>(first: impl FnOnce() -> A, second: impl FnOnce() -> B + 'static) -> (A, B) {
    let second = spawn(second);
    (first(), second.join())
}

/// Runs three threads, this one first. What they return is dropped after all.
fn race3<A, B: 'static, C: 'static>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + 'static,
    third: impl FnOnce() -> C + 'static,
) -> (A, B, C) {
    let (second, third) = (spawn(second), spawn(third));
    (first(), second.join(), third.join())
}

// ---- messages, and what calls answer ----------------------------------------------------------

/// Loom tells if it leaks; a second drop is a double free.
type Message = Box<Track<u32>>;
type Ends = (Sender<Message>, Receiver<Message>);

fn message(number: u32) -> Message {
    Box::new(Track::new(number))
}

fn number(message: Message) -> u32 {
    *message.get_ref()
}

/// A mailbox that holds messages from 0 on.
fn holding(messages: u32, capacity: usize) -> Ends {
    let (mut tx, rx) = channel(capacity).unwrap();
    for n in 0..messages {
        tx.try_send(message(n)).unwrap();
    }
    (tx, rx)
}

/// A mailbox whose lap counter wraps after one lap.
fn before_wrap(capacity: usize) -> Ends {
    let mailbox = Arc::new(HeapMailbox::starting_before_wrap(capacity, 1).unwrap());
    (Sender::new(mailbox.clone()).unwrap(), Receiver::new(mailbox).unwrap())
}

/// What a call answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Did {
    Sent(u32),
    Full(u32),
    Refused(u32),
    Received(u32),
    Empty,
    Ended,
    Closed { first: bool },
}
impl Did {
    fn is_lasting(self) -> bool {
        !matches!(self, Full(_) | Empty)
    }
}

use Did::{Closed, Empty, Ended, Full, Received, Refused, Sent};

fn try_send<P: Pointer<Message = Message>>(tx: &mut Sender<Message, P>, n: u32) -> Did {
    turn();
    match tx.try_send(message(n)) {
        Ok(()) => Sent(n),
        Err(TrySendError::Full(back)) => Full(number(back)),
        Err(TrySendError::Closed(back)) => Refused(number(back)),
    }
}

fn try_recv<P: Pointer<Message = Message>>(rx: &mut Receiver<Message, P>) -> Did {
    turn();
    match rx.try_recv() {
        Ok(message) => Received(number(message)),
        Err(TryRecvError::Empty) => Empty,
        Err(TryRecvError::Closed) => Ended,
    }
}

/// As [`try_send`], without a handle.
fn shared_send(mailbox: &Mailbox<Heap<Message>>, n: u32) -> Did {
    turn();
    match mailbox.try_send(message(n)) {
        Ok(()) => Sent(n),
        Err(SharedSendError::Full(back)) => Full(number(back)),
        Err(SharedSendError::Closed(back)) => Refused(number(back)),
        Err(SharedSendError::Busy(_)) => panic!("seats can be added"),
    }
}

/// As [`try_recv`], without a handle.
fn shared_recv(mailbox: &Mailbox<Heap<Message>>) -> Did {
    turn();
    match mailbox.try_recv() {
        Ok(message) => Received(number(message)),
        Err(SharedRecvError::Empty) => Empty,
        Err(SharedRecvError::Closed) => Ended,
        Err(SharedRecvError::Busy) => panic!("seats can be added"),
    }
}

fn send(tx: &mut Sender<Message>, n: u32) -> (Did, Waited) {
    let (result, waited) = block_on(tx.send(message(n)));
    (sent(n, result), waited)
}

fn sent(n: u32, result: Result<(), SendError<Message>>) -> Did {
    match result {
        Ok(()) => Sent(n),
        Err(SendError::Closed(back)) => Refused(number(back)),
    }
}

fn recv(rx: &mut Receiver<Message>) -> (Did, Waited) {
    let (message, waited) = block_on(rx.recv());
    (received(message), waited)
}

/// A call in a race of three threads. Two that still have to register are too much for plain loom:
/// there they wait already when the race begins.
fn begin<T, F: Future<Output = T>>(future: F) -> Call<Pin<Box<F>>> {
    let future = Box::pin(future);
    if cfg!(droves_strong) { Call::new(future) } else { Call::waiting(future) }
}

/// Receives, and gives the handle back.
async fn receive(mut rx: Receiver<Message>) -> (Did, Receiver<Message>) {
    (received(rx.recv().await), rx)
}

/// Sends, and gives the handle back.
async fn deliver(mut tx: Sender<Message>, n: u32) -> (Did, Sender<Message>) {
    let result = tx.send(message(n)).await;
    (sent(n, result), tx)
}

fn received(message: Option<Message>) -> Did {
    message.map_or(Ended, |message| Received(number(message)))
}

fn close(mailbox: &Mailbox<Heap<Message>>) -> Did {
    turn();
    Closed { first: mailbox.close() }
}

/// All that is left, for when nobody else uses the mailbox; up to the `Empty` or `Ended`.
fn rest(rx: &mut Receiver<Message>) -> Vec<Did> {
    let mut did = vec![try_recv(rx)];
    while let Some(Received(_)) = did.last() {
        did.push(try_recv(rx));
    }
    did
}

/// What several threads did to one mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct History {
    capacity: usize,
    before: Vec<Did>,
    threads: Vec<Vec<Did>>,
    after: Vec<Did>,
}

/// A mailbox that does one thing at a time.
#[derive(Clone)]
struct Reference {
    capacity: usize,
    queue: VecDeque<u32>,
    closed: bool,
}

impl Reference {
    /// Does what somebody `did`, if a mailbox could have answered so now.
    fn step(&mut self, did: Did) -> bool {
        let full = self.queue.len() == self.capacity;
        match did {
            Sent(n) => {
                self.queue.push_back(n);
                !full && !self.closed
            }
            Full(_) => full && !self.closed,
            Refused(_) => self.closed,
            Received(n) => self.queue.pop_front() == Some(n),
            Empty => self.queue.is_empty() && !self.closed,
            Ended => self.queue.is_empty() && self.closed,
            Closed { first } => first != std::mem::replace(&mut self.closed, true),
        }
    }

    /// Whether the threads' calls have an order, keeping each thread's own, that explains all.
    fn explains(&self, threads: &[&[Did]], after: &[Did]) -> bool {
        if threads.iter().all(|thread| thread.is_empty()) {
            let mut reference = self.clone();
            return after.iter().all(|&did| reference.step(did));
        }
        (0..threads.len()).any(|at| {
            let Some((&did, later)) = threads[at].split_first() else {
                return false;
            };
            let (mut reference, mut threads) = (self.clone(), threads.to_vec());
            threads[at] = later;
            reference.step(did) && reference.explains(&threads, after)
        })
    }
}

impl History {
    /// Fails if the calls did not take effect one after the other.
    fn check(
        capacity: usize,
        before: &[Did],
        threads: impl Into<Vec<Vec<Did>>>,
        after: Vec<Did>,
    ) -> Self {
        let history = Self { capacity, before: before.into(), threads: threads.into(), after };
        let mut reference = Reference { capacity, queue: VecDeque::new(), closed: false };
        assert!(history.before.iter().all(|&did| reference.step(did)), "cannot begin: {history:?}");
        for alone in history.to_be_explained() {
            let threads: Vec<Vec<Did>> = (history.threads.iter().enumerate())
                .map(|(thread, did)| {
                    let at = |at| (thread, at);
                    let kept = (did.iter().enumerate()).filter(|&(i, did)| {
                        did.is_lasting() || alone.is_none_or(|alone| alone == at(i))
                    });
                    kept.map(|(_, &did)| did).collect()
                })
                .collect();
            let threads: Vec<_> = threads.iter().map(Vec::as_slice).collect();
            assert!(
                reference.explains(&threads, &history.after),
                "no order of calls explains {history:?}"
            );
        }
        history
    }

    /// Which of the answers of the moment, `Full` and `Empty`, are explained together: all of them,
    /// or each alone (by thread and place).
    ///
    /// A full ring shows in one entry and an empty one in another. Their loads are Acquire, and so
    /// two threads can each miss the exchange that the other has just done on the other entry. With a
    /// single entry there is no other, and with `droves_strong` nothing is missed.
    fn to_be_explained(&self) -> Vec<Option<(usize, usize)>> {
        if self.capacity == 1 || cfg!(droves_strong) {
            return vec![None];
        }
        let all = (self.threads.iter().enumerate())
            .flat_map(|(thread, did)| (0..did.len()).map(move |at| Some((thread, at))));
        all.collect()
    }

    /// Whether one of the racing threads was answered this.
    fn has(&self, did: Did) -> bool {
        self.threads.iter().flatten().any(|&d| d == did)
    }
}

// ---- promise 1: nothing lost, nothing twice, and in order -------------------------------------

fn one_sender_one_receiver((mut tx, mut rx): Ends, messages: u32) -> History {
    let capacity = tx.capacity();
    let (received, (sent, _tx)) = race(
        || (0..messages).map(|_| try_recv(&mut rx)).collect(),
        move || ((1..=messages).map(|n| try_send(&mut tx, n)).collect(), tx),
    );
    History::check(capacity, &[], [sent, received], rest(&mut rx))
}

fn two_senders_one_receiver((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2) = (tx.capacity(), tx.clone());
    let (received, (a, _tx), (b, _tx2)) = race3(
        || vec![try_recv(&mut rx), try_recv(&mut rx)],
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
    );
    History::check(capacity, &[], [a, b, received], rest(&mut rx))
}

fn one_sender_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut rx2) = (tx.capacity(), rx.clone());
    let (sent, (a, mut rx), (b, _rx2)) = race3(
        || vec![try_send(&mut tx, 1), try_send(&mut tx, 2)],
        move || (vec![try_recv(&mut rx)], rx),
        move || (vec![try_recv(&mut rx2)], rx2),
    );
    History::check(capacity, &[], [a, b, sent], rest(&mut rx))
}

fn two_senders_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2, mut rx2) = (tx.capacity(), tx.clone(), rx.clone());
    let d = spawn(move || (vec![try_recv(&mut rx2)], rx2));
    let (c, (a, _tx), (b, _tx2)) = race3(
        || vec![try_recv(&mut rx)],
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
    );
    let (d, _rx2) = d.join();
    History::check(capacity, &[], [a, b, c, d], rest(&mut rx))
}

#[test]
fn promise_01_one_sender_one_receiver() {
    let bound = Bound { plain: 5, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(channel(1).unwrap(), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_capacity_2() {
    let bound = Bound { plain: 5, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(channel(2).unwrap(), 3));
    seen.answered([Sent(3), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_wrap() {
    let bound = Bound { plain: 4, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(before_wrap(1), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_capacity_2_wrap() {
    let bound = Bound { plain: 4, strong: 5 };
    let seen = explore(bound, || one_sender_one_receiver(before_wrap(2), 3));
    seen.answered([Sent(3), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_two_senders_one_receiver() {
    let bound = Bound { plain: 3, strong: 4 };
    let seen = explore(bound, || two_senders_one_receiver(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_one_receiver_wrap() {
    let bound = Bound { plain: 2, strong: 4 };
    let seen = explore(bound, || two_senders_one_receiver(before_wrap(1)));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_one_sender_two_receivers() {
    let bound = Bound { plain: 3, strong: 4 };
    let seen = explore(bound, || one_sender_two_receivers(channel(1).unwrap()));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.threads[0] == [Received(2)] && h.threads[1] == [Received(1)]);
    seen.reached(|h| h.threads[0] == [Received(1)] && h.threads[1] == [Received(2)]);
}

#[test]
fn promise_01_one_sender_two_receivers_wrap() {
    let bound = Bound { plain: 2, strong: 4 };
    let seen = explore(bound, || one_sender_two_receivers(before_wrap(1)));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_two_senders_two_receivers() {
    let bound = Bound { plain: 2, strong: 3 };
    let seen = explore(bound, || two_senders_two_receivers(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_two_receivers_capacity_2() {
    let bound = Bound { plain: 2, strong: 3 };
    let seen = explore(bound, || two_senders_two_receivers(channel(2).unwrap()));
    seen.answered([Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_each_senders_messages_stay_in_order() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, mut rx) = channel(2).unwrap();
        let mut tx2 = tx.clone();
        let (received, (a, _tx), (b, _tx2)) = race3(
            || vec![try_recv(&mut rx)],
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (vec![try_send(&mut tx2, 3)], tx2),
        );
        History::check(2, &[], [a, b, received], rest(&mut rx))
    });
    let order = |order: [u32; 3]| {
        seen.reached(|h| {
            let all = h.threads[2].iter().chain(&h.after);
            let all: Vec<_> = all.filter(|did| matches!(did, Received(_))).copied().collect();
            all == order.map(Received)
        });
    };
    order([1, 2, 3]);
    order([1, 3, 2]);
    order([3, 1, 2]);
}

/// A message that counts its drops.
struct Counted(PlainArc<PlainUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn promise_01_leftovers_are_dropped_once() {
    let seen = explore(Bound { plain: 4, strong: 4 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let drops = PlainArc::new(PlainUsize::new(0));
        let counted = Counted(drops.clone());
        let ((), (sent, tx)) = race(
            || {
                turn();
                drop(rx);
            },
            move || {
                turn();
                (tx.try_send(counted).is_ok(), tx)
            },
        );
        // Although the mailbox is still there.
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        drop(tx);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        sent
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_01_a_mailbox_drops_what_is_in_it() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let mailbox = Arc::new(HeapMailbox::with_capacity(1).unwrap());
        let drops = PlainArc::new(PlainUsize::new(0));
        let (counted, other) = (Counted(drops.clone()), mailbox.clone());
        let (dropped, ()) = race(
            || {
                turn();
                drop(mailbox);
                drops.load(Ordering::Relaxed)
            },
            move || {
                turn();
                assert!(other.try_send(counted).is_ok());
                drop(other);
            },
        );
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        dropped
    });
    seen.exactly([0, 1]);
}

#[test]
fn promise_01_a_seat_passes_from_thread_to_thread() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (tx, mut rx) = channel(2).unwrap();
        let mut first = tx.clone();
        let ((a, _second), b) = race(
            || {
                turn();
                let mut second = tx.clone();
                (vec![try_send(&mut second, 1)], second)
            },
            move || {
                let did = try_send(&mut first, 2);
                drop(first);
                vec![did]
            },
        );
        History::check(2, &[], [a, b], rest(&mut rx))
    });
    seen.reached(|h| h.after == [Received(1), Received(2), Empty]);
    seen.reached(|h| h.after == [Received(2), Received(1), Empty]);
}

#[test]
fn promise_01_seats_grow_in_two_threads() {
    let send_by_clone = |n: u32, from: Sender<Message>| {
        move || {
            turn();
            let mut clone = from.clone();
            (vec![try_send(&mut clone, n)], from, clone)
        }
    };
    let seen = explore(Bound { plain: 3, strong: 4 }, move || {
        let (mut tx, mut rx) = channel(3).unwrap();
        // These have the first four seats; the next are in a block that does not exist yet.
        let (a, b) = (tx.clone(), tx.clone());
        let ((a, ..), (b, ..)) = race(send_by_clone(1, a), send_by_clone(2, b));
        let mut after = vec![try_send(&mut tx, 3)];
        after.extend(rest(&mut rx));
        History::check(3, &[], [a, b], after)
    });
    seen.reached(|h| h.after[1..3] == [Received(1), Received(2)]);
    seen.reached(|h| h.after[1..3] == [Received(2), Received(1)]);
}

#[test]
fn promise_01_without_a_handle() {
    let seen = explore(Bound { plain: 3, strong: 5 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let other = tx.clone();
        let (a, (b, _other)) = race(
            || vec![try_send(&mut tx, 1), try_recv(&mut rx)],
            move || (vec![shared_send(other.mailbox(), 2), shared_recv(other.mailbox())], other),
        );
        History::check(1, &[], [a, b], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Received(1), Sent(2), Full(2), Received(2), Empty]);
    seen.reached(|h| h.threads == [[Sent(1), Empty], [Full(2), Received(1)]]);
    seen.reached(|h| h.threads == [[Full(1), Received(2)], [Sent(2), Empty]]);
}

// ---- promise 6: what is refused comes back; closing -------------------------------------------

#[test]
fn promise_06_close_against_sends() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (closed, (sent, mut tx)) = race(
            || vec![close(rx.mailbox())],
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
        );
        let mut after = rest(&mut rx);
        after.extend([try_send(&mut tx, 3), close(tx.mailbox())]);
        assert_eq!(after[after.len() - 3..], [Ended, Refused(3), Closed { first: false }]);
        History::check(1, &[], [sent, closed], after)
    });
    seen.answered([Sent(1), Refused(1), Full(2), Refused(2)]);
}

#[test]
fn promise_06_close_of_a_full_mailbox() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let closer = rx.clone();
        let (received, (sent, _tx), (closed, _)) = race3(
            || vec![try_recv(&mut rx), try_recv(&mut rx)],
            move || (vec![try_send(&mut tx, 1)], tx),
            move || (vec![close(closer.mailbox())], closer),
        );
        History::check(1, &[Sent(0)], [sent, closed, received], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1), Received(0), Received(1), Empty, Ended]);
}

#[test]
fn promise_06_two_closers_and_a_sender() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let closer = rx.clone();
        let (a, (b, _), (sent, _tx)) = race3(
            || vec![close(rx.mailbox()), try_recv(&mut rx)],
            move || (vec![close(closer.mailbox())], closer),
            move || (vec![try_send(&mut tx, 1)], tx),
        );
        let after = rest(&mut rx);
        assert_eq!(after.last(), Some(&Ended));
        History::check(1, &[], [a, b, sent], after)
    });
    seen.answered([Sent(1), Refused(1), Received(1), Ended]);
    for first in [false, true] {
        seen.reached(|h| h.threads[0][0] == Closed { first });
        seen.reached(|h| h.threads[1][0] == Closed { first });
    }
}

#[test]
fn promise_06_a_filled_cell_comes_back() {
    let seen = explore(Bound { plain: 5, strong: 6 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let (sent, (received, mut rx)) = race(
            || {
                turn();
                match tx.reserve().write(message(1)).try_send() {
                    Ok(()) => Sent(1),
                    Err(refused) if refused.error.is_full() => {
                        Full(number(refused.message.into_inner()))
                    }
                    Err(refused) => Refused(number(refused.message.into_inner())),
                }
            },
            move || (vec![try_recv(&mut rx), close(rx.mailbox())], rx),
        );
        History::check(1, &[Sent(0)], [vec![sent], received], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1)]);
}

#[test]
fn promise_06_close_gives_a_waiting_send_back() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (mut tx, rx) = holding(1, 1);
        let ((did, waited), _rx) = race(
            || send(&mut tx, 1),
            move || {
                close(rx.mailbox());
                rx
            },
        );
        (did, waited.parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}

#[test]
fn promise_06_the_last_receiver_gives_a_waiting_send_back() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, rx) = holding(1, 1);
        let ((did, waited), ()) = race(|| send(&mut tx, 1), || drop(rx));
        (did, waited.parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}

// ---- promise 7: no lost wake ------------------------------------------------------------------

const BOTH: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn promise_07_a_waiting_receiver_is_woken() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((did, waited), (sent, _tx)) =
            race(|| recv(&mut rx), move || (try_send(&mut tx, 1), tx));
        assert_eq!((sent, did), (Sent(1), Received(1)));
        waited.parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_a_waiting_sender_is_woken() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let ((did, waited), (received, _rx)) =
            race(|| send(&mut tx, 1), move || (try_recv(&mut rx), rx));
        assert_eq!((received, did), (Received(0), Sent(1)));
        waited.parked
    });
    seen.exactly([false, true]);
}

fn wait_for_each_other((mut tx, mut rx): Ends) -> (bool, bool) {
    let (received, (sent, _tx)) =
        race(|| [1, 2].map(|_| recv(&mut rx)), move || ([1, 2].map(|n| send(&mut tx, n)), tx));
    assert_eq!(sent.map(|(did, _)| did), [1, 2].map(Sent));
    assert_eq!(received.map(|(did, _)| did), [1, 2].map(Received));
    (sent.iter().any(|(_, waited)| waited.parked), received.iter().any(|(_, waited)| waited.parked))
}

#[test]
fn promise_07_both_sides_wait() {
    let bound = Bound { plain: 2, strong: 4 };
    explore(bound, || wait_for_each_other(channel(1).unwrap())).exactly(BOTH);
}

#[test]
fn promise_07_both_sides_wait_wrap() {
    let seen = explore(Bound { plain: 1, strong: 4 }, || wait_for_each_other(before_wrap(1)));
    seen.reached(|&both| both == (true, true));
    seen.reached(|&both| both == (false, true));
}

#[test]
fn promise_07_two_waiting_receivers() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_waited), ((b, _rx2), b_waited), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Received(2))));
        (a_waited.parked, b_waited.parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_two_waiting_receivers_and_a_waiting_sender() {
    let seen = explore(Bound { plain: 0, strong: 3 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_waited), ((b, _rx2), b_waited), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([send(&mut tx, 1), send(&mut tx, 2)], tx),
        );
        assert_eq!(sent.map(|(did, _)| did), [Sent(1), Sent(2)]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Received(2))));
        ((a_waited.parked, b_waited.parked), sent[1].1.parked)
    });
    seen.reached(|&o| o == ((true, true), true));
    if cfg!(droves_strong) {
        seen.reached(|&o| o == ((true, true), false));
        seen.reached(|&o| o == ((false, false), true));
    }
}

#[test]
fn promise_07_two_waiting_senders() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (tx, mut rx) = holding(2, 2);
        let (a, b) = (begin(deliver(tx.clone(), 2)), begin(deliver(tx, 3)));
        let (((a, _tx), a_waited), ((b, _tx2), b_waited), (received, _rx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_recv(&mut rx), try_recv(&mut rx)], rx),
        );
        assert_eq!((a, b, received), (Sent(2), Sent(3), [Received(0), Received(1)]));
        (a_waited.parked, b_waited.parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_two_waiting_senders_and_a_waiting_receiver() {
    let seen = explore(Bound { plain: 0, strong: 2 }, || {
        let (tx, mut rx) = holding(1, 1);
        let (a, b) = (begin(deliver(tx.clone(), 1)), begin(deliver(tx, 2)));
        let (((a, _tx), a_waited), ((b, _tx2), b_waited), (received, _rx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([recv(&mut rx), recv(&mut rx), recv(&mut rx)], rx),
        );
        let [zero, c, d] = received.map(|(did, _)| did);
        assert_eq!((a, b, zero), (Sent(1), Sent(2), Received(0)));
        assert!([(c, d), (d, c)].contains(&(Received(1), Received(2))));
        let waited = received.iter().any(|(_, waited)| waited.parked);
        ((a_waited.parked, b_waited.parked), waited)
    });
    seen.reached(|&o| o == ((true, true), true));
    if cfg!(droves_strong) {
        seen.reached(|&o| o == ((true, true), false));
        seen.reached(|&o| o == ((false, false), true));
    }
}

#[test]
fn promise_07_a_message_that_another_took() {
    // The waiter that was woken finds nothing, and must be woken again.
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let mut thief = rx.clone();
        let call = begin(receive(rx));
        let (((did, _rx), waited), (sent, _tx), (taken, _thief)) = race3(
            || call.finish(),
            move || ([try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (try_recv(&mut thief), thief),
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        (taken, did, waited.parked)
    });
    seen.reached(|&o| o == (Received(1), Received(2), true));
    seen.reached(|&o| o == (Received(2), Received(1), true));
    seen.reached(|&o| o == (Empty, Received(1), true));
}

#[test]
fn promise_07_batches_wait() {
    let seen = explore(Bound { plain: 1, strong: 4 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((received, waited), (sent, _tx)) = race(
            || {
                let (mut out, mut parked) = (Vec::new(), false);
                while out.len() < 2 {
                    let (count, waited) = block_on(rx.recv_many(&mut out, 2));
                    assert!(count > 0);
                    parked |= waited.parked;
                }
                (out.into_iter().map(number).collect::<Vec<_>>(), parked)
            },
            move || {
                let (sent, waited) = block_on(tx.send_many([message(1), message(2)]));
                assert_eq!(sent.unwrap(), 2);
                (waited.parked, tx)
            },
        );
        assert_eq!(received, [1, 2]);
        (sent, waited)
    });
    seen.reached(|&both| both == (true, true));
    seen.reached(|&both| both == (false, true));
}

#[test]
fn promise_07_close_wakes_a_receiver() {
    let seen = explore(Bound { plain: 4, strong: 6 }, || {
        let (tx, mut rx) = channel(1).unwrap();
        let ((did, waited), (closed, _tx)) =
            race(|| recv(&mut rx), move || (close(tx.mailbox()), tx));
        assert_eq!((did, closed), (Ended, Closed { first: true }));
        waited.parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_two_closers_wake_a_receiver() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (tx, rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let call = begin(receive(rx));
        let (((did, _rx), waited), (a, _tx), (b, _tx2)) = race3(
            || call.finish(),
            move || (close(tx.mailbox()), tx),
            move || (close(tx2.mailbox()), tx2),
        );
        assert_eq!(did, Ended);
        assert_ne!(a, b);
        (a == Closed { first: true }, waited.parked)
    });
    seen.exactly(BOTH);
}

#[test]
fn promise_07_a_send_and_a_close_wake_two_receivers() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let (a, b) = (begin(receive(rx.clone())), begin(receive(rx)));
        let (((a, _rx), a_waited), ((b, _rx2), b_waited), (sent, _tx)) = race3(
            || a.finish(),
            move || b.finish(),
            move || ([try_send(&mut tx, 1), close(tx.mailbox())], tx),
        );
        assert_eq!(sent, [Sent(1), Closed { first: true }]);
        assert!([(a, b), (b, a)].contains(&(Received(1), Ended)));
        (a == Ended, (a_waited.parked, b_waited.parked))
    });
    for both in BOTH {
        seen.reached(|&o| o == (false, both));
        seen.reached(|&o| o == (true, both));
    }
}

#[test]
fn promise_07_the_last_sender_wakes_a_receiver() {
    let seen = explore(Bound { plain: 3, strong: 4 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (((a, _), (b, waited)), sent) = race(
            || (recv(&mut rx), recv(&mut rx)),
            move || {
                let sent = try_send(&mut tx, 1);
                drop(tx);
                sent
            },
        );
        assert_eq!((sent, a, b), (Sent(1), Received(1), Ended));
        waited.parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_either_of_two_senders_is_the_last() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (tx, mut rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let ((did, waited), ..) = race3(|| recv(&mut rx), || drop(tx), || drop(tx2));
        assert_eq!(did, Ended);
        waited.parked
    });
    seen.exactly([false, true]);
}

// ---- promise 7: cancelling --------------------------------------------------------------------

#[track_caller]
fn gave_up_every_way(seen: &Seen<(GaveUp, bool)>) {
    for gave_up in GaveUp::ALL {
        seen.reached(|o| o.0 == gave_up);
    }
    // The one that parked was woken by the one that gave up.
    seen.reached(|&o| o == (GaveUp::Dropped { woken: true }, true));
    seen.reached(|o| !o.1);
}

#[test]
fn promise_07_a_dropped_receive_passes_its_wake_on() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (mut tx, mut brief) = channel(1).unwrap();
        let call = begin(receive(brief.clone()));
        let (((did, _rx), waited), (gave_up, _brief), (sent, _tx)) = race3(
            || call.finish(),
            move || {
                let gave_up = Call::new(brief.recv()).give_up();
                if gave_up == GaveUp::Done {
                    brief.close();
                }
                (gave_up, brief)
            },
            move || (try_send(&mut tx, 1), tx),
        );
        assert_eq!(sent, Sent(1));
        assert_eq!(did, if gave_up == GaveUp::Done { Ended } else { Received(1) });
        (gave_up, waited.parked)
    });
    gave_up_every_way(&seen);
}

#[test]
fn promise_07_a_dropped_send_passes_its_wake_on() {
    let seen = explore(Bound { plain: 1, strong: 3 }, || {
        let (mut brief, rx) = holding(1, 1);
        let call = begin(deliver(brief.clone(), 2));
        let mut rx = rx;
        let (((did, _tx), waited), (gave_up, _brief), (received, mut rx)) = race3(
            || call.finish(),
            move || {
                let gave_up = Call::new(brief.send(message(1))).give_up();
                if gave_up == GaveUp::Done {
                    brief.close();
                }
                (gave_up, brief)
            },
            move || (try_recv(&mut rx), rx),
        );
        assert_eq!(received, Received(0));
        let (expected, left) = match gave_up {
            GaveUp::Done => (Refused(2), [Received(1), Ended]),
            GaveUp::Dropped { .. } => (Sent(2), [Received(2), Empty]),
        };
        assert_eq!(did, expected);
        assert_eq!(rest(&mut rx), left);
        (gave_up, waited.parked)
    });
    gave_up_every_way(&seen);
}

#[test]
fn promise_07_a_dropped_receiver_passes_its_wake_on() {
    // Both wait when the race begins; the handle goes together with its call.
    let seen = explore(Bound { plain: 3, strong: 4 }, || {
        let (mut tx, rx) = channel(1).unwrap();
        let call = Call::waiting(Box::pin(receive(rx.clone())));
        let brief = Call::waiting(Box::pin(receive(rx)));
        let (((did, _rx), waited), gave_up, (sent, _tx)) =
            race3(|| call.finish(), move || brief.give_up(), move || (try_send(&mut tx, 1), tx));
        assert_eq!((sent, did), (Sent(1), Received(1)));
        (gave_up, waited.parked)
    });
    let dropped = [false, true].map(|woken| GaveUp::Dropped { woken });
    seen.exactly(dropped.into_iter().flat_map(|gave_up| [(gave_up, false), (gave_up, true)]));
}

#[test]
fn promise_07_a_dropped_send_keeps_its_message() {
    let seen = explore(Bound { plain: 5, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let mut from = Some(message(1));
        let (gave_up, (received, mut rx)) = race(
            || Call::new(pin!(tx.send_from(&mut from))).give_up(),
            move || (try_recv(&mut rx), rx),
        );
        assert_eq!(received, Received(0));
        assert_eq!(from.is_none(), gave_up == GaveUp::Done);
        let left = if gave_up == GaveUp::Done { Received(1) } else { Empty };
        assert_eq!(try_recv(&mut rx), left);
        gave_up
    });
    seen.exactly(GaveUp::ALL);
}

#[test]
fn promise_07_another_waker_than_before() {
    // Its notifier may still be at work on the waker of the first poll when the second comes.
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, rx) = channel(2).unwrap();
        let mut thief = rx.clone();
        let mut first = begin(receive(rx));
        let (sent, (taken, _thief), (did, _rx, waited)) = race3(
            || [try_send(&mut tx, 1), try_send(&mut tx, 2)],
            move || (try_recv(&mut thief), thief),
            move || {
                let polled = if first.pending { Poll::Pending } else { first.poll() };
                if let Poll::Ready((did, rx)) = polled {
                    return (did, rx, Waited::default());
                }
                let ((did, rx), waited) = Call::new(first.future).finish();
                (did, rx, waited)
            },
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        (did, taken, waited)
    });
    let parked = Waited { parked: true, again: false };
    seen.reached(|&o| o == (Received(1), Received(2), parked));
    seen.reached(|&o| o == (Received(2), Received(1), parked));
    seen.reached(|o| o.2.again);
}

// ---- promise 8: as many as there is room for, and no fewer ------------------------------------

/// Tells another thread whether what was done before is done.
fn flag() -> (impl FnOnce(), impl FnOnce() -> bool) {
    let flag = Arc::new(AtomicBool::new(false));
    let same = flag.clone();
    (move || flag.store(true, Ordering::Release), move || same.load(Ordering::Acquire))
}

#[test]
fn promise_08_not_full_after_a_receive() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let (set, known) = flag();
        let (did, _rx) = race(
            || {
                turn();
                (known(), try_send(&mut tx, 1))
            },
            move || {
                assert_eq!(try_recv(&mut rx), Received(0));
                set();
                rx
            },
        );
        did
    });
    seen.exactly([(false, Full(1)), (false, Sent(1)), (true, Sent(1))]);
}

#[test]
fn promise_08_not_empty_after_a_send() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (set, known) = flag();
        let (did, _tx) = race(
            || {
                turn();
                (known(), try_recv(&mut rx))
            },
            move || {
                assert_eq!(try_send(&mut tx, 1), Sent(1));
                set();
                tx
            },
        );
        did
    });
    seen.exactly([(false, Empty), (false, Received(1)), (true, Received(1))]);
}

#[test]
fn promise_08_one_place_for_two_senders() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (mut tx, _rx) = holding(1, 2);
        let mut tx2 = tx.clone();
        let (a, (b, _tx2)) = race(|| try_send(&mut tx, 1), move || (try_send(&mut tx2, 2), tx2));
        (a, b)
    });
    seen.exactly([(Sent(1), Full(2)), (Full(1), Sent(2))]);
}

#[test]
fn promise_08_one_message_for_two_receivers() {
    let seen = explore(Bound { plain: 9, strong: 9 }, || {
        let (_tx, mut rx) = holding(1, 2);
        let mut rx2 = rx.clone();
        let (a, (b, _rx2)) = race(|| try_recv(&mut rx), move || (try_recv(&mut rx2), rx2));
        (a, b)
    });
    seen.exactly([(Received(0), Empty), (Empty, Received(0))]);
}

#[test]
fn promise_08_len_is_bounded() {
    let seen = explore(Bound { plain: 2, strong: 3 }, || {
        let (mut tx, mut rx) = holding(1, 1);
        let observer = tx.clone();
        let (seen, _tx, _rx) = race3(
            || {
                turn();
                (observer.len(), observer.is_empty(), observer.is_full())
            },
            move || {
                let _ = [try_send(&mut tx, 1), try_send(&mut tx, 2)];
                tx
            },
            move || {
                let _ = [try_recv(&mut rx), try_recv(&mut rx)];
                rx
            },
        );
        assert!(seen.0 <= 1);
        seen
    });
    for len in 0..=1 {
        for is in [false, true] {
            seen.reached(|seen| seen.0 == len && seen.1 == is);
            seen.reached(|seen| seen.0 == len && seen.2 == is);
        }
    }
}

#[test]
fn promise_08_len_is_bounded_wrap() {
    let seen = explore(Bound { plain: 2, strong: 4 }, || {
        let (mut tx, mut rx) = before_wrap(2);
        tx.try_send(message(0)).unwrap();
        let observer = tx.clone();
        let (len, _tx, _rx) = race3(
            || {
                turn();
                observer.len()
            },
            move || {
                let _ = [try_send(&mut tx, 1), try_send(&mut tx, 2)];
                tx
            },
            move || {
                let _ = try_recv(&mut rx);
                rx
            },
        );
        len
    });
    seen.exactly([0, 1, 2]);
}
