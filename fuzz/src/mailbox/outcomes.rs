//! What sequences have reached.

outcomes! {
    Sent, SendFull, SendClosed, SendBusy,
    Received, RecvEmpty, RecvClosed, RecvBusy,
    BatchSent, BatchCut, BatchReceived,
    PermitDropped, FilledDropped, FilledTakenBack, FilledSent, FilledRefused,
    SendWaited, SendWokenInVain, SendDoneAfterWait, SendClosedAfterWait,
    RecvWaited, RecvWokenInVain, RecvDoneAfterWait, RecvClosedAfterWait, StreamWaited,
    CancelledUnpolled, FutureLeaked, WaiterUsed, WaiterDropped,
    SendCancelled, SendCancelledWoken, SendWakePassedOn,
    RecvCancelled, RecvCancelledWoken, RecvWakePassedOn,
    ClosedByCall, ClosedAgain, ClosedByLastSender, ClosedByLastReceiver, CloseWoke, CloseWokeSeveral,
    LeftoversDropped, LeftoversKept, Cloned, HandlesUsedUp, LapWrapped,
}

/// How often each outcome was reached.
#[derive(Clone, Debug)]
pub struct Outcomes([u32; Outcome::ALL.len()]);

impl Outcomes {
    pub fn new() -> Self {
        Self([0; Outcome::ALL.len()])
    }

    pub fn note(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    pub fn note_if(&mut self, reached: bool, outcome: Outcome) {
        self.0[outcome as usize] += u32::from(reached);
    }

    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }

    pub fn count(&self, outcome: Outcome) -> u32 {
        self.0[outcome as usize]
    }
}

impl Default for Outcomes {
    fn default() -> Self {
        Self::new()
    }
}
