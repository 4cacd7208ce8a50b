//! Handlers and bodies that stay on their thread, on runtimes that spawn what cannot be sent.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use droves::herd::{Driver, Failure, Fault, Herd, Item, Mark, Work, Worker};
use droves::retry::Backoff;
use droves::runtime::{Spawn, Timer};

use crate::help::Gate;
use crate::world::World;

/// What cannot be sent to another thread: a body, a result and an error.
type Body = Rc<Cell<u32>>;
type Answer = Result<Rc<u32>, Fault<Rc<str>>>;
type Attempt = Pin<Box<dyn Future<Output = Answer>>>;
type Handler = Box<dyn Fn(Item<Body>) -> Attempt>;

/// What such a herd asks of a runtime.
pub trait LocalHerds:
    Timer
    + Clone
    + Spawn<Worker<Self, Handler, Attempt, Body, Rc<u32>, Rc<str>>>
    + Spawn<Driver<Self, Self, Handler, Attempt, Body, Rc<u32>, Rc<str>>>
{
}

impl<Rt> LocalHerds for Rt where
    Rt: Timer
        + Clone
        + Spawn<Worker<Rt, Handler, Attempt, Body, Rc<u32>, Rc<str>>>
        + Spawn<Driver<Rt, Rt, Handler, Attempt, Body, Rc<u32>, Rc<str>>>
{
}

fn boxed<Fut: Future<Output = Answer> + 'static>(
    handler: impl Fn(Item<Body>) -> Fut + 'static,
) -> Handler {
    Box::new(move |item| Box::pin(handler(item)))
}

async fn gh_01_a_handler_may_share_what_is_its_threads_own<W: World>(w: &W)
where
    W::Rt: LocalHerds,
{
    let log: Rc<RefCell<Vec<(u64, u32)>>> = Rc::default();
    let inside = log.clone();
    let handler = move |item: Item<Body>| {
        let log = inside.clone();
        async move {
            log.borrow_mut().push((item.id(), item.attempt()));
            // Who holds the same body sees it.
            item.set(item.get() + 1);
            futures_lite::future::yield_now().await;
            match (item.id() % 3, item.attempt()) {
                (0, _) | (1, 2) => Ok(Rc::new(item.get())),
                (1, _) => Err(Fault::Retry("again".into())),
                _ => Err(Fault::Failure("never".into())),
            }
        }
    };
    let builder = Herd::builder(boxed(handler)).size(3).max_retries(1);
    let builder = builder.backoff(Backoff::constant(Duration::from_millis(1)));
    let (herd, mut results) = builder.start(w.rt()).unwrap();
    let bodies: Vec<_> = (0..12).map(|number| Rc::new(Cell::new(number * 10))).collect();
    for (id, body) in (0..).zip(&bodies) {
        match id % 4 {
            0 => herd
                .send_work(Work::new(id, body.clone()).after(Duration::from_millis(2)))
                .await
                .unwrap(),
            _ => herd.send(id, body.clone()).await.unwrap(),
        }
    }
    let ticket = herd.send_for_result((12, Rc::new(Cell::new(6)))).await.unwrap();
    assert_eq!(*ticket.await.unwrap().outcome.into_result().unwrap(), 7);
    herd.close();
    let mut count = 0;
    while let Some(done) = results.next().await {
        count += 1;
        let body = &bodies[usize::try_from(done.id).unwrap()];
        assert!(Rc::ptr_eq(body, &done.body));
        let tens = u32::try_from(done.id).unwrap() * 10;
        assert_eq!(
            (body.get(), done.attempts),
            (tens + done.attempts, 1 + u32::from(done.id % 3 == 1))
        );
        match done.outcome.into_result() {
            Ok(result) => assert_eq!((*result, done.id % 3 == 2), (body.get(), false)),
            Err(Failure::Failed(error)) => assert_eq!((&*error, done.id % 3), ("never", 2)),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((count, log.borrow().len()), (12, 17));
    herd.join().await.unwrap();
    // The handler is gone with the herd's driver, and with it what it held.
    w.until(|| Rc::strong_count(&log) == 1).await;
    assert!(bodies.iter().all(|body| Rc::strong_count(body) == 1));
}

async fn promise_01_what_stays_on_its_thread_is_left_over_there<W: World>(w: &W)
where
    W::Rt: LocalHerds,
{
    for abort in [false, true] {
        let (gate, running) = (Gate::new(), Rc::new(Cell::new(0)));
        let (opened, inside) = (gate.clone(), running.clone());
        let handler = move |item: Item<Body>| {
            let (pass, running) = (opened.pass(), inside.clone());
            async move {
                running.set(running.get() + 1);
                pass.await;
                Ok(Rc::new(item.get()))
            }
        };
        let (herd, mut results) = Herd::builder(boxed(handler)).size(1).start(w.rt()).unwrap();
        let body = Rc::new(Cell::new(5));
        for id in 0..3 {
            herd.send(id, body.clone()).await.unwrap();
        }
        w.until(|| running.get() == 1).await;
        if abort {
            herd.abort().unwrap();
        } else {
            herd.cancel().unwrap();
            gate.open();
        }
        let mut left: Vec<_> = herd.join().await.unwrap().map(|it| (it.id, it.mark)).collect();
        left.sort_by_key(|(id, _)| *id);
        let waiting = [(1, Mark::Waiting), (2, Mark::Waiting)];
        if abort {
            assert_eq!(left.remove(0), (0, Mark::Interrupted));
            assert!(results.next().await.is_none());
        } else {
            assert_eq!(*results.next().await.unwrap().outcome.into_result().unwrap(), 5);
        }
        assert_eq!(left, waiting);
        assert_eq!((running.get(), Rc::strong_count(&body)), (1, 1));
    }
}

/// Makes a test of each function, for each adapter that spawns what cannot be sent.
macro_rules! on_local {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "tokio")]
        on_one!(tokio_local, crate::world::on_tokio::OnLocalSet, $($test)*);
        #[cfg(feature = "async-executor")]
        on_one!(local_executor, crate::world::on_async_executor::OnLocalExecutor, $($test)*);
        #[cfg(feature = "sim")]
        on_one!(sim, crate::world::on_sim::OnSim, $($test)*);
    };
}

on_local! {
    gh_01_a_handler_may_share_what_is_its_threads_own,
    promise_01_what_stays_on_its_thread_is_left_over_there,
}
