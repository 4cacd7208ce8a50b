//! Herds: each end of them against what items, tickets, guards and readers do meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc as PlainArc, Mutex};
use std::time::Duration;

use droves::herd::{
    Builder, Done, Fault, Herd, Item, JoinError, Mark, Outcome, Refusal, Refused, Results, Ticket,
    Work,
};
use droves::retry::Backoff;
use shuttle::thread;

use crate::calls::{block_on, give_up};
use crate::explore::{Message, Run, below, explore, linger};
use crate::runtime::Threads;

type TestHerd = Herd<Message, (), &'static str>;
type TestResults = Results<Message, (), &'static str>;
type TestDone = Done<Message, (), &'static str>;
type TestResult = Result<(), Fault<&'static str>>;

/// How often attempts began, over all items.
type Begun = PlainArc<AtomicUsize>;

/// Items fail until so many attempts have been made.
fn failing(
    until: u32,
    begun: &Begun,
) -> impl Fn(Item<Message>) -> std::future::Ready<TestResult> + Send + Sync + use<> {
    let begun = begun.clone();
    move |item| {
        begun.fetch_add(1, Ordering::Relaxed);
        let again = item.attempt() < until;
        std::future::ready(if again { Err(Fault::Retry("again")) } else { Ok(()) })
    }
}

fn start<F, Fut>(
    run: &Run,
    builder: Builder<Message, (), &'static str, F, Fut>,
) -> (TestHerd, TestResults)
where
    F: Fn(Item<Message>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = TestResult> + Send + 'static,
{
    builder.seed(0).start(&Threads::new(run)).unwrap()
}

/// An item that is sent now, or by way of the driver.
fn work(run: &Run, from: usize) -> Work<Message> {
    let work = Work::new(0, run.message(from));
    if below(2) == 0 { work } else { work.after(Duration::ZERO) }
}

fn note(run: &Run, number: usize, result: Result<(), Refused<Work<Message>>>) {
    match result.map_err(Refused::discard) {
        Ok(()) => run.ledger.fate(number, |fate| fate.accepted = true),
        Err(Refusal::Full) => run.met("full"),
        Err(Refusal::Quiet) => run.met("quiet"),
        Err(Refusal::ShuttingDown) => run.met("refused"),
    }
}

fn try_send(run: &Run, herd: &TestHerd, from: usize) {
    let work = work(run, from);
    note(run, work.body.number, herd.try_send_work(work));
}

fn send(run: &Run, herd: &TestHerd, from: usize) {
    let work = work(run, from);
    note(run, work.body.number, block_on(run, "waited for room", herd.send_work(work)));
}

fn ticket(run: &Run, herd: &TestHerd) -> Option<Ticket<Message, (), &'static str>> {
    let work = work(run, 0);
    let number = work.body.number;
    let (ticket, sent) = match herd.try_send_for_result(work) {
        Ok(ticket) => (Some(ticket), Ok(())),
        Err(error) => (None, Err(error)),
    };
    note(run, number, sent);
    ticket
}

fn receive(run: &Run, done: &TestDone) {
    run.ledger.fate(done.body.number, |fate| {
        assert!(!fate.received, "read twice");
        fate.received = true;
    });
    run.met(match done.outcome {
        Outcome::Success(()) => "succeeded",
        Outcome::Failure(_) => "failed",
    });
}

/// A thread that reads until nothing will come. Returns how many there were.
fn read(run: &Run, mut results: TestResults) -> thread::JoinHandle<usize> {
    let run = run.clone();
    thread::spawn(move || {
        let mut count = 0;
        while let Some(done) = block_on(&run, "waited for a result", results.next()) {
            receive(&run, &done);
            count += 1;
        }
        count
    })
}

fn beside(
    run: &Run,
    herd: &TestHerd,
    work: impl FnOnce(&Run, &TestHerd) + Send + 'static,
) -> thread::JoinHandle<()> {
    let (run, herd) = (run.clone(), herd.clone());
    thread::spawn(move || work(&run, &herd))
}

/// Waits for the end. Returns how many items are left over.
fn join(run: &Run, herd: &TestHerd) -> u64 {
    let mut left = 0;
    for item in block_on(run, "waited for the end", herd.join()).unwrap() {
        run.met(match item.mark {
            Mark::Waiting => "left over waiting",
            Mark::Scheduled => "left over scheduled",
            Mark::BackingOff => "left over backing off",
            Mark::Interrupted => "left over interrupted",
        });
        left += 1;
    }
    assert!(herd.is_stopped());
    left
}

/// To be called when all others are done with the herd.
fn settle(run: &Run, herd: &TestHerd, left: u64) {
    let stats = herd.stats();
    assert_eq!((stats.running, stats.live, stats.unread), (0, 0, 0), "{stats:?}");
    let fates = run.ledger.fates.lock().unwrap();
    let accepted = fates.iter().filter(|fate| fate.accepted).count() as u64;
    assert_eq!(stats.submitted, accepted, "{stats:?}");
    assert_eq!(stats.submitted, stats.succeeded + stats.failed + left, "{stats:?}");
}

/// Whoever gets in is done, and the end comes: for those who wait for room, too.
#[test]
fn promise_01_herd_senders_against_close() {
    let met = explore(16_000, |run| {
        let builder = Herd::builder(failing(1, &Begun::default())).size(1).capacity(1);
        let (herd, results) = start(run, builder);
        let reads = read(run, results);
        let tries = beside(run, &herd, |run, herd| {
            linger();
            try_send(run, herd, 0);
        });
        let sends = beside(run, &herd, |run, herd| (0..2).for_each(|_| send(run, herd, 1)));
        let closes = beside(run, &herd, |run, herd| {
            linger();
            run.met(if herd.close() { "closed" } else { "was closed" });
        });
        let left = join(run, &herd);
        assert_eq!(left, 0, "left over by a close");
        for thread in [tries, sends, closes] {
            thread.join().unwrap();
        }
        let count = reads.join().unwrap() as u64;
        settle(run, &herd, left);
        assert_eq!(count, herd.stats().submitted);
    });
    met.all(&["succeeded", "full", "refused", "closed", "waited for room", "waited for the end"]);
    met.none(&["left in the mailbox", "was closed"]);
}

/// An end, items that are tried again, and a size that changes to 0 and back.
#[test]
fn promise_02_herd_stop_against_retry_against_resize() {
    let met = explore(16_000, |run| {
        let begun = Begun::default();
        let backoff = Backoff::constant(Duration::from_nanos(below(2) as u64));
        let builder = Herd::builder(failing(3, &begun)).size(1).capacity(2);
        let (herd, results) = start(run, builder.max_retries(2).backoff(backoff));
        let reads = read(run, results);
        let sends = beside(run, &herd, |run, herd| (0..2).for_each(|_| try_send(run, herd, 0)));
        let resizes = beside(run, &herd, |run, herd| {
            linger();
            let resized = herd.resize(0).and_then(|()| herd.resize(2));
            run.met(if resized.is_ok() { "resized" } else { "not resized" });
        });
        linger();
        let closed = match below(3) {
            0 => herd.close(),
            1 => herd.cancel().is_err(),
            _ => herd.abort().is_err(),
        };
        let left = join(run, &herd);
        assert!(!closed || left == 0, "{left} are left over by a close");
        sends.join().unwrap();
        resizes.join().unwrap();
        let count = reads.join().unwrap() as u64;
        settle(run, &herd, left);
        let stats = herd.stats();
        assert_eq!(count + left, stats.submitted);
        // Each begins three times at most, and all that was begun was counted.
        assert!(begun.load(Ordering::Relaxed) as u64 <= 3 * stats.submitted);
        let counted = stats.retried + stats.succeeded + stats.failed + stats.aborted;
        assert_eq!(counted, begun.load(Ordering::Relaxed) as u64);
    });
    met.all(&["succeeded", "refused", "resized", "not resized"]);
    met.all(&["left over waiting", "left over scheduled", "left over backing off"]);
    met.none(&["failed", "left over interrupted"]);
}

/// On their way from one who sends to the driver's timers, items are counted all the time.
#[test]
fn ma_15_what_waits_for_its_time_is_counted_on_its_way() {
    let met = explore(16_000, |run| {
        let builder = Herd::builder(failing(1, &Begun::default())).size(1).capacity(2);
        let (herd, results) = builder.seed(0).start(&Threads::still(run)).unwrap();
        for sent in 1..=2 {
            let work = Work::new(0, run.message(0)).after(Duration::from_secs(60));
            note(run, work.body.number, herd.try_send_work(work));
            for _ in 0..3 {
                assert_eq!(herd.stats().scheduled, sent);
                linger();
            }
        }
        drop(results);
        herd.cancel().unwrap();
        let left = join(run, &herd);
        assert_eq!((left, herd.stats().scheduled), (2, 0));
        settle(run, &herd, left);
    });
    met.all(&["left over scheduled", "waited for the end"]);
    met.none(&["full", "refused", "received"]);
}

/// A reader that goes, while workers end items: each is read or dropped, and its place is free again.
#[test]
fn promise_01_results_dropped_against_workers_that_finish() {
    let met = explore(12_000, |run| {
        let builder = Herd::builder(failing(1, &Begun::default())).size(2).capacity(2);
        let (herd, mut results) = start(run, builder);
        let sends = beside(run, &herd, |run, herd| {
            (0..3).for_each(|_| send(run, herd, 0));
            herd.close();
        });
        for _ in 0..below(3) {
            linger();
            if let Some(done) = results.try_next() {
                receive(run, &done);
            }
        }
        if let Some(Some(done)) = give_up(results.next()) {
            receive(run, &done);
        }
        run.met(if herd.is_stopped() { "dropped late" } else { "dropped early" });
        drop(results);
        let left = join(run, &herd);
        sends.join().unwrap();
        assert_eq!((left, herd.stats().submitted), (0, 3));
        settle(run, &herd, left);
    });
    met.all(&["received", "left in the mailbox", "dropped early", "waited for room"]);
    met.none(&["refused", "not sent", "failed"]);
}

/// The result goes to the ticket, or to the reader, once; a cancelled one ends as well.
#[test]
fn promise_01_ticket_dropped_against_the_worker_that_ends_its_item() {
    let met = explore(16_000, |run| {
        let builder = Herd::builder(failing(2, &Begun::default())).size(1).capacity(2);
        let builder = builder.max_retries(1).backoff(Backoff::none());
        let (herd, results) = start(run, builder);
        let reads = read(run, results);
        let first = ticket(run, &herd);
        let second = ticket(run, &herd);
        let stops = beside(run, &herd, |_, herd| {
            linger();
            if below(2) == 0 {
                herd.close();
            } else {
                herd.abort().unwrap();
            }
        });
        let drops = beside(run, &herd, move |run, _| {
            let Some(ticket) = second else { return };
            if below(2) == 0 {
                ticket.cancel();
            }
            match give_up(ticket) {
                Some(Ok(done)) => {
                    run.met("a ticket was given up too late");
                    receive(run, &done);
                }
                Some(Err(_)) => run.met("a ticket for what is left over"),
                None => run.met("a ticket was given up"),
            }
        });
        if let Some(ticket) = first {
            match block_on(run, "waited for a ticket", ticket) {
                Ok(done) => {
                    run.met("a ticket's result");
                    receive(run, &done);
                }
                Err(_) => run.met("a ticket for what is left over"),
            }
        }
        let left = join(run, &herd);
        drops.join().unwrap();
        stops.join().unwrap();
        if reads.join().unwrap() > 0 {
            run.met("read instead");
        }
        settle(run, &herd, left);
    });
    met.all(&["a ticket's result", "waited for a ticket", "a ticket was given up too late"]);
    met.all(&["a ticket was given up", "a ticket for what is left over", "read instead"]);
    met.all(&["succeeded", "failed"]);
}

/// Guards that other threads give back, while the herd ends, or its workers are dropped and replaced.
fn escaped_guards(run: &Run, threads: &Threads, stop: impl FnOnce(&TestHerd)) -> u64 {
    let escaped = PlainArc::new(Mutex::new(Vec::new()));
    let keeps = escaped.clone();
    let met = run.clone();
    let handler = move |item: Item<Message>| {
        let (keeps, met) = (keeps.clone(), met.clone());
        async move {
            let holder = thread::spawn(move || {
                linger();
                drop(item);
                met.met("a guard came back");
            });
            keeps.lock().unwrap().push(holder);
            for _ in 0..below(3) {
                shuttle::future::yield_now().await;
            }
            Ok(())
        }
    };
    let builder = Herd::builder(handler).size(1).capacity(2).seed(0);
    let (herd, results) = builder.start(threads).unwrap();
    let reads = read(run, results);
    let sends = beside(run, &herd, |run, herd| (0..2).for_each(|_| send(run, herd, 0)));
    linger();
    stop(&herd);
    let ends = block_on(run, "waited for the end", herd.join());
    sends.join().unwrap();
    let read = reads.join().unwrap() as u64;
    // Those that come back after the end of their workers are left over, but not before that.
    loop {
        let Some(holder) = escaped.lock().unwrap().pop() else { break };
        holder.join().unwrap();
    }
    let left = herd.leftovers().count() as u64;
    run.met(match ends {
        Ok(_) if left == 0 => "ended",
        Ok(_) => "ended, and left some over",
        Err(JoinError::RuntimeGone) => "runtime gone",
        Err(error) => panic!("{error:?}"),
    });
    assert_eq!(read + left, herd.stats().submitted, "{:?}", herd.stats());
    settle(run, &herd, left);
    left
}

#[test]
fn promise_02_an_escaped_guard_against_abort() {
    let met = explore(12_000, |run| {
        let left = escaped_guards(run, &Threads::new(run), |herd| match below(3) {
            0 => assert!(herd.close()),
            1 => herd.cancel().unwrap(),
            _ => herd.abort().unwrap(),
        });
        run.met(if left > 0 { "left over" } else { "nothing left over" });
    });
    met.all(&["a guard came back", "succeeded", "left over", "nothing left over", "ended"]);
    met.all(&["ended, and left some over"]);
    met.none(&["runtime gone"]);
}

#[test]
fn promise_03_an_escaped_guard_against_a_worker_that_is_dropped() {
    let met = explore(12_000, |run| {
        let left = escaped_guards(run, &Threads::deadly(run), |herd| {
            run.met(if herd.close() { "closed" } else { "was closed" });
        });
        run.met(if left > 0 { "left over" } else { "nothing left over" });
    });
    met.all(&["a task was dropped", "a guard came back", "runtime gone", "ended"]);
    met.all(&["succeeded", "left over", "nothing left over"]);
    met.none(&["ended, and left some over"]);
}
