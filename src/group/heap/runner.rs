//! Members that run what has functions of its own to end by: pools, herds, task managers, servers.

use alloc::boxed::Box;
use alloc::string::String;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

use super::exit::{Exit, IntoExit};
use super::member::{Kind, Local, Member, Sendable};
use super::run::RunCx;
use super::signal::Signal;
use crate::job::Error;
use crate::panic::swallow;
use crate::runner::{RunError, Runner};

impl RunCx {
    /// Runs something that has been started until it ends: tells that this member is ready, and at a signal lets it
    /// [finish](Runner::finish). At [`Signal::KILL`], or if the member is [asked to stop](Self::cancel_token) at once, it is
    /// [cancelled](Runner::cancel).
    ///
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use droves::group::Member;
    /// use droves::pool::Pool;
    /// use droves::threads::Threads;
    ///
    /// let member = Member::new("pool", |mut run| async move {
    ///     let pool = Pool::builder().fixed(2).start(&Threads::new()).map_err(|error| error.discard())?;
    ///     // … tell others of the pool …
    ///     let ended = run.serve(&pool).await;
    ///     for job in pool.leftovers() {
    ///         // … keep it …
    /// #       drop(job);
    ///     }
    ///     ended.map_err(droves::job::Error::from)
    /// });
    /// # drop(member);
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RunError`] if something that it had accepted has not been done, or if its runtime went away first.
    ///
    /// # Cost
    /// A place to wait, and that of the calls.
    ///
    /// # Cancel safety
    /// Dropping the future, as is done to a member that is abandoned, [aborts](Runner::abort) what runs.
    #[allow(clippy::manual_async_fn, reason = "the compiler does not find out that it is `Send`")]
    pub fn serve<'a, R: Runner>(
        &'a mut self,
        runner: &'a R,
    ) -> impl Future<Output = Result<(), RunError>> + Send + 'a {
        async move {
            let aborts = Aborts(runner);
            let mut cancelled = Some(self.cancel_token().cancelled());
            let mut ended = pin!(runner.ended());
            let result = poll_fn(|cx| {
                if let Poll::Ready(result) = ended.as_mut().poll(cx) {
                    return Poll::Ready(result);
                }
                // Before it is told signals that wait: it has been ready, if not for long.
                self.ready();
                let mut told = false;
                while let Poll::Ready(signal) = self.poll_signal(cx) {
                    told = true;
                    if signal == Signal::KILL { runner.cancel() } else { runner.finish() }
                }
                if cancelled.as_mut().is_some_and(|token| Pin::new(token).poll(cx).is_ready()) {
                    (cancelled, told) = (None, true);
                    runner.cancel();
                }
                // It may have been idle, and be over already.
                if told { ended.as_mut().poll(cx) } else { Poll::Pending }
            })
            .await;
            core::mem::forget(aborts);
            result
        }
    }
}

/// Aborts what still runs when nobody waits for it any more.
struct Aborts<'a, R: Runner>(&'a R);

impl<R: Runner> Drop for Aborts<'_, R> {
    fn drop(&mut self) {
        // A panic may be why it is dropped, and a second one would be the end of the process.
        swallow(|| self.0.abort());
    }
}

async fn run<R: Runner>(mut run: RunCx, started: Result<R, Error>) -> Exit {
    match started {
        Ok(runner) => run.serve(&runner).await.into_exit(),
        Err(error) => Exit::failed(error),
    }
}

impl Member {
    /// A member that is a pool, a herd, a [task manager](crate::tasks::Managed), a server or any other [`Runner`]. `start`
    /// starts it, at each start of the member, and its error is the member's. It is ready when it runs; what ends it:
    ///
    /// | the member | the runner |
    /// |---|---|
    /// | is told a signal | [finishes](Runner::finish): does what it has accepted |
    /// | is told [`Signal::KILL`], or is cancelled | is [cancelled](Runner::cancel): what runs is asked to stop, the rest is left over |
    /// | is abandoned | is [aborted](Runner::abort): what runs is dropped where it waits |
    ///
    /// Each start of a [restart](Member::restart) has to start a new one, which others have to find: a `OnceLock`, as below, keeps the first.
    ///
    /// With a [limit](Member::stop_within) it has a time for what it has accepted. If anything is left over, or if the
    /// runner's runtime went away, the member ends with a [`RunError`].
    ///
    /// As members of an ordered group a pool may serve a herd, and the herd a server: they start in this order, each when the
    /// one before it is ready, and each stops when all that may give it work has ended. So nothing is lost:
    /// ```
    /// # #[cfg(feature = "threads")] {
    /// use std::sync::{Arc, OnceLock};
    /// use droves::group::{Group, Member, Signal};
    /// use droves::herd::{Herd, Item};
    /// use droves::pool::Pool;
    /// use droves::threads::{Threads, block_on};
    ///
    /// let (threads, pool) = (Threads::new(), Arc::new(OnceLock::<Pool>::new()));
    /// let (runtime, place) = (threads.clone(), pool.clone());
    /// let database = Member::runner("database", move |_| {
    ///     let started = Pool::builder().fixed(2).start(&runtime).map_err(|error| error.discard())?;
    ///     Ok(place.get_or_init(|| started).clone())
    /// });
    /// let (runtime, database_pool) = (threads.clone(), pool.clone());
    /// let workers = Member::runner("workers", move |_| {
    ///     let pool = database_pool.get().cloned().ok_or("the database is not there")?;
    ///     let handler = move |item: Item<u32>| {
    ///         let pool = pool.clone();
    ///         async move { Ok::<_, droves::herd::Fault<String>>(pool.assign(move || println!("{}", *item)).is_ok()) }
    ///     };
    ///     let (herd, results) = Herd::builder(handler).start(&runtime).map_err(|error| error.discard())?;
    ///     drop(results); // nobody wants them
    ///     for number in 0..4 {
    ///         herd.try_send(number, number as u32)?;
    ///     }
    ///     Ok(herd)
    /// });
    /// let group = Group::ordered([database, workers]).start(&threads)?;
    /// block_on(group.ready())?;
    /// group.signal(Signal::TERMINATE)?;
    /// block_on(group.wait())?;
    /// assert_eq!(pool.get().unwrap().stats().succeeded, 4);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// As [`new`](Self::new).
    pub fn runner<R: Runner>(
        name: impl Into<String>,
        mut start: impl FnMut(&RunCx) -> Result<R, Error> + Send + 'static,
    ) -> Self {
        let body = move |cx: RunCx| -> <Sendable as Kind>::Future {
            let started = start(&cx);
            Box::pin(run(cx, started))
        };
        Self::of(name.into(), Box::new(body))
    }
}

impl Member<Local> {
    /// As [`runner`](Member::runner), for a runtime of one thread.
    ///
    /// # Cost
    /// As [`new`](Member::new).
    pub fn local_runner<R: Runner>(
        name: impl Into<String>,
        mut start: impl FnMut(&RunCx) -> Result<R, Error> + 'static,
    ) -> Self {
        let body = move |cx: RunCx| -> <Local as Kind>::Future {
            let started = start(&cx);
            Box::pin(run(cx, started))
        };
        Self::of(name.into(), Box::new(body))
    }
}
