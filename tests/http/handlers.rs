//! What a server's handlers may do.

use std::future::poll_fn;
use std::io::Write;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::Router;
use axum::routing::get as route;
use droves::group::{RunError, Runner, Signal};
use droves::http::Server;
use droves::threads::block_on;

use crate::help::{Answer, LIMIT};
use crate::server::{Slow, ask, end, rest, serving};

#[test]
fn a_handler_that_panics_takes_its_connection_alone() {
    let (group, address) = serving(&Slow::default(), |builder| builder);
    assert!(rest(ask(address, "/panic", true)).is_empty());
    assert_eq!(Answer::read(&rest(ask(address, "/", true))).unwrap().status, 200);
    group.signal(Signal::TERMINATE).unwrap();
    assert_eq!(end(&group), "server exited with nil");
}

#[test]
fn what_blocks_beside_a_handler_holds_nobody_up() {
    let (free, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (tell, begun) = mpsc::channel();
    let blocks = async move || {
        let block = move || {
            tell.send(()).unwrap();
            let _ = held.lock().unwrap().recv();
        };
        tokio::task::spawn_blocking(block).await.unwrap();
    };
    let app = Router::new().route("/", route(blocks));
    let limit = Duration::from_millis(50);
    let server = Server::builder(app).address("127.0.0.1:0").finish_within(limit);
    let server = server.start().unwrap();
    let client = ask(server.local_addr(), "/", true);
    begun.recv().unwrap();
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || {
        server.finish();
        tell.send(block_on(server.ended())).unwrap();
        drop(server);
        tell.send(Ok(())).unwrap();
    });
    assert_eq!(ended.recv_timeout(LIMIT), Ok(Err(RunError::LeftOver(1))));
    assert_eq!(ended.recv_timeout(LIMIT), Ok(Ok(())), "nor does it hold up who drops the server");
    assert!(rest(client).is_empty());
    drop(free);
}

#[test]
fn a_handler_that_blocks_the_thread_holds_nobody_up_who_aborts() {
    let (free, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (tell, begun) = mpsc::channel();
    let blocks = async move || {
        tell.send(()).unwrap();
        let _ = held.lock().unwrap().recv();
    };
    let app = Router::new().route("/", route(blocks));
    let server = Server::builder(app).address("127.0.0.1:0").start().unwrap();
    let _client = ask(server.local_addr(), "/", true);
    begun.recv().unwrap();
    let (tell, dropped) = mpsc::channel();
    std::thread::spawn(move || {
        server.abort();
        drop(server);
        tell.send(())
    });
    assert_eq!(dropped.recv_timeout(LIMIT), Ok(()));
    drop(free);
}

#[test]
fn a_connection_that_was_upgraded_is_its_handlers() {
    use axum::http::{StatusCode, header};
    use hyper::rt::Write as _;

    let upgrades = async |mut request: axum::extract::Request| {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = upgraded.await.unwrap();
            poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, b"no HTTP")).await.unwrap();
        });
        let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "plain")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    let app = Router::new().route("/", route(upgrades));
    let server = Server::builder(app).address("127.0.0.1:0").start().unwrap();
    let address = server.local_addr();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let text = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: upgrade\r\nUpgrade: plain\r\n\r\n"
    );
    client.write_all(text.as_bytes()).unwrap();
    let answer = Answer::read(&rest(client)).unwrap();
    assert_eq!((answer.status, &*answer.body), (101, "no HTTP"));
}
