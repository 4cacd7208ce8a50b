//! What a static group is told while it begins to wait: signals that replace one another, and a cancellation.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc as PlainArc, Mutex};
use std::task::Poll;

use droves::group::machine::Order;
use droves::group::{Signal, StaticGroup, StaticHub};
use loom::sync::Arc;

use crate::explore::{Bound, explore, turn};
use crate::threads::{Call, spawn};

const USER: [Signal; 2] = [Signal::USER_1, Signal::USER_2];

/// What the one member of a static group was told, in its order.
type Heard = PlainArc<Mutex<Vec<Signal>>>;

/// What a static group shares with its one member, which writes down what it is told until it is cancelled.
struct Alone {
    hub: Arc<StaticHub<1>>,
    heard: Heard,
}

impl Alone {
    fn new() -> Self {
        Self { hub: Arc::new(StaticHub::new()), heard: Heard::default() }
    }

    fn member(&self) -> impl Future<Output = ()> + use<> {
        let (hub, heard) = (self.hub.clone(), self.heard.clone());
        poll_fn(move |cx| {
            let run = hub.run(0);
            if let Poll::Ready(signal) = Pin::new(&mut run.signal()).poll(cx) {
                heard.lock().unwrap().push(signal);
            }
            if run.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

/// Two signals come at once: one that was not heard in time is replaced, and the last one is heard.
#[test]
fn if_04_signals_of_two_for_a_static_group() {
    let [first, second] = USER;
    explore(Bound { plain: 3, strong: 4 }, || {
        let alone = Alone::new();
        let member = pin!(alone.member());
        let mut group = Call::new(StaticGroup::new(&alone.hub, Order::Parallel, [member]));
        assert!(group.poll().is_pending());
        // What was left with the first poll is of no use to the second.
        group.signal = PlainArc::default();
        let sends = USER.map(|signal| {
            let hub = alone.hub.clone();
            spawn(move || {
                turn();
                hub.signal(signal);
            })
        });
        turn();
        assert!(group.poll().is_pending());
        let at_once = alone.heard.lock().unwrap().len();
        for send in sends {
            send.join();
        }
        if group.signal.is_set() {
            assert!(group.poll().is_pending());
        }
        let heard = alone.heard.lock().unwrap().clone();
        assert!(!heard.is_empty(), "it sleeps, and a signal waits");
        alone.hub.cancel();
        assert!(group.signal.is_set() && group.poll().is_ready());
        assert_eq!(*alone.heard.lock().unwrap(), heard, "a signal waited");
        (at_once, heard)
    })
    .exactly([
        // Both after the group looked: one replaced the other.
        (0, vec![first]),
        (0, vec![second]),
        // Both before.
        (1, vec![first]),
        (1, vec![second]),
        // One before, one after.
        (1, vec![first, second]),
        (1, vec![second, first]),
    ]);
}

/// A cancellation while the group begins to wait, and against a signal: both are heard.
#[test]
fn promise_07_a_static_group_that_begins_to_wait_hears_all_that_comes() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let alone = Alone::new();
        let member = pin!(alone.member());
        let mut group = Call::new(StaticGroup::new(&alone.hub, Order::Parallel, [member]));
        assert!(group.poll().is_pending());
        group.signal = PlainArc::default();
        let (signals, cancels) = (alone.hub.clone(), alone.hub.clone());
        let signals = spawn(move || {
            turn();
            signals.signal(USER[0]);
        });
        let cancels = spawn(move || {
            turn();
            cancels.cancel();
        });
        turn();
        let at_once = group.poll().is_ready();
        signals.join();
        cancels.join();
        let woken = group.signal.is_set();
        if !at_once {
            assert!(woken, "it sleeps, and a cancellation waits");
            assert!(group.poll().is_ready());
        }
        let heard = alone.heard.lock().unwrap().len();
        (at_once, woken, heard)
    })
    .exactly([
        // The cancellation came after the group looked.
        (false, true, 1),
        // Both came before.
        (true, false, 1),
        // Both came before, and a wake late.
        (true, true, 1),
        // The signal came after the end.
        (true, true, 0),
    ]);
}
