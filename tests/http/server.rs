//! A server as a member of a group.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get as route;
use droves::cancel::CancelToken;
use droves::group::{Exit, Group, Handle, Member, RunError, Runner, Signal};
use droves::http::{Server, ServerBuilder, StartError};
use droves::threads::{Threads, block_on};

use crate::help::{Answer, LIMIT, alone, until};

/// What the server's slow handler waits for, and how many wait.
#[derive(Clone, Default)]
pub(crate) struct Slow {
    gate: CancelToken,
    begun: Arc<std::sync::atomic::AtomicUsize>,
}

impl Slow {
    fn begun(&self) -> usize {
        self.begun.load(std::sync::atomic::Ordering::SeqCst)
    }
}

pub(crate) fn app(slow: &Slow) -> Router {
    let slow = slow.clone();
    let waits = async move || {
        slow.begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        slow.gate.cancelled().await;
        "done"
    };
    Router::new()
        .route("/", route(async || "hello"))
        .route("/slow", route(waits))
        .route("/panic", route(async || -> &'static str { panic!("a handler") }))
}

/// A group of one server, which listens.
pub(crate) fn serving(
    slow: &Slow,
    set: fn(ServerBuilder) -> ServerBuilder,
) -> (Handle, SocketAddr) {
    let (tell, told) = mpsc::channel();
    let slow = slow.clone();
    let server = Member::runner("server", move |_| {
        let server = Server::builder(app(&slow)).address(alone()).finish_within(LIMIT);
        let server = set(server).start()?;
        tell.send(server.local_addr())?;
        Ok(server)
    });
    let group = Group::parallel([server]).start(&Threads::new()).unwrap();
    block_on(group.ready()).unwrap();
    (group, told.recv().unwrap())
}

/// A request whose answer comes later, by a connection that is to be closed then or not.
pub(crate) fn ask(address: SocketAddr, path: &str, close: bool) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let kind = if close { "close" } else { "keep-alive" };
    let text = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {kind}\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

pub(crate) fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub(crate) fn end(group: &Handle) -> String {
    match block_on(group.wait()) {
        Ok(trace) => trace.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn if_24_a_port_that_is_busy_is_the_exit_error() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let server = Member::runner("server", move |_| {
        Ok(Server::builder(app(&Slow::default())).address(address).start()?)
    });
    let group = Group::parallel([server]).start(&Threads::new()).unwrap();
    assert!(block_on(group.ready()).is_err());
    let error = block_on(group.wait()).unwrap_err();
    let text = format!("server exited with error: cannot listen on {address}: ");
    assert!(error.to_string().starts_with(&text), "{error}");
    let Exit::Failed(error) = &error.trace().exits()[0].exit else { panic!("{error}") };
    let named = error.downcast_ref::<StartError>().unwrap();
    assert!(matches!(named, StartError::Listen(at, _) if *at == address.to_string()));
}

#[test]
fn if_24_it_is_ready_when_it_listens_and_tells_where() {
    let (group, address) = serving(&Slow::default(), |builder| builder);
    assert!(address.port() != 0 && address.ip().is_loopback());
    for _ in 0..3 {
        let stream = ask(address, "/", true);
        assert_eq!(Answer::read(&rest(stream)).unwrap().body, "hello");
    }
    assert_eq!(Answer::read(&rest(ask(address, "/none", true))).unwrap().status, 404);
    group.signal(Signal::INTERRUPT).unwrap();
    assert_eq!(end(&group), "server exited with nil");
    // The port is free again.
    drop(TcpListener::bind(address).unwrap());
}

#[test]
fn if_24_a_signal_refuses_new_connections_and_running_requests_are_finished() {
    let slow = Slow::default();
    let (group, address) = serving(&slow, |builder| builder);
    let clients = [true, false].map(|close| ask(address, "/slow", close));
    until("both are at work", || slow.begun() == 2);
    group.signal(Signal::TERMINATE).unwrap();
    until("no other is accepted", || TcpStream::connect(address).is_err());
    std::thread::sleep(Duration::from_millis(400));
    assert!(!group.is_done(), "it waits for them");
    slow.gate.cancel();
    for client in clients {
        let answer = rest(client);
        let answer = Answer::read(&answer).expect("an answer, and then the end");
        assert_eq!((answer.status, &*answer.body), (200, "done"));
    }
    assert_eq!(end(&group), "server exited with nil");
}

#[test]
fn if_24_who_asks_nothing_holds_nobody_up() {
    let (group, address) = serving(&Slow::default(), |builder| builder);
    // One that says nothing, one that begins to, and one that has had its answer.
    let silent = TcpStream::connect(address).unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET / HT").unwrap();
    let mut kept = ask(address, "/", false);
    let mut answer = [0; 512];
    assert!(kept.read(&mut answer).unwrap() > 0);
    group.signal(Signal::TERMINATE).unwrap();
    let since = Instant::now();
    assert_eq!(end(&group), "server exited with nil");
    assert!(since.elapsed() < LIMIT, "{:?}", since.elapsed());
    assert!(rest(silent).is_empty() && rest(kept).is_empty());
}

#[test]
fn if_24_what_does_not_end_in_time_is_cut_off_and_counted() {
    let slow = Slow::default();
    let limit = |builder: ServerBuilder| builder.finish_within(Duration::from_millis(50));
    let (group, address) = serving(&slow, limit);
    let clients = [(); 3].map(|()| ask(address, "/slow", true));
    until("they are at work", || slow.begun() == 3);
    group.signal(Signal::TERMINATE).unwrap();
    let error = block_on(group.wait()).unwrap_err();
    let Exit::Failed(error) = &error.trace().exits()[0].exit else { panic!("{error}") };
    assert_eq!(error.downcast_ref(), Some(&RunError::LeftOver(3)));
    assert!(clients.into_iter().all(|client| rest(client).is_empty()));
}

#[test]
fn if_24_slow_clients_have_no_more_than_its_time() {
    let (tell, begun) = mpsc::channel();
    let reads = {
        let tell = tell.clone();
        async move |body: axum::body::Body| {
            tell.send(()).unwrap();
            axum::body::to_bytes(body, 64).await.unwrap()
        }
    };
    let writes = async move || {
        tell.send(()).unwrap();
        vec![0; 64 << 20]
    };
    let app = Router::new().route("/", route(writes).post(reads));
    let server = Server::builder(app).address("127.0.0.1:0");
    let server = server.finish_within(Duration::from_millis(50)).start().unwrap();
    let address = server.local_addr();
    let _reads_nothing = ask(address, "/", false);
    let mut says_half = TcpStream::connect(address).unwrap();
    let half = format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\nhalf");
    says_half.write_all(half.as_bytes()).unwrap();
    for _ in 0..2 {
        begun.recv().unwrap();
    }
    server.finish();
    assert_eq!(block_on(server.ended()), Err(RunError::LeftOver(2)));
}

#[test]
fn if_24_of_requests_that_follow_each_other_those_that_have_begun_are_answered() {
    let slow = Slow::default();
    let (group, address) = serving(&slow, |builder| builder);
    let mut client = ask(address, "/", false);
    let text = format!("GET /slow HTTP/1.1\r\nHost: {address}\r\n\r\n");
    client.write_all(text.repeat(2).as_bytes()).unwrap();
    until("the second is at work", || slow.begun() == 1);
    group.signal(Signal::TERMINATE).unwrap();
    until("no other is accepted", || TcpStream::connect(address).is_err());
    slow.gate.cancel();
    let answers = String::from_utf8(rest(client)).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("hello") && answers.ends_with("done"), "{answers}");
    assert_eq!((end(&group).as_str(), slow.begun()), ("server exited with nil", 1));
}

#[test]
fn clients_of_http_1_0_are_answered() {
    let server = Server::builder(app(&Slow::default())).address("127.0.0.1:0").start().unwrap();
    let mut client = TcpStream::connect(server.local_addr()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let answer = Answer::read(&rest(client)).unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "hello"));
}

#[test]
fn if_24_cancelled_it_cuts_off_what_there_is() {
    for kill in [true, false] {
        let slow = Slow::default();
        let (group, address) = serving(&slow, |builder| builder);
        let (client, silent) = (ask(address, "/slow", true), TcpStream::connect(address).unwrap());
        until("it is at work", || slow.begun() == 1);
        if kill {
            group.signal(Signal::KILL).unwrap();
        } else {
            group.cancel();
        }
        assert_eq!(end(&group), "server exited with error: it ended with 1 left over");
        assert!(rest(client).is_empty() && rest(silent).is_empty());
    }
}

#[test]
fn if_24_cancelled_it_counts_none_that_waits_for_a_request() {
    for _ in 0..10 {
        let (group, address) = serving(&Slow::default(), |builder| builder);
        let mut kept = [(); 16].map(|()| ask(address, "/", false));
        for stream in &mut kept {
            assert!(stream.read(&mut [0; 512]).unwrap() > 0);
        }
        group.cancel();
        assert_eq!(end(&group), "server exited with nil");
    }
}

#[test]
fn further_connections_wait_for_the_end_of_another() {
    let slow = Slow::default();
    let (group, address) = serving(&slow, |builder| builder.connections(2));
    let first = [(); 2].map(|()| ask(address, "/slow", true));
    until("both are at work", || slow.begun() == 2);
    let third = ask(address, "/slow", true);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(slow.begun(), 2);
    slow.gate.cancel();
    for client in first.into_iter().chain([third]) {
        assert_eq!(Answer::read(&rest(client)).unwrap().status, 200);
    }
    group.signal(Signal::TERMINATE).unwrap();
    assert_eq!(end(&group), "server exited with nil");
}

#[test]
fn it_ends_when_it_is_dropped() {
    let slow = Slow::default();
    let server = Server::builder(app(&slow)).address(alone()).start().unwrap();
    let address = server.local_addr();
    let client = ask(address, "/slow", true);
    until("it is at work", || slow.begun() == 1);
    drop(server);
    assert!(rest(client).is_empty() && TcpStream::connect(address).is_err());
}
