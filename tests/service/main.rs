//! The example `service` as a process, which the system sends signals at random moments: it always ends in order, with the right
//! status, and whatever it has accepted is done.
//!
//! This program is also that process: with `DROVES_SERVICE` it is the example. It says with which seed it plays, and plays the same
//! again with `DROVES_SEED`; `DROVES_KILLS` says how often.

#[cfg(unix)]
#[path = "../long/dice.rs"]
mod dice;
#[cfg(unix)]
mod lives;
#[cfg(unix)]
#[path = "../../examples/service.rs"]
mod service;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    lives::main()
}

#[cfg(not(unix))]
fn main() {
    println!("there are no signals here");
}
