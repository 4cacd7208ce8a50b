//! Requests that are made to be taken for something else, and doors that fail.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use droves::control::{AlreadyStopping, Control, ResizeError, Stats, Times};
use droves::http::ControlPlane;
use droves::threads::block_on;

use crate::help::{
    Answer, LASTS, LIMIT, Numbers, alone, exchange, get, herd_of, idle, patch, plane_of, post, raw,
};

/// Sends a request, with what is smuggled behind it; tells the statuses of all answers.
fn statuses(address: SocketAddr, request: &str) -> Vec<u16> {
    let answers = exchange(address, request.as_bytes());
    let answers = String::from_utf8(answers).unwrap();
    answers.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
}

#[test]
fn a_length_that_can_be_read_in_two_ways_is_none() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let body = r#"{"num": 9}"#;
    for lengths in [
        "Content-Length: 10\r\nContent-Length: 11",
        "Content-Length: 0\r\nContent-Length: 10",
        "Content-Length: 10, 11",
        "Content-Length: +10",
        "Content-Length: -10",
        "Content-Length: 0xa",
        "Content-Length: 1e1",
        "Content-Length: 10.0",
        "Content-Length: 18446744073709551626",
        "Content-Length : 10",
        "Content-Length: \r\n 10",
        "Content\u{0}-Length: 10",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
    ] {
        let request = format!("PATCH /herd HTTP/1.1\r\nHost: {address}\r\n{lengths}\r\n\r\n{body}");
        let found = statuses(address, &request);
        assert!(found.is_empty() || found == [400], "{lengths:?}: {found:?}");
        assert_eq!(herd.stats().size, 4, "{lengths:?}");
    }
    // There is one without a body too, whose rest is none.
    let request = format!("PATCH /herd HTTP/1.1\r\nHost: {address}\r\n\r\n{body}");
    assert_eq!((statuses(address, &request), herd.stats().size), (vec![400], 4));
}

#[test]
fn what_stands_behind_a_request_is_not_read() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let hidden = format!(
        "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n{{\"num\": 9}}"
    );
    let length = hidden.len();
    for (line, headers, body) in [
        ("GET /herd", String::new(), String::new()),
        ("GET /herd", "Connection: keep-alive\r\n".into(), String::new()),
        ("HEAD /herd", String::new(), String::new()),
        ("POST /nothing", "Content-Length: 0\r\n".into(), String::new()),
        ("GET /herd", "Transfer-Encoding: chunked\r\n".into(), "0\r\n\r\n".into()),
        // By one header all of it is the body, and by the other nothing.
        (
            "GET /herd",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", length + 5),
            "0\r\n\r\n".into(),
        ),
        ("GET /herd", "Connection: Upgrade\r\nUpgrade: h2c\r\n".into(), String::new()),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n{body}{hidden}");
        let found = statuses(address, &request);
        assert!(found.len() <= 1, "{headers:?}: {found:?}");
        assert_eq!(herd.stats().size, 4, "{line}, {headers:?}");
    }
}

#[test]
fn chunks_that_are_none_change_nothing() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let chunked = |body: &str| {
        statuses(
            address,
            &format!(
                "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            ),
        )
    };
    for body in [
        "fffffffffffffffff\r\n{\"num\": 9}\r\n0\r\n\r\n",
        "-a\r\n{\"num\": 9}\r\n0\r\n\r\n",
        "0xa\r\n{\"num\": 9}\r\n0\r\n\r\n",
        "a\r\n{\"num\": 9}0\r\n\r\n",
        "g\r\n{\"num\": 9}\r\n0\r\n\r\n",
    ] {
        let found = chunked(body);
        assert!(found.is_empty() || found == [400], "{body:?}: {found:?}");
        assert_eq!(herd.stats().size, 4, "{body:?}");
    }
    let mixed = "3;a=b\r\n{\"n\r\n7\r\num\": 9}\r\n0\r\n\r\n";
    assert_eq!((chunked(mixed), herd.stats().size), (vec![200], 9));
}

#[test]
fn other_kinds_of_requests_are_told_so() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let own = format!("Host: {address}\r\n");
    for (line, headers, status) in [
        ("OPTIONS * HTTP/1.1".into(), &*own, 404),
        ("OPTIONS /herd HTTP/1.1".into(), &own, 405),
        ("GET /herd HTTP/1.0".into(), &own, 200),
        ("GET /herd HTTP/1.0".into(), "", 403),
        (format!("GET http://{address}/herd HTTP/1.1"), &own, 200),
        (format!("GET HTTP://{address}/herd HTTP/1.1"), &own, 200),
        (format!("GET http://{address}/herd HTTP/1.1"), "", 403),
        (format!("GET http://{address}/herd HTTP/1.1"), "Host: example.com\r\n", 403),
        (format!("GET http://user@{address}/herd HTTP/1.1"), &own, 403),
        ("GET http://example.com/herd HTTP/1.1".into(), &own, 403),
        ("GET /herd#here HTTP/1.1".into(), &own, 200),
        ("GET /her%64 HTTP/1.1".into(), &own, 404),
        ("GET /./herd HTTP/1.1".into(), &own, 404),
    ] {
        let answer = raw(address, format!("{line}\r\n{headers}\r\n"));
        assert_eq!(answer.status, status, "{line}, {headers:?}");
    }
    for start in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /herd\r\n\r\n",
        "GET /herd HTTP/3.0\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let status = Answer::read(&answer).map(|answer| answer.status);
        assert!(status.is_none_or(|status| status / 100 == 4), "{start:?}: {status:?}");
    }
    assert_eq!(herd.stats().size, 4);
}

#[test]
fn what_a_browser_asks_for_others_is_refused() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let ask = |line: &str, headers: &str| {
        raw(address, format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n")).status
    };
    for site in ["cross-site", "same-site", "", "Same-Origin"] {
        // As a picture, or by a script, on another's page: without an Origin.
        let headers = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: no-cors\r\n");
        for path in ["/", "/stats", "/healthz", "/metrics"] {
            assert_eq!(ask(&format!("GET {path}"), &headers), 403, "{path}, {site}");
        }
        // By a link that is followed, but not by a form that is sent.
        let headers = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: navigate\r\n");
        assert_eq!(ask("GET /", &headers), 200, "{site}");
        assert_eq!(ask("POST /quiet", &headers), 403, "{site}");
    }
    for site in ["same-origin", "none"] {
        assert_eq!(ask("GET /stats", &format!("Sec-Fetch-Site: {site}\r\n")), 200, "{site}");
        let two = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Site: {site}\r\n");
        assert_eq!(ask("GET /stats", &two), 403);
    }
    assert!(herd.try_send(0, 0).is_ok(), "it is not quiet");
}

#[test]
fn gh_13_bodies_in_disguise() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let utf16: Vec<u8> = r#"{"num": 9}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = |n: usize| format!("{}9{}", "{\"num\":".repeat(n), "}".repeat(n)).into_bytes();
    for body in [
        b"\xef\xbb\xbf{\"num\": 9}".to_vec(),
        utf16,
        b"{\"num\": 9}\0".to_vec(),
        b"{\"n\xffm\": 9}".to_vec(),
        b"\"{\\\"num\\\": 9}\"".to_vec(),
        b"{'num': 9}".to_vec(),
        b"{\"num\": 09}".to_vec(),
        b"{\"num\": +9}".to_vec(),
        b"{\"num\": 0x9}".to_vec(),
        b"{\"num\": 9,}".to_vec(),
        b"{\"num\": -0}".to_vec(),
        b"{\"num\": 9.0}".to_vec(),
        b"{\"num\": NaN}".to_vec(),
        b"{\"num\": 1e999999}".to_vec(),
        [b"{\"num\": ".as_slice(), &[b'9'; 4_000], b"}"].concat(),
        deep(2),
        deep(100),
        deep(500),
        [b'['; 4_096].to_vec(),
    ] {
        let request = format!(
            "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = raw(address, [request.as_bytes(), &body].concat());
        let text = String::from_utf8_lossy(&body);
        assert_eq!((answer.status, herd.stats().size), (400, 4), "{text}");
        assert!(!answer.msg().is_empty(), "{text}");
    }
    // As the old system did: the last one counts, and so do escapes.
    assert_eq!((patch(address, r#"{"num": 6, "num": 7}"#).status, herd.stats().size), (200, 7));
    assert_eq!((patch(address, r#"{"\u006eum": 8}"#).status, herd.stats().size), (200, 8));
}

#[test]
fn gh_12_whatever_a_body_is_said_to_be() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let kinds = [
        "application/x-www-form-urlencoded",
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "multipart/form-data; boundary=x",
        "?",
    ];
    for (size, kind) in (1..).zip(kinds) {
        // The old system's curl lines go to localhost.
        let port = address.port();
        let answer = raw(
            address,
            format!(
                "PATCH /herd HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
                 Content-Length: 10\r\nContent-Type: {kind}\r\n\r\n{{\"num\": {size}}}"
            ),
        );
        assert_eq!((answer.status, herd.stats().size), (200, size), "{kind}");
        assert_eq!(answer.body, format!(r#"{{"num":{size},"msg":"success"}}"#));
    }
}

#[test]
fn who_asks_whether_to_go_on_is_told_so() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!(
        "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 100");
    stream.write_all(b"{\"num\": 9}").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
    assert_eq!(herd.stats().size, 9);
}

/// A door whose times are not to be had.
struct Faulty(Numbers);

impl Control for Faulty {
    fn max_size(&self) -> usize {
        self.0.max_size()
    }
    fn resize(&self, _: usize) -> Result<(), ResizeError> {
        panic!("out of reach")
    }
    fn stats(&self) -> Stats {
        self.0.stats()
    }
    fn times(&self) -> Option<Times> {
        panic!("out of time")
    }
    fn quiet(&self) -> Result<(), AlreadyStopping> {
        self.0.quiet()
    }
    fn resume(&self) -> Result<(), AlreadyStopping> {
        self.0.resume()
    }
    fn drain(&self, within: Option<Duration>) -> Result<(), AlreadyStopping> {
        Control::drain(&self.0, within)
    }
    fn cancel(&self) -> Result<(), AlreadyStopping> {
        self.0.cancel()
    }
}

#[test]
fn a_door_that_panics_does_not_take_the_plane_along() {
    let (herd, _results) = herd_of(4);
    let plane = ControlPlane::builder(Faulty(herd)).address("127.0.0.1:0").start().unwrap();
    let address = plane.local_addr();
    for _ in 0..3 {
        for answer in
            [get(address, "/stats"), get(address, "/metrics"), patch(address, "{\"num\":9}")]
        {
            assert_eq!((answer.status, &*answer.msg()), (500, "what was asked has panicked"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        assert_eq!(get(address, "/herd").body, r#"{"num":4,"msg":"success"}"#);
        assert_eq!(post(address, "/quiet", "").status, 200);
    }
}

/// Ends a plane while it waits for the rest of a request, which comes then; tells the status of the answer, if there was one.
fn answered_at_the_end() -> Option<u16> {
    let (herd, results) = herd_of(4);
    drop(results);
    let plane = plane_of(&herd).start().unwrap();
    let address = plane.local_addr();
    let mut streams: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    let (first, silent) = streams.split_first_mut().unwrap();
    write!(first, "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n{{\"num\"")
        .unwrap();
    // The plane has accepted all of them when a later one has been answered.
    assert_eq!(get(address, "/healthz").status, 200);
    let (told, tells) = mpsc::channel();
    let stops = std::thread::spawn(move || {
        told.send(()).unwrap();
        plane.stop();
    });
    tells.recv().unwrap();
    let _ = first.write_all(b": 9}");
    let mut answer = Vec::new();
    let _ = first.read_to_end(&mut answer);
    stops.join().unwrap();
    let status = Answer::read(&answer).map(|answer| answer.status);
    assert_eq!(herd.stats().size, status.map_or(4, |_| 9));
    // Those who say nothing keep nothing of it: neither their connections nor its handle to the herd.
    for stream in silent {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
    }
    let join = herd.join();
    drop(herd);
    block_on(join).unwrap();
    status
}

#[test]
fn who_is_being_answered_when_it_ends_gets_his_answer() {
    // There is a quarter of a second for it, which a busy machine may let pass.
    let mut statuses = (0..50).map(|_| answered_at_the_end());
    assert!(statuses.any(|status| status == Some(200)), "nobody gets it");
}

#[test]
fn planes_come_and_go() {
    let (herd, _results) = herd_of(1);
    let since = Instant::now();
    let mut address = alone();
    for _ in 0..50 {
        // The port is free again at once, and so is the thread.
        let plane = plane_of(&herd).address(address).start().unwrap();
        address = plane.local_addr();
        assert_eq!(get(address, "/readyz").status, 200);
    }
    // If each waited for its connections' time to be over it would be more.
    assert!(since.elapsed() < 49 * LASTS, "{:?}", since.elapsed());
}
