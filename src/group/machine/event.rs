//! What a group's machine is told, and what it says.

use crate::group::signal::Signal;
use crate::time::Instant;

/// In which order members start and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// All start at once, and are told to stop at once.
    Parallel,
    /// Each starts when the one before it is ready, and they stop one after the other, the last one first.
    Ordered,
    /// Each starts when the one before it is ready, and they stop one after the other, the first one first.
    QueueOrdered,
    /// Members come and go; each slot is a place for one. They are told to stop at once.
    Dynamic,
}

/// Where a group is in its life.
///
/// ```text
///              all are ready
///   Starting ----------------> Ready ---------+
///      |  |                      |            |
///      |  | an end before        | a signal,  | all members have ended
///      |  v                      | an end     |
///      | Broken ---------------> Stopping ----+--> Done
///      +-------------------------^
/// ```
///
/// An end leads to `Stopping` if there is a termination signal. Without one, the others go on as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not all members have been ready yet.
    Starting,
    /// All members have been ready.
    Ready,
    /// A member ended before all were ready. No more of them start, and nobody has told those that run to stop.
    Broken,
    /// Members are told to stop.
    Stopping,
    /// All members have ended or are abandoned.
    Done,
}

/// What has happened. Members are known by the index of their slot.
///
/// Every event is legal at any time; one that cannot be, such as the readiness of a member that does not run, changes
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The group is to start.
    Start,
    /// A member is ready.
    Ready(usize),
    /// A member has ended.
    Exited {
        /// Which.
        member: usize,
        /// When it is to be started again, if it is. A group that stops does not.
        again: Option<Instant>,
    },
    /// The group is told a signal.
    Signal(Signal),
    /// Members are asked to stop at once, all of them.
    Cancel,
    /// A dynamic group takes no more members.
    Close,
    /// A dynamic group is given a member for a vacant slot.
    Insert(usize),
    /// Time has passed.
    Time,
}

/// What the owner must now do. Dropping one loses a start, a signal or an end.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start this member. If that fails, it has [exited](Event::Exited).
    Start(usize),
    /// Tell this member a signal.
    Signal(usize, Signal),
    /// Ask this member to stop at once.
    Cancel(usize),
    /// Drop this member as soon as that can be. Nobody waits for it any more.
    Abandon(usize),
    /// This member has ended for good, or was abandoned: it goes into the trace.
    Ended(usize),
    /// The group is ready.
    Announce,
    /// The group is done.
    Finish,
}
