//! A client that sends what it is told to, and doors to ask about.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use droves::herd::{Herd, Item, Results};
use droves::http::{Builder, ControlPlane};
use droves::threads::Threads;
use serde_json::Value;

/// Far more than anything takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// How long a plane lets a connection last that does not come to an end.
pub(crate) const LASTS: Duration = Duration::from_secs(5);

pub(crate) type Numbers = Herd<u64, u64, String>;

/// A herd of so many, whose items sleep as many milliseconds as their body says, and a plane for it.
pub(crate) fn herd_of(size: usize) -> (Numbers, Results<u64, u64, String>) {
    let handler = |item: &mut Item<u64>| {
        std::thread::sleep(Duration::from_millis(**item));
        Ok(**item)
    };
    let threads = Threads::new();
    let builder = Herd::blocking_builder(handler).size(size).measured(threads.clone());
    builder.start(&threads).unwrap()
}

pub(crate) fn plane_of(herd: &Numbers) -> Builder {
    ControlPlane::builder(herd.clone()).address("127.0.0.1:0")
}

/// Any port at an address of this machine that nobody else is given: what is free there stays so.
pub(crate) fn alone() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    assert!(number < u8::MAX, "there are more than that");
    (Ipv4Addr::new(127, 1 + high % 254, low, 1 + number % 254), 0).into()
}

/// A herd of 4, of which nothing is asked, and its plane as it is by default.
pub(crate) fn idle() -> (Numbers, ControlPlane) {
    let (herd, _) = herd_of(4);
    let plane = plane_of(&herd).start().unwrap();
    (herd, plane)
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub(crate) fn read(raw: &[u8]) -> Option<Self> {
        let text = String::from_utf8(raw.to_vec()).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        Some(Self { status, head: head.into(), body: body.into() })
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// What the `msg` says.
    pub(crate) fn msg(&self) -> String {
        self.json()["msg"].as_str().unwrap().to_owned()
    }
}

/// Sends bytes, and reads until the other side closes.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // The other side may have seen enough before the end.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Sends bytes, and reads an answer.
#[track_caller]
pub(crate) fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let request = request.as_ref();
    let answer = exchange(address, request);
    Answer::read(&answer).unwrap_or_else(|| {
        let (request, answer) =
            (String::from_utf8_lossy(request), String::from_utf8_lossy(&answer));
        panic!("{request:?} was answered with {answer:?}")
    })
}

/// As curl would ask.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let kind = "application/x-www-form-urlencoded";
    let about = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {length}\r\nContent-Type: {kind}\r\n")
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n{about}\r\n{body}"
    )
}

#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    raw(address, request(address, "GET", path, ""))
}

#[track_caller]
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    raw(address, request(address, "POST", path, body))
}

#[track_caller]
pub(crate) fn patch(address: SocketAddr, body: &str) -> Answer {
    raw(address, request(address, "PATCH", "/herd", body))
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < LIMIT, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
