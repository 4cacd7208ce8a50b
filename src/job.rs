//! Work as a value: a closure or a future, stored in place.
//!
//! A [`Job`] needs no allocator if what it is made of has at most [`INLINE`] bytes. So it is a message for
//! any mailbox, in a `static` too:
//!
//! ```
//! use droves::job::Job;
//! use droves::mailbox::StaticMailbox;
//!
//! static LATER: StaticMailbox<Job, 8> = StaticMailbox::new();
//!
//! LATER.try_send(Job::new(|| println!("now"))).unwrap(); // e.g. in an interrupt handler
//! while let Ok(job) = LATER.try_recv() {
//!     job.run_now(&mut ()).unwrap(); // e.g. in the main loop
//! }
//! ```

#![allow(unsafe_code, reason = "closures and futures of any type in one place")]

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::fmt;
use core::future::Future;
use core::marker::{PhantomData, PhantomPinned};
use core::mem::{ManuallyDrop, MaybeUninit};
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use crate::panic::{Panic, catch};

/// The most bytes that are stored in the job itself, if their alignment is at most that of a `u64`. What is
/// larger is boxed with `alloc`, and does not compile without.
pub const INLINE: usize = 64;

/// What jobs fail with unless their door says otherwise: any error, in a box.
#[cfg(feature = "alloc")]
pub type Error = Box<dyn core::error::Error + Send + Sync>;

/// What jobs fail with unless their door says otherwise: without an allocator, not at all.
#[cfg(not(feature = "alloc"))]
pub type Error = core::convert::Infallible;

/// How a job that was started ended badly.
#[derive(Debug)]
pub enum JobError<E> {
    /// It returned an error.
    Failed(E),
    /// It panicked.
    Panicked(Panic),
    /// It was dropped before its end, because its door was aborted or its runtime went away.
    Aborted,
}

impl<E: fmt::Display> fmt::Display for JobError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the job failed: {error}"),
            Self::Panicked(panic) => write!(f, "the job {panic}"),
            Self::Aborted => f.write_str("the job was aborted"),
        }
    }
}

/// Also of an error in a box, which is none itself. What the job failed with is part of the text, and so no source; its own sources are
/// had from it.
impl<E: fmt::Debug + fmt::Display> core::error::Error for JobError<E> {}

/// What a job may return: nothing, or a result.
pub trait Outcome<E> {
    /// The result.
    ///
    /// # Errors
    /// What the job failed with.
    ///
    /// # Cost
    /// None.
    fn into_result(self) -> Result<(), E>;
}

impl<E> Outcome<E> for () {
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

/// For work that loops until it panics, or is dropped.
impl<E> Outcome<E> for Never {
    fn into_result(self) -> Result<(), E> {
        match self {}
    }
}

/// The type `!`, which has no other name yet.
type Never = <fn() -> ! as returns::Returns>::Output;

mod returns {
    pub trait Returns {
        type Output;
    }

    impl<R> Returns for fn() -> R {
        type Output = R;
    }
}

impl<E> Outcome<E> for Result<(), E> {
    fn into_result(self) -> Self {
        self
    }
}

/// What a job can be made of: a closure `FnOnce() -> R`, a closure `FnOnce(&mut C) -> R` that is given the
/// worker's own state, or a future, where `R` is an [`Outcome`].
///
/// `K` tells which of them it is, and is always inferred. A closure with state has to name the type of its
/// argument.
pub trait IntoJob<E: 'static, C: 'static, K>: Sized {
    #[doc(hidden)]
    type Work: Work<E, C>;
    #[doc(hidden)]
    fn into_work(self) -> Self::Work;
    #[doc(hidden)]
    fn from_work(work: Self::Work) -> Self;
}

/// What [`IntoJob`] tells apart.
pub mod kind {
    /// A closure without arguments.
    #[derive(Debug)]
    pub struct Closure;
    /// A closure that is given the worker's own state.
    #[derive(Debug)]
    pub struct WithState;
    /// A future.
    #[derive(Debug)]
    pub struct Future;
}

impl<E: 'static, C: 'static, F, R> IntoJob<E, C, kind::Closure> for F
where
    F: FnOnce() -> R + Send + 'static,
    R: Outcome<E>,
{
    type Work = Plain<F>;

    #[inline]
    fn into_work(self) -> Plain<F> {
        Plain(self)
    }

    #[inline]
    fn from_work(work: Plain<F>) -> F {
        work.0
    }
}

impl<E: 'static, C: 'static, F, R> IntoJob<E, C, kind::WithState> for F
where
    F: FnOnce(&mut C) -> R + Send + 'static,
    R: Outcome<E>,
{
    type Work = WithState<F>;

    #[inline]
    fn into_work(self) -> WithState<F> {
        WithState(self)
    }

    #[inline]
    fn from_work(work: WithState<F>) -> F {
        work.0
    }
}

impl<E: 'static, C: 'static, F> IntoJob<E, C, kind::Future> for F
where
    F: Future + Send + 'static,
    F::Output: Outcome<E>,
{
    type Work = Async<F>;

    #[inline]
    fn into_work(self) -> Async<F> {
        Async(self)
    }

    #[inline]
    fn from_work(work: Async<F>) -> F {
        work.0
    }
}

/// What lies in a job's place.
///
/// # Safety
/// `poll` must leave nothing behind that is to be dropped when it returns `Ready` or panics.
#[doc(hidden)]
pub unsafe trait Work<E, C>: Send + 'static {
    /// Works until it is done or has to wait.
    ///
    /// # Safety
    /// `this` is valid, is not moved from the first call on, and is not used any more after `Ready` or a panic.
    unsafe fn poll(this: NonNull<Self>, state: &mut C, cx: &mut Context<'_>)
    -> Poll<Result<(), E>>;
}

/// A closure without arguments.
#[doc(hidden)]
#[derive(Debug)]
#[repr(transparent)]
pub struct Plain<F>(F);

// SAFETY: the closure is moved out before it is called.
unsafe impl<E, C, F, R> Work<E, C> for Plain<F>
where
    F: FnOnce() -> R + Send + 'static,
    R: Outcome<E>,
{
    #[inline]
    unsafe fn poll(this: NonNull<Self>, _: &mut C, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        // SAFETY: valid, and not used again.
        let Self(closure) = unsafe { this.read() };
        Poll::Ready(closure().into_result())
    }
}

/// A closure that is given the worker's own state.
#[doc(hidden)]
#[derive(Debug)]
#[repr(transparent)]
pub struct WithState<F>(F);

// SAFETY: the closure is moved out before it is called.
unsafe impl<E, C, F, R> Work<E, C> for WithState<F>
where
    F: FnOnce(&mut C) -> R + Send + 'static,
    R: Outcome<E>,
{
    #[inline]
    unsafe fn poll(this: NonNull<Self>, state: &mut C, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        // SAFETY: valid, and not used again.
        let Self(closure) = unsafe { this.read() };
        Poll::Ready(closure(state).into_result())
    }
}

/// A future.
#[doc(hidden)]
#[derive(Debug)]
#[repr(transparent)]
pub struct Async<F>(F);

/// Drops what lies there.
struct DropAt<W>(NonNull<W>);

impl<W> Drop for DropAt<W> {
    fn drop(&mut self) {
        // SAFETY: whoever made this has said that the place is valid, and that nobody else drops it.
        unsafe { self.0.drop_in_place() };
    }
}

// SAFETY: the future is dropped where it lies, by the guard if it panics.
unsafe impl<E, C, F> Work<E, C> for Async<F>
where
    F: Future + Send + 'static,
    F::Output: Outcome<E>,
{
    #[inline]
    unsafe fn poll(
        mut this: NonNull<Self>,
        _: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        let guard = DropAt(this);
        // SAFETY: valid, and nobody else's until the end of the call.
        let Self(future) = unsafe { this.as_mut() };
        // SAFETY: it does not move until it is dropped.
        match unsafe { Pin::new_unchecked(future) }.poll(cx) {
            Poll::Ready(output) => Poll::Ready(output.into_result()),
            Poll::Pending => {
                core::mem::forget(guard);
                Poll::Pending
            }
        }
    }
}

/// Work that is too large to be stored in place.
#[cfg(feature = "alloc")]
#[repr(transparent)]
struct Boxed<W>(Box<W>);

#[cfg(feature = "alloc")]
// SAFETY: what is in the box leaves nothing behind, and the box is freed by a guard that drops only it.
unsafe impl<E, C, W: Work<E, C>> Work<E, C> for Boxed<W> {
    unsafe fn poll(
        mut this: NonNull<Self>,
        state: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), E>> {
        let guard = DropAt(this.cast::<Box<MaybeUninit<W>>>());
        // SAFETY: valid, and nobody else's until the end of the call.
        let Self(work) = unsafe { this.as_mut() };
        // SAFETY: the box does not move what is in it.
        let polled = unsafe { W::poll(NonNull::from(&mut **work), state, cx) };
        if polled.is_pending() {
            core::mem::forget(guard);
        }
        polled
    }
}

type Place = MaybeUninit<[u64; INLINE / 8]>;

type PollFn<E, C> = unsafe fn(NonNull<Place>, &mut C, &mut Context<'_>) -> Poll<Result<(), E>>;

/// What can be done with the work in a place.
struct Table<E, C> {
    /// As [`Work::poll`].
    poll: PollFn<E, C>,
    /// Drops it.
    drop: unsafe fn(NonNull<Place>),
}

/// The table for work of type `W`.
struct TableOf<W>(PhantomData<W>);

impl<W> TableOf<W> {
    const FITS: bool = size_of::<W>() <= INLINE && align_of::<W>() <= align_of::<Place>();
}

impl<W> TableOf<W> {
    const fn table<E: 'static, C: 'static>() -> &'static Table<E, C>
    where
        W: Work<E, C>,
    {
        const {
            &Table {
                // SAFETY: the caller gives a place where a `W` lies, and is bound as `Work::poll` says.
                poll: |place, state, cx| unsafe { W::poll(place.cast::<W>(), state, cx) },
                // SAFETY: the caller gives a place where a `W` lies, and drops it once.
                drop: |place| unsafe { place.cast::<W>().drop_in_place() },
            }
        }
    }
}

/// A closure or a future that is to be run once, perhaps with a worker's own state `C`.
///
/// What is too large does not compile where there is no allocator:
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```compile_fail")]
/// let ballast = [0_u8; droves::job::INLINE + 1];
/// let job = droves::job::Job::<droves::job::Error>::new(move || drop(ballast));
/// job.run_now(&mut ()).unwrap();
/// ```
pub struct Job<E: 'static = Error, C: 'static = ()> {
    // First, so that it shares a cache line with what comes first in the place.
    table: &'static Table<E, C>,
    place: Place,
    /// A future in the place may point into itself.
    _pinned: PhantomPinned,
}

// SAFETY: only what is `Send` is put into the place.
unsafe impl<E, C> Send for Job<E, C> {}

impl<E, C> Job<E, C> {
    /// Makes a job of a closure or a future: see [`IntoJob`].
    ///
    /// # Cost
    /// None up to [`INLINE`] bytes; then a box.
    pub fn new<J: IntoJob<E, C, K>, K>(work: J) -> Self {
        Self::of(work.into_work())
    }

    pub(crate) fn of<W: Work<E, C>>(work: W) -> Self {
        let mut place = MaybeUninit::uninit();
        Self::write(&mut place, work);
        // SAFETY: written just now.
        unsafe { place.assume_init() }
    }

    /// Writes a job, and no byte more than it has.
    #[inline]
    pub(crate) fn write<W: Work<E, C>>(to: &mut MaybeUninit<Self>, work: W) {
        let to = to.as_mut_ptr();
        // SAFETY: inside the job, which is borrowed for writing.
        let place = unsafe { &raw mut (*to).place };
        let table = if TableOf::<W>::FITS {
            // SAFETY: it fits, as has just been seen.
            unsafe { place.cast::<W>().write(work) };
            TableOf::<W>::table()
        } else {
            #[cfg(feature = "alloc")]
            {
                // SAFETY: a box fits.
                unsafe { place.cast::<Boxed<W>>().write(Boxed(Box::new(work))) };
                TableOf::<Boxed<W>>::table()
            }
            #[cfg(not(feature = "alloc"))]
            {
                const {
                    assert!(
                        TableOf::<W>::FITS,
                        "without the feature `alloc` a job has at most 64 bytes, aligned to 8"
                    );
                }
                unreachable!("it does not compile")
            }
        };
        // SAFETY: inside the job.
        let at = unsafe { &raw mut (*to).table };
        // SAFETY: borrowed for writing.
        unsafe { at.write(table) };
    }

    /// Takes the work out again.
    ///
    /// # Safety
    /// It is of type `W`.
    #[cfg(feature = "alloc")]
    pub(crate) unsafe fn into_work<W: Work<E, C>>(self) -> W {
        let job = ManuallyDrop::new(self);
        let place = (&raw const job.place).cast::<W>();
        if TableOf::<W>::FITS {
            // SAFETY: a `W` lies there, which nobody drops.
            return unsafe { place.read() };
        }
        // SAFETY: a box of `W` lies there, which nobody drops.
        *unsafe { place.cast::<Boxed<W>>().read() }.0
    }

    /// Works on the job that lies at `this`. A panic is caught where there is unwinding.
    ///
    /// # Safety
    /// `this` is valid, is not moved from the first call on, and is not used any more after `Ready`: it
    /// must not even be dropped.
    #[inline]
    pub(crate) unsafe fn poll_at(
        this: NonNull<Self>,
        state: &mut C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), JobError<E>>> {
        // SAFETY: valid, as the caller says.
        let poll = unsafe { (*this.as_ptr()).table }.poll;
        // By pointers alone: a future may point into itself, which a reference to its place would deny.
        // SAFETY: inside the job.
        let place = unsafe { &raw mut (*this.as_ptr()).place };
        // SAFETY: as the job is somewhere, so is its place.
        let place = unsafe { NonNull::new_unchecked(place) };
        // SAFETY: the work that the table is for lies there, and the caller keeps to the rest.
        match catch(|| unsafe { poll(place, state, cx) }) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(result.map_err(JobError::Failed)),
            Err(panic) => Poll::Ready(Err(JobError::Panicked(panic))),
        }
    }

    /// Runs the job, e.g. one that was left over.
    ///
    /// # Errors
    /// [`JobError`] if it failed or panicked. Without `std` a panic is not caught.
    ///
    /// # Cost
    /// That of the job.
    ///
    /// # Cancel safety
    /// Dropping the future drops the job.
    pub fn run(self, state: &mut C) -> Run<'_, E, C> {
        Run { job: ManuallyDrop::new(self), waits: true, state, _pinned: PhantomPinned }
    }

    /// Runs the job without waiting.
    ///
    /// # Errors
    /// [`JobError`] if it failed or panicked; `Aborted` if it would have to wait, and then it has been dropped.
    ///
    /// # Cost
    /// That of the job.
    pub fn run_now(self, state: &mut C) -> Result<(), JobError<E>> {
        let run = core::pin::pin!(self.run(state));
        match run.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(JobError::Aborted),
        }
    }
}

impl<E, C> Drop for Job<E, C> {
    fn drop(&mut self) {
        let drop = self.table.drop;
        let place = NonNull::from(&mut self.place);
        // SAFETY: the work that the table is for lies there, and is not used again.
        unsafe { drop(place) };
    }
}

impl<E, C> fmt::Debug for Job<E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// The future of [`Job::run`].
///
/// # Cancel safety
/// Dropping it drops the job.
#[must_use = "futures do nothing unless polled"]
pub struct Run<'a, E: 'static, C: 'static> {
    job: ManuallyDrop<Job<E, C>>,
    /// Whether the job is there: it has not begun, or waits.
    waits: bool,
    state: &'a mut C,
    _pinned: PhantomPinned,
}

impl<E, C> Future for Run<'_, E, C> {
    type Output = Result<(), JobError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the job is not moved from here.
        let this = unsafe { self.get_unchecked_mut() };
        if !core::mem::take(&mut this.waits) {
            return Poll::Ready(Err(JobError::Aborted));
        }
        // SAFETY: it is there, it is pinned, and it counts as gone unless it says that it waits.
        let polled = unsafe { Job::poll_at(NonNull::from(&mut *this.job), this.state, cx) };
        this.waits = polled.is_pending();
        polled
    }
}

impl<E, C> Drop for Run<'_, E, C> {
    fn drop(&mut self) {
        if self.waits {
            // SAFETY: it is there, and nobody uses it after this.
            unsafe { ManuallyDrop::drop(&mut self.job) };
        }
    }
}

impl<E, C> fmt::Debug for Run<'_, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run")
    }
}

#[cfg(all(test, feature = "std"))]
mod tests;
