//! The group that the plane shows.

use droves::group::{Group, Member, Signal};
use droves::http::ControlPlane;
use droves::pool::Pool;
use droves::threads::{Threads, block_on};
use serde_json::json;

use crate::help::{alone, get, herd_of, idle, plane_of, raw, until};

fn service(name: &str) -> Member {
    Member::new(name, |mut run| async move {
        run.ready();
        run.signal().await;
    })
}

/// What is told of each member, but for times.
fn states(tree: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let members = tree["members"].as_array().unwrap();
    members.iter().map(|member| (text(&member["name"]), text(&member["state"]))).collect()
}

#[test]
fn a_tree_is_shown_and_follows_what_happens() {
    let (herd, _results) = herd_of(1);
    let threads = Threads::new();
    let inner = Member::group("inner", &threads, || Group::parallel([service("b"), service("c")]));
    let group = Group::ordered([service("a"), inner]).name("program").start(&threads).unwrap();
    let plane = plane_of(&herd).group(&group).start().unwrap();
    let address = plane.local_addr();
    assert_eq!(get(address, "/stats").json()["group"], true);
    block_on(group.ready()).unwrap();
    let tree = get(address, "/group").json();
    assert_eq!((&tree["name"], &tree["phase"]), (&json!("program"), &json!("ready")));
    let pair = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(states(&tree), [pair("a", "ready"), pair("inner", "ready")]);
    let inner = &tree["members"][1]["group"];
    assert_eq!(states(inner), [pair("b", "ready"), pair("c", "ready")]);
    assert!(tree["members"][0]["group"].is_null() && tree["members"][0]["last_error"].is_null());

    group.signal(Signal::TERMINATE).unwrap();
    block_on(group.wait()).unwrap();
    let tree = get(address, "/group").json();
    assert_eq!(tree["phase"], "done");
    assert!(states(&tree).iter().all(|(_, state)| state != "ready"), "{tree}");
}

#[test]
fn whoever_asks_for_text_gets_it() {
    let (herd, _results) = herd_of(1);
    let group = Group::ordered([service("a")]).name("program").start(&Threads::new()).unwrap();
    block_on(group.ready()).unwrap();
    let plane = plane_of(&herd).group(&group).start().unwrap();
    let ask = |accept: &str| {
        let address = plane.local_addr();
        let request = format!("GET /group HTTP/1.1\r\nHost: {address}\r\n{accept}\r\n");
        raw(address, request)
    };
    let answer = ask("Accept: text/plain\r\n");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(answer.body.starts_with("program: ready\n  a: ready for "), "{}", answer.body);
    for accept in ["", "Accept: */*\r\n", "Accept: application/json, text/plain\r\n"] {
        assert_eq!(ask(accept).json()["name"], "program", "{accept:?}");
    }
    group.signal(Signal::TERMINATE).unwrap();
}

#[test]
fn without_a_group_there_is_none() {
    let (_herd, plane) = idle();
    let answer = get(plane.local_addr(), "/group");
    assert_eq!((answer.status, answer.msg()), (404, "there is no group to show".into()));
    assert_eq!(get(plane.local_addr(), "/stats").json()["group"], false);
}

#[test]
fn whoever_has_no_token_does_not_see_it() {
    let (herd, _results) = herd_of(1);
    let group = Group::ordered([service("a")]).start(&Threads::new()).unwrap();
    let plane = plane_of(&herd).group(&group).token("secret").start().unwrap();
    assert_eq!(get(plane.local_addr(), "/group").status, 401);
    group.signal(Signal::TERMINATE).unwrap();
}

#[cfg(feature = "tokio")]
#[test]
fn a_group_that_does_not_answer_holds_up_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // Nobody runs what is on it.
    let stuck = droves::tokio::Tokio::new(runtime.handle().clone());
    let group = Group::ordered([service("a")]).start(&stuck).unwrap();
    let (herd, _results) = herd_of(1);
    let plane = plane_of(&herd).group(&group).start().unwrap();
    let address = plane.local_addr();
    let asks = std::thread::spawn(move || get(address, "/group"));
    for _ in 0..5 {
        assert_eq!(get(address, "/stats").status, 200);
    }
    let answer = asks.join().unwrap();
    assert_eq!((answer.status, answer.msg()), (503, "the group does not answer".into()));
}

#[test]
fn a_plane_is_a_member_that_shows_its_own_group() {
    let threads = Threads::new();
    let pool = Pool::builder().fixed(1).start(&threads).unwrap();
    let (found, address) = std::sync::mpsc::channel();
    let shown = pool.clone();
    let plane = Member::runner("plane", move |run| {
        let plane = ControlPlane::builder(shown.clone());
        let plane = plane.group(&run.group()).address(alone()).start()?;
        found.send(plane.local_addr())?;
        Ok(plane)
    });
    let pool = Member::runner("pool", move |_| Ok(pool.clone()));
    let group = Group::ordered([pool, plane]).start(&threads).unwrap();
    block_on(group.ready()).unwrap();
    let address = address.recv().unwrap();
    let tree = get(address, "/group").json();
    assert_eq!(states(&tree)[1], ("plane".to_owned(), "ready".to_owned()));
    group.signal(Signal::TERMINATE).unwrap();
    let trace = block_on(group.wait()).unwrap();
    assert_eq!(trace.to_string(), "plane exited with nil\npool exited with nil");
    until("nobody listens", || std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_plane_that_cannot_listen_is_an_error_of_its_member() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let (herd, _results) = herd_of(1);
    let plane = Member::runner("plane", move |_| Ok(plane_of(&herd).address(address).start()?));
    let group = Group::ordered([plane]).start(&Threads::new()).unwrap();
    let error = block_on(group.wait()).unwrap_err().to_string();
    let text = format!("plane exited with error: cannot listen on {address}: ");
    assert!(error.starts_with(&text), "{error}");
}
