//! It works the same for herds on every runtime, and answers while they burn all there is of it.

use std::time::Duration;

use droves::herd::{Fault, Herd, Item};
use droves::http::ControlPlane;

use crate::help::{get, patch, post, until};

type Numbers = Herd<u64, u64, String>;

async fn burn(item: Item<u64>) -> Result<u64, Fault<String>> {
    // It never waits, and so leaves its executor to nobody.
    let since = std::time::Instant::now();
    while since.elapsed() < Duration::from_millis(*item) {
        std::hint::spin_loop();
    }
    Ok(*item)
}

/// Asks while others run the herd.
fn ask(herd: &Numbers, plane: &ControlPlane) {
    let address = plane.local_addr();
    until("it burns", || herd.stats().running > 0 || herd.stats().succeeded > 0);
    assert_eq!(get(address, "/herd").json()["num"], 2);
    assert_eq!(patch(address, r#"{"num": 1}"#).status, 200);
    assert_eq!(herd.stats().size, 1);
    until("something is done", || get(address, "/stats").json()["succeeded"].as_u64() > Some(0));
    assert_eq!(post(address, "/drain", "").status, 200);
    assert_eq!(get(address, "/readyz").status, 503);
    until("it ends", || get(address, "/stats").json()["phase"] == "stopped");
    assert_eq!(get(address, "/stats").json()["succeeded"], 20);
}

fn plane_of(herd: &Numbers) -> ControlPlane {
    for id in 0..20 {
        herd.try_send(id, 20).unwrap();
    }
    ControlPlane::builder(herd.clone()).address("127.0.0.1:0").start().unwrap()
}

#[test]
fn on_threads() {
    let threads = droves::threads::Threads::new();
    let (herd, results) = Herd::builder(burn).size(2).start(&threads).unwrap();
    let plane = plane_of(&herd);
    drop(results);
    ask(&herd, &plane);
}

#[cfg(feature = "smol")]
#[test]
fn on_smol() {
    let (herd, results) = Herd::builder(burn).size(2).start(&droves::smol::Smol).unwrap();
    let plane = plane_of(&herd);
    drop(results);
    ask(&herd, &plane);
}

#[cfg(feature = "tokio")]
#[test]
fn on_tokio() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let runtime = droves::tokio::Tokio::current().unwrap();
        let (herd, results) = Herd::builder(burn).size(2).start(&runtime).unwrap();
        let plane = plane_of(&herd);
        drop(results);
        let asked = std::thread::spawn({
            let herd = herd.clone();
            move || ask(&herd, &plane)
        });
        herd.join().await.unwrap();
        asked.join().unwrap();
    });
}
