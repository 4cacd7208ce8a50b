//! How a job gets into a pool's mailbox: it is written where its worker will find it, and run there.

#![allow(unsafe_code, reason = "writes a job in place")]

use core::mem::MaybeUninit;

use super::{Overflow, Refusal, Refused, Shared};
use crate::job::{Job, Work};
use crate::mailbox::{Sender, TrySendError};

/// What can be put into the mailbox: work, or a job that was made of some.
///
/// # Safety
/// `write` writes a job.
pub(super) unsafe trait Put<E: 'static, C: 'static>: Sized {
    fn write(self, to: &mut MaybeUninit<Job<E, C>>);

    /// Takes it out again.
    ///
    /// # Safety
    /// The job was written by `write` of this type.
    unsafe fn take_back(job: Job<E, C>) -> Self;
}

/// Work that is not a job yet.
pub(super) struct Fresh<W>(pub(super) W);

// SAFETY: so does `Job::write`.
unsafe impl<E: 'static, C: 'static, W: Work<E, C>> Put<E, C> for Fresh<W> {
    #[inline]
    fn write(self, to: &mut MaybeUninit<Job<E, C>>) {
        Job::write(to, self.0);
    }

    unsafe fn take_back(job: Job<E, C>) -> Self {
        // SAFETY: the job was made of a `W`, as the caller says.
        Self(unsafe { job.into_work() })
    }
}

// SAFETY: it is a job.
unsafe impl<E: 'static, C: 'static> Put<E, C> for Job<E, C> {
    fn write(self, to: &mut MaybeUninit<Self>) {
        to.write(self);
    }

    unsafe fn take_back(job: Self) -> Self {
        job
    }
}

/// Puts work into the mailbox, and lets the pool grow if no idle worker was chosen for it.
#[inline]
pub(super) fn put<E: 'static, C: 'static, W: Put<E, C>>(
    shared: &Shared<E, C>,
    sender: &mut Sender<Job<E, C>>,
    mut work: W,
) -> Result<(), Refused<W>> {
    loop {
        let mut permit = sender.reserve();
        work.write(permit.uninit());
        // SAFETY: `write` has written a job there.
        let filled = unsafe { permit.assume_init() };
        let refused = match filled.try_send_to_idle() {
            Ok(true) => return Ok(()),
            Ok(false) => {
                shared.grow();
                return Ok(());
            }
            Err(refused) => refused,
        };
        // SAFETY: that same job, which was not sent.
        work = unsafe { W::take_back(refused.message.into_inner()) };
        let kind = match refused.error {
            TrySendError::Full(()) if shared.overflow == Overflow::DropOldest => {
                shared.drop_oldest();
                continue;
            }
            TrySendError::Full(()) => {
                shared.grow();
                Refusal::Full
            }
            TrySendError::Closed(()) => Refusal::ShuttingDown,
        };
        return Err(Refused::new(kind, work));
    }
}
