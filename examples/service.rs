//! A whole service as one tree, which stops in order and loses nothing: `cargo run --features http,signals,threads --example service
//! [ADDRESS [PLANE [SECONDS]]]`, and then `curl -X POST` the address that it prints, open that of its control plane, and press
//! Ctrl-C. Without one it ends after 3 seconds, or as many as it is told; 0 means never.
//!
//! ```text
//! service                    starts downwards, stops upwards
//!   store     a pool         writes down what workers have made
//!   workers   a herd         make something of what was accepted
//!   plane     control plane  shows all of this, and resizes the herd
//!   chores    tasks          give some work of their own again and again
//!   front     HTTP           accepts work: `POST /work`
//! ```
//! Each stops when all have ended that could give it work, and does first what it has accepted. `SIGINT` and `SIGTERM` stop it, from its first
//! line on, `starting`; its exit status is 0 then, and 1 if a member has ended with an error.

use std::fmt::Display;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Router, routing::post};
use droves::group::{self, EndError, Group, Member, Signal};
use droves::herd::{self, Fault, Herd, Item, Refused};
use droves::http::{ControlPlane, Server};
use droves::job::Error;
use droves::pool::{self, Pool};
#[cfg(unix)]
use droves::signals::{INT, Signals, TERM};
use droves::tasks::{Every, Task, Tasks};
use droves::threads::{Threads, block_on};
#[cfg(not(unix))]
use no_signals::{INT, Signals, TERM};

type Workers = Herd<u64, (), Error>;

/// What members find of those that started before them.
#[derive(Default)]
struct Parts {
    store: OnceLock<Pool>,
    workers: OnceLock<Workers>,
    accepted: AtomicU64,
}

impl Parts {
    /// Takes work, and gives its number.
    fn accept(&self) -> Result<u64, Refused<u64>> {
        let id = self.accepted.fetch_add(1, Ordering::Relaxed);
        let workers =
            self.workers.get().expect("the workers start before those who give them work");
        workers.try_send(id, id)?;
        say(format_args!("accepted {id}"));
        Ok(id)
    }
}

/// Whoever reads it may have gone.
fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}

fn store(threads: &Threads, parts: &Arc<Parts>) -> Member {
    let (threads, parts) = (threads.clone(), parts.clone());
    Member::runner("store", move |_| {
        say("+ store");
        let pool = Pool::builder().fixed(2).start(&threads).map_err(pool::StartError::discard)?;
        Ok(parts.store.get_or_init(|| pool).clone())
    })
}

fn workers(threads: &Threads, parts: &Arc<Parts>) -> Member {
    let (threads, parts) = (threads.clone(), parts.clone());
    Member::runner("workers", move |_| {
        say("+ workers");
        let store = parts.store.get().cloned().ok_or("the store has not started")?;
        let work = move |item: Item<u64>| {
            let store = store.clone();
            async move {
                let made = *item; // … what takes its time …
                let stored = store.send(move || say(format_args!("stored {made}"))).await;
                stored.map_err(|refused| Fault::Failure(refused.discard().into()))
            }
        };
        let herd = Herd::builder(work).size(4).capacity(64).start(&threads);
        let (herd, results) = herd.map_err(herd::StartError::discard)?;
        drop(results); // nobody wants them
        Ok(parts.workers.get_or_init(|| herd).clone())
    })
}

fn plane(address: String, parts: &Arc<Parts>) -> Member {
    let parts = parts.clone();
    Member::runner("plane", move |run| {
        say("+ plane");
        let herd = parts.workers.get().cloned().ok_or("the workers have not started")?;
        let plane = ControlPlane::builder(herd).group(&run.group()).address(&address).start()?;
        say(format_args!("plane at http://{}/", plane.local_addr()));
        Ok(plane)
    })
}

fn chores(seconds: u64, threads: &Threads, parts: &Arc<Parts>) -> Member {
    let (threads, parts) = (threads.clone(), parts.clone());
    Member::runner("chores", move |run| {
        say("+ chores");
        let mut chores = Tasks::<Error>::builder().workers(1).build()?;
        chores.start(&threads)?;
        let parts = parts.clone();
        let tick = move || {
            let accepted = parts.accept();
            async move { accepted.map(drop).map_err(Error::from) }
        };
        let tick = Task::every(Every::new(Duration::from_millis(5)), tick).name("tick");
        chores.try_queue(tick).map_err(Refused::discard)?;
        if seconds > 0 {
            let group = run.group();
            let end = Task::new(move || {
                let told = group.signal(Signal::TERMINATE);
                async move { told.map_err(Error::from) }
            });
            let after = Duration::from_secs(seconds);
            chores.try_delay(after, end).map_err(Refused::discard)?;
        }
        // What recurs, or is still to come, has ended with the service.
        Ok(chores.managed(drop))
    })
}

fn front(address: String, parts: &Arc<Parts>) -> Member {
    let parts = parts.clone();
    Member::runner("front", move |_| {
        say("+ front");
        let parts = parts.clone();
        let work = async move || match parts.accept() {
            Ok(id) => (StatusCode::ACCEPTED, format!("{id}\n")),
            Err(refused) => (StatusCode::SERVICE_UNAVAILABLE, format!("{refused}\n")),
        };
        let app = Router::new().route("/work", post(work));
        let server = Server::builder(app).address(&address).start()?;
        say(format_args!("front at http://{}/work", server.local_addr()));
        Ok(server)
    })
}

fn run(signals: Signals) -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut address = || arguments.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let (front_address, plane_address) = (address(), address());
    let seconds = arguments.next().map_or(Ok(3), |seconds| seconds.parse())?;

    let (threads, parts) = (Threads::new(), Arc::new(Parts::default()));
    let members = [
        store(&threads, &parts),
        workers(&threads, &parts),
        plane(plane_address, &parts),
        chores(seconds, &threads, &parts),
        front(front_address, &parts),
    ];
    let group = Group::ordered(members)
        .name("service")
        .termination(Signal::TERMINATE) // one that ends takes the others with it
        .stop_within(Duration::from_secs(20))
        .start(&threads)
        .map_err(group::StartError::discard)?;
    let ended = block_on(signals.forward(&group));
    say(ended.as_ref().unwrap_or_else(EndError::trace));
    ended.map(drop).map_err(Error::from)
}

/// Runs it.
pub fn main() -> ExitCode {
    // Before anything else: until then a signal ends the process, and after it the service.
    let ended = Signals::new([INT, TERM]).map_err(Error::from).and_then(|signals| {
        say("starting");
        run(signals)
    });
    say("stopped");
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Where the system has no signals nobody tells the service to end.
#[cfg(not(unix))]
mod no_signals {
    use droves::group::{EndError, Handle, Trace};

    pub(crate) const INT: i32 = 2;
    pub(crate) const TERM: i32 = 15;

    pub(crate) struct Signals;

    impl Signals {
        #[allow(clippy::unnecessary_wraps, reason = "where there are signals it may fail")]
        pub(crate) fn new(_: [i32; 2]) -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn forward(self, group: &Handle) -> Result<Trace, EndError> {
            group.wait().await
        }
    }
}
