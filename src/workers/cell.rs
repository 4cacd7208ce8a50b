//! The machine's word, which threads share.

use super::state::{Effect, Event, State};
use crate::sync::{AtomicWord, Ordering, const_fn, retry};

/// A [`State`] that threads share.
#[derive(Debug)]
pub struct StateCell(AtomicWord);

impl StateCell {
    const_fn! {
        pub(crate) const fn new(state: State) -> Self {
            Self(AtomicWord::new(state.pack()))
        }
    }

    /// The state as it was a moment ago.
    #[inline]
    pub(crate) fn load(&self) -> State {
        // Acquire: what was done before a phase was entered is visible to whoever sees the phase.
        State::unpack(self.0.load(Ordering::Acquire))
    }

    /// The state as it is: whoever changes it later sees what this thread did before.
    ///
    /// A read-modify-write, for the driver: it has just taken the ring of its bell, and who finds the bell
    /// rung already relies on the driver's seeing what it changed.
    pub(crate) fn load_newest(&self) -> State {
        State::unpack(self.0.fetch_or(0, Ordering::AcqRel))
    }

    /// Applies an event. Returns the state after it, and what is to be done.
    ///
    /// Lock-free: it goes on only if another thread changed the state.
    pub(crate) fn apply(&self, event: Event) -> (State, Effect) {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let (next, effect) = State::unpack(word).step(event);
            // An exchange even if nothing changes, so that the answer is about the newest state.
            match self.0.compare_exchange(word, next.pack(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return (next, effect),
                Err(found) => {
                    word = found;
                    retry();
                }
            }
        }
    }
}
