//! All handles of one side.

use std::sync::Arc;
use std::task::Poll;

use super::census::Bell;
use super::jobs::Order;
use super::model::{End, How, Job, Model};
use super::slot::Slot;

pub struct Side<'a, H>(Vec<Slot<'a, H>>);

/// What came of polling a task.
pub enum Polled {
    Waits,
    /// It waits again, although it had been woken.
    WokenInVain,
    Done {
        waited: bool,
    },
    Closed {
        waited: bool,
    },
}

/// What came of ending a task before it was done.
pub struct Ended {
    pub polled: bool,
    pub woken: bool,
    /// Another waiter was woken in its place.
    pub passed_on: bool,
}

impl<'a, H: 'a> Side<'a, H> {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn push(&mut self, handle: H, bell: Arc<Bell>) {
        self.0.push(Slot::new(handle, bell));
    }

    /// One of the slots.
    pub fn pick(&mut self, at: usize) -> Option<&mut Slot<'a, H>> {
        let at = at.checked_rem(self.0.len())?;
        self.0.get_mut(at)
    }

    /// One of the slots, if no task has its handle.
    pub fn pick_free(&mut self, at: usize) -> Option<&mut Slot<'a, H>> {
        self.pick(at).filter(|slot| slot.job().is_none())
    }

    pub fn remove(&mut self, at: usize) -> Option<Slot<'a, H>> {
        let at = at.checked_rem(self.0.len())?;
        Some(self.0.swap_remove(at))
    }

    /// How many messages the tasks hold.
    pub fn held(&self) -> usize {
        self.0.iter().filter_map(Slot::job).map(Job::held).sum()
    }

    pub fn waiting(&self) -> usize {
        self.0.iter().filter(|slot| slot.waiting()).count()
    }

    pub fn woken(&self) -> usize {
        self.0.iter().filter(|slot| slot.woken()).count()
    }

    /// No wake was lost: as many waiters have been woken as can go on now.
    pub fn check_woken(&self, can_go_on: usize) {
        let (woken, waiting) = (self.woken(), self.waiting());
        assert!(
            woken >= can_go_on.min(waiting),
            "{can_go_on} of {waiting} waiters can go on, but {woken} know"
        );
    }

    pub fn poll(
        &mut self,
        at: usize,
        bell: Option<Arc<Bell>>,
        model: &mut Model,
    ) -> Option<Polled> {
        let slot = self.pick(at).filter(|slot| slot.job().is_some())?;
        let (waited, woken) = (slot.waiting(), slot.woken());
        if let Some(bell) = bell {
            slot.replace_bell(bell);
        }
        Some(match slot.poll(model) {
            Poll::Pending if woken => Polled::WokenInVain,
            Poll::Pending => Polled::Waits,
            Poll::Ready(End { how: How::Closed, .. }) => Polled::Closed { waited },
            Poll::Ready(_) => Polled::Done { waited },
        })
    }

    pub fn end(&mut self, at: usize, order: Order) -> Option<Ended> {
        let before = self.woken();
        let slot = self.pick(at)?;
        if order == Order::Leak && !slot.job()?.may_leak() {
            return None;
        }
        let woken = slot.woken();
        let polled = slot.end(order)?;
        let passed_on = woken && order == Order::Cancel && self.woken() == before;
        Some(Ended { polled, woken, passed_on })
    }
}
