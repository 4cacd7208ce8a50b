use std::hint::black_box;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use droves::runtime::{Clock, Spawn, SpawnError, Task, Timer};
use droves::threads::{Threads, block_on};

use crate::contract::{self, after, poll_once};

#[test]
fn threads_keep_the_contract() {
    let threads = Threads::default();
    block_on(async {
        contract::time(&threads).await;
        contract::spawning(&threads).await;
    });
}

#[test]
fn all_threads_have_one_clock() {
    let before = Threads::new().now();
    let there = thread::spawn(|| Threads::new().name("other").now()).join().unwrap();
    assert!(before <= there && there <= Threads::new().now());
}

#[test]
#[should_panic(expected = "outside `droves::threads::block_on`")]
fn a_sleep_outside_block_on_panics() {
    let threads = Threads::new();
    let sleep = pin!(threads.sleep_until(after(&threads, 1_000_000)));
    let _ = poll_once(sleep, Waker::noop());
}

#[test]
fn a_sleep_may_move_between_threads() {
    let threads = Threads::new();
    let at = after(&threads, 200_000);
    let mut sleep = Box::pin(threads.sleep_until(at));
    block_on(async { assert!(poll_once(sleep.as_mut(), Waker::noop()).is_pending()) });
    thread::spawn(move || block_on(sleep)).join().unwrap();
    assert!(threads.now() >= at);
}

#[test]
fn joining_waits_until_the_future_is_gone() {
    let threads = Threads::new();
    let (sender, receiver) = mpsc::channel();
    let inner = threads.clone();
    let task = threads.spawn(async move {
        inner.sleep_until(after(&inner, 2_000)).await;
        sender.send(()).unwrap();
    });
    task.unwrap().join();
    receiver.try_recv().unwrap();
}

#[test]
fn joining_does_not_pass_a_panic_on() {
    Threads::new().name("panics on purpose").spawn(async { panic!("on purpose") }).unwrap().join();
}

#[test]
fn a_task_that_joins_itself_goes_on() {
    let (sender, receiver) = mpsc::channel();
    let (done, finished) = mpsc::channel();
    let task = Threads::new().spawn(async move {
        let own: droves::threads::Joined = receiver.recv().unwrap();
        own.join();
        done.send(()).unwrap();
    });
    sender.send(task.unwrap()).unwrap();
    finished.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn threads_get_their_name() {
    let name_of = |threads: Threads| {
        let (sender, receiver) = mpsc::channel();
        let name = async move {
            sender.send(thread::current().name().map(str::to_owned)).unwrap();
        };
        threads.spawn(name).unwrap().join();
        receiver.recv().unwrap()
    };
    assert_eq!(name_of(Threads::new()).as_deref(), Some("droves"));
    assert_eq!(name_of(Threads::new().name("herd 1")).as_deref(), Some("herd 1"));
    assert_eq!(name_of(Threads::new().name("cut\0off")).as_deref(), Some("cut"));
    assert_eq!(name_of(Threads::new().name("\0").name("again")).as_deref(), Some("again"));
}

#[test]
#[allow(clippy::large_stack_arrays, reason = "that is the question")]
fn threads_get_their_stack() {
    // More than threads get on their own.
    let large = async {
        black_box([1_u8; 12 << 20]);
    };
    Threads::new().stack_size(64 << 20).spawn(large).unwrap().join();
}

#[test]
fn a_thread_that_the_system_refuses() {
    let refused = Threads::new().stack_size(usize::MAX / 4).spawn(async {}).err();
    assert_eq!(refused, Some(SpawnError::Limit));
}
