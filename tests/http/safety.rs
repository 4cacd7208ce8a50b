//! Who may ask, and how much.

use std::net::SocketAddr;

use crate::help::{Answer, exchange, get, herd_of, idle, plane_of, raw};

const PATHS: [&str; 9] =
    ["/", "/herd", "/metrics", "/stats", "/healthz", "/readyz", "/quiet", "/group", "/nothing"];

/// Asks with these headers, each with its line's end, and no others.
#[track_caller]
fn with(address: SocketAddr, line: &str, headers: &str) -> Answer {
    raw(address, format!("{line} HTTP/1.1\r\n{headers}\r\n"))
}

#[test]
fn another_host_is_refused_on_every_route() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let port = address.port();
    for path in PATHS {
        for host in [
            "Host: example.com\r\n".into(),
            format!("Host: example.com:{port}\r\n"),
            format!("Host: localhost.example.com:{port}\r\n"),
            format!("Host: 127.0.0.2:{port}\r\n"),
            format!("Host: user@127.0.0.1:{port}\r\n"),
            format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
            "Host: 127.0.0.1\r\n".into(),
            "Host: localhost\r\n".into(),
            "Host: \r\n".into(),
            String::new(),
            format!("Host: {address}\r\nHost: {address}\r\n"),
            "Host: \u{e9}\r\n".into(),
        ] {
            let answer = with(address, &format!("GET {path}"), &host);
            assert_eq!(answer.status, 403, "{path}, {host}");
            assert!(!answer.body.contains("num"));
        }
    }
    let line = format!("GET http://example.com:{port}/herd");
    assert_eq!(with(address, &line, &format!("Host: {address}\r\n")).status, 403);
    let line = format!("GET http://{address}/herd");
    assert_eq!(with(address, &line, &format!("Host: {address}\r\n")).status, 200);
    let line = format!("CONNECT {address}");
    assert_eq!(with(address, &line, &format!("Host: {address}\r\n")).status / 100, 4);
    for host in [address.to_string(), format!("localhost:{port}"), format!("LocalHost:{port}")] {
        assert_eq!(with(address, "GET /herd", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    assert_eq!(herd.stats().size, 4);
}

#[test]
fn another_origin_is_refused_on_every_route() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let port = address.port();
    let foreign = [
        "null".into(),
        "http://example.com".into(),
        format!("http://example.com:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        "http://127.0.0.1".into(),
        format!("file://127.0.0.1:{port}"),
        format!("{address}"),
        String::new(),
    ];
    for origin in &foreign {
        let headers = format!("Host: {address}\r\nOrigin: {origin}\r\n");
        for path in PATHS {
            assert_eq!(with(address, &format!("GET {path}"), &headers).status, 403, "{origin}");
            assert_eq!(with(address, &format!("OPTIONS {path}"), &headers).status, 403, "{origin}");
        }
        let body = "Content-Length: 10\r\n\r\n{\"num\": 9}";
        let patch = format!("PATCH /herd HTTP/1.1\r\n{headers}{body}");
        assert_eq!(raw(address, patch).status, 403, "{origin}");
        assert_eq!(with(address, "POST /quiet", &headers).status, 403, "{origin}");
    }
    let own = format!("Host: {address}\r\nOrigin: http://{address}\r\n");
    assert_eq!(with(address, "GET /herd", &own).status, 200);
    let two = format!("{own}Origin: http://example.com\r\n");
    assert_eq!(with(address, "GET /herd", &two).status, 403);
    assert_eq!(herd.stats().size, 4);
    assert_eq!(get(address, "/readyz").status, 200);
}

#[test]
fn names_can_be_allowed() {
    let (herd, _results) = herd_of(1);
    let plane =
        plane_of(&herd).allow_host("Ops.example").allow_host("proxy.example:8443").start().unwrap();
    let address = plane.local_addr();
    let port = address.port();
    for (host, status) in [
        ("ops.example".into(), 200),
        (format!("OPS.example:{port}"), 200),
        ("ops.example:1".into(), 403),
        ("proxy.example:8443".into(), 200),
        ("proxy.example".into(), 403),
        (format!("proxy.example:{port}"), 403),
        (address.to_string(), 200),
    ] {
        let answer = with(address, "GET /herd", &format!("Host: {host}\r\n"));
        assert_eq!(answer.status, status, "{host}");
        let headers = format!("Host: {address}\r\nOrigin: https://{host}\r\n");
        let answer = with(address, "GET /herd", &headers);
        assert_eq!(answer.status, status, "the origin {host}");
    }
}

#[test]
fn the_address_may_be_one_of_ipv6_or_every_one() {
    let (herd, _results) = herd_of(1);
    if let Ok(plane) = plane_of(&herd).address("[::1]:0").start() {
        let address = plane.local_addr();
        assert_eq!(get(address, "/herd").status, 200, "{address}");
        let host = format!("Host: 127.0.0.1:{}\r\n", address.port());
        assert_eq!(with(address, "GET /herd", &host).status, 403);
    }
    let plane = plane_of(&herd).address("0.0.0.0:0").token("secret").start().unwrap();
    let port = plane.local_addr().port();
    // It is the address that the connection came to which counts.
    for (to, host, status) in [
        ("127.0.0.1", "127.0.0.1", 200),
        ("127.0.0.2", "127.0.0.2", 200),
        ("127.0.0.2", "127.0.0.1", 403),
        ("127.0.0.1", "0.0.0.0", 403),
        ("127.0.0.1", "example.com", 403),
    ] {
        let address = SocketAddr::new(to.parse().unwrap(), port);
        let headers = format!("Host: {host}:{port}\r\nAuthorization: Bearer secret\r\n");
        assert_eq!(with(address, "GET /herd", &headers).status, status, "{host} at {to}");
    }
}

#[test]
fn with_a_token_who_does_not_know_it_learns_nothing() {
    let (herd, _results) = herd_of(4);
    let plane = plane_of(&herd).token("correct-horse").start().unwrap();
    let address = plane.local_addr();
    for shown in [
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer correct-hors\r\n",
        "Authorization: Bearer correct-horse-\r\n",
        "Authorization: Bearer correct-horsecorrect-horse\r\n",
        "Authorization: Bearer Correct-horse\r\n",
        "Authorization: Basic correct-horse\r\n",
        "Authorization: correct-horse\r\n",
        "Authorization: Bearer correct-horse\r\nAuthorization: Bearer correct-horse\r\n",
        "X-Authorization: Bearer correct-horse\r\n",
    ] {
        let headers = format!("Host: {address}\r\n{shown}");
        for line in [
            "GET /herd",
            "PATCH /herd",
            "GET /metrics",
            "GET /stats",
            "GET /group",
            "GET /readyz",
            "POST /quiet",
            "POST /resume",
            "POST /drain",
            "GET /nothing",
            "DELETE /herd",
            "GET //",
            "GET /healthz/",
        ] {
            let answer = with(address, line, &headers);
            assert_eq!(answer.status, 401, "{line} with {shown:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert_eq!(answer.body, r#"{"msg":"this needs the token"}"#);
        }
        // These tell nothing.
        assert_eq!(with(address, "GET /healthz", &headers).status, 200);
        assert_eq!(with(address, "GET /", &headers).status, 200);
    }
    assert_eq!((herd.stats().size, herd.try_send(0, 0).is_ok()), (4, true));

    let shown = "Authorization: bearer  correct-horse\r\n";
    let headers = format!("Host: {address}\r\n{shown}");
    assert_eq!(with(address, "GET /herd", &headers).status, 200);
    let patch =
        format!("PATCH /herd HTTP/1.1\r\n{headers}Content-Length: 10\r\n\r\n{{\"num\": 9}}");
    assert_eq!(raw(address, patch).status, 200);
    assert_eq!(herd.stats().size, 9);
    let foreign = format!("{headers}Origin: http://example.com\r\n");
    assert_eq!(with(address, "GET /herd", &foreign).status, 403, "a token does not help others");
}

#[test]
fn bodies_and_heads_are_bounded() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let sized = |length: usize| {
        let body = format!("{{\"num\": 5{}}}", " ".repeat(length - 10));
        raw(
            address,
            format!(
                "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
        )
    };
    for length in [4097, 5_000, 100_000, 3_000_000] {
        let answer = sized(length);
        assert_eq!((answer.status, herd.stats().size), (413, 4), "{length}");
        assert_eq!(answer.msg(), "the body has more than 4096 bytes");
    }
    assert_eq!((sized(4096).status, herd.stats().size), (200, 5));

    let chunked = |chunks: usize| {
        let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400)).repeat(chunks);
        let end = "a\r\n{\"num\": 6}\r\n0\r\n\r\n";
        raw(
            address,
            format!(
                "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{end}"
            ),
        )
    };
    assert_eq!((chunked(4).status, herd.stats().size), (413, 5));
    assert_eq!((chunked(3).status, herd.stats().size), (200, 6));

    // What is short again after what was too long does not help.
    let long = format!("2000\r\n{}\r\na\r\n{{\"num\": 7}}\r\n0\r\n\r\n", " ".repeat(0x2000));
    let start = format!("PATCH /herd HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked");
    let answer = raw(address, format!("{start}\r\n\r\n{long}"));
    assert_eq!((answer.status, herd.stats().size), (413, 6));

    let long = format!("X: {}\r\n", "x".repeat(20_000));
    let many = "X: x\r\n".repeat(70);
    for headers in [long, many] {
        let answer = with(address, "GET /herd", &format!("Host: {address}\r\n{headers}"));
        assert_eq!(answer.status, 431);
    }
    assert_eq!(with(address, &format!("GET /{}", "x".repeat(20_000)), "").status / 100, 4);
}

#[test]
fn who_sends_much_sees_that_he_is_refused() {
    let (herd, _results) = herd_of(4);
    let plane = plane_of(&herd).token("secret").start().unwrap();
    let address = plane.local_addr();
    let body = " ".repeat(1_000_000);
    for (headers, status) in [
        (format!("Host: {address}\r\n"), 401),
        ("Host: example.com\r\n".into(), 403),
        (format!("Host: {address}\r\nOrigin: null\r\n"), 403),
    ] {
        let start = format!("PATCH /herd HTTP/1.1\r\n{headers}Content-Length: 1000000\r\n\r\n");
        assert_eq!(raw(address, format!("{start}{body}")).status, status, "{headers}");
    }
}

#[test]
fn what_breaks_off_changes_nothing() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let whole = format!(
        "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n{{\"num\": 9}}"
    );
    for end in 0..whole.len() {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, &whole.as_bytes()[..end]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        let status = Answer::read(&answer).map(|answer| answer.status);
        assert!(status.is_none_or(|status| status == 400), "{end}: {status:?}");
    }
    assert_eq!(herd.stats().size, 4);
    assert_eq!(raw(address, whole).status, 200);
}

#[test]
fn one_connection_carries_one_request() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let get = format!("GET /herd HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let smuggled = format!(
        "PATCH /herd HTTP/1.1\r\nHost: {address}\r\nContent-Length: 10\r\n\r\n{{\"num\": 9}}"
    );
    let answers =
        String::from_utf8(exchange(address, format!("{get}{smuggled}").as_bytes())).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.to_lowercase().contains("connection: close"), "{answers}");
    assert_eq!(herd.stats().size, 4);
}

#[test]
fn every_answer_is_sealed() {
    let (_herd, plane) = idle();
    for path in PATHS {
        let answer = get(plane.local_addr(), path);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}
