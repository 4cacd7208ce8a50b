//! What its calls answer, and its futures when they are polled at odd times.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use droves::herd::{Fault, Herd, Item, Phase, Work};
use droves::sim::Sim;

use crate::{at_once, ms, pass, poll, quick};

/// That of a `Cell` is none, as the docs of `Item` show.
#[test]
fn a_guard_is_shared_by_whoever_may_share_its_body() {
    fn shared<T: Sync>() {}
    fn sent<T: Send>() {}
    shared::<Item<u64>>();
    sent::<Item<Cell<u64>>>();
}

#[test]
fn promise_01_a_send_that_is_polled_after_it_is_done_takes_no_place() {
    let sim = Sim::new(1);
    let (herd, mut results) = quick(&sim, 1);
    herd.try_send(0, 0).unwrap();
    let mut send = pin!(herd.send(1, 1));
    assert!(poll(send.as_mut()).is_pending());
    sim.run_until_idle();
    assert_eq!(results.try_next().unwrap().id, 0);
    assert!(matches!(poll(send.as_mut()), Poll::Ready(Ok(()))));
    sim.run_until_idle();
    assert_eq!(results.try_next().unwrap().id, 1);
    assert!(matches!(poll(send.as_mut()), Poll::Ready(Ok(()))));
    herd.try_send(2, 2).unwrap();
    sim.run_until_idle();
    assert_eq!(results.try_next().unwrap().id, 2);
    assert_eq!(herd.stats().submitted, 3);
}

#[test]
fn a_ticket_that_is_polled_after_it_is_done_panics() {
    let sim = Sim::new(1);
    let (herd, _results) = quick(&sim, 1);
    let mut ticket = herd.try_send_for_result((7, 1)).unwrap();
    assert_eq!(sim.block_on(&mut ticket).unwrap().id, 7);
    let again = catch_unwind(AssertUnwindSafe(|| poll(pin!(&mut ticket))));
    let panic = again.expect_err("it is done, and says something else");
    assert_eq!(panic.downcast_ref(), Some(&"polled after it was done"));
    // Its place is free all the same.
    drop(ticket);
    herd.try_send(8, 1).unwrap();
}

/// As a parent of a parent of a parent, each refusal's token would have to be dropped by a recursion.
#[test]
fn promise_06_work_that_is_refused_again_and_again_comes_back_as_it_was() {
    let sim = Sim::new(1);
    let (herd, _results) = Herd::builder(at_once).size(0).capacity(1).start(&sim).unwrap();
    herd.try_send(0, 0).unwrap();
    let mut work = Work::new(1, 1);
    for _ in 0..200_000 {
        work = herd.try_send_for_result(work).unwrap_err().into_inner();
    }
    assert_eq!((work.id, work.body), (1, 1));
    drop(work);
    assert_eq!(herd.stats().refused, 200_000);
}

#[test]
fn promise_06_a_quiet_herd_refuses_who_comes_but_may_let_in_who_waits() {
    let sim = Sim::new(1);
    let (herd, mut results) = quick(&sim, 1);
    herd.try_send(0, 0).unwrap();
    let mut waits = pin!(herd.send(1, 1));
    assert!(poll(waits.as_mut()).is_pending());
    herd.quiet().unwrap();
    sim.run_until_idle();
    assert_eq!(results.try_next().unwrap().id, 0);
    // There is room now, and who comes gets his body back.
    assert_eq!(herd.try_send(2, 22).unwrap_err().into_inner(), 22);
    let mut comes = pin!(herd.send(3, 33));
    match poll(comes.as_mut()) {
        Poll::Ready(Err(error)) => assert_eq!(error.into_inner(), 33),
        other => panic!("{other:?}"),
    }
    // Who waited is let in or refused, and does not wait on while there is room.
    let let_in = match poll(waits.as_mut()) {
        Poll::Ready(Ok(())) => true,
        Poll::Ready(Err(error)) => {
            assert_eq!(error.into_inner(), 1);
            false
        }
        Poll::Pending => panic!("there is room, and it waits"),
    };
    sim.run_until_idle();
    assert_eq!(results.try_next().map(|done| done.id), let_in.then_some(1));
    assert_eq!(herd.stats().submitted, 1 + u64::from(let_in));
    herd.resume().unwrap();
    herd.try_send(4, 4).unwrap();
}

#[test]
fn a_time_to_drain_can_be_made_shorter_but_not_longer() {
    for times in [[1_000, 100_000], [100_000, 1_000]] {
        let sim = Sim::new(1);
        let rt = sim.clone();
        let handler = move |_: Item<u32>| {
            let sleep = rt.sleep(ms(50_000));
            async move {
                sleep.await;
                Ok::<_, Fault<()>>(())
            }
        };
        let (herd, _results) = Herd::builder(handler).size(1).start(&sim).unwrap();
        herd.try_send(1, 1).unwrap();
        herd.try_send(2, 2).unwrap();
        for time in times {
            herd.drain(ms(time)).unwrap();
            sim.run_until_idle();
        }
        pass(&sim, ms(999));
        assert_eq!(herd.phase(), Phase::Draining, "{times:?}");
        pass(&sim, ms(2));
        assert_eq!(herd.phase(), Phase::Cancelling, "{times:?}");
        assert_eq!(herd.stats().running, 1);
        sim.shut_down();
    }
}
