//! Where one worker of a pool works: its receiving handle, in whose spare cell the job lies while it is done.

#![allow(unsafe_code, reason = "runs a job in the cell in which it was sent")]

use core::mem;
use core::task::{Context, Poll};

use super::Shared;
use crate::job::Job;
use crate::mailbox::Receiver;
use crate::sync::Arc;
use crate::workers::driver::Desk;
use crate::workers::slots::End;
use crate::workers::worker::Station;

/// A worker's place in a pool.
pub struct PoolStation<E: 'static, C: 'static> {
    shared: Arc<Shared<E, C>>,
    jobs: Receiver<Job<E, C>>,
    /// Whether the cell holds a job.
    loaded: bool,
    state: Option<C>,
}

impl<E, C> Unpin for PoolStation<E, C> {}

impl<E: 'static, C: 'static> PoolStation<E, C> {
    pub(super) fn new(shared: &Arc<Shared<E, C>>) -> Option<Self> {
        let jobs = Receiver::new(shared.jobs.clone()).ok()?;
        Some(Self { shared: shared.clone(), jobs, loaded: false, state: None })
    }

    /// Takes a job that another worker has put back.
    #[cold]
    fn take_put_back(&mut self) -> bool {
        let Some(job) = self.shared.put_back.pop() else {
            return false;
        };
        // SAFETY: the cell is this handle's, and no job is in it.
        unsafe { self.jobs.place().write(job) };
        self.loaded = true;
        // It may still be listed as idle.
        self.jobs.stop_waiting();
        if self.is_put_back() {
            // Somebody may have looked while the others were being put back.
            self.shared.jobs.wake_receivers();
        }
        true
    }

    /// Whether a job waits that was given back.
    #[inline]
    fn is_put_back(&self) -> bool {
        !self.shared.put_back.is_empty()
    }

    #[inline]
    fn note(&mut self, pulled: Poll<bool>) -> Poll<bool> {
        if pulled == Poll::Ready(true) {
            self.loaded = true;
            self.jobs.announce();
        }
        pulled
    }
}

impl<K, E: 'static, C: 'static> Station<K> for PoolStation<E, C> {
    type Door = Shared<E, C>;

    fn open(&mut self) {
        self.state = Some((self.shared.make_state)());
    }

    #[inline]
    fn try_take(&mut self) -> Poll<bool> {
        if self.is_put_back() && self.take_put_back() {
            return Poll::Ready(true);
        }
        let pulled = self.jobs.try_pull();
        self.note(pulled)
    }

    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let pulled = self.jobs.poll_pull(cx);
        self.note(pulled)
    }

    fn is_working(&self) -> bool {
        self.loaded
    }

    #[inline]
    fn poll_work(&mut self, _clock: &K, cx: &mut Context<'_>) -> Poll<End> {
        let state = self.state.as_mut().expect("opened first");
        // Should it panic, there is no job any more.
        self.loaded = false;
        // SAFETY: a job was pulled and is in the cell, which stays this handle's, and where it is, until
        // the next pull; after `Ready` it counts as gone.
        match unsafe { Job::poll_at(self.jobs.place(), state, cx) } {
            Poll::Pending => {
                self.loaded = true;
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(End::Succeeded),
            Poll::Ready(Err(error)) => Poll::Ready(self.shared.report(error)),
        }
    }

    fn put_back(&mut self) {
        if mem::take(&mut self.loaded) {
            // SAFETY: a job is in the cell, and from now on it counts as gone.
            self.shared.put_back.push(unsafe { self.jobs.place().read() });
            self.shared.jobs.wake_receivers();
        }
    }

    #[inline]
    fn has_more(&self) -> bool {
        self.is_put_back()
    }

    fn abort(&mut self) {
        if mem::take(&mut self.loaded) {
            // Told of also if the job panics when it is dropped.
            let _told = Told(&self.shared);
            // SAFETY: a job is in the cell, and from now on it counts as gone.
            unsafe { self.jobs.place().drop_in_place() };
        }
    }

    fn meet(&self) {
        self.shared.jobs.meet();
    }
}

/// Where the driver of a pool works.
pub struct PoolDesk<E: 'static, C: 'static>(pub(super) Arc<Shared<E, C>>);

impl<K, E: 'static, C: 'static> Desk<K> for PoolDesk<E, C> {
    type Door = Shared<E, C>;
    type Station = PoolStation<E, C>;

    fn door(&self) -> &Arc<Shared<E, C>> {
        &self.0
    }

    fn station(&mut self, _index: usize) -> Option<PoolStation<E, C>> {
        PoolStation::new(&self.0)
    }
}

struct Told<'a, E: 'static, C: 'static>(&'a Shared<E, C>);

impl<E, C> Drop for Told<'_, E, C> {
    fn drop(&mut self) {
        self.0.report(crate::job::JobError::Aborted);
    }
}
