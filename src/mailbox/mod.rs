//! Bounded mailboxes for many senders and many receivers, whose `try_` operations are lock-free.
//!
//! | you want | take |
//! |---|---|
//! | a channel with a capacity chosen at run time | [`channel`] |
//! | a mailbox in a `static`, without an allocator | [`StaticMailbox`] |
//! | to send or receive in an interrupt handler | [`Mailbox::try_send`], [`Mailbox::try_recv`] |
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use droves::mailbox::channel;
//!
//! let (mut sender, mut receiver) = channel(2)?;
//! sender.try_send("a")?;
//! sender.try_send("b")?;
//! assert!(sender.try_send("c").unwrap_err().is_full());
//! assert_eq!(receiver.try_recv()?, "a");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Handles
//! A [`Sender`] or [`Receiver`] owns one spare cell and one place to wait, which is why its operations
//! take `&mut self`: clone it for each task. Handles point to their mailbox by [`Arc`], `&'static` or
//! `&`; the operations are the same. When the last sender or the last receiver is dropped, the mailbox
//! closes. When the last receiver of an `Arc` goes, what is left in the mailbox is dropped, so that
//! whoever waits for an answer to it learns that there is none; a mailbox that is borrowed keeps it for its
//! owner ([`Mailbox::drain`]).
//!
//! # Full, Empty and Closed
//! A capacity of N means N, whatever other threads do. `Full` means that at some moment during the call
//! N messages were in the mailbox; `Empty` that none was; `Closed` that it was closed, and for a receiver
//! that no message was left either. Values are received in the order in which their sends took effect, so
//! each sender's own stay in their order.
//!
//! # Progress
//! `try_send` and `try_recv` are lock-free, each side by itself: a failed exchange means that another
//! thread of the same side completed, or that the mailbox was closed. A thread stopped at any point
//! costs the others neither capacity nor progress: its message is either wholly published or
//! invisible, and a stopped receiver holds at most the one message that it has taken. They are not
//! wait-free with several threads on a side; with a single sender (receiver) they are. Waiting calls are free of
//! deadlock with any one thread stopped, while a live thread remains on each side; a thread stopped
//! between its exchange and its wake-up can leave one message unannounced until the next operation.
//! Waiters are not served in order.
//!
//! Waking runs the waiter's [`Waker`](core::task::Waker), which is the executor's code; a send, a
//! receive, a refusal and a close may each wake. A waker that panics does so after the operation has taken
//! effect: all others that were to be woken are, the panic reaches the caller, and nothing leaks, but the
//! message that was just received is dropped with the call. Two panics at once abort, as everywhere. A thread stopped *inside* a
//! waker keeps that waker's seat; a task that then waits there by another waker takes another seat, or, if none
//! is free, asks again and again.
//!
//! On a target without compare-and-swap each atomic step is a critical section, which the program chooses as
//! `portable-atomic` says; "lock-free" means there what that makes of it.
//!
//! # Bounds
//! Positions wrap after N·2^k messages. A thread stopped inside *one* operation, or a handle left idle,
//! until they have come round to the very position that it remembers (within N) mistakes it for a new one. Then
//! messages may be out of order, and may wait behind a gap until further messages fill it; none is torn,
//! taken twice, or put where another is. On 64-bit targets k is at least 31, and over 40 below a capacity of
//! 200 000, which is days at full speed; on 32-bit ones it is 30 less the bits of N + H (inline) or of N + 1020
//! (heap). On those, too, a thread stopped between waking a waiter and noting that it did, for 2^20 waits of
//! that handle, can take the waiter for woken.
//!
//! [`Arc`]: https://doc.rust-lang.org/alloc/sync/struct.Arc.html

mod error;
mod handle;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(not(droves_loom))]
mod inline;
mod patience;
mod permit;
mod pointer;
mod receiver;
mod seated;
mod seats;
mod sender;
mod storage;
mod waiter;
mod waiting;
#[cfg(feature = "alloc")]
mod within;

pub use error::{
    Closed, HandlesError, SendError, SendManyError, SharedRecvError, SharedSendError, TryRecvError,
    TrySendError,
};
#[cfg(feature = "std")]
pub use error::{RecvDeadlineError, SendDeadlineError};
#[cfg(feature = "alloc")]
pub use heap::Heap;
#[cfg(feature = "alloc")]
pub(crate) use heap::MAX_SEATS;
#[cfg(not(droves_loom))]
pub use inline::Inline;
pub use permit::{Filled, Permit, Refused};
pub use pointer::Pointer;
pub use receiver::{Receiver, RecvFut, RecvManyFut};
pub use sender::{SendFromFut, SendFut, SendManyFut, Sender};
#[cfg(feature = "alloc")]
pub(crate) use storage::MAX_CAPACITY;
pub use storage::Storage;

use core::fmt;

use crate::cells::Cell;
use crate::panic::finish_each;
use crate::ring::{Found, Padded, Side};
use crate::sync::{AtomicWord, Ordering, const_fn};
use handle::Handle;
use seated::Seated;

/// A mailbox with room for `N` messages inside itself, and for up to `H` handles at a time.
#[cfg(not(droves_loom))]
pub type StaticMailbox<T, const N: usize, const H: usize = 8> = Mailbox<Inline<T, N, H>>;

/// A sending handle of a [`StaticMailbox`] in a `static`, e.g. as an argument of an embassy task.
#[cfg(not(droves_loom))]
pub type StaticSender<T, const N: usize, const H: usize = 8> =
    Sender<T, &'static StaticMailbox<T, N, H>>;

/// A receiving handle of a [`StaticMailbox`] in a `static`.
#[cfg(not(droves_loom))]
pub type StaticReceiver<T, const N: usize, const H: usize = 8> =
    Receiver<T, &'static StaticMailbox<T, N, H>>;

/// A mailbox on the heap, with a capacity chosen at run time.
#[cfg(feature = "alloc")]
pub type HeapMailbox<T> = Mailbox<Heap<T>>;

/// Makes a mailbox on the heap with room for `capacity` messages, and its first two handles.
///
/// # Errors
/// [`ConfigError`](crate::ConfigError) if the capacity is 0, or above 2^30 (2^20 with 32-bit words), or if so
/// many messages are more than an address space.
///
/// # Cost
/// A few allocations, of about `capacity` times (message + one word). Sending and receiving allocate
/// nothing; cloning a handle does when there are more of them than ever before.
#[cfg(feature = "alloc")]
pub fn channel<T>(capacity: usize) -> Result<(Sender<T>, Receiver<T>), crate::ConfigError> {
    let mailbox = crate::sync::Arc::new(HeapMailbox::with_capacity(capacity)?);
    match (Sender::new(mailbox.clone()), Receiver::new(mailbox)) {
        (Ok(sender), Ok(receiver)) => Ok((sender, receiver)),
        _ => unreachable!("a new mailbox has free seats"),
    }
}

/// What a mailbox counts.
#[derive(Debug)]
pub struct Control {
    counts: Padded<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// Waiters of each side that still need somebody to wake them.
    needy: [AtomicWord; 2],
    /// The seat after the last that was chosen, for each side.
    cursor: [AtomicWord; 2],
    /// Handles of each side.
    handles: [AtomicWord; 2],
    /// Whether the lowest seat is woken, instead of one after the other.
    lowest_first: bool,
}

impl Control {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                counts: Padded(Counts {
                    needy: [AtomicWord::new(0), AtomicWord::new(0)],
                    cursor: [AtomicWord::new(0), AtomicWord::new(0)],
                    handles: [AtomicWord::new(0), AtomicWord::new(0)],
                    lowest_first: false,
                }),
            }
        }
    }
}

/// A bounded mailbox: the shared part, which handles point to.
///
/// See the [module](self) for what all mailboxes have in common.
pub struct Mailbox<S: Storage> {
    storage: S,
}

#[cfg(not(droves_loom))]
impl<T, const N: usize, const H: usize> Mailbox<Inline<T, N, H>> {
    /// Makes an empty mailbox; all zero, so that a `static` lies in `.bss`.
    ///
    /// ```
    /// use droves::mailbox::StaticMailbox;
    ///
    /// static COMMANDS: StaticMailbox<u32, 8> = StaticMailbox::new();
    ///
    /// let mut receiver = COMMANDS.receiver()?;
    /// COMMANDS.try_send(7)?; // needs no handle: an interrupt handler may do this
    /// assert_eq!(receiver.try_recv()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A capacity or a number of handles that cannot be does not compile:
    /// ```compile_fail
    /// let none = droves::mailbox::StaticMailbox::<u8, 0>::new();
    /// ```
    /// ```compile_fail
    /// let crowded = droves::mailbox::StaticMailbox::<u8, 1, 33>::new();
    /// ```
    ///
    /// # Cost
    /// None at run time in a `static`. A word for each of the `N` entries, a message for each of
    /// `N + H` cells, and four words for each of `H` handles.
    #[must_use]
    pub const fn new() -> Self {
        Self { storage: Inline::new() }
    }
}

#[cfg(not(droves_loom))]
impl<T, const N: usize, const H: usize> Default for Mailbox<Inline<T, N, H>> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl<T> Mailbox<Heap<T>> {
    /// Makes an empty mailbox with room for `capacity` messages.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError) if the capacity is 0, or above 2^30 (2^20 with 32-bit words), or
    /// if so many messages are more than an address space.
    ///
    /// # Cost
    /// Two allocations; the first handle makes four more.
    pub fn with_capacity(capacity: usize) -> Result<Self, crate::ConfigError> {
        Ok(Self { storage: Heap::new(capacity)? })
    }

    /// As [`with_capacity`](Self::with_capacity), but so many laps before the lap counter wraps, for
    /// tests that want to see it wrap.
    #[doc(hidden)]
    pub fn starting_before_wrap(capacity: usize, laps: u32) -> Result<Self, crate::ConfigError> {
        Ok(Self { storage: Heap::starting(capacity, laps.into())? })
    }
}

impl<S: Storage> Mailbox<S> {
    /// A handle for sending. When the last one is dropped, the mailbox closes, for good.
    ///
    /// # Errors
    /// [`HandlesError`] if there are as many handles as the mailbox may have.
    ///
    /// # Cost
    /// A few atomic operations, and a look at each 32 handles that there are.
    pub fn sender(&self) -> Result<Sender<S::Message, &Self>, HandlesError> {
        Sender::new(self)
    }

    /// A handle for receiving. When the last one is dropped, the mailbox closes, for good.
    ///
    /// # Errors
    /// [`HandlesError`] if there are as many handles as the mailbox may have.
    ///
    /// # Cost
    /// A few atomic operations, and a look at each 32 handles that there are.
    pub fn receiver(&self) -> Result<Receiver<S::Message, &Self>, HandlesError> {
        Receiver::new(self)
    }

    /// Sends without a handle, by borrowing a seat for the call; for interrupt handlers.
    ///
    /// # Errors
    /// The message comes back if the mailbox is full or closed, or if no seat is free (`Busy`).
    ///
    /// # Cost
    /// [`Sender::try_send`], and some six atomic operations more. Lock-free; but a mailbox on the heap
    /// allocates when there are more calls and handles at once than ever before.
    pub fn try_send(&self, message: S::Message) -> Result<(), SharedSendError<S::Message>> {
        let Ok(seat) = Seated::take(self) else {
            return Err(SharedSendError::Busy(message));
        };
        Handle::visit(seat, Side::Send).try_put(message).map_err(SharedSendError::from)
    }

    /// Receives without a handle, by borrowing a seat for the call; for interrupt handlers.
    ///
    /// # Errors
    /// `Empty`, `Closed` if it is closed and drained, `Busy` if no seat is free.
    ///
    /// # Cost
    /// [`Receiver::try_recv`], and some six atomic operations more. Lock-free; but a mailbox on the heap
    /// allocates when there are more calls and handles at once than ever before.
    pub fn try_recv(&self) -> Result<S::Message, SharedRecvError> {
        let seat = Seated::take(self).map_err(|_| SharedRecvError::Busy)?;
        Handle::visit(seat, Side::Receive).try_take().map_err(SharedRecvError::from)
    }

    /// Closes the mailbox: every later send is refused, and receivers get what is left in it.
    ///
    /// Returns whether nobody had closed it before. Sends that had begun may still succeed.
    ///
    /// # Cost
    /// A few atomic operations, and a wake for each waiter. Ends in a bounded number of steps.
    pub fn close(&self) -> bool {
        let first = self.storage.ring().request_close();
        self.finish_close();
        first
    }

    /// Whether somebody closed the mailbox; messages may be left in it.
    ///
    /// # Cost
    /// One load.
    pub fn is_closed(&self) -> bool {
        self.storage.ring().is_closing()
    }

    /// How many messages are in the mailbox: never above the capacity, exact while nobody sends or
    /// receives, and perhaps too many while they do.
    ///
    /// # Cost
    /// A few loads: one for each message since a position was last shared, up to 64 or a quarter of the
    /// capacity, on each side.
    pub fn len(&self) -> usize {
        self.storage.ring().len()
    }

    /// Whether no message was in the mailbox, at some moment during the call.
    ///
    /// # Cost
    /// As [`len`](Self::len), on one side.
    pub fn is_empty(&self) -> bool {
        !matches!(self.storage.ring().find_shared(Side::Receive), Found::Ready(_))
    }

    /// Whether as many messages were in the mailbox as it has room for, at some moment during the call.
    ///
    /// # Cost
    /// As [`len`](Self::len).
    pub fn is_full(&self) -> bool {
        self.storage.ring().is_full()
    }

    /// How many messages the mailbox has room for.
    ///
    /// # Cost
    /// None.
    pub fn capacity(&self) -> usize {
        self.storage.ring().layout.capacity()
    }

    /// Takes out what is left, oldest first. Dropping the iterator drops the rest.
    ///
    /// ```
    /// use droves::mailbox::StaticMailbox;
    ///
    /// let mut mailbox = StaticMailbox::<_, 4>::new();
    /// mailbox.try_send("kept")?;
    /// mailbox.close();
    /// assert_eq!(mailbox.drain().collect::<Vec<_>>(), ["kept"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// A receive for each message.
    pub fn drain(&mut self) -> impl Iterator<Item = S::Message> {
        Drain { mailbox: self }
    }

    /// Marks the end, if nobody has, and wakes everybody.
    fn finish_close(&self) {
        self.storage.ring().mark_end();
        let mut sides = [Side::Receive, Side::Send].into_iter();
        finish_each(|| sides.next().map(|side| self.wake_all(side)));
    }

    /// Wakes one waiter of `side`, if there is one that needs it. Returns whether it was the first to choose
    /// that one.
    #[inline]
    fn notify(&self, side: Side) -> bool {
        // Relaxed: a waiter counted itself before it confirmed the entry that the caller has changed
        // since, or else its confirmation fails.
        self.control().needy[side as usize].load(Ordering::Relaxed) != 0 && self.wake_one(side)
    }

    #[cold]
    fn wake_one(&self, side: Side) -> bool {
        let cursor = &self.control().cursor[side as usize];
        let from = usize::try_from(cursor.load(Ordering::Relaxed)).unwrap_or(0);
        // One that nobody has chosen, if there is; else one that somebody is about to wake, since
        // that thread may have stopped.
        for again in [false, true] {
            let later = self.waiting(side, from);
            let earlier = self.waiting(side, 0).take_while(|&seat| seat < from);
            for seat in later.chain(earlier) {
                let block = self.storage.block_of(seat);
                let Some(loan) = block.get(seat).waiter.lend(side, again) else {
                    continue;
                };
                if !self.control().lowest_first {
                    cursor.store(seat as crate::sync::Word + 1, Ordering::Relaxed);
                }
                loan.deliver(|| self.settled(side));
                return !again;
            }
        }
        false
    }

    /// Wakes all waiters of `side`; all of them, even if one of the wakers panics.
    fn wake_all(&self, side: Side) {
        if self.control().needy[side as usize].load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut seats = self.waiting(side, 0);
        finish_each(|| {
            let seat = seats.next()?;
            let block = self.storage.block_of(seat);
            if let Some(loan) = block.get(seat).waiter.lend(side, true) {
                loan.deliver(|| self.settled(side));
            }
            Some(())
        });
    }

    fn waiting(&self, side: Side, from: usize) -> impl Iterator<Item = usize> {
        (0..)
            .map_while(|block| self.storage.block(block))
            .flat_map(move |block| block.waiting(side, from))
    }

    /// A waiter needs nobody any more.
    fn settled(&self, side: Side) {
        self.control().needy[side as usize].fetch_sub(1, Ordering::Relaxed);
    }

    fn control(&self) -> &Counts {
        &self.storage.control().counts.0
    }
}

// Whatever panics, wakers and messages included, leaves a mailbox as usable as before.
impl<S: Storage> core::panic::UnwindSafe for Mailbox<S> {}
impl<S: Storage> core::panic::RefUnwindSafe for Mailbox<S> {}

impl<S: Storage> fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<S: Storage> Drop for Mailbox<S> {
    fn drop(&mut self) {
        drop(Drain { mailbox: self });
    }
}

/// Takes the messages out of a mailbox that nobody else uses.
struct Drain<'a, S: Storage> {
    mailbox: &'a mut Mailbox<S>,
}

impl<S: Storage> Drain<'_, S> {
    /// The cell of the next message: full, in an entry that is empty now.
    fn next_cell(&mut self) -> Option<&Cell<S::Message>> {
        let cell = self.mailbox.storage.ring().take_alone()?;
        Some(self.mailbox.storage.cell(cell))
    }
}

impl<S: Storage> Iterator for Drain<'_, S> {
    type Item = S::Message;

    fn next(&mut self) -> Option<S::Message> {
        // SAFETY: a message is in the cell, and with the mailbox borrowed for writing nobody else
        // uses it; the entry that it is in is empty now.
        #[allow(unsafe_code, reason = "reads the cell of an entry just emptied")]
        self.next_cell().map(|cell| unsafe { cell.read() })
    }
}

impl<S: Storage> Drop for Drain<'_, S> {
    fn drop(&mut self) {
        // SAFETY: as in `next`.
        #[allow(unsafe_code, reason = "empties the cell of an entry just emptied")]
        finish_each(|| self.next_cell().map(|cell| unsafe { cell.discard() }));
    }
}
