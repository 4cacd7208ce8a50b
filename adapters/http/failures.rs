//! The last failures, for the page to show.

use core::fmt::{self, Display, Write};
use std::collections::VecDeque;
use std::string::String;
use std::sync::Arc;
use std::time::Instant;

use crate::herd::{About, Failure};
use crate::mailbox::HeapMailbox;

/// How many failures are kept.
const KEPT: usize = 64;

/// How many bytes of an error's text are kept.
const TEXT: usize = 512;

/// The last 64 failures of a door, noted by its workers and read by a [`ControlPlane`](super::ControlPlane). A clone
/// is the same list. It is read by one plane only: what one has read another does not see.
#[derive(Clone)]
pub struct Failures {
    /// What has been noted since the plane last looked. No worker waits for another there.
    noted: Arc<HeapMailbox<Noted>>,
}

/// A failure.
pub(super) struct Noted {
    pub id: u64,
    pub attempts: u32,
    pub error: String,
    pub at: Instant,
}

/// The failures that a plane has seen.
#[derive(Default)]
pub(super) struct Seen(VecDeque<Arc<Noted>>);

impl Failures {
    /// An empty list.
    ///
    /// # Cost
    /// A few allocations.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it does not")]
    pub fn new() -> Self {
        let noted =
            HeapMailbox::with_capacity(KEPT).expect("64 is from 1 to the most that there can be");
        Self { noted: Arc::new(noted) }
    }

    /// What notes the failures of a herd's items, for [`on_failure`](crate::herd::Builder::on_failure).
    ///
    /// # Cost
    /// None; each failure costs [`note`](Self::note).
    pub fn of_herd<B, E: Display>(
        &self,
    ) -> impl Fn(&About<'_, B>, &Failure<E>) + Send + Sync + use<B, E> {
        let failures = self.clone();
        move |about, failure| failures.note(about.id, about.attempts, failure)
    }

    /// Notes a failure: an id, how many attempts there were, and the error, of whose text 512 bytes are kept. The oldest
    /// goes if there are too many.
    ///
    /// # Cost
    /// An allocation for the text, and some ten atomic operations. Lock-free.
    pub fn note(&self, id: u64, attempts: u32, error: impl Display) {
        let mut text = Short(String::new());
        // It fails when the text is cut off.
        let _ = write!(text, "{error}");
        let mut noted = Noted { id, attempts, error: text.0, at: Instant::now() };
        // Only others that note at the same time can fill what has just been freed.
        for _ in 0..KEPT {
            let Err(refused) = self.noted.try_send(noted) else { return };
            noted = refused.into_inner();
            let _ = self.noted.try_recv();
        }
    }

    /// Passes on what was noted since the last time.
    pub(super) fn pass_on(&self, seen: &mut Seen) {
        // No more than may wait, so that those who note at the same time cannot keep the plane here.
        for _ in 0..KEPT {
            let Ok(noted) = self.noted.try_recv() else { return };
            if seen.0.len() == KEPT {
                seen.0.pop_front();
            }
            seen.0.push_back(Arc::new(noted));
        }
    }
}

impl Seen {
    /// The latest first.
    pub(super) fn latest(&self) -> Arc<[Arc<Noted>]> {
        self.0.iter().rev().cloned().collect()
    }
}

/// Takes text up to a length.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut room = (TEXT - self.0.len()).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.0.push_str(&text[..room]);
        if room == text.len() {
            return Ok(());
        }
        // Three bytes, which come on top.
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").field("unseen", &self.noted.len()).finish_non_exhaustive()
    }
}
