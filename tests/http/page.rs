//! The page, as far as one can tell without a browser.

use crate::help::{get, idle};

#[test]
fn it_is_one_file_that_asks_nobody_else() {
    let (_herd, plane) = idle();
    let answer = get(plane.local_addr(), "/");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap().to_owned();
    for rule in [
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|given| given == rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.body;
    assert!(page.starts_with("<!doctype html>"));
    // A name space is no address to load from.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:",
        "https:",
        "//cdn",
        "@import",
        "url(",
        " src=",
        "innerHTML",
        " style=\"",
        " onclick",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn its_scripts_and_styles_have_the_answers_own_nonce() {
    let (_herd, plane) = idle();
    let nonce = || {
        let answer = get(plane.local_addr(), "/");
        let policy = answer.header("content-security-policy").unwrap();
        let nonce = policy.split("script-src 'nonce-").nth(1).unwrap();
        let nonce = nonce.split('\'').next().unwrap().to_owned();
        assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")));
        let page = &answer.body;
        let opened = page.matches("<script").count() + page.matches("<style").count();
        assert_eq!(page.matches(&format!("nonce=\"{nonce}\"")).count(), opened);
        assert!(opened >= 2 && !page.contains("{{"), "{opened}");
        nonce
    };
    let (one, other) = (nonce(), nonce());
    assert!(one.len() == 32 && one != other, "{one}");
}

#[test]
fn what_it_reads_is_there() {
    let (_herd, plane) = idle();
    let page = get(plane.local_addr(), "/").body;
    let stats = get(plane.local_addr(), "/stats").json();
    let read: Vec<_> = page
        .split("stats.")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap())
        .collect();
    assert!(read.len() > 10, "{read:?}");
    for name in read {
        assert!(stats.get(name).is_some(), "stats.{name}");
    }
}
