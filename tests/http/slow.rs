//! Clients that take their time, and clients that are many.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use droves::threads::block_on;

use crate::help::{Answer, LASTS, LIMIT, get, herd_of, idle, plane_of, request};

/// How long a connection stays at least, however many come.
const STAYS: Duration = Duration::from_millis(250);

/// Reads until the other side closes.
fn closed(mut stream: TcpStream) {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it stays open"),
        _ => {}
    }
}

/// Asks as fast as those do who are not slow: a machine that is busy may take one for a slow one, who asks again then.
fn quick(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let request = request(address, method, path, body);
    loop {
        let since = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        let sent = stream.write_all(request.as_bytes());
        if since.elapsed() >= STAYS {
            continue;
        }
        sent.unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        return Answer::read(&answer).expect("an answer");
    }
}

#[test]
fn a_hundred_slow_clients_hold_up_neither_the_plane_nor_the_herd() {
    let (herd, mut results) = herd_of(2);
    let plane = plane_of(&herd).start().unwrap();
    let address = plane.local_addr();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for slow in 0..100 {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    trickle(address, slow, over);
                }
            });
        }
        let since = Instant::now();
        for round in 0..20_u64 {
            let asked = Instant::now();
            herd.send_blocking(round, 10).unwrap();
            let size = 2 + round % 2;
            let patch = quick(address, "PATCH", "/herd", &format!("{{\"num\": {size}}}"));
            assert_eq!(patch.status, 200);
            assert_eq!(quick(address, "GET", "/stats", "").json()["size"], size);
            assert!(block_on(results.next()).unwrap().outcome.into_result().is_ok());
            assert!(asked.elapsed() < 4 * LASTS, "{:?}", asked.elapsed());
        }
        over.store(true, Ordering::Relaxed);
        assert!(since.elapsed() < 20 * LASTS, "{:?}", since.elapsed());
    });
}

/// Sends a request byte by byte, until the other side has had enough.
fn trickle(address: SocketAddr, slow: u8, over: &AtomicBool) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    let text = format!(
        "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 90\r\n\r\n{{\"num\": 9"
    );
    // Some are slow in the head, some in the body, some read no answer.
    let at_once = usize::from(slow) % 3 * 60 % text.len();
    let (first, rest) = text.split_at(at_once);
    if stream.write_all(first.as_bytes()).is_err() {
        return;
    }
    for byte in rest.bytes().chain(std::iter::repeat(b' ')) {
        std::thread::sleep(Duration::from_millis(20));
        if over.load(Ordering::Relaxed) || stream.write_all(&[byte]).is_err() {
            return;
        }
    }
}

#[test]
fn who_does_not_come_to_an_end_is_cut_off() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let starts = [
        String::new(),
        format!("GET /herd HTTP/1.1\r\nHost: {address}\r\n"),
        format!("PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n{{\"num"),
        format!(
            "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"
        ),
    ];
    let since = Instant::now();
    let streams = starts.map(|start| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        stream
    });
    for stream in streams {
        closed(stream);
        assert!(since.elapsed() >= LASTS, "{:?}", since.elapsed());
    }
    assert_eq!(herd.stats().size, 4);
}

#[test]
fn who_is_quick_is_answered_however_many_come() {
    let (_herd, plane) = idle();
    let address = plane.local_addr();
    let request = request(address, "GET", "/stats", "");
    // Few enough at a time have not yet asked, however busy the machine is.
    let ask = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let ask_and_read = || {
        let streams = [(); 50].map(|()| ask());
        for mut stream in streams {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert_eq!(Answer::read(&answer).expect("an answer").status, 200);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(ask_and_read);
        }
    });
}

#[test]
fn no_more_than_64_are_heard() {
    let (_herd, plane) = idle();
    let address = plane.local_addr();
    let since = Instant::now();
    let silent: Vec<_> = (0..65).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(get(address, "/healthz").status, 200);
    assert!(since.elapsed() >= Duration::from_millis(250), "the oldest has had its time");
    assert!(since.elapsed() < LASTS, "not only when the others' time was over");
    // The oldest has gone for it, and the youngest has all of its time.
    let mut silent = silent.into_iter();
    closed(silent.next().unwrap());
    assert!(since.elapsed() < LASTS, "{:?}", since.elapsed());
    closed(silent.next_back().unwrap());
    assert!(since.elapsed() >= LASTS, "{:?}", since.elapsed());
}
