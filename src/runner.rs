//! What a group can run beside functions: whatever is started, told to end, and waited for.

use core::fmt;
use core::future::Future;

/// Something that runs since it was started, and can be told to end: a [pool](crate::pool::Pool), a
/// [herd](crate::herd::Herd), a [task manager](crate::tasks::Managed), a server. A [member](crate::group::Member::runner)
/// of a group runs it.
///
/// None of its functions waits but [`ended`](Self::ended), and all may be called at any time, also again.
pub trait Runner: Send + Sync + 'static {
    /// Takes nothing new, does what it has accepted, and ends.
    fn finish(&self);

    /// Asks what runs to stop, leaves over the rest, and ends.
    fn cancel(&self);

    /// Ends as soon as it can: what runs is dropped where it waits. Nobody waits for it any more.
    fn abort(&self);

    /// Waits until it has ended, whoever told it to, and tells how.
    ///
    /// # Errors
    /// [`RunError`] if something that it had accepted has not been done, or if its runtime went away first.
    fn ended(&self) -> impl Future<Output = Result<(), RunError>> + Send;
}

/// What was accepted has not all been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// So much is left over.
    LeftOver(usize),
    /// The runtime went away before the end.
    RuntimeGone,
}

impl RunError {
    /// The end of something that has left over so much.
    pub(crate) const fn left_over(count: usize) -> Result<(), Self> {
        if count == 0 { Ok(()) } else { Err(Self::LeftOver(count)) }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOver(count) => write!(f, "it ended with {count} left over"),
            Self::RuntimeGone => f.write_str("its runtime went away before its end"),
        }
    }
}

impl core::error::Error for RunError {}
