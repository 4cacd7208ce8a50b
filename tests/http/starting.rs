//! Where it listens, and when it does not.

use std::net::{TcpListener, TcpStream};

use droves::http::{ControlPlane, StartError};

use crate::help::{LASTS, alone, get, herd_of, plane_of};

#[test]
fn gh_17_by_default_it_listens_on_2112_of_this_machine() {
    let (herd, _results) = herd_of(1);
    // Somebody else may be there; then the error names the address.
    match ControlPlane::builder(herd).start() {
        Ok(plane) => assert_eq!(plane.local_addr().to_string(), "127.0.0.1:2112"),
        Err(error) => {
            assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:2112: "), "{error}");
        }
    }
}

#[test]
fn gh_17_a_busy_port_is_an_error_that_names_it() {
    let (herd, _results) = herd_of(1);
    let busy = TcpListener::bind(alone()).unwrap();
    let address = busy.local_addr().unwrap();
    let error = plane_of(&herd).address(address).start().unwrap_err();
    assert!(matches!(&error, StartError::Listen(at, _) if *at == address.to_string()));
    assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
    drop(busy);
    assert_eq!(plane_of(&herd).address(address).start().unwrap().local_addr(), address);
}

#[test]
fn what_others_can_reach_needs_a_token() {
    let (herd, _results) = herd_of(1);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = plane_of(&herd).address(address).start().unwrap_err();
        assert!(matches!(error, StartError::Exposed(_)), "{address}: {error:?}");
        assert!(error.to_string().contains("needs a token"), "{error}");
    }
    let plane = plane_of(&herd).address("0.0.0.0:0").token("secret").start().unwrap();
    assert!(plane.local_addr().ip().is_unspecified());
}

#[test]
fn what_is_wrong_is_told() {
    let (herd, _results) = herd_of(1);
    let error = |builder: droves::http::Builder| builder.start().unwrap_err().to_string();
    for address in ["2112", "127.0.0.1", "127.0.0.1:65536", ""] {
        let text = error(plane_of(&herd).address(address));
        assert!(text.starts_with(&format!("{address:?} is not an address with a port")), "{text}");
    }
    for token in ["", "two words", "schlüssel", "line\nline"] {
        let text = error(plane_of(&herd).token(token));
        assert!(text.starts_with("the token must"), "{text}");
        assert!(token.is_empty() || !text.contains(token));
    }
    for namespace in ["", "a-b", "1a", "ä"] {
        let text = error(plane_of(&herd).namespace(namespace));
        assert!(text.starts_with(&format!("the namespace {namespace:?} must")), "{text}");
    }
    let builder = plane_of(&herd).token("secret");
    assert!(!format!("{builder:?}").contains("secret"));
}

#[test]
fn it_ends_when_it_is_dropped() {
    let (herd, _results) = herd_of(1);
    let plane = plane_of(&herd).address(alone()).start().unwrap();
    let address = plane.local_addr();
    assert_eq!(get(address, "/healthz").status, 200);
    // Somebody who says nothing does not hold it up.
    let since = std::time::Instant::now();
    let _silent = TcpStream::connect(address).unwrap();
    // It has accepted that when a later one has been answered.
    assert_eq!(get(address, "/healthz").status, 200);
    plane.stop();
    assert!(since.elapsed() < LASTS, "{:?}", since.elapsed());
    assert!(TcpStream::connect(address).is_err());
    drop(plane_of(&herd).address(address).start().unwrap());
}

#[test]
fn its_handle_is_one_of_the_herd() {
    use droves::threads::block_on;

    let (herd, results) = herd_of(1);
    let plane = plane_of(&herd).start().unwrap();
    let join = herd.join();
    drop((herd, results));
    assert_eq!(get(plane.local_addr(), "/readyz").status, 200);
    plane.stop();
    block_on(join).unwrap();
}
