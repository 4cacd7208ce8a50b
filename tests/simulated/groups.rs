//! Whole lives of groups, whose members do as the seed says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use droves::group::machine::Order;
use droves::group::{
    EndError, Events, Exit, ExitEvent, Group, Handle, InsertError, InsertErrorKind, Local, Member,
    Notice, Restart, RunCx, Signal, Topic, What,
};
use droves::retry::Backoff;
use droves::runtime::Spawn;
use droves::sim::Sim;

use crate::seeds::{Met, assert_met, run};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a member does, in this run.
async fn behave(sim: Sim, mut run: RunCx) -> Result<(), String> {
    let wait = sim.random(30);
    match sim.random(16) {
        0 => return Err("at once".into()),
        1 => std::panic::resume_unwind(Box::new("on purpose")),
        // Never ready, and ends with a signal.
        2 => {
            run.signal().await;
            return Ok(());
        }
        // Never anything.
        3 => std::future::pending::<()>().await,
        _ => {}
    }
    sim.sleep(ms(wait / 3)).await;
    run.ready();
    match sim.random(8) {
        0 => {
            sim.sleep(ms(wait)).await;
            Err("later".into())
        }
        1 => {
            sim.sleep(ms(wait)).await;
            Ok(())
        }
        2 => std::future::pending().await,
        3 => {
            run.cancel_token().cancelled().await;
            Ok(())
        }
        what => {
            run.signal().await;
            sim.sleep(ms(wait / 2)).await;
            if what == 4 { Err("stopped badly".into()) } else { Ok(()) }
        }
    }
}

fn member(sim: &Sim, name: &str) -> Member<Local> {
    let inner = sim.clone();
    let member = Member::local(name, move |run| behave(inner.clone(), run));
    // Without limits some would never end.
    let member = member.stop_within(ms(5 + sim.random(20))).ready_within(ms(5 + sim.random(20)));
    let backoff = Backoff::constant(ms(sim.random(10)));
    match sim.random(4) {
        0 => member.restart(Restart::always().backoff(backoff).limit(3, ms(1000))),
        1 => member.restart(Restart::on_error().backoff(backoff).limit(3, ms(1000))),
        _ => member,
    }
}

/// What the events say of a member.
#[allow(clippy::struct_excessive_bools, reason = "an account")]
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    runs: bool,
    starts: u32,
    ready: bool,
    cancelled: bool,
    abandoned: bool,
    last: Option<Signal>,
}

impl Seen {
    fn is_waited_for(&self) -> bool {
        self.runs && !self.abandoned
    }
}

/// What the events say of a group.
struct Account {
    order: Order,
    members: [Seen; NAMES.len()],
    announced: bool,
    stopping: bool,
}

impl Account {
    /// Checks that an event fits those before it. Tells what it was.
    fn note(&mut self, name: Option<&str>, what: &What) -> &'static str {
        let index = name.and_then(|name| NAMES.iter().position(|&known| known == name));
        let Some(index) = index else { return self.note_all(what) };
        let (earlier, rest) = self.members.split_at_mut(index);
        let (seen, later) = rest.split_first_mut().unwrap();
        let ordered = matches!(self.order, Order::Ordered | Order::QueueOrdered);
        match what {
            What::Started => {
                assert!(!seen.runs && !self.stopping);
                assert!(!ordered || earlier.iter().all(|before| before.ready));
                let (starts, ready) = (seen.starts + 1, seen.ready);
                *seen = Seen { runs: true, starts, ready, ..Seen::default() };
                if starts > 1 { "restarted" } else { "started" }
            }
            What::Ready => {
                assert!(seen.runs);
                seen.ready = true;
                "ready"
            }
            What::Signalled(signal) => {
                assert!(seen.is_waited_for() && seen.last.replace(*signal) != Some(*signal));
                let others = match self.order {
                    Order::Ordered => later.iter().any(Seen::is_waited_for),
                    Order::QueueOrdered => earlier.iter().any(Seen::is_waited_for),
                    Order::Parallel | Order::Dynamic => false,
                };
                assert!(!others, "out of its turn");
                self.stopping = true;
                "signalled"
            }
            What::Cancelled => {
                assert!(seen.is_waited_for() && !std::mem::replace(&mut seen.cancelled, true));
                "cancelled"
            }
            What::Abandoned => {
                assert!(seen.cancelled && !std::mem::replace(&mut seen.abandoned, true));
                "abandoned"
            }
            What::Exited(exit) => {
                assert!(std::mem::replace(&mut seen.runs, false), "{exit} ended twice");
                match exit.exit {
                    Exit::Clean => "clean",
                    Exit::Failed(_) => "failed",
                    Exit::Panicked(_) => "panicked",
                    _ => "cut off",
                }
            }
            What::Restarting(_) => "restarting",
            other => panic!("{other:?}"),
        }
    }

    /// The same with an event of the whole group.
    fn note_all(&mut self, what: &What) -> &'static str {
        match what {
            What::GroupReady => {
                let mut members = self.members.iter().filter(|seen| seen.starts > 0);
                assert!(members.all(|seen| seen.ready) && !self.stopping);
                assert!(!std::mem::replace(&mut self.announced, true), "ready twice");
                "the group was ready"
            }
            What::GroupDone => {
                assert!(!self.members.iter().any(|seen| seen.runs));
                "the group has ended"
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Reads all events, and checks that each fits those before it.
async fn check(mut events: Events, order: Order, met: &mut Met) -> Account {
    let members = [Seen::default(); NAMES.len()];
    let mut account = Account { order, members, announced: false, stopping: false };
    while let Some(notice) = events.next().await {
        let Notice::Event(event) = notice else { panic!("there was room for all: {notice:?}") };
        *met.entry(account.note(event.name(), &event.what)).or_insert(0) += 1;
    }
    account
}

/// Does something to a group now and then, until it has ended.
async fn disturb(sim: &Sim, handle: &Handle) {
    let mut left: u32 = 60;
    while !handle.is_done() {
        sim.sleep(ms(1 + sim.random(40))).await;
        left = left.saturating_sub(1);
        match sim.random(if left > 0 { 12 } else { 3 }) {
            0 => handle.signal(Signal::TERMINATE).unwrap(),
            1 => handle.signal(Signal::INTERRUPT).unwrap(),
            2 if left < 50 => handle.cancel(),
            3 => {
                let snapshot = handle.snapshot().await;
                assert!(snapshot.to_json().contains("\"members\":["));
            }
            4 => {
                if let Some(member) = handle.get(NAMES[0]).await {
                    let _ = member.signal(Signal::USER_1);
                }
            }
            _ => {}
        }
    }
}

async fn life(sim: &Sim, met: &mut Met) {
    let size = usize::try_from(sim.random(1 + NAMES.len() as u64)).unwrap();
    let members = NAMES[..size].iter().map(|name| member(sim, name));
    let (group, order) = match sim.random(3) {
        0 => (Group::parallel(members), Order::Parallel),
        1 => (Group::ordered(members), Order::Ordered),
        _ => (Group::queue_ordered(members), Order::QueueOrdered),
    };
    let group = group.events(4096).seed(sim.random(u64::MAX));
    let group = if sim.random(2) == 0 { group.termination(Signal::HANGUP) } else { group };
    let group = if sim.random(4) == 0 { group.stop_within(ms(30)) } else { group };
    let handle = group.start(sim).unwrap();
    let events = handle.events(Topic::All).await;
    disturb(sim, &handle).await;
    let account = check(events, order, met).await;
    let (trace, failed) = match handle.wait().await {
        Ok(trace) => (trace, false),
        Err(EndError::Failed(trace)) => (trace, true),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(failed, trace.exits().iter().any(ExitEvent::is_error));
    let mut ended: Vec<_> = trace.exits().iter().map(ExitEvent::name).collect();
    ended.sort_unstable();
    let started = NAMES.iter().zip(&account.members).filter(|(_, seen)| seen.starts > 0);
    assert!(ended.iter().eq(started.map(|(name, _)| name)), "each that was started, once");
    let skipped = account.members[..size].iter().any(|seen| seen.starts == 0);
    *met.entry("skipped").or_insert(0) += u64::from(skipped);
    let ready = handle.ready().await.is_ok();
    assert_eq!((ready, ready), (handle.is_ready(), account.announced));
    *met.entry("never ready").or_insert(0) += u64::from(!ready);
}

#[test]
fn static_groups_of_members_that_do_as_they_please() {
    let met = run(3_000, |seed, met| {
        let sim = Sim::new(seed);
        sim.block_on(life(&sim, met));
        sim.shut_down();
    });
    let what = [
        "started",
        "restarted",
        "signalled",
        "cancelled",
        "abandoned",
        "clean",
        "failed",
        "panicked",
        "the group was ready",
        "never ready",
        "skipped",
    ];
    if let Some(met) = met {
        assert_met(&met, 50, &what);
    }
}

/// What all members of a dynamic group have in common.
#[derive(Clone, Default)]
struct Common {
    running: Rc<Cell<usize>>,
    begun: Rc<Cell<u64>>,
    ended: Rc<Cell<u64>>,
    clients: Rc<Cell<usize>>,
    met: Rc<RefCell<Met>>,
}

fn short(sim: &Sim, common: &Common, places: usize) -> Member<Local> {
    let (sim, common) = (sim.clone(), common.clone());
    let name = sim.random(12).to_string();
    Member::local(name, move |run| {
        let (sim, common) = (sim.clone(), common.clone());
        async move {
            common.running.set(common.running.get() + 1);
            common.begun.set(common.begun.get() + 1);
            assert!(common.running.get() <= places);
            run.ready();
            sim.sleep(ms(sim.random(9))).await;
            common.running.set(common.running.get() - 1);
            common.ended.set(common.ended.get() + 1);
        }
    })
}

async fn dynamic(sim: &Sim, met: &mut Met) {
    let places = 1 + usize::try_from(sim.random(3)).unwrap();
    let (group, client) = Group::<Local>::dynamic(places).unwrap();
    let group = if sim.random(4) == 0 { group.termination(Signal::HANGUP) } else { group };
    let handle = group.start(sim).unwrap();
    let common = Common::default();
    for _ in 0..3 {
        let (world, client, common) = (sim.clone(), client.clone(), common.clone());
        common.clients.set(common.clients.get() + 1);
        let inserts = async move {
            for _ in 0..6 {
                let member = short(&world, &common, places);
                let inserted = if world.random(3) == 0 {
                    client.try_insert(member).await
                } else {
                    client.insert(member).await
                };
                let what = match inserted.map_err(InsertError::discard) {
                    Ok(_) => "let in",
                    Err(InsertErrorKind::Closed) => "closed",
                    Err(InsertErrorKind::Duplicate) => "duplicate",
                    Err(InsertErrorKind::Full) => "refused by a full group",
                };
                *common.met.borrow_mut().entry(what).or_insert(0) += 1;
                world.sleep(ms(world.random(5))).await;
            }
            common.clients.set(common.clients.get() - 1);
        };
        sim.spawn(inserts).unwrap();
    }
    if sim.random(2) == 0 {
        sim.sleep(ms(sim.random(40))).await;
        client.close();
    }
    drop(client);
    let trace = handle.wait().await.unwrap();
    while common.clients.get() > 0 {
        sim.sleep(ms(1)).await;
    }
    let counts = common.met.borrow();
    let let_in = counts.get("let in").copied().unwrap_or(0);
    assert_eq!((common.begun.get(), common.ended.get()), (let_in, let_in));
    assert_eq!((common.running.get(), trace.omitted()), (0, let_in));
    for (what, times) in counts.iter() {
        *met.entry(what).or_insert(0) += times;
    }
}

/// Several clients put members into a group of a few places, and close it.
#[test]
fn dynamic_groups_start_and_end_each_member_that_was_let_in() {
    let met = run(1_500, |seed, met| {
        let sim = Sim::new(seed);
        sim.block_on(dynamic(&sim, met));
        sim.shut_down();
    });
    if let Some(met) = met {
        assert_met(&met, 50, &["let in", "closed", "duplicate", "refused by a full group"]);
    }
}
