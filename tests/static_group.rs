//! Groups without an allocator.
#![cfg(not(any(droves_loom, droves_shuttle)))]

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use droves::group::machine::{MemberState, Order};
use droves::group::{Signal, StaticGroup, StaticHub};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes down what it does, and ends with its first signal.
async fn service(hub: &StaticHub<3>, place: usize, log: &RefCell<Vec<String>>) {
    log.borrow_mut().push(format!("+{place}"));
    hub.run(place).ready();
    let signal = hub.run(place).signal().await;
    log.borrow_mut().push(format!("-{place} {signal}"));
}

fn poll<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

#[test]
fn if_05_if_06_if_07_static_groups_start_and_stop_in_order() {
    let orders = [
        (Order::Ordered, [2, 1, 0]),
        (Order::QueueOrdered, [0, 1, 2]),
        (Order::Parallel, [0, 1, 2]),
    ];
    for (order, stops) in orders {
        let (hub, log, wakes) = (StaticHub::new(), RefCell::default(), Arc::<Wakes>::default());
        let (a, b, c) = (
            pin!(service(&hub, 0, &log)),
            pin!(service(&hub, 1, &log)),
            pin!(service(&hub, 2, &log)),
        );
        let mut group = StaticGroup::new(&hub, order, [a, b, c]);
        assert!(!hub.is_ready() && poll(&mut group, &wakes).is_pending());
        assert!(hub.is_ready());
        assert_eq!(log.borrow().join(" "), "+0 +1 +2");
        log.borrow_mut().clear();
        hub.signal(Signal::TERMINATE);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(poll(&mut group, &wakes), Poll::Ready([MemberState::Exited; 3]));
        assert_eq!(log.borrow().clone(), stops.map(|place| format!("-{place} SIGTERM")));
    }
}

#[test]
fn if_09_if_11_a_static_group_ends_when_one_has_ended() {
    let (hub, log, wakes) = (StaticHub::new(), RefCell::default(), Arc::<Wakes>::default());
    let (first, third) = (pin!(service(&hub, 0, &log)), pin!(service(&hub, 2, &log)));
    let members: [Pin<&mut dyn Future<Output = ()>>; 3] = [first, pin!(async {}), third];
    let mut group = StaticGroup::new(&hub, Order::Ordered, members).termination(Signal::HANGUP);
    let ended = [MemberState::Exited, MemberState::Exited, MemberState::Skipped];
    assert_eq!(poll(&mut group, &wakes), Poll::Ready(ended));
    assert_eq!((log.borrow().join(" "), hub.is_ready()), ("+0 -0 SIGHUP".into(), false));
}

#[test]
fn a_static_group_is_cancelled_and_the_last_signal_counts() {
    let (hub, wakes) = (StaticHub::<1>::new(), Arc::<Wakes>::default());
    let deaf = pin!(std::future::poll_fn(|_| {
        if hub.run(0).is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }));
    let mut group = StaticGroup::new(&hub, Order::Parallel, [deaf]);
    assert!(poll(&mut group, &wakes).is_pending());
    hub.signal(Signal::HANGUP);
    hub.signal(Signal::TERMINATE);
    assert!(poll(&mut group, &wakes).is_pending(), "it is deaf");
    let told = pin!(hub.run(0).signal());
    let told = told.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(told, Poll::Ready(Signal::TERMINATE));
    hub.cancel();
    assert_eq!(poll(&mut group, &wakes), Poll::Ready([MemberState::Exited]));
    let (hub, members) = (StaticHub::<0>::new(), []);
    let mut empty = StaticGroup::new(&hub, Order::Parallel, members);
    assert!(poll(&mut empty, &wakes).is_ready() && hub.is_ready());
}
