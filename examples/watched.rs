//! A herd that can be watched and resized in a browser: `cargo run --features http,threads --example watched [ADDRESS [SECONDS
//! [TOKEN]]]`, and open the address that it prints. It has pretended work, some of which fails, for 5 seconds or as many as it
//! is told.

use std::time::{Duration, Instant};

use droves::group::{Group, Member, Restart, Signal};
use droves::herd::{Fault, Herd, Item};
use droves::http::{ControlPlane, Failures};
use droves::retry::Backoff;
use droves::runtime::{Clock, Timer};
use droves::threads::{Threads, block_on};
use futures_lite::future;

/// Numbers without a pattern that one sees.
const fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    (n ^ (n >> 27)).wrapping_mul(0x81da_def4_bc2d_d44d) >> 33
}

fn work(item: &mut Item<String>) -> Result<(), Fault<String>> {
    let chance = mix(item.id() * 16 + u64::from(item.attempt()));
    // Most are quick, and a few are not.
    let ms = 5 + chance % 40 + if chance.is_multiple_of(23) { 160 } else { 0 };
    std::thread::sleep(Duration::from_millis(ms));
    match chance % 100 {
        0 => Err(Fault::Failure(format!("{}: 404 Not Found", **item))),
        1..12 => Err(Fault::Retry(format!("{}: connection reset by peer", **item))),
        _ => Ok(()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let seconds: u64 = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let token = arguments.next();

    let failures = Failures::new();
    let (herd, results) = Herd::blocking_builder(work)
        .size(8)
        .capacity(64)
        .max_retries(2)
        .backoff(Backoff::exponential(Duration::from_millis(100)).full_jitter())
        .measured(Threads::new())
        .on_failure(failures.of_herd())
        .start(&Threads::new())?;
    drop(results); // nobody wants them

    // Shown by the page too: the herd, and somebody who has to be started again now and then.
    let threads = Threads::new();
    let (watched, sleeper) = (herd.clone(), threads.clone());
    let probe = Member::new("probe", move |mut run| {
        let end = sleeper.now().saturating_add(Duration::from_secs(5));
        let fails = sleeper.sleep_until(end);
        async move {
            run.ready();
            let stops = async {
                run.signal().await;
                Ok(())
            };
            let fails = async {
                fails.await;
                Err("the other side has gone")
            };
            future::or(stops, fails).await
        }
    });
    let probe =
        probe.restart(Restart::on_error().backoff(Backoff::constant(Duration::from_secs(1))));
    let group = Group::parallel([Member::runner("herd", move |_| Ok(watched.clone())), probe]);
    let group = group.name("watched").start(&threads)?;

    let mut builder =
        ControlPlane::builder(herd.clone()).address(address).failures(&failures).group(&group);
    if let Some(token) = token {
        builder = builder.token(&token);
    }
    let plane = builder.start()?;
    println!("http://{}/", plane.local_addr());

    let end = Instant::now() + Duration::from_secs(seconds);
    for id in 0.. {
        if Instant::now() > end {
            break;
        }
        // More comes at some times than at others.
        let wave = if id / 600 % 2 == 0 { 2 } else { 9 };
        std::thread::sleep(Duration::from_millis(wave));
        // Full, quiet or draining: whoever watches it sees that too.
        let _ = herd.try_send(id, format!("https://example.com/item/{id}"));
    }
    group.signal(Signal::TERMINATE)?; // the herd does what it has accepted
    let ended = block_on(group.wait());
    // The last thing that the probe did may have been to fail.
    println!("{}", ended.as_ref().unwrap_or_else(|error| error.trace()));
    let stats = herd.stats();
    println!("{} done, {} failed, {} tried again", stats.succeeded, stats.failed, stats.retried);
    Ok(())
}
