use droves::runtime::Clock;
use droves::smol::Smol;
use futures_lite::future::block_on;

use crate::contract;

#[test]
fn smol_keeps_the_contract() {
    ::smol::block_on(async {
        contract::time(&Smol).await;
        contract::spawning(&Smol).await;
    });
}

#[test]
fn its_sleeps_need_no_executor_of_its_own() {
    block_on(contract::time(&Smol));
}

#[test]
fn it_has_one_clock() {
    let before = Smol.now();
    let there = std::thread::spawn(|| Smol.now()).join().unwrap();
    assert!(before <= there && there <= Smol.now());
}
