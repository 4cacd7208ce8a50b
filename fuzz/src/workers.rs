//! Operation sequences on a pool, decoded from bytes and run by the simulator: after each of them its
//! numbers must agree with the jobs' own account.
//!
//! Every byte string is a valid sequence. The sizes are checked against those that were asked for; the
//! machine behind them is reached by the operations alone.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::pool::{JoinError, Phase, Pool, Refusal, ResizeError};
use droves::sim::Sim;

outcomes! {
    Assigned, Full, Quiet, ShuttingDown, Sent, SendWaited, SendDropped, Resized, OutOfRange, Stopping, QuietSet,
    Resumed, ShutDown, Cancelled, Aborted, AlreadyStopping, RuntimeDropped, Succeeded, Panicked, JobAborted,
    LeftOver, LeftByRuntime, Lost, Grown, Retired, LastHandleDropped,
}

/// How often each outcome was reached.
#[derive(Clone, Debug, Default)]
pub struct Outcomes(Vec<Outcome>);

impl Outcomes {
    pub fn add(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|&&reached| reached == outcome).count()
    }

    fn note_if(&mut self, reached: bool, outcome: Outcome) {
        self.0.extend(reached.then_some(outcome));
    }
}

/// How many jobs there are in each state.
#[derive(Debug, Default)]
struct Book {
    alive: u64,
    running: u64,
    succeeded: u64,
    panicked: u64,
    aborted: u64,
}

struct Witness {
    book: Arc<Mutex<Book>>,
    running: bool,
}

impl Witness {
    fn new(book: &Arc<Mutex<Book>>) -> Self {
        book.lock().unwrap().alive += 1;
        Self { book: book.clone(), running: false }
    }

    fn start(&mut self) {
        self.running = true;
        self.book.lock().unwrap().running += 1;
    }

    fn end(mut self, panics: bool) {
        self.running = false;
        let mut book = self.book.lock().unwrap();
        book.running -= 1;
        *(if panics { &mut book.panicked } else { &mut book.succeeded }) += 1;
        drop(book);
        drop(self);
        if panics {
            // Without the hook, which a fuzzer takes for a crash.
            std::panic::resume_unwind(Box::new(()));
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let mut book = self.book.lock().unwrap();
        book.alive -= 1;
        if self.running {
            book.running -= 1;
            book.aborted += 1;
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }
}

/// Runs the sequence that `data` stands for. Tells which outcomes it reached.
///
/// # Panics
/// If the pool does anything that the jobs' account does not.
pub fn run(data: &[u8]) -> Outcomes {
    let mut bytes = Bytes(data);
    let sim = Sim::new(bytes.next().into());
    let book = Arc::default();
    let outcomes = sim.block_on(play(&sim, &book, &mut bytes));
    sim.shut_down();
    assert_eq!(book.lock().unwrap().alive, 0, "jobs were leaked");
    outcomes
}

#[allow(clippy::too_many_lines, reason = "one arm for each operation")]
async fn play(sim: &Sim, book: &Arc<Mutex<Book>>, bytes: &mut Bytes<'_>) -> Outcomes {
    let [shape, room] = [bytes.next(), bytes.next()].map(usize::from);
    let (fixed, max, capacity) = (shape % 2 == 0, 1 + shape / 2 % 4, 1 + room % 4);
    let min = shape / 8 % (max + 1);
    let builder = Pool::builder().capacity(capacity).idle_timeout(Duration::from_millis(2));
    let builder = if fixed { builder.fixed(max) } else { builder.dynamic(min..=max) };
    let pool = builder.start(sim).unwrap();
    let gate = CancelToken::new();
    let mut reached = Outcomes::default();
    let mut sends: Vec<Pin<Box<droves::pool::SendJobFut<'_, _, _>>>> = Vec::new();
    let mut accepted = 0;
    let mut cut_off = false;
    let mut cx = Context::from_waker(Waker::noop());
    while !bytes.0.is_empty() {
        let (operation, with) = (bytes.next(), bytes.next());
        let before = pool.stats();
        let mut note = |result: Result<(), _>, outcome| {
            reached.note_if(result.is_ok(), outcome);
            reached.note_if(result.is_err(), Outcome::AlreadyStopping);
            result.is_ok()
        };
        match operation % 16 {
            0..=3 => {
                let job = job(Witness::new(book), with, &gate);
                let result = pool.assign_job(job).map_err(droves::pool::Refused::discard);
                accepted += u64::from(result.is_ok());
                reached.note_if(
                    true,
                    match result {
                        Ok(()) => Outcome::Assigned,
                        Err(Refusal::Full) => Outcome::Full,
                        Err(Refusal::Quiet) => Outcome::Quiet,
                        Err(Refusal::ShuttingDown) => Outcome::ShuttingDown,
                    },
                );
            }
            4 => sends.push(Box::pin(pool.send_job(job(Witness::new(book), with, &gate)))),
            5 if !sends.is_empty() => {
                drop(sends.swap_remove(usize::from(with) % sends.len()));
                reached.note_if(true, Outcome::SendDropped);
            }
            6 => match pool.resize(usize::from(with % 6)) {
                Ok(()) => {
                    assert_eq!(pool.stats().size, usize::from(with % 6));
                    reached.note_if(true, Outcome::Resized);
                }
                Err(ResizeError::Config(_)) => reached.note_if(true, Outcome::OutOfRange),
                Err(ResizeError::Stopping) => {
                    assert!(before.phase >= Phase::Cancelling);
                    reached.note_if(true, Outcome::Stopping);
                }
            },
            7 if with < 64 => drop(note(pool.quiet(), Outcome::QuietSet)),
            7 => drop(note(pool.resume(), Outcome::Resumed)),
            8 if with < 32 => drop(note(pool.shutdown(), Outcome::ShutDown)),
            8 if with < 64 => cut_off |= note(pool.cancel(), Outcome::Cancelled),
            8 if with < 96 => cut_off |= note(pool.abort(), Outcome::Aborted),
            8 if with < 112 => {
                sim.shut_down();
                cut_off = true;
                reached.note_if(true, Outcome::RuntimeDropped);
            }
            9 => sim.limit_tasks((with < 128).then_some(usize::from(with % 4))),
            10..=12 => sim.sleep(Duration::from_millis((with % 16).into())).await,
            _ => sim.yield_now().await,
        }
        // Their wakers do nothing: they are polled after each operation.
        sends.retain_mut(|send| match send.as_mut().poll(&mut cx) {
            std::task::Poll::Pending => {
                reached.note_if(true, Outcome::SendWaited);
                true
            }
            std::task::Poll::Ready(result) => {
                accepted += u64::from(result.is_ok());
                reached.note_if(result.is_ok(), Outcome::Sent);
                false
            }
        });
        let (stats, book) = (pool.stats(), book.lock().unwrap());
        assert_eq!(
            (stats.running as u64, stats.succeeded, stats.panicked, stats.aborted),
            (book.running, book.succeeded, book.panicked, book.aborted)
        );
        let ended = stats.succeeded + stats.panicked + stats.aborted;
        assert_eq!(accepted, ended + (stats.running + stats.waiting) as u64, "{stats:?}");
        assert!(stats.phase >= before.phase || before.phase == Phase::Quiet);
        if !fixed && stats.phase < Phase::Draining {
            assert!((min..=max).contains(&stats.size), "{stats:?}");
        }
        reached.note_if(!fixed && stats.size > before.size && operation % 16 < 5, Outcome::Grown);
        let slept = (10..=12).contains(&(operation % 16)) && stats.phase < Phase::Draining;
        reached.note_if(!fixed && slept && stats.size < before.size, Outcome::Retired);
    }
    drop(sends);
    gate.cancel();
    sim.limit_tasks(None);
    let join = pool.join();
    let stats = pool.stats();
    reached.note_if(stats.lost_workers > 0, Outcome::Lost);
    if stats.phase < Phase::Draining {
        reached.note_if(true, Outcome::LastHandleDropped);
    }
    drop(pool);
    let mut late = pin!(sim.sleep(Duration::from_secs(100)));
    let mut join = pin!(join);
    let joined = std::future::poll_fn(|cx| {
        assert!(late.as_mut().poll(cx).is_pending(), "join never ends");
        join.as_mut().poll(cx)
    })
    .await;
    match joined {
        Ok(leftovers) => reached.note_if(leftovers.map(drop).count() > 0, Outcome::LeftOver),
        Err(JoinError::RuntimeGone) => {
            assert!(cut_off);
            reached.note_if(book.lock().unwrap().alive > 0, Outcome::LeftByRuntime);
        }
        Err(error) => panic!("{error:?}"),
    }
    let book = book.lock().unwrap();
    assert_eq!(book.running, 0);
    reached.note_if(book.succeeded > 0, Outcome::Succeeded);
    reached.note_if(book.panicked > 0, Outcome::Panicked);
    reached.note_if(book.aborted > 0, Outcome::JobAborted);
    reached
}

fn job(mut witness: Witness, kind: u8, gate: &CancelToken) -> droves::job::Job {
    let (panics, gate) = (matches!(kind % 8, 0), gate.clone());
    if kind % 4 < 2 {
        droves::job::Job::new(move || {
            witness.start();
            witness.end(panics);
        })
    } else {
        droves::job::Job::new(async move {
            witness.start();
            gate.cancelled().await;
            witness.end(panics);
        })
    }
}
