//! The other routes, methods and paths.

use droves::control::Phase;
use droves::herd::{Herd, Item};
use droves::threads::{Threads, block_on};

use crate::help::{get, herd_of, idle, plane_of, post, raw, request, until};

#[test]
fn gh_14_other_methods_are_told_which_are_allowed() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let routes: [(&str, &[&str]); 10] = [
        ("/", &["GET", "HEAD"]),
        ("/herd", &["GET", "HEAD", "PATCH"]),
        ("/metrics", &["GET", "HEAD"]),
        ("/stats", &["GET", "HEAD"]),
        ("/group", &["GET", "HEAD"]),
        ("/healthz", &["GET", "HEAD"]),
        ("/readyz", &["GET", "HEAD"]),
        ("/quiet", &["POST"]),
        ("/resume", &["POST"]),
        ("/drain", &["POST"]),
    ];
    for (path, allowed) in routes {
        for method in ["GET", "PATCH", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.contains(&method) {
                continue;
            }
            let answer = raw(address, request(address, method, path, r#"{"num": 9}"#));
            assert_eq!(answer.status, 405, "{method} {path}");
            let mut allow: Vec<_> = answer.header("allow").unwrap().split(',').collect();
            allow.sort_unstable();
            assert_eq!(allow, allowed, "{method} {path}");
        }
    }
    assert_eq!((herd.stats().size, herd.stats().phase), (4, Phase::Running));
}

#[test]
fn gh_14_other_paths_lead_nowhere() {
    let (_herd, plane) = idle();
    for path in ["/herds", "/herd/", "/Herd", "//herd", "/stats/..", "/%2e", "/favicon.ico"] {
        let answer = get(plane.local_addr(), path);
        assert_eq!((answer.status, answer.msg().is_empty()), (404, false), "{path}");
    }
    assert_eq!(get(plane.local_addr(), "/herd?x=1").status, 200);
}

#[test]
fn a_head_has_no_body() {
    let (_herd, plane) = idle();
    let answer = raw(plane.local_addr(), request(plane.local_addr(), "HEAD", "/herd", ""));
    assert_eq!((answer.status, &*answer.body), (200, ""));
}

#[test]
fn it_is_ready_while_it_accepts() {
    let (herd, _results) = herd_of(1);
    let plane = plane_of(&herd).start().unwrap();
    let address = plane.local_addr();
    let ready = || (get(address, "/readyz").status, get(address, "/readyz").body);
    assert_eq!(ready(), (200, "ready\n".into()));

    assert_eq!(post(address, "/quiet", "").body, r#"{"num":1,"msg":"success"}"#);
    assert_eq!((herd.stats().phase, ready()), (Phase::Quiet, (503, "quiet\n".into())));
    assert!(herd.try_send(0, 0).is_err());
    assert_eq!(post(address, "/quiet", "").status, 200);

    assert_eq!(post(address, "/resume", "").status, 200);
    assert_eq!((herd.stats().phase, ready().0), (Phase::Running, 200));
    herd.send_blocking(1, 50).unwrap();

    assert_eq!(post(address, "/drain", "").status, 200);
    until("it stops", || get(address, "/readyz").body != "ready\n");
    assert_eq!(ready().0, 503);
    for path in ["/quiet", "/resume", "/drain"] {
        let answer = post(address, path, "");
        assert_eq!(
            (answer.status, answer.msg()),
            (409, "it is stopping already, or does not run".into()),
            "{path}"
        );
    }
    assert_eq!(get(address, "/healthz").body, "ok\n");
}

#[test]
fn what_is_not_drained_in_time_is_left_over() {
    // They would not end by themselves.
    let handler = |item: &mut Item<u64>| {
        until("it is cancelled", || item.is_cancelled());
        Ok(**item)
    };
    let (herd, _results) = Herd::blocking_builder(handler).size(1).start(&Threads::new()).unwrap();
    let plane = plane_of(&herd).start().unwrap();
    let address = plane.local_addr();
    for id in 0..4 {
        herd.send_blocking(id, 0).unwrap();
    }
    until("one is at work", || herd.stats().running == 1);
    for body in [r#"{"within": -1}"#, r#"{"within": "1s"}"#, r#"{"within": 1e300}"#, "{}", "5", "?"]
    {
        assert_eq!(post(address, "/drain", body).status, 400, "{body}");
    }
    assert_eq!(herd.stats().phase, Phase::Running);
    assert_eq!(post(address, "/drain", r#"{"within": 0.1}"#).status, 200);
    block_on(herd.join()).unwrap();
    assert_eq!(herd.leftovers().count(), 3);
}

#[test]
fn stats_tell_all_numbers() {
    let (herd, mut results) = herd_of(3);
    let plane = plane_of(&herd).start().unwrap();
    let before = get(plane.local_addr(), "/stats").json();
    assert_eq!(
        (&before["phase"], &before["times"]["running"]["count"]),
        (&"running".into(), &0.into())
    );
    for id in 0..5 {
        herd.send_blocking(id, 5).unwrap();
    }
    for _ in 0..5 {
        block_on(results.next()).unwrap();
    }
    let stats = get(plane.local_addr(), "/stats").json();
    for (name, value) in [
        ("size", 3),
        ("live", 3),
        ("submitted", 5),
        ("succeeded", 5),
        ("failed", 0),
        ("retried", 0),
        ("waiting", 0),
        ("running", 0),
        ("scheduled", 0),
        ("backing_off", 0),
        ("refused", 0),
        ("lost_workers", 0),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
    assert!(stats["uptime"].as_f64() > before["uptime"].as_f64());
    let running = &stats["times"]["running"];
    assert_eq!(running["count"], 5);
    assert_eq!(running["buckets"].as_array().unwrap().last().unwrap()[1], 5);
    assert!(running["p50"].as_f64().unwrap() >= 0.005, "{running}");
    assert!(running["max"].as_f64() >= running["p99"].as_f64());
    assert_eq!(stats["failures"], serde_json::json!([]));
}

#[test]
fn what_is_not_measured_is_null() {
    use droves::{http::ControlPlane, pool::Pool, threads::Threads};

    let pool = Pool::builder().fixed(1).start(&Threads::new()).unwrap();
    let plane = ControlPlane::builder(pool).address("127.0.0.1:0").start().unwrap();
    assert!(get(plane.local_addr(), "/stats").json()["times"].is_null());
    assert!(!get(plane.local_addr(), "/metrics").body.contains("_seconds"));
}
