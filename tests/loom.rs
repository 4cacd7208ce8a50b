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
use loom::thread::{self, Thread};

// ---- exploring --------------------------------------------------------------------------------

/// Runs `program` in every interleaving with up to `preemptions` preemptions, and tells what it
/// ended in.
fn explore<O: Ord + Debug + Send + 'static>(
    preemptions: usize,
    program: impl Fn() -> O + Send + Sync + 'static,
) -> Seen<O> {
    let seen = PlainArc::new(Mutex::new(BTreeMap::new()));
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
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

/// Wakes one thread.
///
/// Loom's own `block_on` and `join` wake spuriously too, which could hide a lost wake, and they print
/// each wait.
struct Signal {
    set: AtomicBool,
    /// Not part of the model: it changes together with `set`, in one step.
    parked: PlainBool,
    /// Whether the owner called this itself, and so asks to be polled again.
    by_owner: PlainBool,
    owner: Thread,
}

impl Signal {
    fn new() -> PlainArc<Self> {
        PlainArc::new(Self {
            set: AtomicBool::new(false),
            parked: PlainBool::new(false),
            by_owner: PlainBool::new(false),
            owner: thread::current(),
        })
    }

    fn set(&self) {
        self.by_owner.store(thread::current().id() == self.owner.id(), Ordering::Relaxed);
        let was = self.set.swap(true, Ordering::AcqRel);
        if !was && self.parked.swap(false, Ordering::Relaxed) {
            self.owner.unpark();
        }
    }

    /// Returns whether it had to park.
    fn wait(&self) -> bool {
        let mut parked = false;
        while !self.set.swap(false, Ordering::AcqRel) {
            parked = true;
            self.parked.store(true, Ordering::Relaxed);
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

fn block_on<F: Future>(future: F) -> (F::Output, Waited) {
    let mut future = pin!(future);
    let signal = Signal::new();
    let waker = Waker::from(signal.clone());
    let mut cx = Context::from_waker(&waker);
    let mut waited = Waited::default();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return (output, waited);
        }
        waited.parked |= signal.wait();
        if signal.by_owner.swap(false, Ordering::Relaxed) {
            waited.again = true;
            thread::yield_now();
        }
    }
}

/// A waker that only counts.
#[derive(Default)]
struct Count(PlainUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: PlainArc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &PlainArc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F, count: &PlainArc<Count>) -> Poll<F::Output> {
    let waker = Waker::from(count.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

struct Joiner<T> {
    result: PlainArc<Mutex<Option<T>>>,
    done: PlainArc<Signal>,
}

fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> Joiner<T> {
    let (result, done) = (PlainArc::new(Mutex::new(None)), Signal::new());
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

/// Runs two threads, this one included. What they return is dropped after both.
fn race<A: 'static, B>(a: impl FnOnce() -> A + 'static, b: impl FnOnce() -> B) -> (A, B) {
    let a = spawn(a);
    let b = b();
    (a.join(), b)
}

/// Runs three threads, this one included.
fn race3<A: 'static, B: 'static, C>(
    a: impl FnOnce() -> A + 'static,
    b: impl FnOnce() -> B + 'static,
    c: impl FnOnce() -> C,
) -> (A, B, C) {
    let (a, b) = (spawn(a), spawn(b));
    let c = c();
    (a.join(), b.join(), c)
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
fn wrapping(capacity: usize) -> Ends {
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
    turn();
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
    turn();
    let (message, waited) = block_on(rx.recv());
    (received(message), waited)
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
    /// Fails if the calls did not take effect one after the other, `Full`, `Empty` and `Closed`
    /// included.
    fn check(
        capacity: usize,
        before: &[Did],
        threads: impl Into<Vec<Vec<Did>>>,
        after: Vec<Did>,
    ) -> Self {
        let history = Self { capacity, before: before.into(), threads: threads.into(), after };
        let mut reference = Reference { capacity, queue: VecDeque::new(), closed: false };
        let threads: Vec<_> = history.threads.iter().map(Vec::as_slice).collect();
        let explained = history.before.iter().all(|&did| reference.step(did))
            && reference.explains(&threads, &history.after);
        assert!(explained, "no order of calls explains {history:?}");
        history
    }

    /// Whether one of the racing threads was answered this.
    fn has(&self, did: Did) -> bool {
        self.threads.iter().flatten().any(|&d| d == did)
    }
}

// ---- promise 1: nothing lost, nothing twice, and in order -------------------------------------

fn one_sender_one_receiver((mut tx, mut rx): Ends, messages: u32) -> History {
    let capacity = tx.capacity();
    let ((sent, _tx), received) = race(
        move || ((1..=messages).map(|n| try_send(&mut tx, n)).collect(), tx),
        || (0..messages).map(|_| try_recv(&mut rx)).collect(),
    );
    History::check(capacity, &[], [sent, received], rest(&mut rx))
}

fn two_senders_one_receiver((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2) = (tx.capacity(), tx.clone());
    let ((a, _tx), (b, _tx2), received) = race3(
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
        || vec![try_recv(&mut rx), try_recv(&mut rx)],
    );
    History::check(capacity, &[], [a, b, received], rest(&mut rx))
}

fn one_sender_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut rx2) = (tx.capacity(), rx.clone());
    let ((a, mut rx), (b, _rx2), sent) = race3(
        move || (vec![try_recv(&mut rx)], rx),
        move || (vec![try_recv(&mut rx2)], rx2),
        || vec![try_send(&mut tx, 1), try_send(&mut tx, 2)],
    );
    History::check(capacity, &[], [a, b, sent], rest(&mut rx))
}

fn two_senders_two_receivers((mut tx, mut rx): Ends) -> History {
    let (capacity, mut tx2, mut rx2) = (tx.capacity(), tx.clone(), rx.clone());
    let c = spawn(move || (vec![try_recv(&mut rx2)], rx2));
    let ((a, _tx), (b, _tx2), d) = race3(
        move || (vec![try_send(&mut tx, 1)], tx),
        move || (vec![try_send(&mut tx2, 2)], tx2),
        || vec![try_recv(&mut rx)],
    );
    let (c, _rx2) = c.join();
    History::check(capacity, &[], [a, b, c, d], rest(&mut rx))
}

#[test]
fn promise_01_one_sender_one_receiver() {
    let seen = explore(5, || one_sender_one_receiver(channel(1).unwrap(), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_one_sender_one_receiver_wrap() {
    let seen = explore(5, || one_sender_one_receiver(wrapping(1), 3));
    seen.answered([Sent(3), Full(2), Full(3), Received(3), Empty]);
    let seen = explore(5, || one_sender_one_receiver(wrapping(2), 3));
    seen.answered([Sent(3), Full(3), Received(3), Empty]);
}

#[test]
fn promise_01_two_senders_one_receiver() {
    let seen = explore(3, || two_senders_one_receiver(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_one_receiver_wrap() {
    let seen = explore(3, || two_senders_one_receiver(wrapping(1)));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_one_sender_two_receivers() {
    let seen = explore(3, || one_sender_two_receivers(channel(1).unwrap()));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.threads[0] == [Received(2)] && h.threads[1] == [Received(1)]);
    seen.reached(|h| h.threads[0] == [Received(1)] && h.threads[1] == [Received(2)]);
}

#[test]
fn promise_01_one_sender_two_receivers_wrap() {
    let seen = explore(3, || one_sender_two_receivers(wrapping(1)));
    seen.answered([Full(2), Sent(2), Received(1), Received(2), Empty]);
}

#[test]
fn promise_01_two_senders_two_receivers() {
    let seen = explore(2, || two_senders_two_receivers(channel(1).unwrap()));
    seen.answered([Full(1), Full(2), Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_two_senders_two_receivers_capacity_2() {
    let seen = explore(2, || two_senders_two_receivers(channel(2).unwrap()));
    seen.answered([Received(1), Received(2), Empty]);
    seen.reached(|h| h.has(Received(1)) && h.has(Received(2)));
}

#[test]
fn promise_01_each_senders_messages_stay_in_order() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = channel(2).unwrap();
        let mut tx2 = tx.clone();
        let ((a, _tx), (b, _tx2), received) = race3(
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (vec![try_send(&mut tx2, 3)], tx2),
            || vec![try_recv(&mut rx)],
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

// ---- promise 8: as many as there is room for, and no fewer ------------------------------------

/// Tells whether what was done before `set` is known to have been done.
fn flag() -> (impl FnOnce(), impl FnOnce() -> bool) {
    let (to, from) = { let flag = Arc::new(AtomicBool::new(false)); (flag.clone(), flag) };
    (move || to.store(true, Ordering::Release), move || from.load(Ordering::Acquire))
}

#[test]
fn promise_08_full_not_after_a_receive() {
    let seen = explore(5, || {
        let (mut tx, mut rx) = holding(1, 1);
        let (set, known) = flag();
        let (_rx, did) = race(
            move || {
                assert_eq!(try_recv(&mut rx), Received(0));
                set();
                rx
            },
            || {
                turn();
                (known(), try_send(&mut tx, 1))
            },
        );
        did
    });
    seen.exactly([(false, Full(1)), (false, Sent(1)), (true, Sent(1))]);
}

#[test]
fn promise_08_empty_not_after_a_send() {
    let seen = explore(5, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (set, known) = flag();
        let (_tx, did) = race(
            move || {
                assert_eq!(try_send(&mut tx, 1), Sent(1));
                set();
                tx
            },
            || {
                turn();
                (known(), try_recv(&mut rx))
            },
        );
        did
    });
    seen.exactly([(false, Empty), (false, Received(1)), (true, Received(1))]);
}

#[test]
fn promise_08_a_message_on_its_way_takes_one_place() {
    // Two senders, one place: never both, and never neither.
    let seen = explore(5, || {
        let (mut tx, _rx) = holding(1, 2);
        let mut tx2 = tx.clone();
        let ((a, _tx), b) = race(move || (try_send(&mut tx, 1), tx), || try_send(&mut tx2, 2));
        (a, b)
    });
    seen.exactly([(Sent(1), Full(2)), (Full(1), Sent(2))]);
}

#[test]
fn promise_08_a_message_goes_to_one_receiver() {
    let seen = explore(5, || {
        let (_tx, mut rx) = holding(1, 2);
        let mut rx2 = rx.clone();
        let ((a, _rx), b) = race(move || (try_recv(&mut rx), rx), || try_recv(&mut rx2));
        (a, b)
    });
    seen.exactly([(Received(0), Empty), (Empty, Received(0))]);
}

#[test]
fn promise_08_len_is_bounded() {
    let seen = explore(3, || {
        let (mut tx, mut rx) = holding(1, 1);
        let observer = tx.clone();
        let ((_, _tx), (_, _rx), seen) = race3(
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (vec![try_recv(&mut rx), try_recv(&mut rx)], rx),
            || {
                turn();
                (observer.len(), observer.is_empty(), observer.is_full())
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
    let seen = explore(3, || {
        let (mut tx, mut rx) = wrapping(2);
        tx.try_send(message(0)).unwrap();
        let observer = tx.clone();
        let ((_, _tx), (_, _rx), len) = race3(
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            move || (vec![try_recv(&mut rx)], rx),
            || {
                turn();
                observer.len()
            },
        );
        len
    });
    seen.exactly([0, 1, 2]);
}

// ---- promise 6: what is refused comes back; closing -------------------------------------------

#[test]
fn promise_06_close_against_sends() {
    let seen = explore(4, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((sent, mut tx), closed) = race(
            move || (vec![try_send(&mut tx, 1), try_send(&mut tx, 2)], tx),
            || vec![close(rx.mailbox())],
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
    let seen = explore(3, || {
        let (mut tx, mut rx) = holding(1, 1);
        let ((sent, _tx), (closed, _), received) = race3(
            move || (vec![try_send(&mut tx, 1)], tx),
            {
                let closer = rx.clone();
                move || (vec![close(closer.mailbox())], closer)
            },
            || vec![try_recv(&mut rx), try_recv(&mut rx)],
        );
        History::check(1, &[Sent(0)], [sent, closed, received], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1), Received(0), Received(1), Empty, Ended]);
}

#[test]
fn promise_06_two_closers_and_a_sender() {
    let seen = explore(3, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let closer = rx.clone();
        let ((sent, _tx), (a, _), b) = race3(
            move || (vec![try_send(&mut tx, 1)], tx),
            move || (vec![close(closer.mailbox())], closer),
            || vec![close(rx.mailbox()), try_recv(&mut rx)],
        );
        let after = rest(&mut rx);
        assert_eq!(after.last(), Some(&Ended));
        History::check(1, &[], [sent, a, b], after)
    });
    seen.answered([Sent(1), Refused(1), Received(1), Ended]);
    for first in [false, true] {
        seen.reached(|h| h.threads[1] == [Closed { first }]);
        seen.reached(|h| h.threads[2][0] == Closed { first });
    }
}

#[test]
fn promise_06_a_filled_cell_comes_back() {
    let seen = explore(5, || {
        let (mut tx, mut rx) = holding(1, 1);
        let ((received, mut rx), sent) = race(
            move || {
                let received = try_recv(&mut rx);
                let closed = close(rx.mailbox());
                (vec![received, closed], rx)
            },
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
        );
        History::check(1, &[Sent(0)], [received, vec![sent]], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Refused(1)]);
}

#[test]
fn promise_06_a_parked_send_comes_back() {
    let seen = explore(4, || {
        let (mut tx, rx) = holding(1, 1);
        let (_rx, (did, waited)) = race(
            move || {
                close(rx.mailbox());
                rx
            },
            || send(&mut tx, 1),
        );
        (did, waited.parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}

// ---- handles that come and go -----------------------------------------------------------------

#[test]
fn promise_07_the_last_sender_ends_a_receive() {
    let seen = explore(4, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let (sent, ((a, _), (b, waited))) = race(
            move || {
                let sent = try_send(&mut tx, 1);
                drop(tx);
                sent
            },
            || (recv(&mut rx), recv(&mut rx)),
        );
        assert_eq!((sent, a, b), (Sent(1), Received(1), Ended));
        waited.parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_07_either_of_two_senders_is_the_last() {
    let seen = explore(3, || {
        let (tx, mut rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let (_, _, (did, waited)) = race3(|| drop(tx), || drop(tx2), || recv(&mut rx));
        assert_eq!(did, Ended);
        waited.parked
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_06_the_last_receiver_ends_a_send() {
    let seen = explore(4, || {
        let (mut tx, rx) = holding(1, 1);
        let (_, (did, waited)) = race(|| drop(rx), || send(&mut tx, 1));
        (did, waited.parked)
    });
    seen.exactly([(Refused(1), false), (Refused(1), true)]);
}

/// A message that counts its drops.
struct Counted(PlainArc<Count>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.wake_by_ref();
    }
}

#[test]
fn promise_01_leftovers_are_dropped_once() {
    let seen = explore(4, || {
        let (mut tx, rx) = channel(1).unwrap();
        let drops = PlainArc::new(Count::default());
        let counted = Counted(drops.clone());
        let ((sent, tx), ()) = race(
            move || {
                turn();
                (tx.try_send(counted).is_ok(), tx)
            },
            || {
                turn();
                drop(rx);
            },
        );
        // Although the mailbox is still there.
        assert_eq!(drops.get(), 1);
        drop(tx);
        assert_eq!(drops.get(), 1);
        sent
    });
    seen.exactly([false, true]);
}

#[test]
fn promise_01_a_mailbox_drops_what_is_in_it() {
    let seen = explore(4, || {
        let mailbox = Arc::new(HeapMailbox::with_capacity(1).unwrap());
        let drops = PlainArc::new(Count::default());
        let counted = Counted(drops.clone());
        let (other, seen) = (mailbox.clone(), drops.clone());
        let ((), dropped) = race(
            move || {
                turn();
                assert!(other.try_send(counted).is_ok());
                drop(other);
            },
            || {
                turn();
                drop(mailbox);
                seen.get()
            },
        );
        assert_eq!(drops.get(), 1);
        dropped
    });
    seen.exactly([0, 1]);
}

#[test]
fn promise_01_a_seat_passes_from_thread_to_thread() {
    let seen = explore(3, || {
        let (tx, mut rx) = channel(2).unwrap();
        let mut first = tx.clone();
        let (a, (b, _second)) = race(
            move || {
                let did = try_send(&mut first, 1);
                drop(first);
                vec![did, ]
            },
            || {
                turn();
                let mut second = tx.clone();
                (vec![try_send(&mut second, 2)], second)
            },
        );
        History::check(2, &[], [a, b], rest(&mut rx))
    });
    seen.reached(|h| h.after == [Received(1), Received(2), Empty]);
    seen.reached(|h| h.after == [Received(2), Received(1), Empty]);
}

#[test]
fn promise_01_seats_grow_in_two_threads() {
    let seen = explore(3, || {
        let (mut tx, mut rx) = channel(3).unwrap();
        // The first four seats; the next are in a block that does not exist yet.
        let (a, b) = (tx.clone(), tx.clone());
        let send_by_clone = |n: u32, from: Sender<Message>| {
            move || {
                turn();
                let mut clone = from.clone();
                (vec![try_send(&mut clone, n)], from, clone)
            }
        };
        let (a, b) = race(send_by_clone(1, a), send_by_clone(2, b));
        let c = try_send(&mut tx, 3);
        let mut after = vec![c];
        after.extend(rest(&mut rx));
        History::check(3, &[], [a.0.clone(), b.0.clone()], after)
    });
    seen.reached(|h| h.after == [Sent(3), Received(1), Received(2), Received(3), Empty]);
    seen.reached(|h| h.after == [Sent(3), Received(2), Received(1), Received(3), Empty]);
}

#[test]
fn promise_01_without_a_handle() {
    let seen = explore(3, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let other = tx.clone();
        let ((a, _other), b) = race(
            move || (vec![shared_send(other.mailbox(), 1), shared_recv(other.mailbox())], other),
            || vec![try_send(&mut tx, 2), try_recv(&mut rx)],
        );
        History::check(1, &[], [a, b], rest(&mut rx))
    });
    seen.answered([Sent(1), Full(1), Received(1), Sent(2), Full(2), Received(2), Empty]);
    seen.reached(|h| h.threads[0][1] == Received(2) && h.threads[1][1] == Received(1));
}

// ---- promise 7: no lost wake ------------------------------------------------------------------

#[test]
fn promise_07_a_parked_receiver_is_woken() {
    let seen = explore(5, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((sent, _tx), (did, waited)) =
            race(move || (try_send(&mut tx, 1), tx), || recv(&mut rx));
        (sent, did, waited.parked)
    });
    seen.exactly([(Sent(1), Received(1), false), (Sent(1), Received(1), true)]);
}

#[test]
fn promise_07_a_parked_sender_is_woken() {
    let seen = explore(5, || {
        let (mut tx, mut rx) = holding(1, 1);
        let ((received, _rx), (did, waited)) =
            race(move || (try_recv(&mut rx), rx), || send(&mut tx, 1));
        (received, did, waited.parked)
    });
    seen.exactly([(Received(0), Sent(1), false), (Received(0), Sent(1), true)]);
}

fn wait_for_each_other((mut tx, mut rx): Ends) -> (bool, bool) {
    let ((sent, _tx), received) = race(
        move || ([1, 2, 3].map(|n| send(&mut tx, n)), tx),
        || [1, 2, 3].map(|_| recv(&mut rx)),
    );
    assert_eq!(sent.map(|(did, _)| did), [1, 2, 3].map(Sent));
    assert_eq!(received.map(|(did, _)| did), [1, 2, 3].map(Received));
    (sent.iter().any(|(_, waited)| waited.parked), received.iter().any(|(_, waited)| waited.parked))
}

#[test]
fn promise_07_both_sides_wait() {
    let seen = explore(3, || wait_for_each_other(channel(1).unwrap()));
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

#[test]
fn promise_07_both_sides_wait_wrap() {
    let seen = explore(2, || wait_for_each_other(wrapping(1)));
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

#[test]
fn promise_07_two_parked_receivers() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = channel(2).unwrap();
        let mut rx2 = rx.clone();
        let ((a, _rx), (b, _rx2), sent) = race3(
            move || (recv(&mut rx), rx),
            move || (recv(&mut rx2), rx2),
            || [try_send(&mut tx, 1), try_send(&mut tx, 2)],
        );
        assert_eq!(sent, [Sent(1), Sent(2)]);
        assert!([(a.0, b.0), (b.0, a.0)].contains(&(Received(1), Received(2))));
        (a.1.parked, b.1.parked)
    });
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

#[test]
fn promise_07_two_parked_receivers_one_place() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let mut rx2 = rx.clone();
        let ((a, _rx), (b, _rx2), sent) = race3(
            move || (recv(&mut rx), rx),
            move || (recv(&mut rx2), rx2),
            || [send(&mut tx, 1), send(&mut tx, 2)],
        );
        assert_eq!(sent.map(|(did, _)| did), [Sent(1), Sent(2)]);
        assert!([(a.0, b.0), (b.0, a.0)].contains(&(Received(1), Received(2))));
        (a.1.parked, b.1.parked, sent[1].1.parked)
    });
    seen.reached(|&o| o == (true, true, true));
    seen.reached(|&o| o == (true, true, false));
    seen.reached(|&o| o == (false, false, true));
}

#[test]
fn promise_07_two_parked_senders() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = holding(2, 2);
        let mut tx2 = tx.clone();
        let ((a, _tx), (b, _tx2), received) = race3(
            move || (send(&mut tx, 2), tx),
            move || (send(&mut tx2, 3), tx2),
            || [try_recv(&mut rx), try_recv(&mut rx)],
        );
        assert_eq!((a.0, b.0, received), (Sent(2), Sent(3), [Received(0), Received(1)]));
        (a.1.parked, b.1.parked)
    });
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

#[test]
fn promise_07_two_parked_senders_one_place() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = holding(1, 1);
        let mut tx2 = tx.clone();
        let ((a, _tx), (b, _tx2), received) = race3(
            move || (send(&mut tx, 1), tx),
            move || (send(&mut tx2, 2), tx2),
            || [recv(&mut rx), recv(&mut rx), recv(&mut rx)],
        );
        let received = received.map(|(did, _)| did);
        assert_eq!((a.0, b.0, received[0]), (Sent(1), Sent(2), Received(0)));
        assert!([[1, 2], [2, 1]].map(|n| n.map(Received)).contains(&[received[1], received[2]]));
        (a.1.parked, b.1.parked)
    });
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

#[test]
fn promise_07_a_message_that_another_took() {
    // The waiter that was woken finds nothing, and must be woken again.
    let seen = explore(2, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let mut thief = rx.clone();
        let ((taken, _thief), (sent, _tx), (did, waited)) = race3(
            move || (try_recv(&mut thief), thief),
            move || ([send(&mut tx, 1), send(&mut tx, 2)].map(|(did, _)| did), tx),
            || recv(&mut rx),
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
    let seen = explore(3, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let ((sent, _tx), (received, waited)) = race(
            move || {
                let (sent, waited) = block_on(tx.send_many([message(1), message(2)]));
                assert_eq!(sent.unwrap(), 2);
                (waited, tx)
            },
            || {
                let mut out = Vec::new();
                let mut parked = false;
                while out.len() < 2 {
                    let (count, waited) = block_on(rx.recv_many(&mut out, 2));
                    assert!(count > 0);
                    parked |= waited.parked;
                }
                (out.into_iter().map(number).collect::<Vec<_>>(), parked)
            },
        );
        assert_eq!(received, [1, 2]);
        (sent.parked, waited)
    });
    seen.exactly([(false, false), (false, true), (true, false), (true, true)]);
}

// ---- promise 7: close wakes everybody ---------------------------------------------------------

#[test]
fn promise_07_close_wakes_a_receiver() {
    let seen = explore(4, || {
        let (tx, mut rx) = channel(1).unwrap();
        let (_tx, (did, waited)) = race(
            move || {
                assert_eq!(close(tx.mailbox()), Closed { first: true });
                tx
            },
            || recv(&mut rx),
        );
        (did, waited.parked)
    });
    seen.exactly([(Ended, false), (Ended, true)]);
}

#[test]
fn promise_07_two_closers_wake_a_receiver() {
    let seen = explore(3, || {
        let (tx, mut rx) = channel(1).unwrap();
        let tx2 = tx.clone();
        let ((a, _tx), (b, _tx2), (did, waited)) = race3(
            move || (close(tx.mailbox()), tx),
            move || (close(tx2.mailbox()), tx2),
            || recv(&mut rx),
        );
        assert_eq!(did, Ended);
        assert_ne!(a, b);
        (a, waited.parked)
    });
    let firsts = [false, true].map(|first| Closed { first });
    seen.exactly(firsts.into_iter().flat_map(|first| [(first, false), (first, true)]));
}

#[test]
fn promise_07_a_send_and_a_close_wake_two_receivers() {
    let seen = explore(2, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let mut rx2 = rx.clone();
        let ((a, _rx), (b, _rx2), sent) = race3(
            move || (recv(&mut rx), rx),
            move || (recv(&mut rx2), rx2),
            || {
                let sent = try_send(&mut tx, 1);
                close(tx.mailbox());
                sent
            },
        );
        assert_eq!(sent, Sent(1));
        assert!([(a.0, b.0), (b.0, a.0)].contains(&(Received(1), Ended)));
        (a.0, a.1.parked, b.1.parked)
    });
    for first in [Received(1), Ended] {
        for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
            seen.reached(|&o| o == (first, a, b));
        }
    }
}

// ---- promise 7: cancelling --------------------------------------------------------------------

/// How a call that was polled once and dropped ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Brief {
    Done,
    /// Dropped while waiting; whether it had been woken by then.
    Dropped { woken: bool },
}

fn briefly<F: Future + Unpin>(mut future: F) -> Brief {
    turn();
    let count = PlainArc::new(Count::default());
    match poll_once(&mut future, &count) {
        Poll::Ready(_) => Brief::Done,
        Poll::Pending => {
            // The order of this against the wake is that of the cancellation.
            let woken = count.get() > 0;
            drop(future);
            Brief::Dropped { woken }
        }
    }
}

/// The outcomes of a race of a brief call and a waiting one of the same side for one thing.
fn passed_on() -> [(Brief, Did, bool); 0] {
    []
}

#[test]
fn promise_07_a_dropped_receive_passes_its_wake_on() {
    let seen = explore(3, || {
        let (mut tx, mut rx) = channel(1).unwrap();
        let mut rx2 = rx.clone();
        let ((brief, _rx), (sent, _tx), (did, waited)) = race3(
            move || {
                let brief = briefly(rx.recv());
                if brief == Brief::Done {
                    rx.close();
                }
                (brief, rx)
            },
            move || (try_send(&mut tx, 1), tx),
            || recv(&mut rx2),
        );
        assert_eq!(sent, Sent(1));
        let expected = if brief == Brief::Done { Ended } else { Received(1) };
        assert_eq!(did, expected);
        (brief, waited.parked)
    });
    let _ = passed_on();
    for parked in [false, true] {
        for brief in [Brief::Done, Brief::Dropped { woken: false }, Brief::Dropped { woken: true }] {
            seen.reached(|&o| o == (brief, parked));
        }
    }
}
