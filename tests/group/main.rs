//! Groups and the signals of the process: `if_22`. All in one test, since a process has its signals once.
#![cfg(all(feature = "signals", feature = "threads", unix, not(any(droves_loom, droves_shuttle))))]

use std::sync::mpsc;
use std::time::Duration;

use droves::group::{Group, Handle, Member, Signal};
use droves::signals::{INT, TERM, USR1, USR2, forward};
use droves::threads::{Threads, block_on};
use futures_lite::future::poll_once;
use signal_hook::low_level::raise;

/// A group of one member that says which signal it was told.
fn start() -> (Handle, mpsc::Receiver<Signal>) {
    let (told, hears) = mpsc::channel();
    let member = Member::new("server", move |mut run| {
        let told = told.clone();
        async move {
            run.ready();
            told.send(run.signal().await)
        }
    });
    let handle = Group::parallel([member]).start(&Threads::new()).unwrap();
    block_on(handle.ready()).unwrap();
    (handle, hears)
}

#[test]
fn if_22_a_group_is_told_what_the_process_is_sent_and_then_nobody_listens() {
    for number in [INT, TERM, USR1] {
        let (handle, hears) = start();
        let mut forwards = Box::pin(forward(&handle, [USR1]));
        // From the first poll on it listens.
        assert!(block_on(poll_once(&mut forwards)).is_none());
        raise(number).unwrap();
        let trace = block_on(forwards).unwrap().unwrap();
        assert_eq!(trace.to_string(), "server exited with nil");
        assert_eq!(hears.recv().unwrap(), Signal::new(u16::try_from(number).unwrap()));
    }
    // Dropped, it listens no more, and the group goes on.
    let (handle, hears) = start();
    let mut forwards = Box::pin(forward(&handle, [USR1]));
    assert!(block_on(poll_once(&mut forwards)).is_none());
    drop(forwards);
    raise(USR1).unwrap();
    assert!(hears.recv_timeout(Duration::from_millis(50)).is_err());
    handle.signal(Signal::TERMINATE).unwrap();
    block_on(handle.wait()).unwrap();
    // What cannot be caught is refused, and the group goes on.
    let (handle, hears) = start();
    assert!(block_on(forward(&handle, [USR2, 9])).is_err());
    assert!(hears.try_recv().is_err());
    handle.signal(Signal::HANGUP).unwrap();
    block_on(handle.wait()).unwrap();
}
