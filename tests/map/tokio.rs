use std::future::pending;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::{Arc, Barrier};

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::LocalSet;
use droves::map::iter;
use droves::runtime::SpawnError;
use droves::tokio::{Tokio, TokioLocal, map};
use futures_lite::future::{block_on, poll_once};

use crate::contract::keeps_its_promises;
use crate::help::{caught, in_time, message, on};

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_time().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(),
    ]
}

#[test]
fn it_keeps_its_promises() {
    for runtime in runtimes() {
        in_time(move || {
            runtime.block_on(async { keeps_its_promises(&Tokio::current().unwrap()).await });
            let set = Rc::new(LocalSet::new());
            // A map may be sent to another task.
            let given = runtime.block_on(async {
                let mut doing = map(2, iter(3..4), |n: usize| async move { n });
                ::tokio::spawn(async move { doing.next().await }).await.unwrap()
            });
            assert_eq!(given, Some(3));
            set.block_on(&runtime, async {
                let local = TokioLocal::new(Tokio::current().unwrap(), &set);
                keeps_its_promises(&local).await;
            });
        });
    }
}

#[test]
fn calls_are_really_parallel() {
    let [_, runtime] = runtimes();
    in_time(move || {
        let handle = runtime.handle().clone();
        // Each blocks its thread until the other is there.
        let met = Arc::new(Barrier::new(2));
        let f = move |item: usize| {
            let met = met.clone();
            async move { (item, met.wait()).0 }
        };
        let _inside = handle.enter();
        let mut doing = map(2, iter(0..20), f);
        let mut sum = 0;
        while let Some(item) = block_on(doing.next()) {
            sum += item;
        }
        assert_eq!(sum, 190);
    });
}

#[test]
fn a_runtime_that_is_gone_is_a_panic() {
    for runtime in runtimes() {
        in_time(move || {
            let mut early = on(Tokio::new(runtime.handle().clone()), 3);
            let mut midway = {
                let _inside = runtime.enter();
                map(3, iter(0..), |item: usize| async move {
                    if item > 0 {
                        pending::<()>().await;
                    }
                    item
                })
            };
            assert_eq!(runtime.block_on(midway.next()), Some(0));
            let (mut sender, receiver) = droves::mailbox::channel(1).unwrap();
            let tokio = Tokio::new(runtime.handle().clone());
            let mut idle = droves::map::map(tokio, 3, receiver, |item: usize| async move { item });
            sender.try_send(9).unwrap();
            assert_eq!(runtime.block_on(idle.next()), Some(9));
            drop(runtime);
            let lost = "the runtime has dropped a worker of a map";
            let panic = block_on(caught(&mut midway)).unwrap_err();
            assert_eq!(message(&*panic), lost);
            assert_eq!(block_on(midway.next()), None);
            let panic = block_on(caught(&mut early)).unwrap_err();
            assert_eq!(message(&*panic), lost);
            let panic = block_on(caught(&mut idle)).unwrap_err();
            assert_eq!(message(&*panic), lost, "nothing is lost, but nothing can be done either");
            drop(sender);
        });
    }
}

#[test]
fn items_that_no_worker_has_taken_are_lost_too() {
    in_time(|| {
        let [runtime, _] = runtimes();
        let inside = runtime.enter();
        let mut doing = map(3, iter(0..2), |item: usize| async move { item });
        // All that there is has been pulled, but nobody runs the tasks.
        assert!(block_on(poll_once(doing.next())).is_none());
        drop(inside);
        drop(runtime);
        assert!(block_on(caught(&mut doing)).is_err());
        assert_eq!(block_on(doing.next()), None);
    });
}

#[test]
fn outside_of_a_runtime_it_cannot_be_made() {
    let made = || map(1, iter(0..1), |item| async move { item });
    let panic = catch_unwind(|| drop(made())).unwrap_err();
    assert_eq!(message(&*panic), SpawnError::NoRuntime.to_string());
}
