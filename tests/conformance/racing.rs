//! A size that shrinks while a worker looks for work.

use std::thread;
use std::time::Duration;

use droves::pool::Pool;
use droves::threads::Threads;

use crate::help::Tally;
use crate::world::watched;

#[test]
fn promise_02_nothing_begins_after_the_size_is_nothing() {
    watched("promise_02_nothing_begins_after_the_size_is_nothing", || {
        let pool = Pool::builder().fixed(2).start(&Threads::new()).unwrap();
        let tally = Tally::new();
        let mut wrong = 0;
        for round in 1..=2_000 {
            let begun = tally.begun();
            pool.assign(tally.tick()).unwrap();
            let mut spins = 0_u32;
            while tally.begun() == begun {
                // Where there is one core for all, its worker needs it.
                spins += 1;
                if spins < 10_000 { std::hint::spin_loop() } else { thread::yield_now() }
            }
            // Its worker looks for more just now.
            pool.resize(0).unwrap();
            pool.assign(tally.tick()).unwrap();
            thread::sleep(Duration::from_micros(200));
            wrong += usize::from(tally.begun() > begun + 1);
            pool.resize(2).unwrap();
            while tally.done() < 2 * round {
                thread::yield_now();
            }
        }
        assert_eq!(wrong, 0, "jobs that began while the size was 0");
    });
}
