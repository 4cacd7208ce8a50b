//! Any sequence of operations does what a `VecDeque` would, for inline and heap mailboxes.
//!
//! The fuzz target knows more operations; these sequences are chosen to reach far, and shrink well.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]

use std::collections::VecDeque;

use droves::mailbox::{
    HeapMailbox, Pointer, Receiver, SendManyError, Sender, StaticMailbox, TryRecvError,
    TrySendError,
};
use futures_lite::future::block_on;
use proptest::collection::vec;
use proptest::prelude::*;

/// One operation. Sends send the next numbers.
#[derive(Clone, Copy, Debug)]
enum Op {
    Send,
    SendShared,
    SendMany(usize),
    /// Write into a reserved place, then send it, or not.
    Reserve {
        send: bool,
    },
    Recv,
    RecvShared,
    RecvMany(usize),
    /// Wait for as many messages as there are; of none, there is no end.
    Await(usize),
    Close,
    /// Go on with another handle, and drop the last one.
    NewSender,
    NewReceiver,
}

fn op(most: usize) -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => Just(Op::Send),
        5 => Just(Op::SendShared),
        10 => (0..=most).prop_map(Op::SendMany),
        5 => any::<bool>().prop_map(|send| Op::Reserve { send }),
        20 => Just(Op::Recv),
        5 => Just(Op::RecvShared),
        10 => (0..=most).prop_map(Op::RecvMany),
        5 => (0..=most).prop_map(Op::Await),
        1 => Just(Op::Close),
        3 => Just(Op::NewSender),
        3 => Just(Op::NewReceiver),
    ]
}

/// What the mailbox should hold.
struct Model {
    queue: VecDeque<u32>,
    capacity: usize,
    closed: bool,
}

impl Model {
    fn send(&mut self, message: u32) -> Result<(), TrySendError<u32>> {
        if self.closed {
            return Err(TrySendError::Closed(message));
        }
        if self.queue.len() == self.capacity {
            return Err(TrySendError::Full(message));
        }
        self.queue.push_back(message);
        Ok(())
    }

    fn send_many(
        &mut self,
        messages: &mut impl Iterator<Item = u32>,
    ) -> Result<usize, SendManyError<u32>> {
        let mut sent = 0;
        for message in messages {
            self.send(message).map_err(|error| SendManyError { sent, error })?;
            sent += 1;
        }
        Ok(sent)
    }

    fn recv(&mut self) -> Result<u32, TryRecvError> {
        let error = if self.closed { TryRecvError::Closed } else { TryRecvError::Empty };
        self.queue.pop_front().ok_or(error)
    }

    fn recv_many(&mut self, max: usize) -> Result<Vec<u32>, TryRecvError> {
        let mut received = Vec::new();
        while received.len() < max {
            match self.recv() {
                Ok(message) => received.push(message),
                Err(_) if !received.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(received)
    }
}

/// Does `ops` on the mailbox and on its model.
#[allow(clippy::needless_pass_by_value, reason = "it is a pointer")]
fn compare<P: Pointer<Message = u32>>(mailbox: P, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut model = Model { queue: VecDeque::new(), capacity: mailbox.capacity(), closed: false };
    let mut tx = Sender::new(mailbox.clone()).unwrap();
    let mut rx = Receiver::new(mailbox.clone()).unwrap();
    let mut numbers = 0..;
    let mut next = || numbers.next().unwrap();
    for op in ops {
        match op {
            Op::Send => {
                let message = next();
                prop_assert_eq!(tx.try_send(message), model.send(message));
            }
            Op::SendShared => {
                let message = next();
                let expected = model.send(message).map_err(Into::into);
                prop_assert_eq!(mailbox.try_send(message), expected);
            }
            Op::SendMany(count) => {
                let messages: Vec<_> = (0..count).map(|_| next()).collect();
                let (mut ours, mut theirs) = (messages.clone().into_iter(), messages.into_iter());
                prop_assert_eq!(tx.try_send_many(&mut ours), model.send_many(&mut theirs));
                prop_assert_eq!(ours.as_slice(), theirs.as_slice());
            }
            Op::Reserve { send } => {
                let message = next();
                let filled = tx.reserve().write(message);
                if send {
                    let result =
                        filled.try_send().map_err(|refused| (refused.error, *refused.message));
                    let expected = model.send(message).map_err(|error| (error.discard(), message));
                    prop_assert_eq!(result, expected);
                } else {
                    prop_assert_eq!(filled.into_inner(), message);
                }
            }
            Op::Recv => prop_assert_eq!(rx.try_recv(), model.recv()),
            Op::RecvShared => prop_assert_eq!(mailbox.try_recv(), model.recv().map_err(Into::into)),
            Op::RecvMany(max) => {
                let mut out = Vec::new();
                let result = rx.try_recv_many(&mut out, max).map(|count| (count, out));
                prop_assert_eq!(result, model.recv_many(max).map(|out| (out.len(), out)));
            }
            Op::Await(max) => {
                if model.queue.is_empty() && !model.closed {
                    continue;
                }
                let mut out = Vec::new();
                let count = block_on(rx.recv_many(&mut out, max));
                prop_assert_eq!(count, out.len());
                prop_assert_eq!(out, model.recv_many(max).unwrap_or_default());
            }
            Op::Close => {
                prop_assert_eq!(rx.close(), !model.closed);
                model.closed = true;
            }
            Op::NewSender => tx = tx.try_clone().unwrap(),
            Op::NewReceiver => rx = rx.try_clone().unwrap(),
        }
        prop_assert_eq!(mailbox.len(), model.queue.len());
        prop_assert_eq!(mailbox.is_empty(), model.queue.is_empty());
        prop_assert_eq!(mailbox.is_full(), model.queue.len() == model.capacity);
        prop_assert_eq!(mailbox.is_closed(), model.closed);
    }
    Ok(())
}

/// Sequences that fill and drain small mailboxes often, and run through large ones.
fn ops(capacity: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(capacity + 2), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promise_01_an_inline_mailbox_of_1_is_a_queue(ops in ops(1)) {
        compare(&StaticMailbox::<_, 1, 4>::new(), ops)?;
    }

    #[test]
    fn promise_01_an_inline_mailbox_of_2_is_a_queue(ops in ops(2)) {
        compare(&StaticMailbox::<_, 2, 4>::new(), ops)?;
    }

    #[test]
    fn promise_01_an_inline_mailbox_of_7_is_a_queue(ops in ops(7)) {
        compare(&StaticMailbox::<_, 7, 4>::new(), ops)?;
    }

    #[test]
    fn promise_01_an_inline_mailbox_of_64_is_a_queue(ops in ops(64)) {
        compare(&StaticMailbox::<_, 64>::new(), ops)?;
    }

    #[test]
    fn promise_01_a_heap_mailbox_is_a_queue(
        (capacity, ops) in (1..100_usize).prop_flat_map(|capacity| (Just(capacity), ops(capacity))),
        laps in 0..4_u32,
    ) {
        compare(&HeapMailbox::starting_before_wrap(capacity, laps).unwrap(), ops)?;
    }
}
