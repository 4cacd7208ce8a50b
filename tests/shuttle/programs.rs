use droves::mailbox::TryRecvError;
use shuttle::thread;

use crate::explore::{Run, explore, linger};
use crate::handles::{Setup, Sink, Source, join};

/// Three send as many as three receive, and nobody closes: if a wake is lost, somebody waits for ever.
fn as_many_as(
    run: &Run,
    send: fn(&mut Source, messages: usize),
    receive: fn(&mut Sink, messages: usize),
) {
    let mut setup = Setup::new(run);
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(setup.spawn_source(move |source| send(source, 2)));
        threads.push(setup.spawn_sink(move |sink| receive(sink, 2)));
    }
    join(threads);
    assert_eq!((setup.rx.len(), setup.rx.try_recv().err()), (0, Some(TryRecvError::Empty)));
}

#[test]
fn promise_07_nobody_waits_for_ever() {
    let met = explore(30_000, |run| {
        let send = |source: &mut Source, n| (0..n).for_each(|_| assert!(source.send()));
        let receive = |sink: &mut Sink, n| (0..n).for_each(|_| assert!(sink.recv()));
        as_many_as(run, send, receive);
    });
    met.all(&["received", "a sender parked", "a receiver parked"]);
    met.none(&["left in the mailbox", "not sent"]);
}

#[test]
fn promise_07_whatever_is_given_up_takes_no_wake() {
    // The receivers that give up, and the senders, must not leave those asleep who only wait.
    let met = explore(50_000, |run| {
        let mut setup = Setup::new(run);
        let threads = [
            setup.spawn_source(|source| assert!(source.send() && source.send())),
            setup.spawn_source(|source| assert!(source.send_cancelling() && source.send_keeping())),
            setup.spawn_source(|source| assert!(source.send_keeping() && source.send_cancelling())),
            setup.spawn_sink(|sink| assert!(sink.recv() && sink.recv())),
            setup.spawn_sink(|sink| assert!(sink.recv_cancelling() && sink.recv_wandering())),
            setup.spawn_sink(|sink| assert!(sink.recv_wandering() && sink.recv_cancelling())),
        ];
        join(threads);
        assert!(setup.rx.is_empty());
    });
    met.all(&[
        "received",
        "a sender parked",
        "a receiver parked",
        "a send was given up",
        "a send was given up, and its message kept",
        "a receive was given up",
        "a receiver was left waiting",
        "not sent",
    ]);
    met.none(&["left in the mailbox"]);
}

#[test]
fn promise_01_in_all_ways() {
    let met = explore(50_000, |run| {
        as_many_as(run, Source::send_all_ways, Sink::recv_all_ways);
    });
    met.all(&["received", "full", "empty", "a sender parked", "a receiver parked"]);
    met.none(&["left in the mailbox"]);
}

#[test]
fn promise_01_the_last_sender_ends_it() {
    let met = explore(30_000, |run| {
        let mut setup = Setup::new(run);
        let mut threads = Vec::new();
        for _ in 0..3 {
            threads.push(setup.spawn_source(|source| source.send_all_ways(2)));
            threads.push(setup.spawn_sink(|sink| {
                sink.recv_all_ways(usize::MAX);
                assert_eq!(sink.rx.try_recv().err(), Some(TryRecvError::Closed));
            }));
        }
        let Setup { tx, rx, .. } = setup;
        drop(tx);
        join(threads);
        assert!(rx.is_closed() && rx.is_empty());
    });
    met.all(&["received", "a receiver parked"]);
    met.none(&["left in the mailbox", "a send was refused", "a waiting send was refused"]);
}

#[test]
fn promise_06_closed_at_any_time() {
    let met = explore(50_000, |run| {
        let mut setup = Setup::new(run);
        let mut threads = Vec::new();
        for _ in 0..3 {
            threads.push(setup.spawn_source(|source| source.send_all_ways(2)));
        }
        for _ in 0..2 {
            threads.push(setup.spawn_sink(|sink| sink.recv_all_ways(usize::MAX)));
        }
        let closer = setup.sink();
        threads.push(thread::spawn(move || {
            linger();
            if closer.rx.close() {
                closer.run.met("closed");
            }
        }));
        linger();
        if !setup.tx.close() {
            run.met("closed by another before");
        }
        join(threads);
        // All that was accepted has been received.
        assert_eq!(setup.rx.try_recv().err(), Some(TryRecvError::Closed));
        assert_eq!(setup.rx.len(), 0);
        assert!(setup.tx.try_send(run.message(0)).unwrap_err().is_closed());
    });
    met.all(&[
        "received",
        "closed",
        "closed by another before",
        "a send was refused",
        "a waiting send was refused",
        "a sender parked",
        "a receiver parked",
    ]);
    met.none(&["left in the mailbox"]);
}

#[test]
fn promise_01_receivers_leave() {
    // What is left when the last has gone is dropped, although senders are still there.
    let met = explore(30_000, |run| {
        let mut setup = Setup::new(run);
        let mut threads = Vec::new();
        for _ in 0..3 {
            threads.push(setup.spawn_source(|source| source.send_all_ways(2)));
            threads.push(setup.spawn_sink(|sink| {
                sink.recv_all_ways(1);
                linger();
            }));
        }
        let Setup { mut tx, rx, .. } = setup;
        drop(rx);
        join(threads);
        assert!(tx.is_closed() && tx.is_empty());
        assert!(tx.try_send(run.message(0)).unwrap_err().is_closed());
    });
    met.all(&["received", "left in the mailbox", "a sender parked", "a waiting send was refused"]);
}

#[test]
fn promise_01_handles_come_and_go() {
    // More handles than the first block of seats has, most of them for one message.
    let met = explore(30_000, |run| {
        let mut setup = Setup::new(run);
        let mut threads = Vec::new();
        for _ in 0..2 {
            threads.push(setup.spawn_source(|source| {
                for _ in 0..2 {
                    source.tx = source.tx.clone();
                    assert!(source.send());
                }
            }));
            threads.push(setup.spawn_sink(|sink| {
                for _ in 0..2 {
                    sink.rx = sink.rx.clone();
                    sink.recv_all_ways(1);
                }
            }));
        }
        // Without a handle, too. What is taken so is replaced.
        let (source, mut replacement, sink) = (setup.source(), setup.source(), setup.sink());
        threads.push(thread::spawn(move || {
            let message = source.run.message(source.from);
            let number = message.number;
            if source.tx.mailbox().try_send(message).is_ok() {
                source.accepted(number);
                source.run.met("sent without a handle");
            }
        }));
        threads.push(thread::spawn(move || {
            if let Ok(message) = sink.rx.mailbox().try_recv() {
                sink.run.met("received without a handle");
                sink.run.ledger.fate(message.number, |fate| fate.received = true);
                assert!(replacement.send());
            }
        }));
        join(threads);
    });
    met.all(&["received", "sent without a handle", "received without a handle"]);
}

#[test]
fn promise_08_never_more_than_there_is_room_for() {
    let met = explore(30_000, |run| {
        let mut setup = Setup::new(run);
        let mut threads = Vec::new();
        for _ in 0..2 {
            threads.push(setup.spawn_source(|source| source.send_all_ways(3)));
            threads.push(setup.spawn_sink(|sink| sink.recv_all_ways(3)));
        }
        for _ in 0..4 {
            let len = setup.rx.len();
            assert!(len <= setup.rx.capacity());
            run.met(["empty then", "one then", "two then", "three then"][len]);
            if setup.rx.is_full() {
                run.met("full then");
            }
            linger();
        }
        join(threads);
        assert_eq!(setup.rx.len(), 0);
    });
    met.all(&["empty then", "one then", "two then", "three then", "full then"]);
}
