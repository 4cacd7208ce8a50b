//! What may be sent to, and shared with, other threads.
//!
//! A handle moves messages and never shares them, so it asks for `T: Send` only; what gives out
//! references to a message asks for `T: Sync` too.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

use droves::mailbox::{
    Filled, Heap, HeapMailbox, Mailbox, Permit, Receiver, RecvFut, RecvManyFut, Refused,
    SendFromFut, SendFut, SendManyFut, Sender, StaticMailbox, StaticReceiver, StaticSender,
    TrySendError,
};

trait Not {
    const YES: bool = false;
}

impl<T: ?Sized> Not for T {}

/// Whether a type implements a trait: an inherent constant is found before that of a trait.
macro_rules! implements {
    ($type:ty: $bound:path) => {{
        struct Is<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "is not there for every type")]
        impl<T: ?Sized + $bound> Is<T> {
            const YES: bool = true;
        }
        <Is<$type>>::YES
    }};
}

/// Whether a type is `Send`, and whether it is `Sync`.
macro_rules! threads {
    ($type:ty) => {
        [implements!($type: Send), implements!($type: Sync)]
    };
}

type Shared<T> = Arc<HeapMailbox<T>>;
type Inline<T> = &'static StaticMailbox<T, 4>;
/// `Send`, not `Sync`.
type Moves = Cell<u8>;
/// Neither.
type Stays = Rc<()>;

const BOTH: [bool; 2] = [true, true];
const SEND: [bool; 2] = [true, false];
const NONE: [bool; 2] = [false, false];

#[test]
fn the_probe_tells_send_and_sync() {
    assert_eq!(threads!(u8), BOTH);
    assert_eq!(threads!(Moves), SEND);
    assert_eq!(threads!(std::sync::MutexGuard<'static, u8>), [false, true]);
    assert_eq!(threads!(Stays), NONE);
}

#[test]
fn mailboxes_are_shared_when_messages_can_be_moved() {
    assert_eq!(threads!(HeapMailbox<u8>), BOTH);
    assert_eq!(threads!(HeapMailbox<Moves>), BOTH);
    assert_eq!(threads!(HeapMailbox<Stays>), NONE);
    assert_eq!(threads!(StaticMailbox<Moves, 4>), BOTH);
    assert_eq!(threads!(StaticMailbox<Stays, 4>), NONE);
}

#[test]
fn handles_are_sent_when_messages_can_be_moved() {
    assert_eq!([threads!(Sender<u8>), threads!(Receiver<u8>)], [BOTH; 2]);
    assert_eq!([threads!(Sender<Moves>), threads!(Receiver<Moves>)], [BOTH; 2]);
    assert_eq!([threads!(Sender<Stays>), threads!(Receiver<Stays>)], [NONE; 2]);
    assert_eq!(threads!(StaticSender<Moves, 4>), BOTH);
    assert_eq!(threads!(StaticReceiver<Moves, 4>), BOTH);
    assert_eq!(threads!(StaticSender<Stays, 4>), NONE);
    assert_eq!(threads!(Receiver<Stays, &'static Mailbox<Heap<Stays>>>), NONE);
}

#[test]
fn futures_are_sent_when_messages_can_be_moved() {
    type Iter<T> = std::vec::IntoIter<T>;
    assert!(implements!(SendFut<'static, Moves, Shared<Moves>>: Send));
    assert!(implements!(SendFromFut<'static, Moves, Shared<Moves>>: Send));
    assert!(implements!(SendManyFut<'static, Moves, Shared<Moves>, Iter<Moves>>: Send));
    assert!(implements!(RecvFut<'static, Moves, Shared<Moves>>: Send));
    assert!(implements!(RecvManyFut<'static, Moves, Shared<Moves>, Vec<Moves>>: Send));
    assert!(implements!(SendFut<'static, Moves, Inline<Moves>>: Send));
    assert!(implements!(RecvFut<'static, Moves, Inline<Moves>>: Send));

    assert!(!implements!(SendFut<'static, Stays, Shared<Stays>>: Send));
    assert!(!implements!(SendFromFut<'static, Stays, Shared<Stays>>: Send));
    assert!(!implements!(SendManyFut<'static, Stays, Shared<Stays>, Iter<Stays>>: Send));
    assert!(!implements!(RecvFut<'static, Stays, Shared<Stays>>: Send));
    // An iterator or a collection must be able to go along.
    assert!(!implements!(SendManyFut<'static, u8, Shared<u8>, std::iter::Once<Stays>>: Send));
    assert!(!implements!(RecvManyFut<'static, u8, Shared<u8>, Stays>: Send));
}

#[test]
fn futures_can_be_moved_between_polls() {
    assert!(
        implements!(SendFut<'static, std::marker::PhantomPinned, Shared<std::marker::PhantomPinned>>: Unpin)
    );
    assert!(implements!(SendFromFut<'static, u8, Shared<u8>>: Unpin));
    assert!(implements!(SendManyFut<'static, u8, Shared<u8>, std::iter::Once<u8>>: Unpin));
    assert!(implements!(RecvFut<'static, u8, Shared<u8>>: Unpin));
    assert!(implements!(RecvManyFut<'static, u8, Shared<u8>, Vec<u8>>: Unpin));
    assert!(implements!(Receiver<u8>: Unpin));
}

/// A `&Filled` gives out a `&T`, which another thread may have only if `T` is `Sync`.
#[test]
fn a_filled_message_is_shared_when_the_message_can_be() {
    assert_eq!(threads!(Filled<'static, u8, Shared<u8>>), BOTH);
    assert_eq!(threads!(Filled<'static, Moves, Shared<Moves>>), SEND);
    assert_eq!(threads!(Refused<'static, Moves, Shared<Moves>>), SEND);
    assert_eq!(threads!(Filled<'static, Moves, Inline<Moves>>), SEND);
    assert_eq!(threads!(Filled<'static, Stays, Shared<Stays>>), NONE);
    assert!(implements!(Permit<'static, Moves, Shared<Moves>>: Send));
    assert!(!implements!(Permit<'static, Stays, Shared<Stays>>: Send));
}

#[test]
fn errors_are_what_their_message_is() {
    assert_eq!(threads!(TrySendError<u8>), BOTH);
    assert_eq!(threads!(TrySendError<Moves>), SEND);
    assert_eq!(threads!(TrySendError<Stays>), NONE);
}

/// They stay as usable after a panic as before.
#[test]
fn mailboxes_and_handles_pass_through_catch_unwind() {
    assert!(
        implements!(HeapMailbox<Moves>: UnwindSafe)
            && implements!(HeapMailbox<Moves>: RefUnwindSafe)
    );
    assert!(implements!(Sender<Moves>: UnwindSafe) && implements!(Receiver<Moves>: UnwindSafe));
    assert!(implements!(StaticSender<Moves, 4>: UnwindSafe));
}

/// Handles of a channel are cloned as they are; others may have to fail.
#[test]
fn handles_of_a_channel_are_clone_whatever_the_message() {
    assert!(implements!(Sender<Stays>: Clone));
    assert!(implements!(Receiver<Stays>: Clone));
    assert!(!implements!(Sender<u8, Inline<u8>>: Clone));
}
