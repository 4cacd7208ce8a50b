//! A long run: herds and tasks under all that can happen to them, and memory that must not grow.
//!
//! `scripts/soak 600` runs it for ten minutes. It ends with an error as soon as something is wrong.

mod brief;
mod chores;
mod dice;
mod memory;
mod recurring;
mod traffic;

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use droves::herd::Herd;
use droves::threads::Threads;
use droves::tokio::Tokio;

use chores::RETRIES;
use dice::Dice;
use memory::Memory;
use recurring::Recurring;
use traffic::Traffic;

/// How often the accounts are checked.
const PERIOD: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(50);
/// How long what must come soon may take, on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let seconds = seconds();
    chores::silence_planned_panics();
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let threads_before = memory::threads();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime can be had");
    let tokio = Tokio::new(runtime.handle().clone());
    let threads = Threads::new();
    let on_tokio = Herd::builder(chores::slowly)
        .size(8)
        .capacity(traffic::CAPACITY)
        .max_retries(RETRIES)
        .backoff(chores::backoff())
        .measured(tokio.clone())
        .start(&tokio)
        .expect("it starts");
    let on_threads = Herd::blocking_builder(chores::blocking)
        .size(8)
        .capacity(traffic::CAPACITY)
        .max_retries(RETRIES)
        .backoff(chores::backoff())
        .start(&threads)
        .expect("it starts");
    let mut herds =
        [Traffic::start("tokio", on_tokio, 1), Traffic::start("threads", on_threads, 2)];
    let mut tasks = Recurring::start(runtime.handle().clone());
    let brief = brief::Churn::start(tokio);

    let mut memory = Memory::new(begun, end);
    let mut dice = Dice::new(3);
    let mut check_at = begun + PERIOD;
    while Instant::now() < end {
        thread::sleep(TICK);
        tasks.send();
        for herd in &herds {
            herd.resize(dice.below(13));
        }
        memory.sample();
        if Instant::now() < check_at {
            continue;
        }
        tasks.check();
        for herd in &mut herds {
            herd.check();
        }
        check_at = Instant::now() + PERIOD;
        let at = begun.elapsed().as_secs();
        let [on_tokio, on_threads] = &herds;
        println!("{at:4} s, {memory}; {on_tokio}; {on_threads}; {tasks}; {brief}");
    }

    brief.end();
    tasks.end();
    for herd in herds {
        herd.end();
    }
    runtime.shutdown_timeout(PATIENCE);
    wait_until(|| memory::threads() <= threads_before, || "threads are left".into());
    memory.check();
    println!("all is well after {} s, {memory}", begun.elapsed().as_secs());
}

fn seconds() -> u64 {
    let mut arguments = std::env::args().skip(1);
    let given = arguments.find(|argument| argument == "--seconds").and_then(|_| arguments.next());
    given.map_or(600, |given| given.parse().expect("--seconds is followed by a number"))
}

/// Ends the program: something is wrong.
fn violated(what: &str) -> ! {
    eprintln!("violated: {what}");
    process::exit(1);
}

/// Waits for what must come soon.
fn wait_until(is_so: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() >= end {
            violated(&otherwise());
        }
        thread::sleep(Duration::from_millis(2));
    }
}
