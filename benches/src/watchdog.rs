//! Ends a run that hangs: a lost wake-up must be seen, not waited for.

use std::process;
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Far above the longest round, even on a machine busy with other work.
const LIMIT: Duration = Duration::from_secs(30);

/// Who runs now, and by when they must be done.
static WATCHED: LazyLock<Mutex<Option<(Instant, String)>>> = LazyLock::new(|| {
    thread::spawn(watch);
    Mutex::new(None)
});

fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        if let Some((deadline, who)) = &*WATCHED.lock().expect("the watchdog is alive")
            && Instant::now() > *deadline
        {
            // Its threads cannot be ended, and whatever follows would be measured beside them.
            eprintln!("FAILED: {who} hangs (no end after {} s)", LIMIT.as_secs());
            process::exit(3);
        }
    }
}

/// Runs `work`, or ends the process if that takes too long.
///
/// # Panics
/// If the watchdog has.
pub fn guard<R>(who: impl FnOnce() -> String, work: impl FnOnce() -> R) -> R {
    let set = |state| *WATCHED.lock().expect("the watchdog is alive") = state;
    set(Some((Instant::now() + LIMIT, who())));
    let result = work();
    set(None);
    result
}
