//! A herd's lanes, and the bell of its driver.

use std::future::{Ready, ready};
use std::time::Duration;

use droves::herd::{Fault, Item, Results, Work};
use loom::thread;

use crate::explore::{Bound, explore, turn};
use crate::pools::{ByHand, Task};
use crate::threads::Call;

type Herd = droves::herd::Herd<(), (), ()>;

/// A herd without workers, and its driver.
fn start() -> (Herd, Results<(), (), ()>, Task) {
    let runtime = ByHand::default();
    let handler = |_: Item<()>| -> Ready<Result<(), Fault<()>>> { ready(Ok(())) };
    let builder = droves::herd::Herd::builder(handler).size(0).capacity(2).seed(0);
    let (herd, results) = builder.start(&runtime).unwrap();
    (herd, results, runtime.take())
}

/// Sends an item for the driver to look at, and to give to the workers then.
fn send(herd: &Herd, id: u64) {
    herd.try_send_work(Work::new(id, ()).after(Duration::ZERO)).unwrap();
}

/// Whoever puts something where the driver looks, and finds that its bell has been rung already, is seen by the driver
/// when it hears that ring; else the driver is woken again.
#[test]
fn promise_07_an_item_is_seen_by_the_driver_that_hears_an_earlier_ring() {
    explore(Bound { plain: 3, strong: 4 }, || {
        let (herd, results, driver) = start();
        let mut driver = Call::waiting(driver);
        send(&herd, 1);
        let sends = thread::spawn(move || {
            turn();
            send(&herd, 2);
            herd
        });
        assert!(driver.signal.is_set(), "nobody rang");
        turn();
        assert!(driver.poll().is_pending());
        let herd = sends.join().unwrap();
        let seen = herd.stats().waiting;
        let woken = driver.signal.is_set();
        if woken {
            assert!(driver.poll().is_pending());
        }
        assert_eq!(herd.stats().waiting, 2, "the driver sleeps over an item");
        drop((herd, driver, results));
        (seen, woken)
    })
    .exactly([(1, true), (2, false), (2, true)]);
}
