//! A timer interrupt uses the mailbox while the main loop is inside an operation on it.
//!
//! Every operation of the main loop is met with every operation of the handler, at every
//! instruction, once and in bursts, at every fill level. Nothing is lost or comes twice, each
//! receiver sees each sender's messages in order, and what a stopped main loop holds costs the
//! handler nothing: where there is room (a message) for it, it must get it.
#![no_std]
#![no_main]

use core::{
    cell::UnsafeCell,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    task::Poll,
};
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use droves::mailbox::{
    Receiver, Sender, SharedRecvError, SharedSendError, StaticMailbox, TryRecvError, TrySendError,
};
use droves_embedded::{finish, test, tick, wake};
use heapless::Vec;

const N: u32 = 4;
/// A sender and a receiver of the main loop, and a spare each for a call without a handle from
/// the main loop and from the handler.
const H: usize = 4;
type Four = StaticMailbox<u32, { N as usize }, H>;

static MAILBOX: Four = StaticMailbox::new();

/// How many operations must have been interrupted, and at how many different instructions.
const HITS: u32 = 1000;
const PLACES: u32 = 100;

#[entry]
fn main() -> ! {
    let mut main = Main {
        sender: MAILBOX.sender().unwrap(),
        receiver: MAILBOX.receiver().unwrap(),
        log: Log::new(),
        sent: 0,
    };

    const SENDS: Action = Action { run: handler_sends, puts: 1, takes: 0 };
    const RECEIVES: Action = Action { run: handler_receives, puts: 0, takes: 1 };
    const BOTH: Action = Action { run: handler_sends_and_receives, puts: 1, takes: 1 };

    const TRY_RECV: Operation = Operation { run: Main::try_recv, puts: 0, takes: 1 };
    const TRY_SEND: Operation = Operation { run: Main::try_send, puts: 1, takes: 0 };
    test("the handler sends in the middle of try_recv", || main.meet(TRY_RECV, SENDS));
    test("the handler receives in the middle of try_recv", || main.meet(TRY_RECV, RECEIVES));
    test("the handler does both in the middle of try_recv", || main.meet(TRY_RECV, BOTH));
    test("the handler sends in the middle of try_send", || main.meet(TRY_SEND, SENDS));
    test("the handler receives in the middle of try_send", || main.meet(TRY_SEND, RECEIVES));
    test("the handler does both in the middle of try_send", || main.meet(TRY_SEND, BOTH));

    const RECV_FREE: Operation =
        Operation { run: Main::try_recv_without_handle, puts: 0, takes: 1 };
    const SEND_FREE: Operation =
        Operation { run: Main::try_send_without_handle, puts: 1, takes: 0 };
    test("both without a handle: sends in try_recv", || main.meet(RECV_FREE, SENDS));
    test("both without a handle: receives in try_recv", || main.meet(RECV_FREE, RECEIVES));
    test("both without a handle: sends in try_send", || main.meet(SEND_FREE, SENDS));
    test("both without a handle: receives in try_send", || main.meet(SEND_FREE, RECEIVES));

    const RECV_MANY: Operation = Operation { run: Main::try_recv_many, puts: 0, takes: 3 };
    const SEND_MANY: Operation = Operation { run: Main::try_send_many, puts: 3, takes: 0 };
    test("the handler sends in the middle of try_recv_many", || main.meet(RECV_MANY, SENDS));
    test("the handler receives in the middle of try_recv_many", || main.meet(RECV_MANY, RECEIVES));
    test("the handler sends in the middle of try_send_many", || main.meet(SEND_MANY, SENDS));
    test("the handler receives in the middle of try_send_many", || main.meet(SEND_MANY, RECEIVES));

    const PERMIT: Operation = Operation { run: Main::permit, puts: 1, takes: 0 };
    const HANDLES: Operation = Operation { run: Main::clone_and_drop, puts: 0, takes: 0 };
    test("the handler does both in the middle of a permit", || main.meet(PERMIT, BOTH));
    test("the handler does both while handles come and go", || main.meet(HANDLES, BOTH));

    const SEATS: Action = Action { run: handler_takes_or_leaves_a_seat, puts: 0, takes: 0 };
    test("the handler's handle comes and goes while main's do", || main.meet(HANDLES, SEATS));

    test("every message came once", || main.settle());
    test("no instruction of recv loses the wake-up of a send", || main.wake_receiver());
    test("no instruction of send loses the wake-up of a receive", || main.wake_sender());
    test("asleep in recv, woken by the handler's send", || main.sleep());
    test("the handler closes in the middle of try_send", || main.close_in_send());
    test("the handler closes in the middle of recv", || main.close_in_recv());
    test("every seat is free again, and the last sender closes", || main.leave());
    finish()
}

/// What the main loop does, and how many messages that puts in or takes out at most.
struct Operation {
    /// Returns how many it did put in or take out.
    run: fn(&mut Main) -> u32,
    puts: u32,
    takes: u32,
}

/// What the handler does on each interrupt.
struct Action {
    run: fn(),
    puts: u32,
    takes: u32,
}

/// The main loop's side: messages with the top bit clear are its own.
struct Main {
    sender: Sender<u32, &'static Four>,
    receiver: Receiver<u32, &'static Four>,
    log: Log,
    sent: u32,
}

impl Main {
    /// The operation against the action, from the first instruction to beyond the last.
    fn meet(&mut self, operation: Operation, action: Action) {
        tick::reset();
        for burst in [1, 2, 5] {
            sweep(|after| {
                (0..=N).map(|level| self.once(level, after, burst, &operation, &action)).sum()
            });
        }
        self.interrupted_enough();
    }

    fn once(
        &mut self,
        level: u32,
        after: u32,
        burst: u32,
        operation: &Operation,
        action: &Action,
    ) -> u32 {
        self.fill(level);
        // The first so many runs of the handler must succeed, whatever main has begun.
        let room = N.saturating_sub(level + operation.puts);
        let stock = level.saturating_sub(operation.takes);
        handler().sure = match (action.puts, action.takes) {
            (1, 0) => room,
            (0, 1) => stock,
            // It leaves the level as it was.
            _ => {
                if room > 0 {
                    u32::MAX
                } else {
                    0
                }
            }
        };

        // And so must main, for what the handler leaves to it.
        let least_room = N.saturating_sub(level + action.puts * burst);
        let least_stock = level.saturating_sub(action.takes * burst);
        let sure = operation.puts.min(least_room) + operation.takes.min(least_stock);

        let (done, ran) = tick::interrupt(after, burst, action.run, || (operation.run)(self));
        assert!(
            done >= sure,
            "main did {done} of {sure}, level {level}, after {after}, burst {burst}"
        );
        ran.total
    }

    fn interrupted_enough(&mut self) {
        let (hits, places) = (tick::hits(), tick::places());
        hprintln!("    interrupted inside {hits} times, at {places} instructions at least");
        assert!(hits > HITS, "too few interrupts: {hits}");
        assert!(places > PLACES, "at too few instructions: {places}");
    }

    /// Brings the mailbox to `level` messages, uninterrupted.
    fn fill(&mut self, level: u32) {
        while MAILBOX.len() as u32 > level {
            assert_eq!(self.try_recv(), 1);
        }
        while (MAILBOX.len() as u32) < level {
            assert_eq!(self.try_send(), 1);
        }
    }

    fn try_recv(&mut self) -> u32 {
        match self.receiver.try_recv() {
            Ok(value) => self.log.note(value),
            Err(TryRecvError::Empty) => 0,
            Err(TryRecvError::Closed) => panic!("nobody closed it"),
        }
    }

    fn try_send(&mut self) -> u32 {
        match self.sender.try_send(self.sent) {
            Ok(()) => self.count(1),
            Err(refused) => {
                assert_eq!(refused, TrySendError::Full(self.sent));
                0
            }
        }
    }

    fn try_recv_without_handle(&mut self) -> u32 {
        match MAILBOX.try_recv() {
            Ok(value) => self.log.note(value),
            Err(error) => {
                assert_eq!(error, SharedRecvError::Empty);
                0
            }
        }
    }

    fn try_send_without_handle(&mut self) -> u32 {
        match MAILBOX.try_send(self.sent) {
            Ok(()) => self.count(1),
            Err(refused) => {
                assert_eq!(refused, SharedSendError::Full(self.sent));
                0
            }
        }
    }

    fn try_recv_many(&mut self) -> u32 {
        let mut out = Vec::<u32, 3>::new();
        let taken = self.receiver.try_recv_many(&mut out, 3).unwrap_or(0);
        assert_eq!(out.len(), taken);
        out.into_iter().map(|value| self.log.note(value)).sum()
    }

    fn try_send_many(&mut self) -> u32 {
        let sent = match self.sender.try_send_many(self.sent..self.sent + 3) {
            Ok(sent) => sent as u32,
            Err(refused) => {
                let sent = refused.sent as u32;
                assert_eq!(refused.error, TrySendError::Full(self.sent + sent));
                sent
            }
        };
        self.count(sent)
    }

    fn permit(&mut self) -> u32 {
        if let Err(refused) = self.sender.reserve().write(self.sent).try_send() {
            assert_eq!(refused.error, TrySendError::Full(()));
            assert_eq!(*refused.message, self.sent);
            return 0;
        }
        self.count(1)
    }

    fn clone_and_drop(&mut self) -> u32 {
        let clone = self.sender.try_clone().expect("one of the two spares");
        drop(clone);
        0
    }

    fn count(&mut self, sent: u32) -> u32 {
        self.sent += sent;
        sent
    }

    /// Both logs together are what both senders sent.
    fn settle(&mut self) {
        self.fill(0);
        let (main, handler) = (&self.log, handler());
        for (stream, sent) in [(0, self.sent), (1, handler.sent)] {
            let seen = main.count[stream] + handler.log.count[stream];
            assert_eq!(seen, sent, "lost or twice in stream {stream}");
            let sum = main.sum[stream].wrapping_add(handler.log.sum[stream]);
            assert_eq!(
                sum,
                (0..sent).map(mix).fold(0, u32::wrapping_add),
                "other messages in stream {stream}"
            );
        }
        hprintln!("    {} messages from main, {} from the handler", self.sent, handler.sent);
    }

    /// Polls an empty mailbox once; the handler sends during that poll.
    fn wake_receiver(&mut self) {
        tick::reset();
        let mut ready = 0;
        sweep(|after| {
            self.fill(0);
            let mut waiting = pin!(self.receiver.recv());
            let (first, ran) =
                tick::interrupt(after, 1, handler_sends, || wake::poll_once(waiting.as_mut()));
            let value = match first {
                Poll::Ready(value) => value,
                Poll::Pending if ran.total == 0 => return 0,
                Poll::Pending => {
                    assert!(wake::woken(), "a lost wake-up at tick {after}");
                    wake::block_on(waiting)
                }
            };
            ready += u32::from(first.is_ready());
            self.log.note(value.expect("nobody closed it"));
            ran.total
        });
        assert!(ready > 0, "no send came in time for the first poll");
        self.waited_enough();
    }

    /// Polls a send to a full mailbox once; the handler receives during that poll.
    fn wake_sender(&mut self) {
        tick::reset();
        let mut ready = 0;
        sweep(|after| {
            self.fill(N);
            let mut waiting = pin!(self.sender.send(self.sent));
            let (first, ran) =
                tick::interrupt(after, 1, handler_receives, || wake::poll_once(waiting.as_mut()));
            let result = match first {
                Poll::Ready(result) => result,
                Poll::Pending if ran.total == 0 => return 0,
                Poll::Pending => {
                    assert!(wake::woken(), "a lost wake-up at tick {after}");
                    wake::block_on(waiting)
                }
            };
            ready += u32::from(first.is_ready());
            assert!(result.is_ok());
            self.sent += 1;
            ran.total
        });
        assert!(ready > 0, "no receive came in time for the first poll");
        self.waited_enough();
        self.settle();
    }

    fn waited_enough(&mut self) {
        let (hits, places) = (tick::hits(), tick::places());
        hprintln!("    interrupted inside {hits} times, at {places} instructions at least");
        assert!(hits > PLACES && places > PLACES, "too few: {hits}, {places}");
    }

    /// A thousand messages, each of which wakes the main loop from its sleep.
    fn sleep(&mut self) {
        self.fill(0);
        let before = self.log.total();
        tick::start(3000, u32::MAX, handler_sends);
        while self.log.total() - before < 1000 {
            let value = wake::block_on(self.receiver.recv());
            self.log.note(value.expect("nobody closed it"));
        }
        tick::stop();
        self.settle();
    }

    fn leave(self) {
        handler().seat = None;
        let others = [(); H - 2].map(|()| MAILBOX.sender().expect("its seat was given back"));
        assert!(MAILBOX.sender().is_err(), "a seat was given back twice");
        drop(others);
        assert!(!MAILBOX.is_closed(), "a sender is left");
        drop(self.sender);
        assert!(MAILBOX.is_closed(), "no sender is left");
    }

    /// A send that is interrupted by a close is either refused, or its message is there to be had.
    fn close_in_send(&mut self) {
        tick::reset();
        let (mut sent, mut refused) = (0, 0);
        sweep(|after| {
            (0..=N)
                .map(|level| {
                    let mailbox = Four::new();
                    let mut sender = mailbox.sender().unwrap();
                    sender.try_send_many(0..level).unwrap();
                    let (result, ran) = close_during(&mailbox, after, || sender.try_send(level));
                    let there = match result {
                        Ok(()) => level + 1,
                        Err(TrySendError::Closed(value) | TrySendError::Full(value)) => {
                            assert_eq!(value, level);
                            level
                        }
                    };
                    if ran.total > 0 {
                        assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
                        sent += u32::from(result.is_ok());
                        refused += u32::from(result == Err(TrySendError::Closed(level)));
                    }
                    for i in 0..there {
                        assert_eq!(mailbox.try_recv(), Ok(i));
                    }
                    let end = if ran.total > 0 {
                        SharedRecvError::Closed
                    } else {
                        SharedRecvError::Empty
                    };
                    assert_eq!(mailbox.try_recv(), Err(end));
                    ran.total
                })
                .sum()
        });
        assert!(sent > 0 && refused > 0, "one outcome only: {sent} sent, {refused} refused");
        self.waited_enough();
    }

    /// A receive that is interrupted by a close ends, and what was sent before still comes.
    fn close_in_recv(&mut self) {
        tick::reset();
        let (mut ended, mut woken) = (0, 0);
        sweep(|after| {
            (0..=2)
                .map(|level| {
                    let mailbox = Four::new();
                    let mut receiver = mailbox.receiver().unwrap();
                    for i in 0..level {
                        mailbox.try_send(i).unwrap();
                    }
                    let mut waiting = pin!(receiver.recv());
                    let (first, ran) =
                        close_during(&mailbox, after, || wake::poll_once(waiting.as_mut()));
                    match first {
                        Poll::Ready(value) => {
                            assert_eq!(value, (level > 0).then_some(0));
                            ended += u32::from(value.is_none());
                        }
                        Poll::Pending => {
                            assert_eq!(level, 0);
                            if ran.total > 0 {
                                assert!(wake::woken(), "a lost wake-up at tick {after}");
                                assert_eq!(wake::block_on(waiting), None);
                                woken += 1;
                            }
                        }
                    }
                    for i in 1..level {
                        assert_eq!(mailbox.try_recv(), Ok(i));
                    }
                    ran.total
                })
                .sum()
        });
        assert!(ended > 0 && woken > 0, "one outcome only: {ended} ended, {woken} woken");
        self.waited_enough();
    }
}

/// Calls `run` with the timer set to 1, 2, … ticks, until the handler ran no more: it says how often.
fn sweep(mut run: impl FnMut(u32) -> u32) {
    for after in 1.. {
        assert!(after < 20_000, "the operation does not end");
        if run(after) == 0 {
            return;
        }
    }
}

/// Runs `operation` on a mailbox of its own, closed by the handler in the middle.
fn close_during<R>(mailbox: &Four, after: u32, operation: impl FnOnce() -> R) -> (R, tick::Ran) {
    TARGET.store(core::ptr::from_ref(mailbox) as u32, SeqCst);
    tick::interrupt(after, 1, handler_closes, operation)
}

/// The mailbox that [`handler_closes`] closes.
static TARGET: AtomicU32 = AtomicU32::new(0);

fn handler_closes() {
    // SAFETY: `close_during` borrows the mailbox for as long as the timer runs this.
    let mailbox = unsafe { &*(TARGET.load(SeqCst) as *const Four) };
    assert!(mailbox.close(), "it is closed only once");
}

/// The handler's side: messages with the top bit set are its own.
struct Handler {
    log: Log,
    sent: u32,
    /// How many of the coming runs must succeed.
    sure: u32,
    seat: Option<Sender<u32, &'static Four>>,
}

struct Shared(UnsafeCell<Handler>);

// SAFETY: see `handler`.
unsafe impl Sync for Shared {}

static HANDLER: Shared =
    Shared(UnsafeCell::new(Handler { log: Log::new(), sent: 0, sure: 0, seat: None }));

/// The handler's state: the handler's while the timer runs, the main loop's otherwise.
#[allow(clippy::mut_from_ref, reason = "one of the two at a time has it")]
fn handler() -> &'static mut Handler {
    // SAFETY: the main loop calls this only while the timer stands, and keeps no reference.
    unsafe { &mut *HANDLER.0.get() }
}

fn handler_sends() {
    let this = handler();
    let value = 1 << 31 | this.sent;
    match MAILBOX.try_send(value) {
        Ok(()) => this.sent += 1,
        Err(refused) => {
            assert_eq!(refused, SharedSendError::Full(value));
            assert_eq!(this.sure, 0, "refused although there was room");
        }
    }
    this.sure = this.sure.saturating_sub(1);
}

fn handler_receives() {
    let this = handler();
    match MAILBOX.try_recv() {
        Ok(value) => {
            this.log.note(value);
        }
        Err(error) => {
            assert_eq!(error, SharedRecvError::Empty);
            assert_eq!(this.sure, 0, "empty although there was a message");
        }
    }
    this.sure = this.sure.saturating_sub(1);
}

fn handler_sends_and_receives() {
    let sure = handler().sure;
    handler_sends();
    handler().sure = sure;
    handler_receives();
    handler().sure = sure;
}

fn handler_takes_or_leaves_a_seat() {
    let this = handler();
    if this.seat.take().is_none() {
        this.seat = Some(MAILBOX.sender().expect("main leaves one seat free"));
    }
}

/// What one receiver got of each sender.
struct Log {
    next: [u32; 2],
    count: [u32; 2],
    sum: [u32; 2],
}

impl Log {
    const fn new() -> Self {
        Log { next: [0; 2], count: [0; 2], sum: [0; 2] }
    }

    fn note(&mut self, value: u32) -> u32 {
        let (stream, number) = ((value >> 31) as usize, value & !(1 << 31));
        assert!(number >= self.next[stream], "out of order: {number} after {}", self.next[stream]);
        self.next[stream] = number + 1;
        self.count[stream] += 1;
        self.sum[stream] = self.sum[stream].wrapping_add(mix(number));
        1
    }

    fn total(&self) -> u32 {
        self.count[0] + self.count[1]
    }
}

/// Spreads a number's bits, so that sums of different sets differ.
fn mix(number: u32) -> u32 {
    (number ^ number >> 15 ^ 0x9e37_79b9)
        .wrapping_mul(0x85eb_ca6b)
        .rotate_left(13)
        .wrapping_mul(0xc2b2_ae35)
}
