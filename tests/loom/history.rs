//! What calls answered, and whether it fits together.

use std::collections::VecDeque;

/// What a call answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Did {
    Sent(u32),
    Full(u32),
    Refused(u32),
    Received(u32),
    Empty,
    Ended,
    Closed { first: bool },
}

pub use Did::{Closed, Empty, Ended, Full, Received, Refused, Sent};

impl Did {
    pub fn is_lasting(self) -> bool {
        !matches!(self, Full(_) | Empty)
    }
}

/// What several threads did to one mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct History {
    capacity: usize,
    before: Vec<Did>,
    pub threads: Vec<Vec<Did>>,
    pub after: Vec<Did>,
}

/// A mailbox that does one thing at a time.
#[derive(Clone)]
pub struct Reference {
    capacity: usize,
    queue: VecDeque<u32>,
    closed: bool,
}

impl Reference {
    /// Does what somebody `did`, if a mailbox could have answered so now.
    pub fn step(&mut self, did: Did) -> bool {
        let full = self.queue.len() == self.capacity;
        match did {
            Sent(n) => {
                self.queue.push_back(n);
                !full && !self.closed
            }
            Full(_) => full && !self.closed,
            Refused(_) => self.closed,
            Received(n) => self.queue.pop_front() == Some(n),
            Empty => self.queue.is_empty() && !self.closed,
            Ended => self.queue.is_empty() && self.closed,
            Closed { first } => first != std::mem::replace(&mut self.closed, true),
        }
    }

    /// Whether the threads' calls have an order, keeping each thread's own, that explains all.
    pub fn explains(&self, threads: &[&[Did]], after: &[Did]) -> bool {
        if threads.iter().all(|thread| thread.is_empty()) {
            let mut reference = self.clone();
            return after.iter().all(|&did| reference.step(did));
        }
        (0..threads.len()).any(|at| {
            let Some((&did, later)) = threads[at].split_first() else {
                return false;
            };
            let (mut reference, mut threads) = (self.clone(), threads.to_vec());
            threads[at] = later;
            reference.step(did) && reference.explains(&threads, after)
        })
    }
}

impl History {
    /// Fails if the calls did not take effect one after the other.
    pub fn check(
        capacity: usize,
        before: &[Did],
        threads: impl Into<Vec<Vec<Did>>>,
        after: Vec<Did>,
    ) -> Self {
        let history = Self { capacity, before: before.into(), threads: threads.into(), after };
        let mut reference = Reference { capacity, queue: VecDeque::new(), closed: false };
        assert!(history.before.iter().all(|&did| reference.step(did)), "cannot begin: {history:?}");
        for alone in history.to_be_explained() {
            let threads: Vec<Vec<Did>> = (history.threads.iter().enumerate())
                .map(|(thread, did)| {
                    let at = |at| (thread, at);
                    let kept = (did.iter().enumerate()).filter(|&(i, did)| {
                        did.is_lasting() || alone.is_none_or(|alone| alone == at(i))
                    });
                    kept.map(|(_, &did)| did).collect()
                })
                .collect();
            let threads: Vec<_> = threads.iter().map(Vec::as_slice).collect();
            assert!(
                reference.explains(&threads, &history.after),
                "no order of calls explains {history:?}"
            );
        }
        history
    }

    /// Which of the answers of the moment, `Full` and `Empty`, are explained together: all of them,
    /// or each alone (by thread and place).
    ///
    /// A full ring shows in one entry and an empty one in another. Their loads are Acquire, and so
    /// two threads can each miss the exchange that the other has just done on the other entry. With a
    /// single entry there is no other, and with `droves_strong` nothing is missed.
    pub fn to_be_explained(&self) -> Vec<Option<(usize, usize)>> {
        if self.capacity == 1 || cfg!(droves_strong) {
            return vec![None];
        }
        let all = (self.threads.iter().enumerate())
            .flat_map(|(thread, did)| (0..did.len()).map(move |at| Some((thread, at))));
        all.collect()
    }

    /// Whether one of the racing threads was answered this.
    pub fn has(&self, did: Did) -> bool {
        self.threads.iter().flatten().any(|&d| d == did)
    }
}
