//! The thread's one task that accepts connections, and one for each of them.

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::task::JoinHandle;
use ::tokio::time::{sleep, timeout};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;

use super::Failures;
use super::failures::{Noted, Seen};
use super::guard::Guard;
use super::routes::message;
use crate::cancel::{CancelToken, Cancelled};
use crate::panic::catch;

/// How many connections there may be.
const CONNECTIONS: usize = 64;

/// How long each may last, whatever it does.
const LASTS: Duration = Duration::from_secs(5);

/// How long each lasts at least, however many others come.
const STAYS: Duration = Duration::from_millis(250);

/// How much of a request's head is read, and how many headers.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;

/// What answers.
pub(super) struct App {
    pub router: Router,
    pub guard: Arc<Guard>,
    pub failures: Failures,
}

/// What a request finds beside what its client has sent.
#[derive(Clone)]
pub(super) struct Here {
    /// The address that its connection came to.
    pub address: SocketAddr,
    /// The latest failures when it came.
    pub failures: Arc<[Arc<Noted>]>,
}

/// Connections, the oldest first.
struct Connections(VecDeque<(Instant, JoinHandle<()>)>);

/// Serves until it is told to stop. That somebody was not answered any more is no loss: 0.
pub(super) async fn serve(listener: TcpListener, app: App, stop: CancelToken) -> usize {
    let router = TowerToHyperService::new(app.router);
    let mut stopped = stop.cancelled();
    let mut seen = Seen::default();
    let mut connections = Connections(VecDeque::with_capacity(CONNECTIONS));
    let mut http = http1::Builder::new();
    http.keep_alive(false).half_close(true).max_buf_size(HEAD).max_headers(HEADERS);

    while let Some(stream) = accept(&listener, &mut stopped).await {
        if unless(&mut stopped, connections.make_room()).await.is_none() {
            break;
        }
        app.failures.pass_on(&mut seen);
        let Ok(address) = stream.local_addr() else { continue };
        let here = Here { address, failures: seen.latest() };
        let (router, guard) = (router.clone(), app.guard.clone());
        let service =
            service_fn(move |request| answer(request, router.clone(), guard.clone(), here.clone()));
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let task = ::tokio::spawn(async move {
            // Both its time and its client's faults are the client's.
            let _ = timeout(LASTS, connection).await;
        });
        connections.0.push_back((Instant::now(), task));
        // Those that are there come before further ones.
        ::tokio::task::yield_now().await;
    }
    // No further connection is accepted.
    drop(listener);
    let _ = timeout(STAYS, connections.end()).await;
    0
}

/// Answers one request.
async fn answer(
    request: Request<Incoming>,
    router: TowerToHyperService<Router>,
    guard: Arc<Guard>,
    here: Here,
) -> Result<Response, Infallible> {
    let mut response = match guard.check(request.map(Body::new), here.address).await {
        Ok(mut request) => {
            request.extensions_mut().insert(here);
            unless_panics(router.call(request)).await?
        }
        Err(refusal) => refusal,
    };
    Guard::seal(&mut response);
    Ok(response)
}

/// What comes of the future; if it panics, which only a door that is not of this crate does, an answer that says so.
async fn unless_panics<E>(
    answer: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let mut answer = pin!(answer);
    poll_fn(|cx| {
        // It is not polled again.
        let polled = catch(|| answer.as_mut().poll(cx));
        polled.unwrap_or_else(|_| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Poll::Ready(Ok(message(status, None, "what was asked has panicked")))
        })
    })
    .await
}

/// The next connection; none when it is time to stop.
pub(super) async fn accept(listener: &TcpListener, stopped: &mut Cancelled) -> Option<TcpStream> {
    loop {
        match unless(stopped, listener.accept()).await? {
            Ok((stream, _)) => return Some(stream),
            // Its client is gone, or there are no more files to be had just now.
            Err(_) => unless(stopped, sleep(Duration::from_millis(20))).await?,
        }
    }
}

/// What comes of the future, unless it is time to stop.
pub(super) async fn unless<F: Future>(stopped: &mut Cancelled, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if pin!(&mut *stopped).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

impl Connections {
    /// Waits until there may be another. The oldest has to go for that, if it has had its time: it is a slow one.
    async fn make_room(&mut self) {
        loop {
            self.0.retain(|(_, task)| !task.is_finished());
            match self.0.front() {
                Some((since, oldest)) if self.0.len() >= CONNECTIONS => {
                    if since.elapsed() > STAYS {
                        oldest.abort();
                    }
                    sleep(Duration::from_millis(5)).await;
                }
                _ => return,
            }
        }
    }

    /// Waits until all have ended.
    async fn end(&mut self) {
        for (_, task) in &mut self.0 {
            let _ = task.await;
        }
    }
}
