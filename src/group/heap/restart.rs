//! Whether and when a member that has ended is started again.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;
use core::time::Duration;

use super::exit::Exit;
use crate::retry::Backoff;
use crate::time::Instant;

/// The most restarts that are remembered.
const MOST: u32 = 1024;

type Decide = Box<dyn FnMut(&Exit, u32) -> bool + Send>;

enum When {
    Always,
    OnError,
    By(Decide),
}

/// Whether a member that has ended is started again: after a delay, and so many times in a window of time. One more,
/// and it has ended for good, as any member that does: the group stops, if it has a termination signal.
///
/// Unless said otherwise, the delays are those of [`Backoff::default`], and there are at most 5 restarts in a minute.
pub struct Restart {
    when: When,
    backoff: Backoff,
    most: u32,
    window: Duration,
    /// The restarts in the window, oldest first.
    recent: VecDeque<Instant>,
}

impl Restart {
    fn new(when: When) -> Self {
        let window = Duration::from_secs(60);
        Self { when, backoff: Backoff::default(), most: 5, window, recent: VecDeque::new() }
    }

    /// However it ends.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn always() -> Self {
        Self::new(When::Always)
    }

    /// If it ends with an error.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn on_error() -> Self {
        Self::new(When::OnError)
    }

    /// If a function says so, which is given the end and how many restarts there were in the window. One that panics
    /// says no.
    ///
    /// # Cost
    /// An allocation.
    pub fn decide(decide: impl FnMut(&Exit, u32) -> bool + Send + 'static) -> Self {
        Self::new(When::By(Box::new(decide)))
    }

    /// The delays, by the number of restarts in the window.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// At most so many restarts (up to 1024) in any window of this length.
    ///
    /// # Cost
    /// A moment for each is remembered.
    #[must_use]
    pub fn limit(self, most: u32, window: Duration) -> Self {
        Self { most: most.min(MOST), window, ..self }
    }

    /// When it is to be started again, if it is.
    pub(super) fn next(&mut self, exit: &Exit, now: Instant, entropy: u64) -> Option<Instant> {
        while self.recent.front().is_some_and(|&at| now.saturating_since(at) >= self.window) {
            self.recent.pop_front();
        }
        let count = u32::try_from(self.recent.len()).unwrap_or(MOST);
        let wanted = match &mut self.when {
            When::Always => true,
            When::OnError => !exit.is_clean(),
            When::By(decide) => {
                let mut wanted = false;
                crate::panic::swallow(|| wanted = decide(exit, count)) && wanted
            }
        };
        if !wanted || count >= self.most {
            return None;
        }
        let at = now.saturating_add(self.backoff.delay(count + 1, entropy)?);
        self.recent.push_back(at);
        Some(at)
    }
}

impl fmt::Debug for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.when {
            When::Always => "always",
            When::OnError => "on error",
            When::By(_) => "by a function",
        };
        let mut f = f.debug_struct("Restart");
        f.field("when", &when).field("backoff", &self.backoff);
        f.field("most", &self.most).field("window", &self.window).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::Restart;
    use crate::group::Exit;
    use crate::retry::Backoff;
    use crate::time::Instant;

    #[test]
    fn if_21_at_most_n_restarts_in_any_window() {
        let second = Duration::from_secs(1);
        let backoff = Backoff::constant(second);
        let mut restart = Restart::always().backoff(backoff).limit(3, 10 * second);
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        let mut next = |seconds| restart.next(&Exit::Clean, at(seconds), 0);
        assert_eq!([0, 2, 4].map(&mut next), [1, 3, 5].map(|seconds| Some(at(seconds))));
        assert_eq!(next(10), None, "1, 3 and 5 are in the window");
        assert_eq!(next(11), Some(at(12)));
        assert_eq!(next(12), None);
        assert_eq!(next(13), Some(at(14)));
        assert_eq!(next(100), Some(at(101)));
    }

    #[test]
    fn if_21_on_error_only_or_as_a_function_says() {
        let mut restart = Restart::on_error().backoff(Backoff::none());
        let now = Instant::default();
        assert_eq!(restart.next(&Exit::Clean, now, 0), None);
        assert_eq!(restart.next(&Exit::failed("broken"), now, 0), Some(now));
        let mut restart = Restart::decide(|exit, count| !exit.is_clean() && count < 2);
        assert!(restart.next(&Exit::Lost, now, 0).is_some());
        assert!(restart.next(&Exit::Lost, now, 0).is_some());
        assert!(restart.next(&Exit::Lost, now, 0).is_none());
        assert!(Restart::always().limit(0, Duration::MAX).next(&Exit::Lost, now, 0).is_none());
    }
}
