//! `/herd`: how large it is, and is to be.

use std::sync::{Mutex, mpsc};

use droves::control::Phase;
use droves::herd::{Herd, Item};
use droves::http::ControlPlane;
use droves::pool::Pool;
use droves::threads::{Threads, block_on};

use crate::help::{get, herd_of, idle, patch, plane_of, post, until};

#[test]
fn gh_11_get_tells_the_size() {
    let (_herd, plane) = idle();
    let answer = get(plane.local_addr(), "/herd");
    assert_eq!((answer.status, &*answer.body), (200, r#"{"num":4,"msg":"success"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn gh_12_patch_changes_the_size() {
    let (herd, plane) = idle();
    let address = plane.local_addr();
    let answer = patch(address, r#"{"num": 10}"#);
    assert_eq!((answer.status, &*answer.body), (200, r#"{"num":10,"msg":"success"}"#));
    assert_eq!(herd.stats().size, 10);
    assert_eq!(get(address, "/herd").body, r#"{"num":10,"msg":"success"}"#);

    let again = patch(address, r#"{"num": 10}"#);
    assert_eq!((again.status, &*again.body), (200, r#"{"num":10,"msg":"Herd size already 10"}"#));
    let below = patch(address, r#"{"num": -1}"#);
    let text = r#"{"num":10,"msg":"Herd size cannot be negative"}"#;
    assert_eq!((below.status, &*below.body), (400, text));
    assert_eq!(herd.stats().size, 10);
}

#[test]
fn gh_13_what_is_no_size_changes_nothing() {
    let (herd, _results) = herd_of(4);
    let plane = plane_of(&herd).max_size(100).start().unwrap();
    for (body, why) in [
        ("", "the body must be"),
        ("garbage", "the body must be"),
        ("{", "the body must be"),
        ("10", "the body must be"),
        ("[10]", "the body must be"),
        (r#"{"num": 10"#, "the body must be"),
        (r#"{"num": 10} 10"#, "the body must be"),
        ("num=10", "the body must be"),
        ("{}", "num is missing"),
        (r#"{"Num": 10}"#, "num is missing"),
        (r#"{"num": "10"}"#, "num must be a number, not \"10\""),
        (r#"{"num": null}"#, "num must be a number"),
        (r#"{"num": [10]}"#, "num must be a number"),
        (r#"{"num": true}"#, "num must be a number"),
        (r#"{"num": 2.5}"#, "num must be a whole number, not 2.5"),
        (r#"{"num": 1e1}"#, "num must be written as a whole number"),
        (r#"{"num": -1}"#, "Herd size cannot be negative"),
        (r#"{"num": -9223372036854775809}"#, "Herd size cannot be negative"),
        (r#"{"num": -0.5}"#, "Herd size cannot be negative"),
        (r#"{"num": 101}"#, "Herd size cannot be above 100"),
        (r#"{"num": 300000}"#, "Herd size cannot be above 100"),
        (r#"{"num": 18446744073709551616}"#, "Herd size cannot be above 100"),
        (r#"{"num": 1e300}"#, "Herd size cannot be above 100"),
    ] {
        let answer = patch(plane.local_addr(), body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.msg().starts_with(why), "{body}: {}", answer.msg());
        assert_eq!((answer.json()["num"].as_u64(), herd.stats().size), (Some(4), 4), "{body}");
    }
    let deep = format!("{{\"num\": {}}}", "[".repeat(3_000));
    assert_eq!(patch(plane.local_addr(), &deep).status, 400);
    assert_eq!(patch(plane.local_addr(), r#"{"num": 100, "and": "more"}"#).status, 200);
    assert_eq!(herd.stats().size, 100);
}

#[test]
fn gh_13_the_maximum_is_that_of_the_door_unless_it_is_less() {
    let (herd, _results) = herd_of(1);
    let plane = plane_of(&herd).max_size(usize::MAX).start().unwrap();
    let answer = patch(plane.local_addr(), r#"{"num": 300000}"#);
    let max = get(plane.local_addr(), "/stats").json()["max_size"].as_u64().unwrap();
    assert!((500..300_000).contains(&max), "{max}");
    assert_eq!((answer.status, answer.msg()), (400, format!("Herd size cannot be above {max}")));
}

#[test]
fn gh_15_from_none_to_the_end() {
    let (herd, mut results) = herd_of(0);
    let plane = plane_of(&herd).start().unwrap();
    for id in 0..8 {
        herd.send_blocking(id, 1).unwrap();
    }
    herd.close();
    assert_eq!(get(plane.local_addr(), "/stats").json()["waiting"], 8);
    assert_eq!(patch(plane.local_addr(), r#"{"num": 3}"#).status, 200);
    let mut done = 0;
    while let Some(item) = block_on(results.next()) {
        assert!(item.outcome.into_result().is_ok());
        done += 1;
    }
    block_on(herd.join()).unwrap();
    assert_eq!((done, herd.stats().phase), (8, Phase::Stopped));

    // It is over: it says so, and what is asked for does not change it.
    let address = plane.local_addr();
    assert_eq!(get(address, "/herd").status, 200);
    let answer = patch(address, r#"{"num": 7}"#);
    assert_eq!(answer.status, 409);
    assert_eq!(answer.msg(), "the size stays: it is stopping, or has stopped");
    assert_ne!(get(address, "/herd").json()["num"], 7);
}

#[test]
fn gh_15_smaller_while_it_is_busy() {
    let (free, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    // Each waits to be freed, and at the end all are.
    let handler = move |item: &mut Item<u64>| {
        let _ = gate.lock().unwrap().recv();
        Ok(**item)
    };
    let (herd, mut results) =
        Herd::blocking_builder(handler).size(4).start(&Threads::new()).unwrap();
    let plane = plane_of(&herd).start().unwrap();
    let address = plane.local_addr();
    for id in 0..40 {
        herd.send_blocking(id, id).unwrap();
    }
    until("all are at work", || herd.stats().running == 4);
    assert_eq!(patch(address, r#"{"num": 1}"#).status, 200);
    (0..3).for_each(|_| free.send(()).unwrap());
    until("one is at work", || herd.stats().running == 1);
    assert_eq!(get(address, "/stats").json()["size"], 1);
    assert_eq!(patch(address, r#"{"num": 0}"#).status, 200);
    free.send(()).unwrap();
    until("none is", || herd.stats().running == 0);
    // With results that nobody has read.
    assert!(get(address, "/stats").json()["unread"].as_u64().unwrap() > 0);
    assert_eq!(patch(address, r#"{"num": 40}"#).status, 200);
    drop(free);
    assert_eq!(post(address, "/drain", "").status, 200);
    let mut done = 0;
    while block_on(results.next()).is_some() {
        done += 1;
    }
    assert_eq!(done, 40);
    block_on(herd.join()).unwrap();
}

#[test]
fn a_pool_is_resized_within_its_range() {
    let pool = Pool::builder().dynamic(2..=6).initial(3).start(&Threads::new()).unwrap();
    let plane = ControlPlane::builder(pool.clone()).address("127.0.0.1:0").start().unwrap();
    let address = plane.local_addr();
    assert_eq!(get(address, "/herd").json()["num"], 3);
    let answer = patch(address, r#"{"num": 1}"#);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.msg(), "Herd size is 1, but must be from 2 to 6");
    assert_eq!(patch(address, r#"{"num": 7}"#).msg(), "Herd size cannot be above 6");
    assert_eq!(pool.stats().size, 3);
    assert_eq!(patch(address, r#"{"num": 5}"#).status, 200);
    assert_eq!(pool.stats().size, 5);

    assert_eq!(post(address, "/quiet", "").status, 200);
    assert!(pool.assign(|| {}).is_err());
    assert_eq!(post(address, "/resume", "").status, 200);
    pool.assign(|| {}).unwrap();
    assert_eq!(post(address, "/drain", r#"{"within": 1}"#).status, 200);
    drop(pool.join_blocking().unwrap());
    assert_eq!(get(address, "/stats").json()["succeeded"], 1);
    assert_eq!(post(address, "/drain", "").status, 409);
}

#[test]
fn a_door_that_is_known_only_as_control() {
    use droves::control::Control;
    use std::sync::Arc;

    let handler = async |item: droves::herd::Item<u8>| Ok::<u8, droves::herd::Fault<String>>(*item);
    let (herd, _results) = Herd::builder(handler).size(2).start(&Threads::new()).unwrap();
    let control: Arc<dyn Control + Send + Sync> = Arc::new(herd.clone());
    let plane = ControlPlane::builder(control.clone()).address("127.0.0.1:0").start().unwrap();
    assert_eq!(patch(plane.local_addr(), r#"{"num": 3}"#).status, 200);
    assert_eq!((control.stats().size, herd.stats().size), (3, 3));
    control.cancel().unwrap();
    assert_eq!(get(plane.local_addr(), "/readyz").status, 503);
}
