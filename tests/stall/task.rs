//! Tasks that wait, and what runs them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::book::{Book, lock};
use crate::victim::{Call, Kept, counted};
use crate::{ENDLESS, PATIENCE};

/// A waker that one can wait for.
#[derive(Default)]
pub struct Alarm {
    rang: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    pub fn ringing() -> Arc<Self> {
        let alarm = Arc::<Self>::default();
        *lock(&alarm.rang) = true;
        alarm
    }

    pub fn rings(&self) -> bool {
        *lock(&self.rang)
    }

    /// Whether it rang since the last call.
    pub fn take(&self) -> bool {
        std::mem::take(&mut lock(&self.rang))
    }

    /// Waits until it rings. Lets it ring on.
    pub fn wait(&self) {
        let (rang, _) = self
            .changed
            .wait_timeout_while(lock(&self.rang), PATIENCE, |rang| !*rang)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(*rang, "a task sleeps for good");
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *lock(&self.rang) = true;
        self.changed.notify_all();
    }
}

pub type Job = Pin<Box<dyn Future<Output = Kept> + Send>>;

/// A task that sends or receives.
pub struct Task {
    pub sends: bool,
    /// Until its end.
    pub job: Option<Job>,
    /// From then on.
    kept: Option<Kept>,
    pub alarm: Arc<Alarm>,
    book: Book,
}

/// Which waker a task has: the same at each poll, or another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wakers {
    Same,
    Fresh,
}

impl Task {
    pub fn new(book: &Book, sends: bool, job: Job) -> Self {
        Self { sends, job: Some(job), kept: None, alarm: Alarm::ringing(), book: book.clone() }
    }

    pub fn poll(&mut self, wakers: Wakers) {
        if wakers == Wakers::Fresh {
            self.alarm = Arc::default();
        }
        let Some(job) = &mut self.job else { return };
        let waker = Waker::from(self.alarm.clone());
        if let Poll::Ready(handle) = job.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.job = None;
            self.kept = Some(handle);
        }
    }

    /// Polls if it was woken. Returns how many messages were sent or received meanwhile, and one more
    /// if it is done; nothing if it sleeps.
    pub fn go_on(&mut self, wakers: Wakers) -> Option<usize> {
        if self.job.is_none() || !self.alarm.take() {
            return None;
        }
        let before = self.book.moves();
        let ((), steps) = counted(ENDLESS, || self.poll(wakers));
        let moves = self.book.moves() - before;
        Call::Poll.took(steps.div_ceil(moves + 1));
        Some(moves + usize::from(self.job.is_none()))
    }

    /// Runs to its end, on a thread of its own.
    pub fn block(&mut self) {
        while self.job.is_some() {
            self.alarm.wait();
            self.go_on(Wakers::Same);
        }
    }
}

/// Runs those tasks that were woken, in their order, until none is.
pub fn run(tasks: &mut [Task], wakers: Wakers) {
    let mut in_vain = 0;
    while in_vain < 5 {
        let moves: Vec<_> = tasks.iter_mut().filter_map(|task| task.go_on(wakers)).collect();
        if moves.is_empty() {
            return;
        }
        in_vain = if moves.iter().sum::<usize>() == 0 { in_vain + 1 } else { 0 };
    }
    panic!("tasks spin with nothing to do");
}
