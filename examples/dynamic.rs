//! A pool that grows under load and shrinks when it is idle, and prints its size meanwhile.

use std::thread;
use std::time::Duration;

use droves::pool::{Pool, Refusal, Refused};
use droves::threads::Threads;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::builder()
        .dynamic(1..=8)
        .initial(2)
        .idle_timeout(Duration::from_millis(50))
        .start(&Threads::new())?;
    let work = || thread::sleep(Duration::from_millis(20));

    println!("phase     size idle waiting done");
    let (mut largest, mut smallest) = (0, usize::MAX);
    for round in 0..60 {
        // Twenty rounds of load, and then none.
        let burst = if round < 20 { 8 } else { 0 };
        for _ in 0..burst {
            match pool.assign(work).map_err(Refused::discard) {
                Ok(()) | Err(Refusal::Full) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        thread::sleep(Duration::from_millis(10));
        let stats = pool.stats();
        (largest, smallest) = (largest.max(stats.size), stats.size);
        if round % 5 == 4 {
            let phase = if burst > 0 { "load" } else { "no load" };
            let bar = "#".repeat(stats.size);
            println!(
                "{phase:<9} {:>4} {:>4} {:>7} {:>4}  {bar}",
                stats.size, stats.idle, stats.waiting, stats.succeeded
            );
        }
    }
    // What was too much is done by now, and all but the least have gone; but machines may be slow.
    for _ in 0..4_000 {
        if smallest == 1 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
        smallest = pool.stats().size;
    }
    assert_eq!((largest, smallest), (8, 1));

    pool.shutdown()?;
    pool.join_blocking()?;
    Ok(())
}
