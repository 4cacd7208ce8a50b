//! A server of HTTP that starts, ends and can be run by a group.

use core::convert::Infallible;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;
use std::net::SocketAddr;
use std::string::{String, ToString};
use std::sync::{Arc, OnceLock};

use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::task::JoinSet;
use ::tokio::time::{sleep, timeout};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use super::StartError;
use super::builder::listen;
use super::serve::{accept, unless};
use super::thread::{Stop, Thread};
use crate::group::{RunError, Runner};

/// How long a request may be on its way when the server is told to finish.
const LATE: Duration = Duration::from_millis(250);

/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// A server that listens, on a thread and a runtime of its own. Dropping it closes all connections, and waits for its thread.
///
/// ```
/// # #[cfg(feature = "threads")] {
/// use axum::{Router, routing::get};
/// use droves::group::{Group, Member, Signal};
/// use droves::http::Server;
/// use droves::threads::{Threads, block_on};
///
/// let front = Member::runner("front", |_| {
///     let app = Router::new().route("/", get(async || "hello"));
///     let server = Server::builder(app).address("127.0.0.1:0").start()?;
///     println!("see http://{}/", server.local_addr());
///     Ok(server)
/// });
/// let group = Group::ordered([front]).start(&Threads::new())?;
/// block_on(group.ready())?; // it listens
/// group.signal(Signal::TERMINATE)?;
/// block_on(group.wait())?; // all requests have been answered
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # As a member of a group
/// It is ready when it listens; if it cannot, e.g. since the port is busy, the [`StartError`] is that of the member. At a signal
/// it listens no more, so that others can, and answers all requests that have begun, for as long as it
/// [may](ServerBuilder::finish_within). Connections that wait for a further request are closed; one that has had none yet has a quarter of a
/// second for it. Cancelled, it closes all connections. If a request was cut off, the member ends with an error that tells how many.
///
/// # Handlers
/// HTTP/1.1 is spoken, in the clear. Handlers are polled on the server's thread, in its tokio runtime, and must not block it: work that
/// takes long goes to a herd or a pool. One that panics closes its connection, and no other. A connection that a handler
/// has upgraded, e.g. to a websocket, is the handler's, and no more one of the server's. The end waits for neither that nor for tasks that handlers
/// have spawned: they are dropped then, and closures that block go on without it.
///
/// A client has 30 seconds for a request's head, also for that of the next one; then its connection is closed. The time for its body
/// is the handler's to limit.
pub struct Server {
    address: SocketAddr,
    thread: Thread,
}

/// Makes a [`Server`].
pub struct ServerBuilder {
    app: Router,
    address: String,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    finish: Duration,
}

impl Server {
    /// Begins to make a server of these routes.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn builder(app: Router) -> ServerBuilder {
        let limits = Limits { connections: 1024, finish: Duration::from_secs(10) };
        ServerBuilder { app, address: "127.0.0.1:8080".into(), limits }
    }

    /// Where it listens, with the port that it was given if it had asked for any.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl ServerBuilder {
    /// Where it listens: an address, or a name of one, and a port. The default is `127.0.0.1:8080`. With the port 0 it takes
    /// any that is free.
    ///
    /// # Cost
    /// An allocation.
    #[must_use]
    pub fn address(self, address: impl fmt::Display) -> Self {
        Self { address: address.to_string(), ..self }
    }

    /// How many connections there may be, at least one; further ones wait for the end of another. The default is 1024.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections.max(1);
        self
    }

    /// How long requests that have begun may go on when it is told to finish. Then they are cut off. The default is 10 seconds.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub fn finish_within(mut self, limit: Duration) -> Self {
        self.limits.finish = limit;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`StartError`] if it cannot listen there, or has no thread.
    ///
    /// # Cost
    /// A thread and a runtime. Blocks while a name is looked up.
    pub fn start(self) -> Result<Server, StartError> {
        let Self { app, address, limits } = self;
        let listener = listen(&address, true)?;
        let address = listener.local_addr().map_err(StartError::Thread)?;
        let thread = Thread::start("droves-server", listener, move |listener, stop| {
            serve(listener, app, stop, limits)
        });
        Ok(Server { address, thread: thread.map_err(StartError::Thread)? })
    }
}

impl Runner for Server {
    fn finish(&self) {
        self.thread.stop.finish.cancel();
    }

    fn cancel(&self) {
        self.thread.stop.at_once();
    }

    fn abort(&self) {
        self.thread.abort();
    }

    async fn ended(&self) -> Result<(), RunError> {
        self.thread.ended().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.thread.stop.at_once();
    }
}

/// Serves until it is told to stop. Returns how many connections had to be cut off in the middle of a request.
async fn serve(listener: TcpListener, app: Router, stop: Stop, limits: Limits) -> usize {
    let app = TowerToHyperService::new(app);
    let mut stopped = stop.finish.cancelled();
    let mut connections = JoinSet::new();
    while let Some(stream) = accept(&listener, &mut stopped).await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, app.clone(), stop.clone()));
        if connections.len() >= limits.connections {
            // The end of one is enough, and so is that of the server.
            let _ = unless(&mut stopped, connections.join_next()).await;
        }
    }
    // Others may listen there from now on.
    drop(listener);
    let mut cut_off = 0;
    let mut end = async || {
        while let Some(cut) = connections.join_next().await {
            // A handler that panicked has ended too.
            cut_off += usize::from(cut.unwrap_or(false));
        }
    };
    if timeout(limits.finish, end()).await.is_err() {
        stop.cut.cancel();
        end().await;
    }
    cut_off
}

/// Serves a connection. Returns whether it was cut off in the middle of a request.
async fn connection(stream: TcpStream, app: TowerToHyperService<Router>, stop: Stop) -> bool {
    let begun = Arc::new(OnceLock::new());
    let begins = begun.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let _ = begins.set(());
        let answer = app.call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).half_close(true);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let (mut finish, mut cut) = (Some(stop.finish.cancelled()), stop.cut.cancelled());
    let mut late = pin!(None);
    poll_fn(|cx| {
        // First, so that it is told to finish before it is cut off: it may wait for a request that does not come.
        let is_cut = Pin::new(&mut cut).poll(cx).is_ready();
        if finish.as_mut().is_some_and(|finish| Pin::new(finish).poll(cx).is_ready()) {
            finish = None;
            connection.as_mut().graceful_shutdown();
            late.set(Some(sleep(LATE)));
        }
        // The client's faults are the client's.
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        let is_silent = begun.get().is_none();
        let late = late.as_mut().as_pin_mut();
        if is_silent && late.is_some_and(|late| late.poll(cx).is_ready()) {
            return Poll::Ready(false);
        }
        if is_cut { Poll::Ready(!is_silent) } else { Poll::Pending }
    })
    .await
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("ServerBuilder");
        f.field("address", &self.address).field("limits", &self.limits).finish_non_exhaustive()
    }
}
