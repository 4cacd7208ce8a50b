//! Whatever is sent, the plane lives, has no fault of its own, and changes nothing that was not asked for.

use std::net::SocketAddr;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use crate::help::{Answer, Numbers, exchange, get, herd_of, plane_of};
use droves::http::ControlPlane;

const MAX: u64 = 50;

/// A herd whose size only the test that holds it changes.
struct Place {
    herd: Numbers,
    plane: ControlPlane,
}

impl Place {
    fn new() -> Self {
        let (herd, results) = herd_of(1);
        // Nobody sends anything.
        drop(results);
        let plane = plane_of(&herd).max_size(50).start().unwrap();
        Self { herd, plane }
    }

    fn address(&self) -> SocketAddr {
        self.plane.local_addr()
    }

    /// Sends anything; tells the status, if there is an answer.
    fn send(&self, bytes: &[u8]) -> Option<u16> {
        let answer = exchange(self.address(), bytes);
        Answer::read(&answer).map(|answer| answer.status)
    }
}

/// One whose size nobody changes.
static PLACE: LazyLock<Place> = LazyLock::new(Place::new);

/// JSON, more or less.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        (-5_i64..60).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:e}")),
        "-?[0-9]{1,30}(\\.[0-9]{0,3})?([eE]-?[0-9]{1,3})?",
        "\"[0-9]{0,3}\"|null|true|\\[[0-9]\\]|\\{\\}",
    ];
    let key = prop_oneof![6 => Just("num".to_owned()), 1 => "[a-zA-Z]{0,4}"];
    let object = (key, number).prop_map(|(key, number)| format!("{{\"{key}\": {number}}}"));
    prop_oneof![
        6 => object.prop_map(String::into_bytes),
        1 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// The size that a body asks for, if it is one, by other means than the plane's.
fn asked(body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("num")?.to_string().parse::<u64>().ok().filter(|&size| size <= MAX)
}

/// Names and addresses, of this plane and others, as they stand in `Host` and `Origin`.
fn hosts(port: u16) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => Just("127.0.0.1".to_owned()),
        4 => Just("localhost".to_owned()),
        1 => Just("LocalHost".to_owned()),
        1 => Just("[::1]".to_owned()),
        1 => Just("example.com".to_owned()),
        1 => "(127|0|10)\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        1 => "(localhost|127\\.0\\.0\\.1)[!-~]{1,3}",
        1 => "[!-~]{1,3}(localhost|127\\.0\\.0\\.1)",
        1 => "[!-~]{0,12}",
    ];
    let port = prop_oneof![
        6 => Just(format!(":{port}")),
        1 => Just(String::new()),
        1 => Just(format!(":0{port}")),
        1 => any::<u16>().prop_map(|port| format!(":{port}")),
        1 => "[!-~]{1,3}",
    ];
    (name, port).prop_map(|(name, port)| name + &port)
}

/// The status that a request to this host is answered with, by other means than the plane's.
fn allowed(host: &str, port: u16) -> u16 {
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if own.contains(&host.to_ascii_lowercase()) { 200 } else { 403 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn gh_13_only_a_size_changes_the_size(body in bodies()) {
        static PLACE: LazyLock<Place> = LazyLock::new(Place::new);
        let place = &*PLACE;
        let before = place.herd.stats().size as u64;
        let head = format!(
            "PATCH /herd HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            place.address(), body.len()
        );
        let status = place.send(&[head.as_bytes(), &body].concat()).expect("an answer");
        let after = place.herd.stats().size as u64;
        let expected = asked(&body).map_or((400, before), |size| (200, size));
        prop_assert_eq!((status, after), expected);
    }

    #[test]
    fn gh_14_no_method_path_or_header_is_a_fault(
        method in "[A-Z]{1,8}|GET|PATCH|POST|[ -~]{0,6}",
        path in "/[a-z]{0,8}|/herd|/stats|/metrics|/readyz|[ -~]{0,20}|/[^\\s]{0,12}",
        headers in prop::collection::vec("[A-Za-z-]{1,12}: [ -~]{0,20}|Content-Length: [0-9]{1,6}|Transfer-Encoding: [a-z]{1,8}|[ -~]{0,10}", 0..5),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        static PLACE: LazyLock<Place> = LazyLock::new(Place::new);
        let place = &*PLACE;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", place.address(), headers.join("\r\n"));
        let mut stream = std::net::TcpStream::connect(place.address()).unwrap();
        let _ = std::io::Write::write_all(&mut stream, &[head.as_bytes(), &body].concat());
        // It may be waiting for more of the body.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        if let Some(answer) = Answer::read(&answer) {
            let faulty = answer.status >= 500 && path != "/readyz";
            prop_assert!(!faulty, "{:?}", answer);
        }
        let post = method == "POST" && ["/quiet", "/drain"].contains(&path.as_str());
        prop_assert!(post || place.herd.stats().size == 1);
    }

    #[test]
    fn only_its_own_host_and_origin_are_served(
        (host, origin) in (hosts(PLACE.address().port()), hosts(PLACE.address().port())),
        scheme in "https?://|http:/|ftp://|",
    ) {
        let (address, place) = (PLACE.address(), &*PLACE);
        let port = address.port();
        let asked = format!("GET /herd HTTP/1.1\r\nHost: {host}\r\n\r\n");
        prop_assert_eq!(place.send(asked.as_bytes()), Some(allowed(&host, port)));

        let asked = format!("GET /herd HTTP/1.1\r\nHost: {address}\r\nOrigin: {scheme}{origin}\r\n\r\n");
        let known = scheme == "http://" || scheme == "https://";
        let expected = if known { allowed(&origin, port) } else { 403 };
        prop_assert_eq!(place.send(asked.as_bytes()), Some(expected));
    }

    #[test]
    fn bytes_are_no_fault(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        static PLACE: LazyLock<Place> = LazyLock::new(Place::new);
        let place = &*PLACE;
        let bytes = [&bytes[..], b"\r\n\r\n"].concat();
        if let Some(status) = place.send(&bytes) {
            prop_assert!((400..500).contains(&status), "{}", status);
        }
        prop_assert_eq!(get(place.address(), "/healthz").status, 200);
    }
}
