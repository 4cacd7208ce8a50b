//! A group without an allocator: its members are pinned by the caller, and it polls them itself.
//!
//! A signal is one word, so that an interrupt handler can send it: the last one counts.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::machine::{Effect, Event, Machine, MemberState, Order, Slot};
use super::signal::Signal;
use super::wake::WakerCell;
use crate::sync::{AtomicWord, Ordering, Word, const_fn, retry};
use crate::time::Instant;

const READY: Word = 1;
const CANCELLED: Word = 1 << 1;
/// There is a signal, in the bits from [`SIGNAL`] on.
const TOLD: Word = 1 << 2;
const SIGNAL: u32 = 16;
const FLAGS: Word = READY | CANCELLED;

/// Puts a signal into a word, in place of the one that may be there.
fn put(word: &AtomicWord, signal: Signal) {
    let told = TOLD | (Word::from(signal.number()) << SIGNAL);
    let mut old = word.load(Ordering::Acquire);
    // Release: what was done before is seen by who takes it.
    while let Err(now) =
        word.compare_exchange(old, (old & FLAGS) | told, Ordering::AcqRel, Ordering::Acquire)
    {
        old = now;
        retry();
    }
}

/// The signal that is in a word.
fn signal_of(word: Word) -> Option<Signal> {
    let number = u16::try_from((word >> SIGNAL) & Word::from(u16::MAX)).unwrap_or_default();
    (word & TOLD != 0).then(|| Signal::new(number))
}

/// What a member of a [`StaticGroup`] has from it.
#[derive(Debug)]
pub struct StaticRun(AtomicWord);

impl StaticRun {
    const_fn! {
        const fn new() -> Self {
            Self(AtomicWord::new(0))
        }
    }

    /// Tells the group that this member is ready. For the member, while it is polled.
    ///
    /// # Cost
    /// An atomic operation.
    pub fn ready(&self) {
        self.0.fetch_or(READY, Ordering::AcqRel);
    }

    /// Waits for a signal. For the member. One that comes before the last was taken replaces it.
    ///
    /// # Cost
    /// An atomic operation for each poll.
    ///
    /// # Cancel safety
    /// Dropping the future loses no signal.
    pub fn signal(&self) -> StaticSignalFut<'_> {
        StaticSignalFut(self)
    }

    /// Whether the member is asked to stop at once. When that changes it is polled.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) & CANCELLED != 0
    }
}

/// The future of [`StaticRun::signal`].
///
/// # Cancel safety
/// Dropping it loses no signal.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct StaticSignalFut<'a>(&'a StaticRun);

impl Future for StaticSignalFut<'_> {
    type Output = Signal;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Signal> {
        // The group polls each member when there is something for it: nobody else has to be woken.
        signal_of(self.0.0.fetch_and(FLAGS, Ordering::AcqRel)).map_or(Poll::Pending, Poll::Ready)
    }
}

/// What a [`StaticGroup`], its members and the rest of the program share; may be a `static`. For one group.
#[derive(Debug)]
pub struct StaticHub<const N: usize> {
    runs: [StaticRun; N],
    word: AtomicWord,
    waker: WakerCell,
}

impl<const N: usize> StaticHub<N> {
    const_fn! {
        /// For a group of `N` members.
        ///
        /// # Cost
        /// None.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                #[cfg(not(droves_loom))]
                runs: [const { StaticRun::new() }; N],
                #[cfg(droves_loom)]
                runs: core::array::from_fn(|_| StaticRun::new()),
                word: AtomicWord::new(0),
                waker: WakerCell::new(),
            }
        }
    }

    /// What the member at this place has from the group.
    ///
    /// # Panics
    /// If there is no such place.
    ///
    /// # Cost
    /// None.
    pub fn run(&self, member: usize) -> &StaticRun {
        &self.runs[member]
    }

    /// Tells the group a signal: it stops. One that comes before the last was heard replaces it. It never waits, and an
    /// interrupt handler may call it.
    ///
    /// # Cost
    /// A few atomic operations, and a wake.
    pub fn signal(&self, signal: Signal) {
        put(&self.word, signal);
        self.waker.wake();
    }

    /// Asks all members that run to stop at once.
    ///
    /// # Cost
    /// An atomic operation, and a wake.
    pub fn cancel(&self) {
        self.word.fetch_or(CANCELLED, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Whether all members have been ready. It stays so.
    ///
    /// # Cost
    /// One load.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.word.load(Ordering::Acquire) & READY != 0
    }
}

impl<const N: usize> Default for StaticHub<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A group of `N` members that its own future polls: no allocator, no runtime, no clock, and so neither time limits nor
/// restarts. It is started by its first poll, and tells at the end whether each member has
/// [ended](MemberState::Exited) or was [skipped](MemberState::Skipped).
///
/// ```
/// use core::pin::pin;
/// use droves::group::machine::{MemberState, Order};
/// use droves::group::{Signal, StaticGroup, StaticHub};
///
/// static HUB: StaticHub<2> = StaticHub::new();
///
/// async fn service(place: usize) {
///     let run = HUB.run(place);
///     run.ready();
///     run.signal().await;
/// }
/// let (radio, screen) = (pin!(service(0)), pin!(service(1)));
/// let group = StaticGroup::new(&HUB, Order::Ordered, [radio, screen]);
/// // For example in an interrupt handler:
/// HUB.signal(Signal::TERMINATE);
/// # let ended = futures_lite::future::block_on(group);
/// # assert_eq!(ended, [MemberState::Skipped; 2]);
/// ```
///
/// # Cancel safety
/// Dropping it drops no member: they are the caller's.
#[must_use = "futures do nothing unless polled"]
pub struct StaticGroup<'a, const N: usize> {
    hub: &'a StaticHub<N>,
    machine: Machine<[Slot; N]>,
    members: [Option<Pin<&'a mut dyn Future<Output = ()>>>; N],
    started: bool,
}

impl<'a, const N: usize> StaticGroup<'a, N> {
    /// A group of these members, in this order. The hub is to have had no other group.
    ///
    /// # Panics
    /// If the order is [dynamic](Order::Dynamic).
    ///
    /// # Cost
    /// A look at each member.
    pub fn new(
        hub: &'a StaticHub<N>,
        order: Order,
        members: [Pin<&'a mut dyn Future<Output = ()>>; N],
    ) -> Self {
        assert!(order != Order::Dynamic, "the members of a static group are all there");
        let machine = Machine::new([const { Slot::new() }; N], order);
        Self { hub, machine, members: members.map(Some), started: false }
    }

    /// The signal that the other members are told when one ends before the group was told any. Without it they are told
    /// none, and go on.
    ///
    /// # Cost
    /// None.
    pub fn termination(self, signal: Signal) -> Self {
        Self { machine: self.machine.termination(Some(signal)), ..self }
    }

    fn handle(&mut self, event: Event) {
        // Nothing has a time limit.
        self.machine.handle(event, Instant::from_nanos(0));
    }

    /// Takes note of what the rest of the program wants.
    fn hear(&mut self) {
        let word = self.hub.word.fetch_and(READY, Ordering::AcqRel);
        if let Some(signal) = signal_of(word) {
            self.handle(Event::Signal(signal));
        }
        if word & CANCELLED != 0 {
            self.handle(Event::Cancel);
        }
        if !self.started {
            self.started = true;
            self.handle(Event::Start);
        }
    }

    /// Does what the machine says. Returns whether the group has ended.
    fn act(&mut self) -> bool {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Signal(member, signal) => put(&self.hub.run(member).0, signal),
                Effect::Cancel(member) => {
                    self.hub.run(member).0.fetch_or(CANCELLED, Ordering::AcqRel);
                }
                Effect::Announce => {
                    self.hub.word.fetch_or(READY, Ordering::AcqRel);
                }
                Effect::Finish => return true,
                // It is polled from now on, or no more.
                Effect::Start(_) | Effect::Ended(_) | Effect::Abandon(_) => {}
            }
        }
        false
    }

    /// Polls each member that runs. Returns whether one of them got ready or ended.
    fn poll_members(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        for member in 0..N {
            let state = self.machine.slot(member).state();
            let Some(future) = self.members[member].as_mut().filter(|_| state.runs()) else {
                continue;
            };
            let ended = future.as_mut().poll(cx).is_ready();
            let ready = self.hub.run(member).0.fetch_and(!READY, Ordering::AcqRel) & READY != 0;
            if ready {
                self.handle(Event::Ready(member));
            }
            if ended {
                self.members[member] = None;
                self.handle(Event::Exited { member, again: None });
            }
            moved |= ready || ended;
        }
        moved
    }
}

impl<const N: usize> Future for StaticGroup<'_, N> {
    type Output = [MemberState; N];

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // First, so that what comes after it is heard is woken for.
        this.hub.waker.register(cx.waker());
        this.hear();
        loop {
            if this.act() {
                let state = |member| this.machine.slot(member).state();
                return Poll::Ready(core::array::from_fn(state));
            }
            // What one says may be for another.
            if !this.poll_members(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<const N: usize> core::fmt::Debug for StaticGroup<'_, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StaticGroup").field("machine", &self.machine).finish_non_exhaustive()
    }
}
