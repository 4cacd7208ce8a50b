//! Calls and handlers that block threads.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use droves::herd::{
    BlockingBuilder, Failure, Fault, Herd, Item, JoinError, Mark, Outcome, Refusal, Results,
    Trouble, Work,
};
use droves::retry::{Backoff, Exhausted};
use droves::runtime::Clock;
use droves::threads::Threads;

use crate::help::Tally;
use crate::world::watched;

pub const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(50);

pub type Answer = Result<u32, Fault<&'static str>>;
type TheHerd = Herd<u32, u32, &'static str>;
type TheResults = Results<u32, u32, &'static str>;

/// Starts a herd with two retries at once.
fn start(
    size: usize,
    timeout: Option<Duration>,
    handler: impl Fn(&mut Item<u32>) -> Answer + Send + Sync + 'static,
) -> (TheHerd, TheResults) {
    let builder = Herd::blocking_builder(handler).size(size);
    let builder = builder.max_retries(2).backoff(Backoff::none());
    let builder = timeout.into_iter().fold(builder, BlockingBuilder::timeout);
    builder.start(&Threads::new()).unwrap()
}

/// A handler that blocks until the sender is dropped, and tells when it begins.
pub fn blocked(
    tally: &Tally,
) -> (mpsc::Sender<()>, mpsc::Receiver<()>, impl Fn(&mut Item<u32>) -> Answer + Send + Sync + 'static)
{
    let (gate, opened) = mpsc::channel::<()>();
    let (begins, begun) = mpsc::channel();
    let (opened, begins, tally) = (Mutex::new(opened), Mutex::new(begins), tally.clone());
    let handler = move |item: &mut Item<u32>| {
        let running = tally.enter();
        begins.lock().unwrap().send(()).unwrap();
        let _ = opened.lock().unwrap().recv();
        running.end();
        Ok(**item)
    };
    (gate, begun, handler)
}

/// Blocks until the handler should stop.
fn listen(item: &Item<u32>) {
    while !item.is_cancelled() {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn gh_06_a_handler_sees_that_its_time_is_over() {
    watched("gh_06_a_handler_sees_that_its_time_is_over", || {
        let handler = |item: &mut Item<u32>| {
            assert!(item.deadline().is_some());
            let begun = Instant::now();
            listen(item);
            assert!(begun.elapsed() <= LONG);
            Err(if item.attempt() == 1 { Fault::Retry("late") } else { Fault::Failure("late") })
        };
        let (herd, mut results) = start(1, Some(SHORT), handler);
        let begun = Instant::now();
        herd.send_blocking(1, 0).unwrap();
        let done = results.next_blocking().unwrap();
        assert!(begun.elapsed() >= 3 * SHORT);
        assert_eq!(done.attempts, 3);
        // An error that comes late is not what counts: it has timed out, even with a failure for good.
        let failure = done.outcome.into_result().unwrap_err();
        assert!(matches!(failure, Failure::Exhausted(Trouble::TimedOut, Exhausted::Attempts)));
        assert_eq!(failure.to_string(), "timed out; no attempts are left");
        assert_eq!((herd.stats().timed_out, herd.stats().retried, herd.stats().failed), (3, 2, 1));
    });
}

#[test]
fn gh_06_a_success_that_comes_late_counts() {
    watched("gh_06_a_success_that_comes_late_counts", || {
        let handler = |item: &mut Item<u32>| {
            listen(item);
            **item += 1;
            Ok(**item)
        };
        let (herd, mut results) = start(2, Some(SHORT), handler);
        herd.send_blocking(1, 6).unwrap();
        // One with a time of its own, and one with a moment at which all is over.
        let soon = Threads::new().now().saturating_add(SHORT);
        herd.try_send_work(Work::new(2, 6).timeout(Duration::from_millis(1))).unwrap();
        herd.try_send_work(Work::new(3, 6).timeout(LONG).deadline(soon)).unwrap();
        herd.close();
        let mut late = 0;
        while let Some(done) = results.next_blocking() {
            match done.outcome {
                Outcome::Success(result) => {
                    assert_eq!((result, done.body, done.attempts), (7, 7, 1));
                }
                // Two workers, and a busy machine: its turn may have come too late.
                Outcome::Failure(failure) => {
                    assert!(matches!(failure, Failure::Deadline));
                    assert_eq!((done.id, done.attempts), (3, 0));
                    late += 1;
                }
            }
        }
        assert_eq!((herd.stats().timed_out, herd.stats().succeeded), (0, 3 - late));
    });
}

#[test]
fn gh_07_a_handler_sees_that_its_item_or_its_herd_is_cancelled() {
    watched("gh_07_a_handler_sees_that_its_item_or_its_herd_is_cancelled", || {
        let tally = Tally::new();
        let inside = tally.clone();
        let handler = move |item: &mut Item<u32>| {
            let running = inside.enter();
            listen(item);
            running.end();
            Err(Fault::Retry("stopped"))
        };
        let (herd, mut results) = start(1, None, handler);
        let wait = || {
            while tally.running() == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        };
        let ticket = herd.try_send_for_result((1, 0)).unwrap();
        herd.send_blocking(2, 0).unwrap();
        wait();
        ticket.cancel();
        let done = futures_lite::future::block_on(ticket).unwrap();
        assert!(matches!(done.outcome, Outcome::Failure(Failure::Cancelled)));
        while tally.begun() < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        herd.send_blocking(3, 0).unwrap();
        thread::sleep(SHORT);
        assert_eq!((tally.begun(), tally.done()), (2, 1));
        herd.cancel().unwrap();
        let left: Vec<_> =
            herd.join_blocking().unwrap().map(|it| (it.id, it.mark, it.attempts)).collect();
        let mut sorted = left;
        sorted.sort_unstable_by_key(|(id, ..)| *id);
        assert_eq!(sorted, [(2, Mark::BackingOff, 1), (3, Mark::Waiting, 0)]);
        assert!(results.next_blocking().is_none());
    });
}

#[test]
fn promise_03_a_function_that_runs_is_not_cut_off() {
    watched("promise_03_a_function_that_runs_is_not_cut_off", || {
        let tally = Tally::new();
        let (gate, begun, handler) = blocked(&tally);
        let (herd, mut results) = start(1, Some(Duration::from_millis(1)), handler);
        herd.send_blocking(1, 7).unwrap();
        begun.recv().unwrap();
        herd.send_blocking(2, 7).unwrap();
        herd.abort().unwrap();
        let deadline = Instant::now() + SHORT;
        let error = herd.join_deadline(deadline).unwrap_err();
        assert_eq!(error, JoinError::Timeout { busy: vec![0] });
        assert!(Instant::now() >= deadline && !herd.is_stopped());
        drop(gate);
        let left: Vec<_> = herd.join_blocking().unwrap().map(|it| (it.id, it.mark)).collect();
        assert_eq!(left, [(2, Mark::Waiting)]);
        // It has ended: no time is needed.
        assert_eq!(herd.join_deadline(deadline).unwrap().count(), 0);
        let done = results.next_blocking().unwrap();
        assert_eq!((done.id, done.outcome.into_result().unwrap()), (1, 7));
        assert_eq!((herd.stats().succeeded, herd.stats().aborted), (1, 0));
        assert_eq!((tally.begun(), tally.done()), (1, 1));
    });
}

#[test]
fn gh_03_a_send_blocks_until_there_is_room() {
    watched("gh_03_a_send_blocks_until_there_is_room", || {
        let tally = Tally::new();
        let (gate, begun, handler) = blocked(&tally);
        let builder = Herd::blocking_builder(handler).size(1).capacity(1);
        let (herd, mut results) = builder.start(&Threads::new()).unwrap();
        herd.send_blocking(0, 0).unwrap();
        begun.recv().unwrap();
        let deadline = Instant::now() + SHORT;
        let refused = herd.send_deadline(1, 11, deadline).unwrap_err();
        assert!(Instant::now() >= deadline);
        assert_eq!((refused.kind, refused.into_inner()), (Refusal::Full, 11));
        let late = herd.send_deadline(1, 11, Instant::now()).unwrap_err();
        assert_eq!(late.discard(), Refusal::Full);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| herd.send_blocking(1, 1).unwrap());
            thread::sleep(SHORT);
            assert!(!waiting.is_finished());
            drop(gate);
            // A result that nobody has read keeps the place.
            while herd.stats().unread == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(SHORT);
            assert!(!waiting.is_finished());
            assert_eq!(results.next_blocking().unwrap().id, 0);
            waiting.join().unwrap();
        });
        assert_eq!(results.next_blocking().unwrap().id, 1);
        herd.send_deadline(2, 2, Instant::now() + LONG).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| herd.send_blocking(3, 33).unwrap_err());
            thread::sleep(SHORT);
            herd.close();
            let refused = waiting.join().unwrap();
            assert_eq!((refused.kind, refused.into_inner()), (Refusal::ShuttingDown, 33));
        });
        assert_eq!(results.next_blocking().unwrap().id, 2);
        assert!(results.next_blocking().is_none());
        assert_eq!(herd.stats().refused, 3);
    });
}

#[test]
fn gh_03_one_handle_serves_many_threads() {
    watched("gh_03_one_handle_serves_many_threads", || {
        const EACH: u32 = 1_000;
        let tally = Tally::new();
        let inside = tally.clone();
        let handler = move |item: &mut Item<u32>| {
            inside.enter().end();
            Ok(**item)
        };
        let builder = Herd::blocking_builder(handler).size(2).capacity(16);
        let (herd, mut results): (TheHerd, _) = builder.start(&Threads::new()).unwrap();
        let barrier = Barrier::new(4);
        let mut seen = vec![0; 4 * EACH as usize];
        thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|thread| {
                    let (herd, barrier) = (&herd, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        for number in thread * EACH..(thread + 1) * EACH {
                            herd.send_blocking(u64::from(number), number).unwrap();
                        }
                    })
                })
                .collect();
            let closing = scope.spawn(|| {
                for sender in senders {
                    sender.join().unwrap();
                }
                herd.close();
            });
            while let Some(done) = results.next_blocking() {
                assert_eq!(u64::from(done.outcome.into_result().unwrap()), done.id);
                seen[usize::try_from(done.id).unwrap()] += 1;
            }
            closing.join().unwrap();
        });
        assert!(seen.iter().all(|times| *times == 1));
        assert!(tally.most() <= 2 && tally.done() == 4 * EACH as usize);
    });
}

#[test]
fn promise_03_calls_inside_do_not_wait_for_themselves() {
    watched("promise_03_calls_inside_do_not_wait_for_themselves", || {
        let known: Arc<Mutex<Option<TheHerd>>> = Arc::default();
        let (inner, (answer, answers)) = (known.clone(), mpsc::channel());
        let answer = Mutex::new(answer);
        let handler = move |item: &mut Item<u32>| {
            let herd = inner.lock().unwrap().clone().unwrap();
            if **item == 0 {
                let far = Instant::now() + LONG;
                for sent in [herd.send_blocking(1, 1), herd.send_deadline(1, 1, far)] {
                    assert!(sent.unwrap_err().is_full());
                }
                let answer = answer.lock().unwrap();
                answer.send(herd.join_blocking().unwrap_err()).unwrap();
                answer.send(herd.join_deadline(far).unwrap_err()).unwrap();
            }
            Ok(**item)
        };
        let builder = Herd::blocking_builder(handler).size(0).capacity(1);
        let (herd, mut results) = builder.start(&Threads::new()).unwrap();
        *known.lock().unwrap() = Some(herd.clone());
        herd.send_blocking(0, 0).unwrap();
        herd.resize(1).unwrap();
        // A panic in the handler would be its outcome.
        assert_eq!(results.next_blocking().unwrap().outcome.into_result().unwrap(), 0);
        let answers: Vec<_> = answers.try_iter().collect();
        assert_eq!(answers, [JoinError::Inside, JoinError::Inside]);
        drop(known.lock().unwrap().take());
        herd.close();
        herd.join_blocking().unwrap();
    });
}

#[test]
fn gh_20_a_panic_takes_no_thread_with_it() {
    watched("gh_20_a_panic_takes_no_thread_with_it", || {
        let handler = |item: &mut Item<u32>| {
            assert_ne!(**item % 2, 0, "on purpose");
            Ok(**item)
        };
        let (herd, mut results) = start(1, None, handler);
        for number in 0..6 {
            herd.send_blocking(u64::from(number), number).unwrap();
        }
        herd.close();
        for id in 0..6 {
            let done = results.next_blocking().unwrap();
            assert_eq!((done.id, done.attempts), (id, 1));
            let panicked = matches!(done.outcome, Outcome::Failure(Failure::Panicked(_)));
            assert_eq!(panicked, id % 2 == 0);
        }
        assert!(results.next_blocking().is_none());
        assert_eq!((herd.stats().panicked, herd.stats().lost_workers), (3, 0));
    });
}
