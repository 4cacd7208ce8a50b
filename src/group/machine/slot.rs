//! What the machine knows of a member.

use core::time::Duration;

use crate::group::signal::Signal;

/// No member.
pub(super) const NOBODY: u32 = u32::MAX;

// What is to be done about a member, in this order.
pub(super) const START: u8 = 1;
pub(super) const SIGNAL: u8 = 1 << 1;
pub(super) const CANCEL: u8 = 1 << 2;
pub(super) const ABANDON: u8 = 1 << 3;
pub(super) const ENDED: u8 = 1 << 4;
/// It stands in the list of those with something to do, though that may be obsolete.
pub(super) const LISTED: u8 = 1 << 7;

/// Where a member is in its life.
///
/// ```text
///               start            ready            signal             time              time
///   Waiting ----------> Starting ------> Ready ----------> Stopping ------> Cancelling ------> Abandoned
///      |                 |  ^  |           |                   |                 |
///      | stop    restart |  |  | exit      | exit              | exit            | exit
///      v                 v  |  v           v                   v                 v
///   Skipped             Backoff           Exited  <--------------------------------
/// ```
///
/// `Starting` is cancelled, too, when it is not ready in time. `Vacant` is a slot of a dynamic group without a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// A slot that nobody has had.
    Vacant,
    /// Its turn to start has not come.
    Waiting,
    /// It runs, and is not ready.
    Starting,
    /// It runs and is ready.
    Ready,
    /// It has ended, and will be started again.
    Backoff,
    /// It was told to stop.
    Stopping,
    /// It was asked to stop at once.
    Cancelling,
    /// It has ended.
    Exited,
    /// Nobody waits for its end any more.
    Abandoned,
    /// It was never started.
    Skipped,
}

impl MemberState {
    /// Whether it runs and somebody waits for its end.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn runs(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Stopping | Self::Cancelling)
    }

    /// Its name, in small letters.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vacant => "vacant",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Backoff => "backoff",
            Self::Stopping => "stopping",
            Self::Cancelling => "cancelling",
            Self::Exited => "exited",
            Self::Abandoned => "abandoned",
            Self::Skipped => "skipped",
        }
    }
}

/// What was done to a member that did not do in time what it was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// It was cancelled because it was not ready in time, and abandoned if it did not end then.
    NotReady,
    /// It was cancelled because it had not stopped in time, or because all were.
    Cancelled,
    /// It was cancelled in the same way, and abandoned because it had not ended in time after that.
    Abandoned,
}

/// How long a member may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// From its start until it is ready. Then it is cancelled.
    pub ready: Option<Duration>,
    /// From its first signal until it has ended. Then it is cancelled, and after as long again abandoned.
    pub stop: Option<Duration>,
}

/// What the machine keeps of one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    pub(super) state: MemberState,
    /// Whether it has been ready, in any of its runs.
    pub(super) ready: bool,
    pub(super) cut: Option<Cut>,
    pub(super) todo: u8,
    pub(super) owed: Signal,
    pub(super) limits: Limits,
    /// The next slot with something to do.
    pub(super) next: u32,
    /// When its time is over, while it stands among the deadlines.
    pub(super) at: u64,
    /// Its place among the deadlines.
    pub(super) place: u32,
    /// Who has the place among the deadlines that has this slot's index.
    pub(super) heap: u32,
}

impl Slot {
    /// A member without limits.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: MemberState::Waiting,
            ready: false,
            cut: None,
            todo: 0,
            owed: Signal::TERMINATE,
            limits: Limits { ready: None, stop: None },
            next: NOBODY,
            at: 0,
            place: NOBODY,
            heap: NOBODY,
        }
    }

    /// Where the member is in its life.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn state(&self) -> MemberState {
        self.state
    }

    /// What was done to it in its last run, if it was too slow.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Whether a dynamic group may put a member here.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn is_vacant(&self) -> bool {
        matches!(self.state, MemberState::Vacant | MemberState::Exited) && self.todo == 0
    }

    pub(super) fn reset(&mut self, state: MemberState) {
        *self = Self { state, limits: self.limits, ..Self::new() };
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}
