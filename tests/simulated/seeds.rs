//! Which seeds are run, and what all of them met.

use std::collections::BTreeMap;
use std::time::Instant;

pub type Met = BTreeMap<&'static str, u64>;

/// Runs the program with each seed. Tells how often it met what; nothing if it was one seed alone.
pub fn run(count: u64, program: impl Fn(u64, &mut Met)) -> Option<Met> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let mut met = Met::new();
    if let Some(seed) = number("DROVES_SEED") {
        program(seed, &mut met);
        println!("seed {seed}: {met:?}");
        return None;
    }
    let count = number("DROVES_SEEDS").unwrap_or(count);
    let start = Instant::now();
    for seed in 0..count {
        program(seed, &mut met);
    }
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {count} seeds, {:?}, {met:#?}", start.elapsed());
    Some(met)
}

/// Each of these was met at least so often.
#[track_caller]
pub fn assert_met(met: &Met, least: u64, what: &[&str]) {
    let rare: Vec<_> =
        what.iter().filter(|what| met.get(*what).copied().unwrap_or(0) < least).collect();
    assert!(rare.is_empty(), "met too seldom: {rare:?}");
}
