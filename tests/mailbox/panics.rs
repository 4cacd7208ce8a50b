//! A panic of a message, an iterator or a collection reaches the caller, leaks nothing, and leaves the
//! mailbox usable. For those of wakers see `wakers`.

use droves::mailbox::{HeapMailbox, Receiver, StaticMailbox, TryRecvError, channel};

use super::help::{Bell, Census, Counted, check_usable, panics, pend, poll};

#[test]
fn a_panic_of_a_drained_message_drops_the_others() {
    let census = Census::default();
    for bad in 0..3 {
        let mut mailbox = StaticMailbox::<_, 3>::new();
        for id in 0..3 {
            let message = if id == bad { census.bomb(id) } else { census.message(id) };
            mailbox.try_send(message).unwrap();
        }
        panics(|| drop(mailbox.drain()));
        assert_eq!(census.alive(), 0);
        check_usable(&mailbox, &census);
    }
}

#[test]
fn a_panic_of_a_message_in_a_dropped_mailbox_drops_the_others() {
    let census = Census::default();
    for bad in 0..3 {
        let messages =
            || (0..3).map(|id| if id == bad { census.bomb(id) } else { census.message(id) });
        let heap = HeapMailbox::starting_before_wrap(3, 1).unwrap();
        messages().for_each(|message| heap.try_send(message).unwrap());
        panics(|| drop(heap));
        assert_eq!(census.alive(), 0);

        let inline = StaticMailbox::<_, 4>::new();
        messages().for_each(|message| inline.try_send(message).unwrap());
        panics(|| drop(inline));
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_panic_of_a_message_left_to_the_last_receiver_drops_the_others() {
    let census = Census::default();
    for bad in 0..3 {
        let (mut tx, rx) = channel(3).unwrap();
        for id in 0..3 {
            tx.try_send(if id == bad { census.bomb(id) } else { census.message(id) }).unwrap();
        }
        let other = rx.clone();
        drop(rx);
        panics(|| drop(other));
        assert_eq!((census.alive(), tx.len()), (0, 0));
        assert!(tx.try_send(census.message(0)).unwrap_err().is_closed());
        // Its seat is free again: nothing had to be allocated for this one.
        assert!(tx.mailbox().receiver().unwrap().try_recv().is_err());
    }
}

#[test]
fn a_panic_of_a_filled_message_gives_the_cell_back() {
    let census = Census::default();
    let (mut tx, rx) = channel(1).unwrap();
    panics(|| drop(tx.reserve().write(census.bomb(0))));
    assert_eq!(census.alive(), 0);
    tx.reserve().write(census.message(1)).try_send().unwrap();
    assert_eq!(census.alive(), 1);
    check_usable(rx.mailbox(), &census);
}

#[test]
fn a_panic_of_a_message_in_a_dropped_send_passes_the_wake_on() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = tx.clone();
    tx.try_send(census.message(0)).unwrap();
    let [bell, other_bell] = [Bell::new(), Bell::new()];
    let mut send = tx.send(census.bomb(1));
    pend(&mut send, &bell);
    let mut sends = (send, other.send(census.bomb(2)));
    pend(&mut sends.1, &other_bell);
    drop(rx.try_recv());
    assert_eq!(bell.rung() + other_bell.rung(), 1);
    if bell.rung() == 1 {
        panics(|| drop(sends.0));
        assert_eq!(other_bell.rung(), 1);
        panics(|| drop(sends.1));
    } else {
        panics(|| drop(sends.1));
        assert_eq!(bell.rung(), 1);
        panics(|| drop(sends.0));
    }
    assert_eq!(census.alive(), 0);
    check_usable(rx.mailbox(), &census);
}

#[test]
fn a_panic_of_discard_leaks_nothing() {
    let census = Census::default();
    let (mut tx, rx) = channel(1).unwrap();
    rx.close();
    let error = tx.try_send(census.bomb(0)).unwrap_err();
    panics(|| error.discard());
    assert_eq!(census.alive(), 0);
}

// Iterators and collections.

/// Two messages, and then a panic.
fn two(census: &Census) -> impl Iterator<Item = Counted> {
    (0..3).map(|id| if id < 2 { census.message(id) } else { panic!("no third") })
}

#[test]
fn a_panic_of_a_batch_leaves_sent_what_was_sent() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(4).unwrap();
    let mut others = [rx.clone(), rx.clone(), rx.clone()];
    let bells = [Bell::new(), Bell::new(), Bell::new()];
    let mut recvs: Vec<_> = others.iter_mut().map(Receiver::recv).collect();
    recvs.iter_mut().zip(&bells).for_each(|(recv, bell)| pend(recv, bell));
    assert_eq!(panics(|| tx.try_send_many(two(&census))), "no third");
    assert_eq!(bells.iter().map(|bell| bell.rung()).sum::<usize>(), 2);
    drop(recvs);
    assert_eq!((rx.try_recv().unwrap().id, rx.try_recv().unwrap().id), (0, 1));
    check_usable(rx.mailbox(), &census);
    tx.try_send(census.message(9)).unwrap();
    assert_eq!(rx.try_recv().unwrap().id, 9);
}

#[test]
fn a_panic_of_a_messages_clone_leaves_sent_what_was_sent() {
    struct Original(usize, Census);
    impl Clone for Original {
        fn clone(&self) -> Self {
            panic!("there is only one");
        }
    }
    let census = Census::default();
    let original = Original(5, census.clone());
    let (mut tx, mut rx) = channel(4).unwrap();
    let copies = std::iter::once(census.message(1)).chain(std::iter::repeat_with(|| {
        let Original(id, census) = original.clone();
        census.message(id)
    }));
    assert_eq!(panics(|| tx.try_send_many(copies)), "there is only one");
    assert_eq!(rx.try_recv().unwrap().id, 1);
    check_usable(rx.mailbox(), &census);
}

#[test]
fn a_panic_of_a_waiting_batch_leaves_sent_what_was_sent() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(1).unwrap();
    let bell = Bell::new();
    let mut send = tx.send_many(two(&census));
    pend(&mut send, &bell);
    assert_eq!(rx.try_recv().unwrap().id, 0);
    assert_eq!(panics(|| poll(&mut send, &bell)), "no third");
    drop(send);
    assert_eq!(rx.try_recv().unwrap().id, 1);
    check_usable(rx.mailbox(), &census);
    tx.try_send(census.message(9)).unwrap();
    assert_eq!(rx.try_recv().unwrap().id, 9);
}

/// Takes one message, and panics at the next.
struct Small(Option<Counted>);

impl Extend<Counted> for Small {
    fn extend<I: IntoIterator<Item = Counted>>(&mut self, iter: I) {
        for message in iter {
            assert!(self.0.is_none(), "no room");
            self.0 = Some(message);
        }
    }
}

#[test]
fn a_panic_of_a_collection_loses_one_message_at_most() {
    let census = Census::default();
    for waiting in [false, true] {
        let (mut tx, mut rx) = channel(4).unwrap();
        tx.try_send_many((0..4).map(|id| census.message(id))).unwrap();
        let mut out = Small(None);
        let text = if waiting {
            panics(|| poll(&mut rx.recv_many(&mut out, 4), &Bell::new()))
        } else {
            panics(|| rx.try_recv_many(&mut out, 4))
        };
        assert_eq!(text, "no room");
        assert_eq!(out.0.take().unwrap().id, 0);
        // The second was given to the collection, and is gone with the panic.
        assert_eq!(census.alive(), 2);
        assert_eq!(rx.try_recv().unwrap().id, 2);
        check_usable(rx.mailbox(), &census);
        assert_eq!(rx.try_recv().map(drop), Err(TryRecvError::Empty));
    }
}
