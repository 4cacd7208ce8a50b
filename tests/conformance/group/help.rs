//! What members are made of.

use std::sync::{Arc, Mutex};

use droves::group::{Group, Handle, Kind, Member, RunCx, Runtime, Signal};

use crate::help::Gate;
use crate::world::World;

pub const TERM: Signal = Signal::TERMINATE;
pub const USER: Signal = Signal::USER_1;

/// A world whose runtime runs groups.
pub trait Groups: World<Rt: Runtime> {}

impl<W: World<Rt: Runtime>> Groups for W {}

/// A group that showed itself.
pub type Shown = Arc<Mutex<Option<Handle>>>;

/// A world in which groups can be in groups: of members that can be sent, or that stay.
pub trait Trees: World<Rt: Runtime<Self::Kind>> {
    type Kind: Kind;

    fn service(&self, name: &str, log: &Log) -> Member<Self::Kind>;

    /// An ordered group of services, as a member.
    fn tree(&self, name: &str, members: &'static [&str], log: &Log) -> Member<Self::Kind>;

    /// A group of one that [listens](listens), as a member. It shows itself.
    fn attentive(&self, name: &str, log: &Log, gate: &Gate, shown: &Shown) -> Member<Self::Kind>;
}

#[allow(unused_macros, reason = "without a runtime there are none")]
macro_rules! trees {
    ($kind:ident, $new:ident, $group:ident: $($(#[$cfg:meta])* $world:ty),* $(,)?) => {
        $(
            $(#[$cfg])*
            impl Trees for $world {
                type Kind = droves::group::$kind;

                fn service(&self, name: &str, log: &Log) -> Member<Self::Kind> {
                    let log = log.clone();
                    Member::$new(name, move |run| serve(run, log.clone()))
                }

                fn tree(
                    &self,
                    name: &str,
                    members: &'static [&str],
                    log: &Log,
                ) -> Member<Self::Kind> {
                    let log = log.clone();
                    Member::$group(name, self.rt(), move || {
                        let log = log.clone();
                        Group::ordered(members.iter().map(move |name| {
                            let log = log.clone();
                            Member::$new(*name, move |run| serve(run, log.clone()))
                        }))
                    })
                }

                fn attentive(
                    &self,
                    name: &str,
                    log: &Log,
                    gate: &Gate,
                    shown: &Shown,
                ) -> Member<Self::Kind> {
                    let kept = (log.clone(), gate.clone(), shown.clone());
                    Member::$group(name, self.rt(), move || {
                        let (log, gate, shown) = kept.clone();
                        let member = Member::$new("a", move |run: RunCx| {
                            *shown.lock().unwrap() = Some(run.group());
                            listen(run, log.clone(), gate.clone())
                        });
                        // Room for the events of 64 signals, and those of the start.
                        Group::parallel([member]).events(128)
                    })
                }
            }
        )*
    };
}

trees! { Sendable, new, group:
    #[cfg(feature = "threads")]
    crate::world::on_threads::OnThreads,
    #[cfg(feature = "tokio")]
    crate::world::on_tokio::TokioOne,
    #[cfg(feature = "tokio")]
    crate::world::on_tokio::TokioMany,
    #[cfg(feature = "smol")]
    crate::world::on_smol::OnSmol,
    #[cfg(feature = "async-executor")]
    crate::world::on_async_executor::OnExecutor,
}
trees! { Local, local, local_group:
    #[cfg(feature = "tokio")]
    crate::world::on_tokio::OnLocalSet,
    #[cfg(feature = "async-executor")]
    crate::world::on_async_executor::OnLocalExecutor,
    #[cfg(feature = "sim")]
    crate::world::on_sim::OnSim,
}

/// What has happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Whether these lines are there, in any order, and no others.
    pub fn has(&self, lines: &[&str]) -> bool {
        let mut found = self.lines();
        found.sort_unstable();
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        found == lines
    }
}

/// Runs until the first signal.
pub async fn serve(mut run: RunCx, log: Log) {
    log.add(format!("+{}", run.name()));
    run.ready();
    let signal = run.signal().await;
    log.add(format!("-{} {signal}", run.name()));
}

/// A member that runs until the first signal.
pub fn service(name: &str, log: &Log) -> Member {
    let log = log.clone();
    Member::new(name, move |run| serve(run, log.clone()))
}

/// A member that is ready, and ends with this result when the gate opens, whatever it is told.
pub fn ends(name: &str, gate: &Gate, result: Result<(), &'static str>) -> Member {
    let gate = gate.clone();
    Member::new(name, move |run| {
        let gate = gate.clone();
        async move {
            run.ready();
            gate.pass().await;
            result
        }
    })
}

/// As [`ends`], and it is never ready.
pub fn unready(name: &str, gate: &Gate, result: Result<(), &'static str>) -> Member {
    let gate = gate.clone();
    Member::new(name, move |_| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            result
        }
    })
}

/// Writes down each signal that it is told, and ends when the gate opens.
async fn listen(mut run: RunCx, log: Log, gate: Gate) {
    run.ready();
    let name = run.name().to_owned();
    let listen = async {
        loop {
            let signal = run.signal().await;
            log.add(format!("{name} {signal}"));
        }
    };
    futures_lite::future::or(gate.pass(), listen).await;
}

/// A member that writes down each signal that it is told, and ends when the gate opens.
pub fn listens(name: &str, log: &Log, gate: &Gate) -> Member {
    let (log, gate) = (log.clone(), gate.clone());
    Member::new(name, move |run| listen(run, log.clone(), gate.clone()))
}
