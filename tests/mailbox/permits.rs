//! A permit is a place to write a message in, and takes no room until the message is sent.

use droves::mailbox::{StaticMailbox, TryRecvError, TrySendError, channel};

use super::help::{Bell, Census, pend};

#[test]
fn promise_06_a_filled_message_is_sent_from_its_place() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut filled = tx.reserve().write([0_u8; 1500]);
    filled[0] = 0x45;
    assert_eq!(filled.len(), 1500);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "it is not sent yet");
    filled.try_send().unwrap();
    assert_eq!(rx.try_recv().unwrap()[..2], [0x45, 0]);
}

#[test]
#[allow(unsafe_code, reason = "a message is written piece by piece")]
fn promise_06_a_place_may_be_written_piece_by_piece() {
    let (mut tx, mut rx) = channel::<[u16; 4]>(1).unwrap();
    for lap in 0..4 {
        let mut permit = tx.reserve();
        let place = permit.uninit().as_mut_ptr().cast::<u16>();
        for i in 0..4 {
            // SAFETY: the place has room for four.
            let place = unsafe { place.add(usize::from(i)) };
            // SAFETY: it is valid for writes.
            unsafe { place.write(lap + i) };
        }
        // SAFETY: all four have been written.
        let filled = unsafe { permit.assume_init() };
        filled.try_send().unwrap();
        assert_eq!(rx.try_recv(), Ok([lap, lap + 1, lap + 2, lap + 3]));
    }
}

#[test]
fn promise_06_a_permit_is_no_promise_of_room() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let mut other = tx.clone();
    let filled = tx.reserve().write("late");
    other.try_send("early").unwrap();
    let refused = filled.try_send().unwrap_err();
    assert_eq!(refused.error, TrySendError::Full(()));
    assert_eq!(*refused.message, "late");
    assert_eq!(rx.try_recv(), Ok("early"));
    refused.message.try_send().unwrap();
    assert_eq!(rx.try_recv(), Ok("late"));
}

#[test]
fn promise_06_a_refused_message_can_be_changed_and_taken_out() {
    let (mut tx, rx) = channel(1).unwrap();
    rx.close();
    let mut refused = tx.reserve().write(String::from("a")).try_send().unwrap_err();
    assert_eq!(refused.error, TrySendError::Closed(()));
    refused.message.push('b');
    assert_eq!(refused.message.into_inner(), "ab");
}

#[test]
fn promise_01_a_dropped_permit_gives_everything_back() {
    let census = Census::default();
    let (mut tx, mut rx) = channel(2).unwrap();
    for i in 0..10 {
        let _unused = tx.reserve();
        drop(tx.reserve().write(census.message(0)));
        assert_eq!(census.alive(), 0);
        let message = tx.reserve().write(census.message(i)).into_inner();
        assert_eq!(census.alive(), 1);
        tx.try_send(message).unwrap_or_else(|_| panic!("there is room"));
        assert_eq!(rx.try_recv().unwrap().id, i);
        assert_eq!((census.alive(), rx.len()), (0, 0));
    }
}

#[test]
fn promise_01_all_senders_may_hold_a_message_while_the_mailbox_is_full() {
    let census = Census::default();
    let mailbox = StaticMailbox::<_, 2, 4>::new();
    let mut senders: Vec<_> = (0..3).map(|_| mailbox.sender().unwrap()).collect();
    for round in 0..5 {
        let mut held = Vec::new();
        for (i, sender) in (0..).zip(&mut senders) {
            held.push(sender.reserve().write(census.message(10 * round + i)));
        }
        assert_eq!(census.alive(), 3);
        let last = held.pop().unwrap();
        for filled in held {
            filled.try_send().unwrap();
        }
        assert_eq!(last.try_send().unwrap_err().message.id, 10 * round + 2);
        assert_eq!((census.alive(), mailbox.len()), (2, 2));
        for i in 0..2 {
            assert_eq!(mailbox.try_recv().unwrap().id, 10 * round + i);
        }
    }
}

#[test]
fn promise_07_a_filled_message_wakes_a_receiver() {
    let (mut tx, mut rx) = channel(1).unwrap();
    let bell = Bell::new();
    let mut receiving = rx.recv();
    pend(&mut receiving, &bell);
    let filled = tx.reserve().write(1);
    assert_eq!(bell.rung(), 0);
    filled.try_send().unwrap();
    assert_eq!(bell.rung(), 1);
}

#[test]
fn permits_can_be_printed() {
    let (mut tx, rx) = channel::<u8>(1).unwrap();
    rx.close();
    assert_eq!(format!("{:?}", tx.reserve()), "Permit");
    assert_eq!(format!("{:?}", tx.reserve().write(1)), "Filled");
    let refused = tx.reserve().write(1).try_send().unwrap_err();
    assert_eq!(format!("{refused:?}"), "Refused { error: Closed(..), .. }");
}
