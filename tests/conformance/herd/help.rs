//! What the herds of the tests are made of.
#![allow(dead_code, reason = "each feature uses a part")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use droves::herd::{
    Builder, Done, Driver, Fault, Herd, Item, Leftover, Outcome, Refused, Results, Ticket, Worker,
};
use droves::runtime::{Spawn, Timer};

use crate::help::{Grenade, Tally, Witness};

/// What items are.
#[derive(Default)]
pub struct Body {
    pub number: u32,
    pub kept: Option<Witness>,
    pub grenade: Option<Grenade>,
}

/// What handlers fail with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub u32);

pub type Answer = Result<u32, Fault<Problem>>;
pub type Attempt = Pin<Box<dyn Future<Output = Answer> + Send>>;
pub type Handler = Box<dyn Fn(Item<Body>) -> Attempt + Send + Sync>;
pub type HerdBuilder = Builder<Body, u32, Problem, Handler, Attempt>;
pub type TheHerd = Herd<Body, u32, Problem>;
pub type TheResults = Results<Body, u32, Problem>;
pub type TheDone = Done<Body, u32, Problem>;
pub type TheTicket = Ticket<Body, u32, Problem>;
pub type TheOutcome = Outcome<u32, Problem>;

/// What the tests' herds ask of a runtime: one type of handler is enough for them.
pub trait Herds:
    Timer
    + Clone
    + Spawn<Worker<Self, Handler, Attempt, Body, u32, Problem>>
    + Spawn<Driver<Self, Self, Handler, Attempt, Body, u32, Problem>>
{
}

impl<Rt> Herds for Rt where
    Rt: Timer
        + Clone
        + Spawn<Worker<Rt, Handler, Attempt, Body, u32, Problem>>
        + Spawn<Driver<Rt, Rt, Handler, Attempt, Body, u32, Problem>>
{
}

/// An item's body with a number.
pub fn body(number: u32) -> Body {
    Body { number, ..Body::default() }
}

impl Body {
    /// It is counted while it is alive.
    pub fn keeping(self, witness: Witness) -> Self {
        Self { kept: Some(witness), ..self }
    }

    /// It panics when it is dropped.
    pub fn with_grenade(self) -> Self {
        Self { grenade: Some(Grenade), ..self }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({})", self.number)
    }
}

/// Begins to make a herd.
pub fn herd<Fut>(handler: impl Fn(Item<Body>) -> Fut + Send + Sync + 'static) -> HerdBuilder
where
    Fut: Future<Output = Answer> + Send + 'static,
{
    let handler: Handler = Box::new(move |item| Box::pin(handler(item)));
    Herd::builder(handler)
}

/// A handler that answers with the body's number at once, and is counted.
pub fn counted(tally: &Tally) -> impl Fn(Item<Body>) -> std::future::Ready<Answer> + use<> {
    let tally = tally.clone();
    move |item| {
        tally.enter().end();
        std::future::ready(Ok(item.number))
    }
}

/// A handler that is counted, waits for a gate, and answers with the body's number.
pub fn gated(
    tally: &Tally,
    gate: &crate::help::Gate,
) -> impl Fn(Item<Body>) -> Attempt + Send + Sync + use<> {
    let (tally, gate) = (tally.clone(), gate.clone());
    move |item| {
        let job = tally.job(&gate);
        Box::pin(async move {
            job.await;
            Ok(item.number)
        })
    }
}

/// All results that still come.
pub async fn rest(results: &mut TheResults) -> Vec<TheDone> {
    let mut all = Vec::new();
    while let Some(done) = results.next().await {
        all.push(done);
    }
    all
}

/// The identities, in order.
pub fn ids(dones: &[TheDone]) -> Vec<u64> {
    dones.iter().map(|done| done.id).collect()
}

/// Identities and marks, sorted.
pub fn marks(
    leftovers: impl IntoIterator<Item = Leftover<Body>>,
) -> Vec<(u64, droves::herd::Mark)> {
    let mut marks: Vec<_> = leftovers.into_iter().map(|left| (left.id, left.mark)).collect();
    marks.sort_by_key(|(id, _)| *id);
    marks
}

/// The number of the body that came back, which was refused since there was no room.
pub fn full(error: Refused<Body>) -> u32 {
    assert!(error.is_full(), "{error}");
    error.into_inner().number
}

/// The number of the body that came back, which was refused for good.
pub fn shut(error: Refused<Body>) -> u32 {
    assert!(error.is_shutting_down(), "{error}");
    error.into_inner().number
}

/// A herd that its own handlers know.
#[derive(Clone, Default)]
pub struct Inner(Arc<Mutex<Option<TheHerd>>>);

impl Inner {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set(&self, herd: &TheHerd) {
        *self.0.lock().unwrap() = Some(herd.clone());
    }

    pub fn get(&self) -> TheHerd {
        self.0.lock().unwrap().as_ref().expect("it is set before anything is sent").clone()
    }

    /// Handlers know it no more.
    pub fn forget(&self) {
        drop(self.0.lock().unwrap().take());
    }
}

/// What happened, in order.
pub struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Log<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn push(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// All of it, which is gone then.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
