//! Messages that are counted, and wakers that count.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

/// Who was born, and who died.
#[derive(Default)]
pub struct Census {
    dead: RefCell<Vec<bool>>,
    alive: Cell<usize>,
}

impl Census {
    pub fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Makes the next message.
    pub fn message(self: &Rc<Self>) -> Message {
        let mut dead = self.dead.borrow_mut();
        dead.push(false);
        self.alive.set(self.alive.get() + 1);
        Message { id: dead.len() - 1, census: self.clone() }
    }
}

/// A message that may be dropped once.
pub struct Message {
    pub id: usize,
    census: Rc<Census>,
}

impl Drop for Message {
    fn drop(&mut self) {
        let twice = std::mem::replace(&mut self.census.dead.borrow_mut()[self.id], true);
        assert!(!twice, "message {} was dropped twice", self.id);
        self.census.alive.set(self.census.alive.get() - 1);
    }
}

/// A waker that counts its calls.
#[derive(Default)]
pub struct Bell(AtomicUsize);

impl Bell {
    pub fn rung(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
