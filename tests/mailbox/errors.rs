//! What is refused comes back, in an error that says why.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Instant;

use droves::mailbox::{
    Closed, RecvDeadlineError, SendDeadlineError, SendError, SendManyError, SharedRecvError,
    SharedSendError, StaticMailbox, TryRecvError, TrySendError, channel,
};
use futures_lite::future::block_on;

/// Neither `Debug` nor `Send` nor `Clone`.
struct Opaque(#[allow(dead_code, reason = "makes it not Send")] Rc<Cell<u8>>);

fn opaque() -> Opaque {
    Opaque(Rc::default())
}

#[test]
fn promise_06_refused_messages_come_back() {
    let (mut tx, rx) = channel(1).unwrap();
    let message = Rc::new("it");
    tx.try_send(message.clone()).unwrap();
    let is_it = |back: Rc<&str>| assert!(Rc::ptr_eq(&back, &message));

    is_it(tx.try_send(message.clone()).unwrap_err().into_inner());
    is_it(tx.mailbox().try_send(message.clone()).unwrap_err().into_inner());
    is_it(tx.try_send_many([message.clone()]).unwrap_err().error.into_inner());
    is_it(tx.send_deadline(message.clone(), Instant::now()).unwrap_err().into_inner());
    is_it(tx.reserve().write(message.clone()).try_send().unwrap_err().message.into_inner());

    rx.close();
    is_it(tx.try_send(message.clone()).unwrap_err().into_inner());
    is_it(tx.mailbox().try_send(message.clone()).unwrap_err().into_inner());
    is_it(tx.try_send_many([message.clone()]).unwrap_err().error.into_inner());
    is_it(tx.send_deadline(message.clone(), Instant::now()).unwrap_err().into_inner());
    is_it(tx.send_blocking(message.clone()).unwrap_err().into_inner());
    is_it(block_on(tx.send(message.clone())).unwrap_err().into_inner());
    is_it(block_on(tx.send_many([message.clone()])).unwrap_err().error.into_inner());
    let mut from = Some(message.clone());
    assert_eq!(block_on(tx.send_from(&mut from)), Err(Closed));
    is_it(from.unwrap());
    assert_eq!(Rc::strong_count(&message), 2, "one here, one in the mailbox");
}

#[test]
fn promise_06_discard_keeps_the_reason_and_drops_the_message() {
    let message = Rc::new(());
    assert_eq!(TrySendError::Full(message.clone()).discard(), TrySendError::Full(()));
    assert_eq!(TrySendError::Closed(message.clone()).discard(), TrySendError::Closed(()));
    assert_eq!(SendError::Closed(message.clone()).discard(), SendError::Closed(()));
    assert_eq!(SharedSendError::Full(message.clone()).discard(), SharedSendError::Full(()));
    assert_eq!(SharedSendError::Closed(message.clone()).discard(), SharedSendError::Closed(()));
    assert_eq!(SharedSendError::Busy(message.clone()).discard(), SharedSendError::Busy(()));
    assert_eq!(
        SendDeadlineError::Timeout(message.clone()).discard(),
        SendDeadlineError::Timeout(())
    );
    assert_eq!(SendDeadlineError::Closed(message.clone()).discard(), SendDeadlineError::Closed(()));
    let many = SendManyError { sent: 3, error: TrySendError::Full(message.clone()) }.discard();
    assert_eq!(many, SendManyError { sent: 3, error: TrySendError::Full(()) });
    assert_eq!(Rc::strong_count(&message), 1);
}

#[test]
fn promise_06_into_inner_gives_the_message_of_every_variant() {
    assert_eq!(TrySendError::Full(1).into_inner(), 1);
    assert_eq!(TrySendError::Closed(2).into_inner(), 2);
    assert_eq!(SendError::Closed(3).into_inner(), 3);
    assert_eq!(SharedSendError::Full(4).into_inner(), 4);
    assert_eq!(SharedSendError::Closed(5).into_inner(), 5);
    assert_eq!(SharedSendError::Busy(6).into_inner(), 6);
    assert_eq!(SendDeadlineError::Timeout(7).into_inner(), 7);
    assert_eq!(SendDeadlineError::Closed(8).into_inner(), 8);
    assert_eq!(SendManyError { sent: 5, error: TrySendError::Full(9) }.into_inner(), 9);
}

#[test]
fn promise_06_predicates_tell_every_variant_from_the_others() {
    let tried = |error: TrySendError<Opaque>| [error.is_full(), error.is_closed()];
    assert_eq!(tried(TrySendError::Full(opaque())), [true, false]);
    assert_eq!(tried(TrySendError::Closed(opaque())), [false, true]);

    assert!(SendError::Closed(opaque()).is_closed());

    let shared =
        |error: SharedSendError<Opaque>| [error.is_full(), error.is_closed(), error.is_busy()];
    assert_eq!(shared(SharedSendError::Full(opaque())), [true, false, false]);
    assert_eq!(shared(SharedSendError::Closed(opaque())), [false, true, false]);
    assert_eq!(shared(SharedSendError::Busy(opaque())), [false, false, true]);

    let timed = |error: SendDeadlineError<Opaque>| [error.is_timeout(), error.is_closed()];
    assert_eq!(timed(SendDeadlineError::Timeout(opaque())), [true, false]);
    assert_eq!(timed(SendDeadlineError::Closed(opaque())), [false, true]);
}

#[test]
fn promise_06_a_question_mark_takes_every_error() {
    fn all(
        mailbox: &StaticMailbox<Opaque, 1, 2>,
        at: usize,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (mut tx, mut rx) = (mailbox.sender()?, mailbox.receiver()?);
        match at {
            0 => tx.try_send(opaque()).map_err(TrySendError::discard)?,
            1 => block_on(tx.send(opaque())).map_err(SendError::discard)?,
            2 => block_on(tx.send_from(&mut Some(opaque())))?,
            3 => assert_eq!(tx.try_send_many([opaque()]).map_err(SendManyError::discard)?, 0),
            4 => mailbox.try_send(opaque()).map_err(SharedSendError::discard)?,
            5 => tx.send_deadline(opaque(), Instant::now()).map_err(SendDeadlineError::discard)?,
            6 => tx.reserve().write(opaque()).try_send().map_err(|refused| refused.error)?,
            7 => drop(rx.try_recv()?),
            8 => drop(mailbox.try_recv()?),
            9 => drop(rx.recv_deadline(Instant::now())?),
            _ => drop(mailbox.sender()?),
        }
        Ok(())
    }
    let mailbox = StaticMailbox::new();
    mailbox.close();
    let said: Vec<_> = (0..=10).map(|at| all(&mailbox, at).unwrap_err().to_string()).collect();
    let expected = [
        "the mailbox is closed",
        "the mailbox is closed",
        "the mailbox is closed",
        "the mailbox is closed, after sending 0",
        "the mailbox has no free seat",
        "the mailbox is closed",
        "the mailbox is closed",
        "the mailbox is closed and drained",
        "the mailbox has no free seat",
        "the mailbox is closed and drained",
        "the mailbox has 2 handles already, as many as it may have",
    ];
    assert_eq!(said, expected);
}

/// With the message still in it, an error needs no more than a `'static` message.
#[test]
fn promise_06_errors_with_their_message_are_errors_too() {
    let errors: [Box<dyn Error>; 5] = [
        Box::new(TrySendError::Full(opaque())),
        Box::new(SendError::Closed(opaque())),
        Box::new(SharedSendError::Busy(opaque())),
        Box::new(SendDeadlineError::Timeout(opaque())),
        Box::new(SendManyError { sent: 2, error: TrySendError::Closed(opaque()) }),
    ];
    let said = errors.map(|error| format!("{error:?}"));
    let expected = [
        "Full(..)",
        "Closed(..)",
        "Busy(..)",
        "Timeout(..)",
        "SendManyError { sent: 2, error: Closed(..) }",
    ];
    assert_eq!(said, expected);
}

#[test]
fn errors_speak_in_lower_case_without_a_full_stop() {
    fn check(error: &dyn Display, says: &str) {
        assert_eq!(error.to_string(), says);
        assert!(says.starts_with(char::is_lowercase) && !says.ends_with('.'));
    }
    check(&Closed, "the mailbox is closed");
    check(&TrySendError::Full(0), "the mailbox is full");
    check(&TrySendError::Closed(0), "the mailbox is closed");
    check(&SendError::Closed(0), "the mailbox is closed");
    check(&SharedSendError::Full(0), "the mailbox is full");
    check(&SharedSendError::Closed(0), "the mailbox is closed");
    check(&SharedSendError::Busy(0), "the mailbox has no free seat");
    check(&SendDeadlineError::Timeout(0), "the mailbox was full until the deadline");
    check(&SendDeadlineError::Closed(0), "the mailbox is closed");
    check(
        &SendManyError { sent: 3, error: TrySendError::Full(0) },
        "the mailbox is full, after sending 3",
    );
    check(&TryRecvError::Empty, "the mailbox is empty");
    check(&TryRecvError::Closed, "the mailbox is closed and drained");
    check(&SharedRecvError::Empty, "the mailbox is empty");
    check(&SharedRecvError::Closed, "the mailbox is closed and drained");
    check(&SharedRecvError::Busy, "the mailbox has no free seat");
    check(&RecvDeadlineError::Timeout, "the mailbox was empty until the deadline");
    check(&RecvDeadlineError::Closed, "the mailbox is closed and drained");
}

#[test]
fn errors_convert_without_changing_their_reason() {
    assert_eq!(SharedSendError::from(TrySendError::Full(1)), SharedSendError::Full(1));
    assert_eq!(SharedSendError::from(TrySendError::Closed(1)), SharedSendError::Closed(1));
    assert_eq!(SharedRecvError::from(TryRecvError::Empty), SharedRecvError::Empty);
    assert_eq!(SharedRecvError::from(TryRecvError::Closed), SharedRecvError::Closed);
}
