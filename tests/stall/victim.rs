//! Steps, and threads that are stopped before a chosen one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use droves::stall::observe;

use crate::book::lock;
use crate::task::Task;
use crate::{ENDLESS, PATIENCE};

/// What is measured in steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    /// A `try_` call.
    Try,
    /// A `try_` call without a handle.
    Visit,
    /// Either, when the mailbox is closed.
    Closed,
    /// A handle comes or goes.
    Handle,
    /// The mailbox is closed, or tasks that wait are dropped.
    End,
    /// A poll, divided by one more than the messages that it moved.
    Poll,
}

thread_local! {
    /// The most steps that each took of late.
    pub static MOST: Cell<[usize; 6]> = const { Cell::new([0; 6]) };
}

impl Call {
    /// Runs `f` and notes how many steps it takes.
    pub fn steps<R>(self, f: impl FnOnce() -> R) -> R {
        let (result, steps) = counted(ENDLESS, f);
        self.took(steps);
        result
    }

    pub fn took(self, steps: usize) {
        let mut most = MOST.get();
        most[self as usize] = most[self as usize].max(steps);
        MOST.set(most);
    }
}

/// Runs `f` and counts its steps, up to a limit.
pub fn counted<R>(limit: usize, f: impl FnOnce() -> R) -> (R, usize) {
    let steps = Rc::new(Cell::new(0));
    let counter = steps.clone();
    let hook = move || {
        counter.set(counter.get() + 1);
        assert!(counter.get() <= limit, "it takes more than {limit} steps");
    };
    let result = observe(hook, f);
    (result, steps.get())
}

/// What a victim does.
pub type Act = Box<dyn FnOnce() -> Left + Send>;

/// What is left of it at the end: handles, and perhaps a task that waits.
pub type Left = (Option<Task>, Kept);

pub type Kept = Box<dyn Send>;

/// A thread that stops before a chosen step.
pub struct Victim {
    gate: Arc<Gate>,
    thread: Option<JoinHandle<Left>>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    steps: usize,
    stop_before: usize,
    stopped: bool,
    ended: bool,
}

impl Gate {
    /// For the victim's hook.
    fn step(&self) {
        let mut state = lock(&self.state);
        if state.steps == state.stop_before {
            state.stopped = true;
            self.changed.notify_all();
            state = self
                .changed
                .wait_while(state, |state| state.stopped)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.steps += 1;
        assert!(state.steps < ENDLESS, "the victim does not come to an end");
    }

    /// Lets the victim go on by so many steps. Tells whether it stopped again, and did not end.
    fn go_on(&self, steps: usize) -> bool {
        let mut state = lock(&self.state);
        state.stop_before = state.steps.saturating_add(steps);
        state.stopped = false;
        self.changed.notify_all();
        let (state, wait) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.stopped && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!wait.timed_out(), "the victim neither stops nor ends");
        state.stopped
    }
}

impl Victim {
    /// Starts a victim, and waits until it has stopped before step `step` (from 0) or has ended.
    pub fn stop(step: usize, act: Act) -> Self {
        struct End(Arc<Gate>);
        impl Drop for End {
            fn drop(&mut self) {
                lock(&self.0.state).ended = true;
                self.0.changed.notify_all();
            }
        }
        let gate = Arc::new(Gate::default());
        lock(&gate.state).stopped = true;
        let end = End(gate.clone());
        let thread = thread::spawn(move || {
            let gate = end.0.clone();
            drop(gate.changed.wait_while(lock(&gate.state), |state| state.stopped));
            observe(move || gate.step(), act)
        });
        gate.go_on(step);
        Self { gate, thread: Some(thread) }
    }

    /// Lets it go on to its next step. Tells whether there was one.
    pub fn step(&self) -> bool {
        self.gate.go_on(1)
    }

    pub fn is_stopped(&self) -> bool {
        lock(&self.gate.state).stopped
    }

    /// Lets it go on to its end. Returns the task that may be left, and how many steps there were.
    pub fn end(mut self) -> (Option<Task>, usize) {
        self.gate.go_on(usize::MAX);
        // The handles go now, when nothing is hooked any more.
        let (task, _) =
            self.thread.take().expect("it ends once").join().expect("a victim panicked");
        (task, lock(&self.gate.state).steps)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        state.stop_before = usize::MAX;
        state.stopped = false;
        self.gate.changed.notify_all();
    }
}
