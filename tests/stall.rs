//! A thread that stops for good costs the others nothing: the stall test.
//!
//! The crate, built with `--cfg droves_stall`, calls a hook before each atomic access and each cell
//! access. So a *victim* can be stopped before any one of them, here before each in turn of each
//! operation, and then the others must go on:
//!
//! * with `try_` calls: the mailbox takes exactly as many messages as it has room for, over and over,
//!   in order, and each call ends within a number of steps;
//! * with waiting calls: tasks that send and receive, parked on both sides before the stop or after,
//!   do not sleep while there is something to do, nor run while there is nothing.
//!
//! Then the victim goes on, into a mailbox that has changed under it; and at the end no message is
//! lost or was received twice, and each cell has exactly one owner.
//!
//! ```text
//! RUSTFLAGS="--cfg droves_stall" cargo test -p droves --release --test stall --features std
//! ```
#![cfg(droves_stall)]

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use droves::mailbox::{
    Heap, HeapMailbox, Inline, Mailbox, Receiver, Refused, Sender, SharedRecvError,
    SharedSendError, StaticMailbox, Storage, TryRecvError, TrySendError,
};
use droves::stall::observe;

/// How many times its capacity goes through a mailbox while a thread is stopped.
const LAPS: usize = 8;
/// The seats of an inline mailbox; the first three blocks of one on the heap have as many.
const SEATS: usize = 28;
/// A wait of another thread that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(20);
/// More steps than any operation takes.
const ENDLESS: usize = 20_000;

// ------------------------------------------------------------------------------------ messages

/// Its author, and its number among those of this author.
type Id = (usize, usize);

/// What became of each message.
#[derive(Default)]
struct Entries {
    authors: usize,
    alive: BTreeSet<Id>,
    accepted: BTreeSet<Id>,
    /// With who received it.
    received: Vec<(usize, Id)>,
    dropped_twice: Vec<Id>,
}

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Entries>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn author(&self) -> Author {
        let mut entries = lock(&self.0);
        entries.authors += 1;
        Author { book: self.clone(), number: entries.authors, written: 0 }
    }

    fn accepted(&self, id: Id) {
        assert!(lock(&self.0).accepted.insert(id), "{id:?} was accepted twice");
    }

    fn received(&self) -> usize {
        lock(&self.0).received.len()
    }

    /// How often a message was accepted or received.
    fn moves(&self) -> usize {
        let entries = lock(&self.0);
        entries.accepted.len() + entries.received.len()
    }

    /// Messages that were accepted, and that nobody has received or dropped.
    fn on_the_way(&self) -> usize {
        let entries = lock(&self.0);
        entries.alive.iter().filter(|id| entries.accepted.contains(id)).count()
    }

    /// Each reader has received the messages of each author in their order.
    fn assert_in_order(&self) {
        let entries = lock(&self.0);
        let mut last = std::collections::BTreeMap::new();
        for &(reader, (author, number)) in &entries.received {
            let before = last.insert((reader, author), number);
            assert!(before < Some(number), "{author}'s {number} came after {before:?}");
        }
    }

    /// Once all is over: nothing was lost, and nothing was received or dropped twice. Messages may
    /// have been `discarded` together with the last receiver.
    fn assert_balanced(&self, discarded: bool) {
        self.assert_in_order();
        let entries = lock(&self.0);
        let received: BTreeSet<Id> = entries.received.iter().map(|&(_, id)| id).collect();
        assert_eq!(received.len(), entries.received.len(), "a message was received twice");
        assert_eq!(entries.dropped_twice, [], "dropped twice");
        assert_eq!(entries.alive, BTreeSet::new(), "never dropped");
        if discarded {
            assert!(received.is_subset(&entries.accepted), "refused, but received");
        } else {
            assert_eq!(received, entries.accepted, "received, and accepted");
        }
    }
}

struct Author {
    book: Book,
    number: usize,
    written: usize,
}

impl Author {
    fn write(&mut self) -> Message {
        self.written += 1;
        let id = (self.number, self.written);
        lock(&self.book.0).alive.insert(id);
        Message { id, book: self.book.clone() }
    }
}

struct Message {
    id: Id,
    book: Book,
}

impl Message {
    /// Sends it by `send`, which tells whether it was accepted.
    fn send(self, send: impl FnOnce(Self) -> bool) {
        let (id, book) = (self.id, self.book.clone());
        if send(self) {
            book.accepted(id);
        }
    }

    fn receive(self, reader: usize) {
        lock(&self.book.0).received.push((reader, self.id));
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let mut entries = lock(&self.book.0);
        if !entries.alive.remove(&self.id) {
            entries.dropped_twice.push(self.id);
        }
    }
}

/// Receives what a batch receives, one by one.
struct Reader(usize);

impl Extend<Message> for Reader {
    fn extend<I: IntoIterator<Item = Message>>(&mut self, messages: I) {
        messages.into_iter().for_each(|message| message.receive(self.0));
    }
}

// ------------------------------------------------------------------------------- steps and stops

/// What is measured in steps.
#[derive(Clone, Copy, Debug)]
enum Call {
    Send,
    Receive,
    /// A handle comes and goes.
    Handle,
    Close,
    /// A poll, divided by one more than the messages that it moved.
    Poll,
}

static MOST: [AtomicUsize; 5] = [const { AtomicUsize::new(0) }; 5];

impl Call {
    /// The most steps that a call may take while others are stopped.
    fn limit(self) -> usize {
        match self {
            Self::Send | Self::Receive => 200,
            Self::Handle => 200,
            Self::Close => 400,
            Self::Poll => 400,
        }
    }

    /// Checks how many steps it took.
    fn took(self, steps: usize) {
        MOST[self as usize].fetch_max(steps, Ordering::Relaxed);
        assert!(steps <= self.limit(), "a {self:?} takes {steps} steps");
    }

    /// Runs `f`, which must end within the limit.
    fn within<R>(self, f: impl FnOnce() -> R) -> R {
        let (result, steps) = counted(self.limit(), f);
        self.took(steps);
        result
    }
}

/// Runs `f` and counts its steps, up to a limit.
fn counted<R>(limit: usize, f: impl FnOnce() -> R) -> (R, usize) {
    let steps = Rc::new(Cell::new(0));
    let counter = steps.clone();
    let hook = move || {
        counter.set(counter.get() + 1);
        assert!(counter.get() <= limit, "a call takes more than {limit} steps");
    };
    let result = observe(hook, f);
    (result, steps.get())
}

/// What a victim does.
type Act = Box<dyn FnOnce() -> Left + Send>;

/// What is left of it at the end.
struct Left {
    task: Option<Task>,
    /// Dropped when nobody hooks it any more.
    _handles: Kept,
}

impl Left {
    fn into_task(self) -> Option<Task> {
        self.task
    }
}

type Kept = Box<dyn Send>;

/// A thread that stops before a chosen step.
struct Victim {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<Left>>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    steps: usize,
    stop_before: usize,
    stopped: bool,
    ended: bool,
}

impl Gate {
    /// For the victim's hook.
    fn step(&self) {
        let mut state = lock(&self.state);
        if state.steps == state.stop_before {
            state.stopped = true;
            self.changed.notify_all();
            state = self
                .changed
                .wait_while(state, |state| state.stopped)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.steps += 1;
        assert!(state.steps < ENDLESS, "the victim does not come to an end");
    }

    /// Lets the victim go on, and waits until it stops again or ends. Tells whether it stopped.
    fn go_on(&self, steps: usize) -> bool {
        let mut state = lock(&self.state);
        state.stop_before = state.steps.saturating_add(steps);
        state.stopped = false;
        self.changed.notify_all();
        let (state, wait) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.stopped && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!wait.timed_out(), "the victim neither stops nor ends");
        state.stopped
    }
}

impl Victim {
    /// Starts a victim, and waits until it has stopped before step `step` (from 0) or has ended.
    fn stop(step: usize, act: Act) -> Self {
        struct End(Arc<Gate>);
        impl Drop for End {
            fn drop(&mut self) {
                lock(&self.0.state).ended = true;
                self.0.changed.notify_all();
            }
        }
        let gate = Arc::new(Gate::default());
        lock(&gate.state).stopped = true;
        let end = End(gate.clone());
        let thread = thread::spawn(move || {
            let gate = end.0.clone();
            drop(gate.changed.wait_while(lock(&gate.state), |state| state.stopped));
            observe(move || gate.step(), act)
        });
        gate.go_on(step);
        Self { gate, thread: Some(thread) }
    }

    fn is_stopped(&self) -> bool {
        lock(&self.gate.state).stopped
    }

    /// Lets it go on to its end. Returns what is left, and how many steps it took.
    fn end(mut self) -> (Left, usize) {
        self.gate.go_on(usize::MAX);
        let left = self.thread.take().expect("it ends once").join().expect("a victim panicked");
        (left, lock(&self.gate.state).steps)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        state.stop_before = usize::MAX;
        state.stopped = false;
        self.gate.changed.notify_all();
    }
}

// ------------------------------------------------------------------------------------- waiting

/// A waker that one can wait for.
#[derive(Default)]
struct Alarm {
    rang: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    fn ringing() -> Arc<Self> {
        let alarm = Arc::<Self>::default();
        *lock(&alarm.rang) = true;
        alarm
    }

    /// Whether it rang since the last call.
    fn take(&self) -> bool {
        std::mem::take(&mut lock(&self.rang))
    }

    /// Waits until it rings. Lets it ring on.
    fn wait(&self) {
        let (rang, _) = self
            .changed
            .wait_timeout_while(lock(&self.rang), PATIENCE, |rang| !*rang)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(*rang, "a task sleeps for good");
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *lock(&self.rang) = true;
        self.changed.notify_all();
    }
}

type Job = Pin<Box<dyn Future<Output = Kept> + Send>>;

/// A task that sends or receives.
struct Task {
    sends: bool,
    /// Until its end.
    job: Option<Job>,
    /// From then on.
    kept: Option<Kept>,
    alarm: Arc<Alarm>,
    book: Book,
}

/// Which waker a task has: the same at each poll, or another.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wakers {
    Same,
    Fresh,
}

impl Task {
    fn new(book: &Book, sends: bool, job: Job) -> Self {
        Self { sends, job: Some(job), kept: None, alarm: Alarm::ringing(), book: book.clone() }
    }

    fn poll(&mut self, wakers: Wakers) {
        if wakers == Wakers::Fresh {
            self.alarm = Arc::default();
        }
        let Some(job) = &mut self.job else { return };
        let waker = Waker::from(self.alarm.clone());
        if let Poll::Ready(handle) = job.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.job = None;
            self.kept = Some(handle);
        }
    }

    /// Polls if it was woken. Returns how many messages were sent or received meanwhile, and one more
    /// if it is done; nothing if it sleeps.
    fn go_on(&mut self, wakers: Wakers) -> Option<usize> {
        if self.job.is_none() || !self.alarm.take() {
            return None;
        }
        let before = self.book.moves();
        let ((), steps) = counted(ENDLESS, || self.poll(wakers));
        let moves = self.book.moves() - before;
        Call::Poll.took(steps.div_ceil(moves + 1));
        Some(moves + usize::from(self.job.is_none()))
    }

    /// Runs to its end, on a thread of its own.
    fn block(&mut self) {
        while self.job.is_some() {
            self.alarm.wait();
            self.go_on(Wakers::Same);
        }
    }
}

/// How often tasks with a fresh waker at each poll woke themselves, with nothing to do.
static SPINS: AtomicUsize = AtomicUsize::new(0);

/// Runs those tasks that were woken, in their order, until none is.
fn run(tasks: &mut [Task], wakers: Wakers) {
    let mut in_vain = 0;
    while in_vain < 5 {
        let moves: Vec<_> = tasks.iter_mut().filter_map(|task| task.go_on(wakers)).collect();
        if moves.is_empty() {
            return;
        }
        in_vain = if moves.iter().sum::<usize>() == 0 { in_vain + 1 } else { 0 };
    }
    SPINS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(wakers, Wakers::Fresh, "tasks spin with nothing to do");
}

// ---------------------------------------------------------------------------- a mailbox under test

type Shared<S> = Arc<Mailbox<S>>;
type Tx<S> = Sender<Message, Shared<S>>;
type Rx<S> = Receiver<Message, Shared<S>>;

/// A storage, and how to make a mailbox with it.
trait Kind: Storage<Message = Message> + Send + Sync + Sized + 'static {
    fn mailbox(capacity: usize) -> Shared<Self>;
}

impl Kind for Heap<Message> {
    /// The positions wrap while a victim is stopped.
    fn mailbox(capacity: usize) -> Shared<Self> {
        Arc::new(HeapMailbox::starting_before_wrap(capacity, 4).unwrap())
    }
}

impl<const N: usize> Kind for Inline<Message, N, SEATS> {
    fn mailbox(capacity: usize) -> Shared<Self> {
        assert_eq!(capacity, N);
        Arc::new(StaticMailbox::new())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    Empty,
    Half,
    Full,
}
use Level::{Empty, Full, Half};

/// A mailbox, the healthy handles, and healthy tasks.
struct Rig<S: Kind> {
    book: Book,
    author: Author,
    mailbox: Shared<S>,
    tx: Option<Tx<S>>,
    rx: Option<Rx<S>>,
    tasks: Vec<Task>,
    /// Handles that are there to take seats.
    extra: Vec<Kept>,
    readers: usize,
    /// Whether tasks run on threads, so that each receives in an order of its own.
    threads: bool,
    /// Whether a receiver was told that nothing is left and nothing comes.
    drained: bool,
}

impl<S: Kind> Rig<S> {
    fn new(capacity: usize, level: Level) -> Self {
        let book = Book::default();
        let mut rig = Self {
            author: book.author(),
            book,
            mailbox: S::mailbox(capacity),
            tx: None,
            rx: None,
            tasks: Vec::new(),
            extra: Vec::new(),
            readers: 0,
            threads: false,
            drained: false,
        };
        rig.tx = Some(rig.sender());
        rig.rx = Some(rig.receiver());
        let messages = match level {
            Empty => 0,
            Half => capacity / 2,
            Full => capacity,
        };
        (0..messages).for_each(|_| rig.put());
        rig
    }

    fn capacity(&self) -> usize {
        self.mailbox.capacity()
    }

    fn sender(&self) -> Tx<S> {
        Sender::new(self.mailbox.clone()).unwrap()
    }

    fn receiver(&self) -> Rx<S> {
        Receiver::new(self.mailbox.clone()).unwrap()
    }

    /// The healthy sender itself, for a victim.
    fn last_sender(&mut self) -> Tx<S> {
        self.tx.take().unwrap_or_else(|| self.sender())
    }

    /// The healthy receiver itself, for a victim.
    fn last_receiver(&mut self) -> Rx<S> {
        self.rx.take().unwrap_or_else(|| self.receiver())
    }

    /// A message of a new author.
    fn message(&self) -> Message {
        self.book.author().write()
    }

    /// A number for one who receives, other than 0, which is for healthy ones.
    fn reader(&mut self) -> usize {
        self.readers += 1;
        self.readers
    }

    /// Sends a message, if there is room.
    fn put(&mut self) {
        let tx = self.tx.get_or_insert_with(|| Sender::new(self.mailbox.clone()).unwrap());
        self.author.write().send(|message| tx.try_send(message).is_ok());
    }

    /// Receives a message, if there is one.
    fn get(&mut self) {
        let rx = self.rx.get_or_insert_with(|| Receiver::new(self.mailbox.clone()).unwrap());
        if let Ok(message) = rx.try_recv() {
            message.receive(0);
        }
    }

    /// A task that sends so many messages, or until the mailbox is closed.
    fn add_sending(&mut self, messages: usize) {
        let (mut tx, mut author) = (self.sender(), self.book.author());
        let job = Box::pin(async move {
            for _ in 0..messages {
                let message = author.write();
                let id = message.id;
                if tx.send(message).await.is_err() {
                    break;
                }
                author.book.accepted(id);
            }
            Box::new(tx) as Kept
        });
        self.tasks.push(Task::new(&self.book, true, job));
    }

    /// A task that receives until the mailbox is closed and drained.
    fn add_receiving(&mut self) {
        let mut rx = self.receiver();
        let reader = if self.threads { self.reader() } else { 0 };
        let job = Box::pin(async move {
            while let Some(message) = rx.recv().await {
                message.receive(reader);
            }
            Box::new(rx) as Kept
        });
        self.tasks.push(Task::new(&self.book, false, job));
    }

    /// Adds a task that sends, and runs it until it waits.
    fn park_sender(&mut self) {
        self.add_sending(LAPS * self.capacity());
        run(&mut self.tasks, Wakers::Same);
    }

    /// Adds a task that receives, and runs it until it waits.
    fn park_receiver(&mut self) {
        self.add_receiving();
        run(&mut self.tasks, Wakers::Same);
    }

    /// Moves messages by `try_` calls while `stopped` threads are stopped, and leaves the mailbox as
    /// full as `leave` says. If one of them has closed it, drains it.
    fn carry_on(&mut self, stopped: usize, leave: Level) {
        if self.mailbox.is_closed() {
            return self.drain_closed(stopped);
        }
        let Self { author, mailbox, tx, rx, .. } = self;
        let shared = || mailbox.clone();
        let tx = tx.get_or_insert_with(|| Call::Handle.within(|| Sender::new(shared()).unwrap()));
        let rx = rx.get_or_insert_with(|| Call::Handle.within(|| Receiver::new(shared()).unwrap()));
        let mut send = |message| tx.try_send(message);
        move_messages(mailbox.capacity(), stopped, author, &mut send, &mut || rx.try_recv());
        assert!(mailbox.is_empty());
        let mut send = |message| {
            mailbox.try_send(message).map_err(|error| match error {
                SharedSendError::Full(message) => TrySendError::Full(message),
                SharedSendError::Closed(message) => TrySendError::Closed(message),
                SharedSendError::Busy(_) => panic!("no free seat"),
            })
        };
        let mut receive = || {
            mailbox.try_recv().map_err(|error| match error {
                SharedRecvError::Empty => TryRecvError::Empty,
                SharedRecvError::Closed => TryRecvError::Closed,
                SharedRecvError::Busy => panic!("no free seat"),
            })
        };
        move_messages(mailbox.capacity(), stopped, author, &mut send, &mut receive);
        Call::Handle.within(|| drop(tx.try_clone().unwrap()));
        Call::Handle.within(|| drop(rx.try_clone().unwrap()));
        if leave == Full {
            (0..self.capacity()).for_each(|_| self.put());
            assert!(self.mailbox.is_full());
        }
    }

    /// The mailbox is closed: senders are told so, and receivers too after the last message.
    fn drain_closed(&mut self, stopped: usize) {
        self.drained = true;
        let (mut tx, mut rx) = Call::Handle.within(|| (self.sender(), self.receiver()));
        let refused = Call::Send.within(|| tx.try_send(self.author.write()));
        assert!(refused.unwrap_err().is_closed(), "closed, and a send says something else");
        let refused = Call::Send.within(|| self.mailbox.try_send(self.author.write()));
        assert!(refused.unwrap_err().is_closed(), "closed, and a send says something else");
        let end = loop {
            match Call::Receive.within(|| rx.try_recv()) {
                Ok(message) => message.receive(0),
                Err(end) => break end,
            }
        };
        assert_eq!(end, TryRecvError::Closed, "closed, and a receive says something else");
        let end = Call::Receive.within(|| self.mailbox.try_recv()).err();
        assert_eq!(end, Some(SharedRecvError::Closed));
        assert!(self.book.on_the_way() <= stopped, "a stopped thread holds more than a message");
    }

    /// Moves so many messages by waiting calls while `stopped` threads are stopped: by the tasks that
    /// are parked, and another that sends. If the mailbox is closed, they end.
    fn move_by_tasks(&mut self, stopped: usize, messages: usize, wakers: Wakers) {
        let before = self.book.received();
        // Each thread that is stopped may have a message, or may have stopped before it announced
        // one, or may have been woken for one; the last messages may be such.
        self.add_sending(messages + stopped);
        run(&mut self.tasks, wakers);
        if self.mailbox.is_closed() {
            return self.assert_ended(stopped);
        }
        let sending = self.tasks.iter().filter(|task| task.sends && task.job.is_some()).count();
        assert_eq!(sending, 0, "all are asleep, and there is something to do");
        assert!(self.book.received() >= before + messages, "a wake was lost");
        assert!(self.book.on_the_way() <= stopped, "more than one message for each stopped thread");
    }

    fn assert_ended(&mut self, stopped: usize) {
        self.drained = true;
        assert!(self.tasks.iter().all(|task| task.job.is_none()), "asleep, though it is closed");
        assert!(self.book.on_the_way() <= stopped, "more than one message for each stopped thread");
    }

    /// Moves messages by waiting calls while `stopped` threads are stopped: by the tasks that are
    /// parked, and one more on each side. Then ends them all.
    fn carry_on_waiting(&mut self, stopped: usize, way: Way) {
        self.add_receiving();
        if way.receivers_first {
            self.tasks.reverse();
        }
        self.move_by_tasks(stopped, LAPS * self.capacity(), way.wakers);
        self.end_tasks(stopped, way);
    }

    fn end_tasks(&mut self, stopped: usize, way: Way) {
        if way.cancel {
            Call::Close.within(|| self.tasks.clear());
        } else {
            Call::Close.within(|| self.mailbox.close());
            run(&mut self.tasks, way.wakers);
            self.assert_ended(stopped);
        }
    }

    /// As above, with each task on a thread of its own.
    fn carry_on_threads(&mut self, stopped: usize) {
        self.add_sending(LAPS * self.capacity() + stopped);
        self.add_receiving();
        let was_closed = self.mailbox.is_closed();
        let (sending, receiving): (Vec<_>, Vec<_>) =
            self.tasks.drain(..).partition(|task| task.sends);
        let start = |mut task: Task| thread::spawn(move || task.block());
        let receiving: Vec<_> = receiving.into_iter().map(start).collect();
        let sending: Vec<_> = sending.into_iter().map(start).collect();
        sending.into_iter().for_each(|thread| thread.join().expect("a sender sleeps for good"));
        let begin = Instant::now();
        while self.book.on_the_way() > stopped {
            assert!(begin.elapsed() < PATIENCE, "a receiver sleeps for good");
            thread::yield_now();
        }
        if !was_closed {
            assert!(self.book.received() >= LAPS * self.capacity());
            self.mailbox.close();
        }
        receiving.into_iter().for_each(|thread| thread.join().expect("a receiver sleeps for good"));
        self.assert_ended(stopped);
    }

    /// Lets the victims go on, and takes stock.
    fn settle(mut self, victims: impl IntoIterator<Item = Victim>, discards: bool) {
        // So that the mailbox does not close when the others go.
        let (tx, rx) = (self.sender(), self.receiver());
        self.tasks.extend(victims.into_iter().filter_map(|victim| victim.end().0.into_task()));
        run(&mut self.tasks, Wakers::Same);
        for task in self.tasks.iter().filter(|task| task.job.is_some()) {
            assert!(!self.mailbox.is_closed(), "asleep, though it is closed");
            let blocked = if task.sends { self.mailbox.is_full() } else { self.mailbox.is_empty() };
            assert!(blocked, "asleep, with something to do; it sends: {}", task.sends);
        }
        self.tasks.clear();
        self.extra.clear();
        (self.tx, self.rx) = (Some(tx), Some(rx));
        let before = self.book.received();
        (0..=self.capacity()).for_each(|_| self.get());
        assert!(!self.drained || before == self.book.received(), "a message after the last");
        if self.mailbox.is_closed() {
            self.assert_closed_for_good();
        } else {
            self.assert_capacity_and_cells();
        }
        let book = self.book.clone();
        drop(self);
        book.assert_balanced(discards);
    }

    /// With nobody else there: the mailbox takes as many messages as it has room for, and these and
    /// one in the spare of each handle lie in different cells.
    fn assert_capacity_and_cells(&mut self) {
        let mut rx = self.receiver();
        let mut senders = vec![self.sender()];
        (self.tx, self.rx) = (None, None);
        senders.extend((2..SEATS).map(|_| self.sender()));
        let (tx, others) = senders.split_last_mut().unwrap();
        let author = &mut self.author;
        let mut write = |ids: &mut Vec<Id>| {
            let message = author.write();
            ids.push(message.id);
            message
        };
        let (mut sent, mut kept) = (Vec::new(), Vec::new());
        for _ in 0..self.mailbox.capacity() {
            write(&mut sent).send(|message| tx.try_send(message).is_ok());
        }
        let spares: Vec<_> =
            others.iter_mut().map(|tx| tx.reserve().write(write(&mut kept))).collect();
        let Err(Refused { message, error }) = tx.reserve().write(write(&mut sent)).try_send()
        else {
            panic!("more than its capacity");
        };
        assert!(error.is_full());
        let message = message.into_inner();
        // One goes out and another in, so that the receiver's spare becomes the sender's.
        let mut received = vec![rx.try_recv().unwrap()];
        message.send(|message| tx.try_send(message).is_ok());
        let spare = tx.reserve().write(write(&mut kept));
        received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
        let ids = received.iter().map(|message| message.id);
        assert_eq!(ids.collect::<Vec<_>>(), sent, "a cell has two owners");
        let ids = spares.iter().chain([&spare]).map(|message| message.id);
        assert_eq!(ids.collect::<Vec<_>>(), kept, "a cell has two owners");
        received.into_iter().for_each(|message| message.receive(0));
    }

    /// A closed mailbox stays so, and each handle has a cell of its own.
    fn assert_closed_for_good(&mut self) {
        assert_eq!(self.rx.as_mut().unwrap().try_recv().err(), Some(TryRecvError::Closed));
        (self.tx, self.rx) = (None, None);
        let mut senders: Vec<_> = (0..SEATS).map(|_| self.sender()).collect();
        assert!(senders[0].try_send(self.author.write()).unwrap_err().is_closed());
        let mut write = || self.author.write();
        let spares: Vec<_> = senders.iter_mut().map(|tx| tx.reserve().write(write())).collect();
        let ids: BTreeSet<_> = spares.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), SEATS);
    }
}

/// How healthy tasks run and end.
#[derive(Clone, Copy, Debug)]
struct Way {
    receivers_first: bool,
    wakers: Wakers,
    /// Drop them while they wait; else close the mailbox.
    cancel: bool,
}

const WAYS: [Way; 4] = [
    Way { receivers_first: false, wakers: Wakers::Same, cancel: false },
    Way { receivers_first: true, wakers: Wakers::Same, cancel: true },
    Way { receivers_first: true, wakers: Wakers::Fresh, cancel: false },
    Way { receivers_first: false, wakers: Wakers::Fresh, cancel: true },
];

/// Fills and drains what `send` and `receive` are the ends of, while `stopped` threads are stopped.
fn move_messages(
    capacity: usize,
    stopped: usize,
    author: &mut Author,
    send: &mut dyn FnMut(Message) -> Result<(), TrySendError<Message>>,
    receive: &mut dyn FnMut() -> Result<Message, TryRecvError>,
) {
    for _ in 0..=LAPS {
        let refused = (0..=capacity).find_map(|_| {
            let message = author.write();
            let id = message.id;
            let result = Call::Send.within(|| send(message));
            if result.is_ok() {
                author.book.accepted(id);
            }
            result.err()
        });
        assert!(refused.expect("more than its capacity").is_full());
        let mut received = 0;
        let end = loop {
            match Call::Receive.within(&mut *receive) {
                Ok(message) => message.receive(0),
                Err(end) => break end,
            }
            received += 1;
        };
        assert_eq!(end, TryRecvError::Empty);
        assert_eq!(received, capacity, "full with so many messages");
        assert!(author.book.on_the_way() <= stopped, "a stopped thread holds more than a message");
    }
    for _ in 0..capacity {
        let message = author.write();
        message.send(|message| Call::Send.within(|| send(message)).is_ok());
        Call::Receive.within(&mut *receive).expect("a message was sent").receive(0);
    }
}

// ---------------------------------------------------------------------------------- operations

/// What a victim is stopped in.
struct Operation<S: Kind> {
    name: &'static str,
    level: Level,
    /// Makes ready all that comes before the operation.
    prepare: fn(&mut Rig<S>) -> Act,
    /// Whether healthy tasks parked beforehand would make another operation of it.
    alone: bool,
    /// Whether messages go with the last receiver.
    discards: bool,
}

impl<S: Kind> fmt::Display for Operation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, mailbox {:?}", self.name, self.level)
    }
}

impl<S: Kind> Operation<S> {
    /// A mailbox of the level, with a task that waits if one can.
    fn rig(&self, capacity: usize, parked: bool, threads: bool) -> Rig<S> {
        let mut rig = Rig::new(capacity, self.level);
        rig.threads = threads;
        match self.level {
            Empty if parked && !self.alone => rig.park_receiver(),
            Full if parked && !self.alone => rig.park_sender(),
            _ => {}
        }
        rig
    }
}

/// An operation, and the handles that it keeps.
fn act<H: Send + 'static>(operation: impl FnOnce() -> H + Send + 'static) -> Act {
    Box::new(move || Left { task: None, _handles: Box::new(operation()) })
}

/// One poll.
fn poll_act(mut task: Task, wakers: Wakers) -> Act {
    Box::new(move || {
        task.poll(wakers);
        Left { task: Some(task), _handles: Box::new(()) }
    })
}

fn send_task<S: Kind>(rig: &Rig<S>) -> Task {
    let (mut tx, message) = (rig.sender(), rig.message());
    let job = async move {
        let (id, book) = (message.id, message.book.clone());
        if tx.send(message).await.is_ok() {
            book.accepted(id);
        }
        Box::new(tx) as Kept
    };
    Task::new(&rig.book, true, Box::pin(job))
}

fn recv_task<S: Kind>(rig: &mut Rig<S>) -> Task {
    let (mut rx, reader) = (rig.receiver(), rig.reader());
    let job = async move {
        if let Some(message) = rx.recv().await {
            message.receive(reader);
        }
        Box::new(rx) as Kept
    };
    Task::new(&rig.book, false, Box::pin(job))
}

/// A send that waits, if the mailbox is full.
fn waiting_send<S: Kind>(rig: &mut Rig<S>) -> Task {
    let mut task = send_task(rig);
    task.go_on(Wakers::Same);
    task
}

/// A receive that waits, if the mailbox is empty.
fn waiting_recv<S: Kind>(rig: &mut Rig<S>) -> Task {
    let mut task = recv_task(rig);
    task.go_on(Wakers::Same);
    task
}

fn messages<S: Kind>(rig: &Rig<S>, count: usize) -> Vec<Message> {
    let mut author = rig.book.author();
    (0..count).map(|_| author.write()).collect()
}

/// As many of these messages were accepted.
fn accepted(book: &Book, ids: &[Id], count: usize) {
    ids[..count].iter().for_each(|&id| book.accepted(id));
}

const ANY: &[Level] = &[Empty, Half, Full];

fn operations<S: Kind>() -> Vec<Operation<S>> {
    let mut list = Vec::new();
    let mut add = |name, levels: &[Level], prepare: fn(&mut Rig<S>) -> Act| {
        list.extend(levels.iter().map(|&level| Operation {
            name,
            level,
            prepare,
            alone: false,
            discards: false,
        }));
    };

    add("try_send", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.try_send(message).is_ok());
            tx
        })
    });
    add("try_recv", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });
    add("try_send_many", ANY, |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        act(move || {
            let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
            let sent = tx.try_send_many(messages).unwrap_or_else(|error| error.sent);
            accepted(&book, &ids, sent);
            tx
        })
    });
    add("try_recv_many", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.try_recv_many(&mut Reader(reader), 3);
            rx
        })
    });
    add("try_send without a handle", ANY, |rig| {
        let (mailbox, message) = (rig.mailbox.clone(), rig.message());
        act(move || message.send(|message| mailbox.try_send(message).is_ok()))
    });
    add("try_recv without a handle", ANY, |rig| {
        let (mailbox, reader) = (rig.mailbox.clone(), rig.reader());
        act(move || mailbox.try_recv().map(|message| message.receive(reader)).is_ok())
    });
    add("reserve, write, send", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.reserve().write(message).try_send().is_ok());
            tx
        })
    });
    add("reserve, write, take back", &[Empty], |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            drop(tx.reserve().write(message).into_inner());
            tx
        })
    });
    add("len", ANY, |rig| {
        let tx = rig.sender();
        act(move || (tx.len(), tx.is_empty(), tx.is_full(), tx).3)
    });
    add("close", ANY, |rig| {
        let tx = rig.sender();
        act(move || (tx.close(), tx).1)
    });
    add("clone a sender", &[Empty], |rig| {
        let tx = rig.sender();
        act(move || (tx.try_clone().unwrap(), tx))
    });
    add("clone a receiver", &[Full], |rig| {
        let rx = rig.receiver();
        act(move || (rx.try_clone().unwrap(), rx))
    });
    add("clone into new seats", &[Half], |rig| {
        let tx = rig.sender();
        // On the heap: now the first four seats are taken.
        rig.extra.push(Box::new(rig.sender()));
        act(move || (tx.try_clone().unwrap(), tx))
    });
    add("drop a sender", &[Empty, Full], |rig| {
        let tx = rig.sender();
        act(move || drop(tx))
    });
    add("drop a receiver", &[Empty, Full], |rig| {
        let rx = rig.receiver();
        act(move || drop(rx))
    });
    add("a borrowed receiver comes and goes", &[Half], |rig| {
        let mailbox = rig.mailbox.clone();
        act(move || drop(mailbox.receiver().unwrap()))
    });

    add("send().await, polled once", ANY, |rig| poll_act(send_task(rig), Wakers::Same));
    add("recv().await, polled once", ANY, |rig| poll_act(recv_task(rig), Wakers::Same));
    add("send_many().await, polled once", ANY, |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        let job = async move {
            // Each is known to be accepted when the next is asked for.
            let mut before = None;
            let tell = |id: Option<Id>| id.into_iter().for_each(|id| book.accepted(id));
            let each = messages.into_iter().inspect(|message| tell(before.replace(message.id)));
            let all = tx.send_many(each).await.is_ok();
            tell(before.filter(|_| all));
            Box::new(tx) as Kept
        };
        poll_act(Task::new(&rig.book, true, Box::pin(job)), Wakers::Same)
    });
    add("recv_many().await, polled once", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        let job = async move {
            rx.recv_many(&mut Reader(reader), 3).await;
            Box::new(rx) as Kept
        };
        poll_act(Task::new(&rig.book, false, Box::pin(job)), Wakers::Same)
    });
    add("send_deadline, which has passed", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.send_deadline(message, Instant::now()).is_ok());
            tx
        })
    });
    add("recv_deadline, which has passed", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.recv_deadline(Instant::now()).map(|message| message.receive(reader));
            rx
        })
    });
    add("a sender that waits is polled with another waker", &[Full], |rig| {
        poll_act(waiting_send(rig), Wakers::Fresh)
    });
    add("a receiver that waits is polled with another waker", &[Empty], |rig| {
        poll_act(waiting_recv(rig), Wakers::Fresh)
    });
    add("a send is cancelled", &[Full], |rig| {
        let task = waiting_send(rig);
        act(move || drop(task))
    });
    add("a receive is cancelled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        act(move || drop(task))
    });
    add("try_recv of a stream that waits", &[Empty], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        let waiting = rx.poll_recv(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Some(message)) = waiting {
            message.receive(reader);
        }
        rig.put();
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });

    add("try_send with two receivers parked", &[Empty], |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        rig.park_receiver();
        rig.park_receiver();
        act(move || {
            message.send(|message| tx.try_send(message).is_ok());
            tx
        })
    });
    add("try_send_many with two receivers parked", &[Empty], |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        rig.park_receiver();
        rig.park_receiver();
        act(move || {
            let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
            let sent = tx.try_send_many(messages).unwrap_or_else(|error| error.sent);
            accepted(&book, &ids, sent);
            tx
        })
    });
    add("try_recv with two senders parked", &[Full], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        rig.park_sender();
        rig.park_sender();
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });
    add("try_recv_many with two senders parked", &[Full], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        rig.park_sender();
        rig.park_sender();
        act(move || {
            let _ = rx.try_recv_many(&mut Reader(reader), 3);
            rx
        })
    });
    add("send().await with a receiver parked", &[Empty], |rig| {
        let task = send_task(rig);
        rig.park_receiver();
        poll_act(task, Wakers::Same)
    });
    add("recv().await with a sender parked", &[Full], |rig| {
        let task = recv_task(rig);
        rig.park_sender();
        poll_act(task, Wakers::Same)
    });
    add("close with two receivers parked", &[Empty], |rig| {
        let tx = rig.sender();
        rig.park_receiver();
        rig.park_receiver();
        act(move || (tx.close(), tx).1)
    });
    add("close with two senders parked", &[Full], |rig| {
        let rx = rig.receiver();
        rig.park_sender();
        rig.park_sender();
        act(move || (rx.close(), rx).1)
    });

    let mut add = |name, levels: &[Level], prepare: fn(&mut Rig<S>) -> Act| {
        list.extend(levels.iter().map(|&level| Operation {
            name,
            level,
            prepare,
            alone: true,
            discards: false,
        }));
    };
    add("a sender that was woken is polled", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.get();
        poll_act(task, Wakers::Same)
    });
    add("a receiver that was woken is polled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.put();
        poll_act(task, Wakers::Same)
    });
    add("a sender that was woken in vain is polled", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.get();
        rig.put();
        poll_act(task, Wakers::Same)
    });
    add("a receiver that was woken in vain is polled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.put();
        rig.get();
        poll_act(task, Wakers::Same)
    });
    add("a send is cancelled after it was chosen", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.park_sender();
        rig.get();
        act(move || drop(task))
    });
    add("a receive is cancelled after it was chosen", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.park_receiver();
        rig.put();
        act(move || drop(task))
    });
    add("drop the last sender", ANY, |rig| {
        let tx = rig.last_sender();
        act(move || drop(tx))
    });
    add("drop the last sender with two receivers parked", &[Empty], |rig| {
        let tx = rig.last_sender();
        rig.park_receiver();
        rig.park_receiver();
        act(move || drop(tx))
    });

    let mut add = |name, levels: &[Level], prepare: fn(&mut Rig<S>) -> Act| {
        list.extend(levels.iter().map(|&level| Operation {
            name,
            level,
            prepare,
            alone: true,
            discards: true,
        }));
    };
    add("drop the last receiver", ANY, |rig| {
        let rx = rig.last_receiver();
        act(move || drop(rx))
    });
    add("drop the last receiver with two senders parked", &[Full], |rig| {
        let rx = rig.last_receiver();
        rig.park_sender();
        rig.park_sender();
        act(move || drop(rx))
    });
    add("drop the last of both", ANY, |rig| {
        let handles = (rig.last_sender(), rig.last_receiver());
        act(move || drop(handles))
    });
    list
}

// ------------------------------------------------------------------------------------- drivers

/// Tells which case failed.
struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed: {}", self.0);
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// Tasks wait before the operation.
    parked: bool,
    /// They go on in threads of their own.
    threads: bool,
}

/// Stops a victim before each step of each operation, calls `go_on`, and takes stock.
fn each_stop<S: Kind>(capacity: usize, plan: Plan, go_on: impl Fn(&mut Rig<S>, &Victim)) {
    let begin = Instant::now();
    let mut points = 0;
    let operations = operations::<S>();
    for operation in &operations {
        if operation.level == Half && capacity == 1 {
            continue;
        }
        let start = || {
            let mut rig = operation.rig(capacity, plan.parked, plan.threads);
            let act = (operation.prepare)(&mut rig);
            (rig, act)
        };
        let (mut rig, act) = start();
        let _case = Case(format!("{operation}, {capacity}, not stopped"));
        let (left, steps) = Victim::stop(usize::MAX, act).end();
        assert!(steps > 0);
        rig.tasks.extend(left.into_task());
        rig.settle([], operation.discards);
        for step in 0..steps {
            let _case = Case(format!("{operation}, {capacity}, before {step} of {steps} {plan:?}"));
            let (mut rig, act) = start();
            let victim = Victim::stop(step, act);
            assert!(victim.is_stopped(), "the point was not hit");
            go_on(&mut rig, &victim);
            rig.settle([victim], operation.discards);
        }
        points += steps;
    }
    println!(
        "{}, capacity {capacity}, {plan:?}: {points} points of {} operations, {:?}",
        std::any::type_name::<S>().split('<').next().unwrap(),
        operations.len(),
        begin.elapsed(),
    );
}

fn tries<S: Kind>(capacity: usize) {
    for leave in [Empty, Full] {
        each_stop::<S>(capacity, Plan::default(), |rig, _| rig.carry_on(1, leave));
    }
}

fn tries_at_each_step<S: Kind>(capacity: usize) {
    each_stop::<S>(capacity, Plan::default(), |rig, victim| {
        for stop in 0..40 {
            rig.carry_on(1, if stop % 3 == 0 { Full } else { Empty });
            if !victim.gate.go_on(1) {
                return;
            }
        }
    });
}

fn waits<S: Kind>(capacity: usize) {
    for way in WAYS {
        let plan = Plan { parked: true, threads: false };
        each_stop::<S>(capacity, plan, |rig, _| rig.carry_on_waiting(1, way));
    }
}

fn waits_at_each_step<S: Kind>(capacity: usize) {
    let plan = Plan { parked: true, threads: false };
    each_stop::<S>(capacity, plan, |rig, victim| {
        rig.add_receiving();
        for stop in 0..40 {
            rig.move_by_tasks(1, capacity + 1, WAYS[stop % WAYS.len()].wakers);
            if !victim.gate.go_on(1) {
                return;
            }
        }
        rig.end_tasks(1, WAYS[0]);
    });
}

fn waits_on_threads<S: Kind>(capacity: usize) {
    let plan = Plan { parked: true, threads: true };
    each_stop::<S>(capacity, plan, |rig, _| rig.carry_on_threads(1));
}

/// Runs a driver on mailboxes of each capacity and each storage.
macro_rules! everywhere {
    ($driver:ident) => {{
        $driver::<Inline<Message, 1, SEATS>>(1);
        $driver::<Inline<Message, 2, SEATS>>(2);
        $driver::<Inline<Message, 3, SEATS>>(3);
        $driver::<Inline<Message, 4, SEATS>>(4);
        (1..=4).for_each($driver::<Heap<Message>>);
        println!("most steps: {MOST:?}, spins: {SPINS:?}");
    }};
}

/// Three victims at once.
struct Trio<'a, S: Kind> {
    operations: [&'a Operation<S>; 3],
    parked: bool,
}

impl<S: Kind> Trio<'_, S> {
    const CAPACITY: usize = 4;

    /// Stops as many victims as there are `steps`. Returns them, and what the others would do.
    fn stop(&self, steps: &[usize]) -> (Rig<S>, Vec<Victim>, Vec<Act>) {
        let mut rig = self.operations[0].rig(Self::CAPACITY, self.parked, false);
        let mut acts: Vec<_> =
            self.operations.iter().map(|operation| (operation.prepare)(&mut rig)).collect();
        let rest = acts.split_off(steps.len());
        let stop = |(&step, act)| {
            let victim = Victim::stop(step, act);
            assert!(victim.is_stopped(), "the point was not hit");
            victim
        };
        let victims = steps.iter().zip(acts).map(stop).collect();
        (rig, victims, rest)
    }

    fn case(&self, steps: &[usize]) -> Case {
        let [a, b, c] = self.operations;
        Case(format!("{a}; {b}; {c}; stopped before {steps:?}, parked: {}", self.parked))
    }

    /// How many steps the next victim takes while those are stopped.
    fn count(&self, steps: &[usize]) -> usize {
        let _case = self.case(steps);
        let (mut rig, victims, mut rest) = self.stop(steps);
        let (left, count) = Victim::stop(usize::MAX, rest.remove(0)).end();
        rig.tasks.extend(left.into_task());
        drop(rest);
        rig.settle(victims, false);
        count
    }

    /// Stops all three; then moves messages, first by trying, then by waiting.
    fn run(&self, steps: &[usize]) {
        let _case = self.case(steps);
        let (mut rig, victims, _) = self.stop(steps);
        let sum: usize = steps.iter().sum();
        if sum % 2 == 0 {
            rig.carry_on(3, if sum % 4 == 0 { Empty } else { Full });
        }
        if !rig.drained {
            rig.carry_on_waiting(3, WAYS[sum % WAYS.len()]);
        }
        rig.settle(victims, false);
    }

    /// Runs all combinations of steps that begin like this.
    fn run_all(&self, steps: &mut Vec<usize>) -> usize {
        if steps.len() == 3 {
            self.run(steps);
            return 1;
        }
        let mut runs = 0;
        for step in 0..self.count(steps) {
            steps.push(step);
            runs += self.run_all(steps);
            steps.pop();
        }
        runs
    }
}

// --------------------------------------------------------------------------------------- tests

#[test]
fn promise_04_a_stopped_thread_takes_no_capacity() {
    everywhere!(tries);
}

#[test]
fn promise_04_a_thread_stopped_at_each_step_takes_no_capacity() {
    everywhere!(tries_at_each_step);
}

#[test]
fn promise_07_a_stopped_thread_takes_no_wake() {
    everywhere!(waits);
}

#[test]
fn promise_07_a_thread_stopped_at_each_step_takes_no_wake() {
    everywhere!(waits_at_each_step);
}

#[test]
fn promise_07_a_stopped_thread_takes_no_wake_of_threads() {
    everywhere!(waits_on_threads);
}

#[test]
fn promise_12_three_stopped_threads_at_chosen_steps() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let operations = operations::<Heap<Message>>();
    let mut runs = 0;
    for level in [Empty, Half, Full] {
        let list: Vec<_> =
            operations.iter().filter(|one| one.level == level && !one.discards).collect();
        for _ in 0..4_000 {
            let operations = [(); 3].map(|()| list[random(list.len())]);
            let trio = Trio { operations, parked: random(2) == 0 };
            let mut steps = Vec::new();
            while steps.len() < 3 {
                let count = trio.count(&steps);
                if count == 0 {
                    break;
                }
                steps.push(random(count));
            }
            if steps.len() == 3 {
                trio.run(&steps);
                runs += 1;
            }
        }
    }
    println!("{runs} samples");
}

#[test]
fn promise_12_three_stopped_threads_at_all_steps() {
    let operations = operations::<Inline<Message, 4, SEATS>>();
    for (level, names) in [
        (Empty, ["try_send", "try_send", "try_send"]),
        (Full, ["try_recv", "try_recv", "try_recv"]),
        (Half, ["try_send", "try_recv", "close"]),
        (Empty, ["recv().await, polled once", "try_send", "try_send"]),
        (Full, ["send().await, polled once", "try_recv", "try_recv"]),
        (Empty, ["recv().await, polled once", "recv().await, polled once", "try_send"]),
        (Full, ["send().await, polled once", "send().await, polled once", "try_recv"]),
        (Empty, ["a receive is cancelled", "try_send", "try_send"]),
        (Full, ["a send is cancelled", "try_recv", "try_recv"]),
    ] {
        let begin = Instant::now();
        let find = |name| operations.iter().find(|one| one.name == name && one.level == level);
        let trio = Trio { operations: names.map(|name| find(name).unwrap()), parked: true };
        let runs = trio.run_all(&mut Vec::new());
        println!("{names:?}, {level:?}: {runs} combinations, {:?}", begin.elapsed());
    }
}

// ------------------------------------------------------------------- the harness can fail as well

/// Something that is stopped as mailboxes are; it takes its steps by way of one.
struct Steps(Shared<Heap<Message>>);

impl Steps {
    fn step(&self) {
        self.0.is_closed();
    }
}

/// What `move_messages` complains about while a thread is stopped in the third step of a send.
fn complaint<Q: Send + Sync + 'static>(
    queue: Q,
    send: fn(&Q, Message) -> Result<(), TrySendError<Message>>,
    receive: fn(&Q) -> Result<Message, TryRecvError>,
) -> String {
    let queue = Arc::new(queue);
    let mut author = Book::default().author();
    let (message, shared) = (author.write(), queue.clone());
    let victim = Victim::stop(2, act(move || drop(send(&shared, message))));
    assert!(victim.is_stopped());
    let moved = catch_unwind(AssertUnwindSafe(|| {
        move_messages(2, 1, &mut author, &mut |message| send(&queue, message), &mut || {
            receive(&queue)
        });
    }));
    victim.end();
    let panic = moved.expect_err("the harness notices nothing");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn promise_12_the_harness_notices_a_lock() {
    struct Locked {
        steps: Steps,
        lock: Mutex<VecDeque<Message>>,
    }
    impl Locked {
        /// Works on the queue under a lock, which it waits for by spinning.
        fn with<R>(&self, work: impl FnOnce(&mut VecDeque<Message>) -> R) -> R {
            loop {
                self.steps.step();
                if let Ok(mut queue) = self.lock.try_lock() {
                    self.steps.step();
                    let result = work(&mut queue);
                    self.steps.step();
                    return result;
                }
            }
        }
    }
    let queue = Locked { steps: Steps(Heap::mailbox(1)), lock: Mutex::default() };
    let send = |queue: &Locked, message| {
        queue.with(|queue| match queue.len() {
            2 => Err(TrySendError::Full(message)),
            _ => Ok(queue.push_back(message)),
        })
    };
    let receive = |queue: &Locked| queue.with(|queue| queue.pop_front().ok_or(TryRecvError::Empty));
    let complaint = complaint(queue, send, receive);
    assert!(complaint.contains("a call takes more than"), "{complaint}");
}

#[test]
fn promise_12_the_harness_notices_a_claim() {
    /// A queue as most are: a sender claims an entry, and then fills it.
    struct Claiming {
        steps: Steps,
        entries: [Mutex<Option<Message>>; 2],
        tail: AtomicUsize,
        head: AtomicUsize,
    }
    let queue = Claiming {
        steps: Steps(Heap::mailbox(1)),
        entries: Default::default(),
        tail: AtomicUsize::new(0),
        head: AtomicUsize::new(0),
    };
    let send = |queue: &Claiming, message| {
        queue.steps.step();
        let (tail, head) = (&queue.tail, queue.head.load(Ordering::SeqCst));
        queue.steps.step();
        let room = |tail| (tail - head < 2).then_some(tail + 1);
        match tail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room) {
            Err(_) => Err(TrySendError::Full(message)),
            Ok(claimed) => {
                queue.steps.step();
                *lock(&queue.entries[claimed % 2]) = Some(message);
                Ok(())
            }
        }
    };
    let receive = |queue: &Claiming| {
        let head = queue.head.load(Ordering::SeqCst);
        let message = lock(&queue.entries[head % 2]).take().ok_or(TryRecvError::Empty)?;
        queue.head.store(head + 1, Ordering::SeqCst);
        Ok(message)
    };
    let complaint = complaint(queue, send, receive);
    assert!(complaint.contains("full with so many messages"), "{complaint}");
}

#[test]
fn promise_12_the_harness_notices_a_lost_wake() {
    let mut rig = Rig::<Heap<Message>>::new(2, Empty);
    rig.park_receiver();
    // The mailbox has the alarm that the task left, and this one will never ring.
    rig.tasks[0].alarm = Arc::default();
    let moved = catch_unwind(AssertUnwindSafe(|| rig.move_by_tasks(0, 2, Wakers::Same)));
    assert!(moved.is_err(), "the harness notices nothing");
}
