//! How a group is made and started.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::client::{Client, Gate};
use super::driver::Driver;
use super::handle::Handle;
use super::hub::Hub;
use super::machine::Order;
use super::member::{Kind, Member, Sendable, Task};
use super::signal::Signal;
use crate::config::ConfigError;
use crate::runtime::{Spawn, SpawnError, Timer};
use crate::sync::{Arc, TryLock};

/// The most members of a dynamic group at a time, and the most events that are kept.
const MOST: usize = 1 << 16;
/// The most members of a static group.
const MOST_MEMBERS: usize = 1 << 19;

/// What a group of members of the kind `K` asks of a runtime.
///
/// Implemented for whatever has it all.
pub trait Runtime<K: Kind = Sendable>:
    Timer + Clone + Spawn<Task<K>> + Spawn<Driver<Self, K>>
{
}

impl<Rt, K: Kind> Runtime<K> for Rt where Rt: Timer + Clone + Spawn<Task<K>> + Spawn<Driver<Rt, K>> {}

/// Why a group was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// Members have the same names: all of these, each once, in their order.
    DuplicateNames(Vec<String>),
    /// A value of its configuration is out of range.
    Config(ConfigError),
    /// Its driver could not be spawned.
    Spawn(SpawnError),
}

impl fmt::Display for StartErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateNames(names) => {
                f.write_str("members have the same names: ")?;
                f.write_str(&names.join(", "))
            }
            Self::Config(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StartErrorKind {}

/// A group that was not started: it comes back.
pub struct StartError<K: Kind = Sendable> {
    /// Why.
    pub kind: StartErrorKind,
    /// What was to be started. A dynamic one is closed if its driver could not be spawned.
    pub group: Group<K>,
}

impl<K: Kind> StartError<K> {
    /// The error without the group.
    ///
    /// # Cost
    /// That of dropping it.
    #[must_use]
    pub fn discard(self) -> StartErrorKind {
        self.kind
    }
}

impl<K: Kind> fmt::Debug for StartError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<K: Kind> fmt::Display for StartError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl<K: Kind> core::error::Error for StartError<K> {}

/// Members that are started and stopped together. It does nothing until it is [started](Self::start).
pub struct Group<K: Kind = Sendable> {
    pub(super) name: String,
    pub(super) order: Order,
    pub(super) members: Vec<Member<K>>,
    pub(super) termination: Option<Signal>,
    pub(super) stop_within: Option<Duration>,
    pub(super) events: usize,
    pub(super) capacity: usize,
    pub(super) seed: u64,
    dynamic: Option<(Gate<K>, Handle)>,
}

/// A group on its way to its driver.
pub(crate) struct Cargo<K: Kind> {
    pub(super) group: Group<K>,
    pub(super) gate: Option<Gate<K>>,
}

impl<K: Kind> Group<K> {
    fn new(order: Order, members: Vec<Member<K>>) -> Self {
        Self {
            name: "group".into(),
            order,
            members,
            termination: None,
            stop_within: None,
            events: 64,
            capacity: 0,
            seed: seed(),
            dynamic: None,
        }
    }

    /// All members start at once, and are told to stop at once.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn parallel(members: impl IntoIterator<Item = Member<K>>) -> Self {
        Self::new(Order::Parallel, members.into_iter().collect())
    }

    /// Each member starts when the one before it is ready. They stop one after the other, the last one first.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn ordered(members: impl IntoIterator<Item = Member<K>>) -> Self {
        Self::new(Order::Ordered, members.into_iter().collect())
    }

    /// Each member starts when the one before it is ready. They stop one after the other, the first one first.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn queue_ordered(members: impl IntoIterator<Item = Member<K>>) -> Self {
        Self::new(Order::QueueOrdered, members.into_iter().collect())
    }

    /// A group that is empty at first, and ready at once; members are put in by its [`Client`], at most so many at a
    /// time. It goes on until it is closed or told a signal.
    ///
    /// # Errors
    /// [`ConfigError`] if the capacity is 0 or above 65 536.
    ///
    /// # Cost
    /// A few allocations, of a few words for each place.
    pub fn dynamic(capacity: usize) -> Result<(Self, Client<K>), ConfigError> {
        ConfigError::check("capacity", capacity, 1, MOST)?;
        let handle = Handle { hub: Arc::new(Hub::new(capacity)) };
        let (gate, client) = Gate::new(capacity, handle.clone());
        let mut group = Self::new(Order::Dynamic, Vec::new());
        group.capacity = capacity;
        group.dynamic = Some((gate, handle));
        Ok((group, client))
    }

    /// Its name, in snapshots: "group" unless said otherwise.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The signal that the other members are told, once, when one ends before the group was told a signal. Without it
    /// they are told none, and go on.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn termination(mut self, signal: Signal) -> Self {
        self.termination = Some(signal);
        self
    }

    /// How long the whole stop may take. Then all members that still run are cancelled, groups with all that is in them,
    /// and, after their own [limit](Member::stop_within) or as long again, abandoned.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.stop_within = Some(limit);
        self
    }

    /// How many events are kept for those who listen later, of each [topic](crate::group::Topic), and how many wait for one
    /// listener; and how many ends with an error a dynamic group keeps. From 1 to 65 536; 64 unless said otherwise.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// Where the jitter of restarts begins, so that a run can be repeated.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts it on a runtime: its driver is spawned, which starts the members.
    ///
    /// # Errors
    /// The group comes back if names occur twice, if a value is out of range, or if the driver can't be spawned.
    ///
    /// # Cost
    /// A few allocations, of some 100 bytes for each member, and time for the names as for sorting them.
    #[allow(clippy::result_large_err, reason = "an error gives the group back, once")]
    pub fn start<Rt: Runtime<K>>(self, runtime: &Rt) -> Result<Handle, StartError<K>> {
        let (driver, handle, cargo) = self.prepare(runtime)?;
        match Spawn::<Driver<Rt, K>>::spawn(runtime, driver) {
            Ok(_) => Ok(handle),
            Err(error) => {
                let kind = StartErrorKind::Spawn(error);
                let left = cargo.with((), |cargo, ()| cargo.take()).ok().flatten();
                let empty = || Self::new(Order::Parallel, Vec::new());
                let group = left.map_or_else(empty, |cargo| Self {
                    dynamic: cargo.gate.map(|gate| (gate, handle)),
                    ..cargo.group
                });
                Err(StartError { kind, group })
            }
        }
    }

    /// Its driver, which nobody has polled.
    #[allow(clippy::result_large_err, clippy::type_complexity, reason = "as of `start`")]
    pub(super) fn prepare<Rt: Timer + Clone + Spawn<Task<K>>>(
        mut self,
        runtime: &Rt,
    ) -> Result<(Driver<Rt, K>, Handle, Arc<TryLock<Option<Cargo<K>>>>), StartError<K>> {
        if let Err(kind) = self.check() {
            return Err(StartError { kind, group: self });
        }
        let (gate, handle) = match self.dynamic.take() {
            Some((gate, handle)) => (Some(gate), handle),
            None => (None, Handle { hub: Arc::new(Hub::new(self.members.len())) }),
        };
        let cargo = Arc::new(TryLock::new(Some(Cargo { group: self, gate })));
        let driver = Driver::new(runtime.clone(), handle.hub.clone(), cargo.clone());
        Ok((driver, handle, cargo))
    }

    fn check(&self) -> Result<(), StartErrorKind> {
        let events = ConfigError::check("events", self.events, 1, MOST);
        let members = ConfigError::check("members", self.members.len(), 0, MOST_MEMBERS);
        events.and(members).map_err(StartErrorKind::Config)?;
        let names = self.members.iter().enumerate().map(|(place, member)| (&member.name, place));
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        // Of each run of equal names, the place of the second.
        let mut twice: Vec<_> = names
            .windows(2)
            .enumerate()
            .filter(|(at, pair)| {
                let first = *at == 0 || names[at - 1].0 != pair[0].0;
                first && pair[0].0 == pair[1].0
            })
            .map(|(_, pair)| pair[1].1)
            .collect();
        if twice.is_empty() {
            return Ok(());
        }
        twice.sort_unstable();
        let name = |place: usize| self.members[place].name.clone();
        Err(StartErrorKind::DuplicateNames(twice.into_iter().map(name).collect()))
    }
}

/// Where the jitter begins unless it is said: devices and processes must differ.
fn seed() -> u64 {
    #[cfg(feature = "std")]
    {
        use core::hash::{BuildHasher, Hasher};
        std::collections::hash_map::RandomState::new().build_hasher().finish()
    }
    #[cfg(not(feature = "std"))]
    0
}

impl<K: Kind> fmt::Debug for Group<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Group");
        f.field("name", &self.name).field("order", &self.order).field("members", &self.members);
        f.field("termination", &self.termination).finish_non_exhaustive()
    }
}
