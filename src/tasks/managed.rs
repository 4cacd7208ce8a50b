//! A task manager as a member of a group.

use core::fmt;

use super::{Pending, Tasks};
use crate::herd::{self, Mark};
use crate::panic::swallow;
use crate::runner::{RunError, Runner};

/// A task manager that a group runs, from [`Tasks::managed`].
///
/// It finishes as by [`Tasks::stop`], and each task that this would give back goes to a function of the owner's. That is no
/// error if the task was scheduled, recurs or waits for another attempt, as those come back from every stop; and an error of
/// the run if it should have been done and was not, since the manager was cancelled, its runtime went away, or it had never been started.
///
/// If its member is [abandoned](crate::group::Exit::Abandoned), or lost with the group's runtime, nobody waits for the end any more: what
/// has not been done is dropped then.
pub struct Managed<E: 'static, F> {
    tasks: Tasks<E>,
    on_left: F,
}

impl<E: 'static> Tasks<E> {
    /// The manager as a [`Runner`]: `on_left` is called at its end with each task that has not been done. Nothing is
    /// [kept](super::Builder::keep_scheduled). Whoever is to give it tasks needs a [`sender`](Self::sender) from before.
    ///
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use core::time::Duration;
    /// use droves::group::{Group, Member, Signal};
    /// use droves::tasks::{Every, Task, Tasks};
    /// use droves::threads::{Threads, block_on};
    ///
    /// let threads = Threads::new();
    /// let runtime = threads.clone();
    /// let chores = Member::runner("chores", move |_| {
    ///     let mut tasks = Tasks::<std::io::Error>::builder().build()?;
    ///     tasks.start(&runtime)?;
    ///     let tick = || async { Ok(()) };
    ///     tasks.try_queue(Task::every(Every::new(Duration::from_secs(60)), tick).name("tick")).map_err(|error| error.discard())?;
    ///     Ok(tasks.managed(|left| println!("{} has not been done", left.task.get_name())))
    /// });
    /// let group = Group::ordered([chores]).start(&threads)?;
    /// group.signal(Signal::TERMINATE)?;
    /// block_on(group.wait())?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn managed<F>(self, on_left: F) -> Managed<E, F>
    where
        F: Fn(Pending<E>) + Send + Sync + 'static,
    {
        Managed { tasks: self, on_left }
    }
}

impl<E, F: Fn(Pending<E>)> Managed<E, F> {
    fn left(&self, pending: Pending<E>) {
        // One panic more or less is not to keep the others from their owner.
        swallow(|| (self.on_left)(pending));
    }
}

impl<E, F> Runner for Managed<E, F>
where
    E: Send + Sync + 'static,
    F: Fn(Pending<E>) + Send + Sync + 'static,
{
    fn finish(&self) {
        if let Some(herd) = &self.tasks.sender.herd {
            herd.finish();
        }
    }

    fn cancel(&self) {
        let _ = self.tasks.cancel();
    }

    fn abort(&self) {
        let _ = self.tasks.abort();
    }

    async fn ended(&self) -> Result<(), RunError> {
        let mut undone = 0;
        let Some(herd) = &self.tasks.sender.herd else {
            // It has not been started, and will not be.
            while let Ok(herd::Work { body: task, .. }) = self.tasks.sender.early.try_recv() {
                undone += 1;
                self.left(Pending { task, mark: Mark::Waiting, due: None });
            }
            return RunError::left_over(undone);
        };
        let joined = herd.join().await;
        for herd::Leftover { body: task, mark, due, .. } in herd.leftovers() {
            undone += usize::from(matches!(mark, Mark::Waiting | Mark::Interrupted));
            self.left(Pending { task, mark, due });
        }
        if joined.is_err() { Err(RunError::RuntimeGone) } else { RunError::left_over(undone) }
    }
}

impl<E: 'static, F> fmt::Debug for Managed<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Managed").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}
