//! Jobs that nap in virtual time, fail, panic, wait for others, and look around.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Weak;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use droves::cancel::CancelToken;
use droves::job::Job;
use droves::pool::{JoinError, Phase, Pool, Refusal};
use droves::sim::{Sim, Sleep};

use crate::crowd::below;
use crate::ledger::{End, Ledger, State, Witness};

#[derive(Debug)]
pub struct Refused;
pub type TestPool = Pool<Refused, State>;
pub type TestJob = Job<Refused, State>;

/// What jobs, which are `Send`, find by the thread that they run on.
struct World {
    sim: Sim,
    pool: Weak<TestPool>,
    naps: BTreeMap<u64, Pin<Box<Sleep>>>,
    next: u64,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

pub fn set_world(sim: &Sim) {
    let world = World { sim: sim.clone(), pool: Weak::new(), naps: BTreeMap::new(), next: 0 };
    WORLD.set(Some(world));
}

pub fn set_pool(pool: Weak<TestPool>) {
    world(|world| world.pool = pool);
}

pub fn clear_world() {
    WORLD.set(None);
}

fn world<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a run is under way")))
}

pub fn sim() -> Sim {
    world(|world| world.sim.clone())
}

/// A sleep that is `Send`.
pub struct Nap {
    length: Duration,
    number: Option<u64>,
}

pub fn nap(length: Duration) -> Nap {
    Nap { length, number: None }
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let length = self.length;
        world(|world| {
            let number = *self.number.get_or_insert_with(|| {
                world.next += 1;
                world.naps.insert(world.next, Box::pin(world.sim.sleep(length)));
                world.next
            });
            world.naps.get_mut(&number).expect("until it is dropped").as_mut().poll(cx)
        })
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            WORLD.with_borrow_mut(|world| world.as_mut().map(|world| world.naps.remove(&number)));
        }
    }
}

/// Counts a job that begins: never more than the size run.
fn begin(witness: &Witness) {
    let running = witness.start();
    if let Some(pool) = world(|world| world.pool.upgrade()) {
        let stats = pool.stats();
        assert!(running <= stats.size, "{running} run: {stats:?}");
        assert_eq!(stats.running, running, "{stats:?}");
        witness.ledger.met_if(running > 1, "several at a time");
        witness.ledger.met_if(running == stats.size, "as many as the size");
    }
}

fn end(witness: Witness, how: End) -> Result<(), Refused> {
    witness.end(how);
    // The panic's own machinery must not see it.
    drop(witness);
    match how {
        End::Succeeded => Ok(()),
        End::Failed => Err(Refused),
        // Without the panic hook, which prints.
        _ => resume_unwind(Box::new("a job panics")),
    }
}

/// What is left of a job after its first turn.
#[derive(Clone)]
pub enum Wait {
    Nap(Duration),
    Token(CancelToken),
}

/// A job drawn from the seed. Gates are opened before the end; the token when the pool is cancelled.
pub fn draw(sim: &Sim, witness: Witness, gate: &CancelToken, token: &CancelToken) -> TestJob {
    let how =
        [End::Succeeded, End::Succeeded, End::Succeeded, End::Failed, End::Panicked][below(sim, 5)];
    let millis = Duration::from_millis(sim.random(8));
    match sim.random(16) {
        0..=5 => TestJob::new(move || {
            begin(&witness);
            end(witness, how)
        }),
        6 => TestJob::new(move |state: &mut State| {
            begin(&witness);
            state.jobs += 1;
            end(witness, how)
        }),
        7 => {
            let ballast = [witness.id; 20];
            TestJob::new(move || {
                begin(&witness);
                assert_eq!(ballast[19], witness.id);
                end(witness, how)
            })
        }
        8 => looks_around(witness),
        9 => waits(witness, how, vec![Wait::Token(gate.clone())]),
        10 => waits(witness, how, vec![Wait::Token(token.clone())]),
        11 => waits(witness, how, vec![Wait::Nap(millis), Wait::Nap(Duration::ZERO)]),
        _ => waits(witness, how, vec![Wait::Nap(millis)]),
    }
}

fn waits(witness: Witness, how: End, for_what: Vec<Wait>) -> TestJob {
    TestJob::new(async move {
        begin(&witness);
        for wait in for_what {
            match wait {
                Wait::Nap(length) => nap(length).await,
                Wait::Token(token) => token.cancelled().await,
            }
        }
        end(witness, how)
    })
}

/// A job that calls its own pool: nothing of it waits.
fn looks_around(witness: Witness) -> TestJob {
    TestJob::new(async move {
        begin(&witness);
        poll_fn(|_| {
            call_own_pool(&witness);
            Poll::Ready(())
        })
        .await;
        end(witness, End::Succeeded)
    })
}

fn call_own_pool(witness: &Witness) {
    let Some(pool) = world(|world| world.pool.upgrade()) else { return };
    let ledger = &witness.ledger;
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(pool.join()).poll(&mut cx) {
        Poll::Ready(Err(JoinError::Inside)) => ledger.met("join inside"),
        joined => panic!("{joined:?}"),
    }
    for _ in 0..sim().random(4) {
        send_inside(&pool, ledger);
    }
    assert!(pool.stats().phase < Phase::Stopped);
}

fn send_inside(pool: &TestPool, ledger: &Ledger) {
    let mut cx = Context::from_waker(Waker::noop());
    let (inner, gate) = (ledger.witness(), CancelToken::new());
    let id = inner.id;
    gate.cancel();
    let job = draw(&sim(), inner, &gate, &gate);
    match pin!(pool.send_job(job)).poll(&mut cx) {
        Poll::Ready(Ok(())) => {
            ledger.accept(id);
            ledger.met("sent inside");
        }
        Poll::Ready(Err(refused)) => ledger.met(match refused.kind {
            Refusal::Full => "full inside",
            Refusal::Quiet => "quiet inside",
            Refusal::ShuttingDown => "refused inside",
        }),
        Poll::Pending => panic!("a send waits in a job of its own pool"),
    }
}
