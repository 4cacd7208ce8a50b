//! What signals do.

use std::process::exit;
use std::time::{Duration, Instant};

use droves::mailbox::Sender;
use droves::signals::{HUP, Signals, USR1, USR2};

use super::feed::Jobs;
use super::stop::Stopper;

/// How long those who are to kill what runs have for it at most, on a machine that is busy otherwise. What they have not killed by
/// then goes on for ever.
const MOMENT: Duration = Duration::from_secs(5);

/// A terminal that goes away may tell so more than once: itself, and by the shell.
const HANGUP: Duration = Duration::from_secs(1);

/// The first that asks for an end lets those jobs finish that run, the second stops them, the third
/// does not wait for that. The exit status is that of the first.
pub(crate) fn heed(mut signals: Signals, herd: &Jobs, stopper: &Stopper, mut told: Sender<i32>) {
    let mut asked = None;
    let mut hangups = Hangups::default();
    while let Some(signal) = signals.next_blocking() {
        if signal == HUP && !hangups.is_another(Instant::now()) {
            continue;
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

/// When it was told last that the terminal has gone.
#[derive(Default)]
struct Hangups(Option<Instant>);

impl Hangups {
    /// Whether this tells of another than the one before.
    fn is_another(&mut self, now: Instant) -> bool {
        let before = self.0.replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) >= HANGUP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_within_a_second_is_one() {
        let (begin, mut hangups) = (Instant::now(), Hangups::default());
        let mut is_another = |millis| hangups.is_another(begin + Duration::from_millis(millis));
        assert!(is_another(0));
        // Each counts from the one before.
        assert!(!is_another(20) && !is_another(600) && !is_another(1_599));
        assert!(is_another(2_599) && !is_another(2_599) && !is_another(3_000));
        assert!(is_another(60_000));
    }
}
