//! What signals do.

use std::process::exit;
use std::time::{Duration, Instant};

use droves::mailbox::Sender;
use droves::signals::{HUP, Signals, USR1, USR2};

use super::feed::Jobs;
use super::stop::Stopper;

/// How long those who are killed have to see it, and to kill what runs.
const MOMENT: Duration = Duration::from_secs(1);

/// A terminal that goes away may tell so more than once: itself, and by the shell.
const HANGUP: Duration = Duration::from_secs(1);

/// The first that asks for an end lets those jobs finish that run, the second stops them, the third
/// does not wait for that. The exit status is that of the first.
pub(crate) fn heed(mut signals: Signals, herd: &Jobs, stopper: &Stopper, mut told: Sender<i32>) {
    let mut asked = None;
    let mut hung_up: Option<Instant> = None;
    while let Some(signal) = signals.next_blocking() {
        if signal == HUP {
            let before = hung_up.replace(Instant::now());
            if before.is_some_and(|before| before.elapsed() < HANGUP) {
                continue;
            }
        }
        let size = herd.stats().size;
        match (signal, asked) {
            // A herd that is stopping keeps its size.
            (USR1, _) => drop(herd.resize(size + 1)),
            (USR2, _) => drop(herd.resize(size.saturating_sub(1))),
            (first, None) => {
                // There is room for one.
                let _ = told.try_send(first);
                let _ = herd.cancel();
                asked = Some((first, false));
            }
            (_, Some((first, false))) => {
                stopper.terminate();
                asked = Some((first, true));
            }
            (_, Some((first, true))) => {
                stopper.kill();
                let _ = herd.join_deadline(Instant::now() + MOMENT);
                exit(128 + first);
            }
        }
    }
}
