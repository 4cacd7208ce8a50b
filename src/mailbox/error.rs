//! What a mailbox refuses, and why. An error that refuses a message holds it.

use core::error::Error;
use core::fmt;

/// The mailbox is closed (for a receiver: and drained).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mailbox is closed")
    }
}

impl Error for Closed {}

/// The mailbox has as many handles as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlesError {
    /// How many handles the mailbox may have at once.
    pub max: usize,
}

impl fmt::Display for HandlesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mailbox has {} handles already, as many as it may have", self.max)
    }
}

impl Error for HandlesError {}

/// Declares an error that is one of several refusals, each with the message that it refuses.
macro_rules! refusals {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$variant_meta:meta])* $variant:ident $is:ident $text:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum $name<T> {
            $($(#[$variant_meta])* $variant(T),)+
        }

        impl<T> $name<T> {
            /// The message that was refused.
            ///
            /// # Cost
            /// A move.
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$variant(message) => message,)+
                }
            }

            /// Drops the message and keeps the reason: an error that `?` takes, whatever `T` is.
            ///
            /// # Cost
            /// That of dropping the message.
            pub fn discard(self) -> $name<()> {
                match self {
                    $(Self::$variant(_) => $name::$variant(()),)+
                }
            }

            $(
                #[doc = concat!("Whether the reason is [`", stringify!($variant), "`](Self::", stringify!($variant), ").")]
                ///
                /// # Cost
                /// None.
                pub const fn $is(&self) -> bool {
                    matches!(self, Self::$variant(_))
                }
            )+
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => concat!(stringify!($variant), "(..)"),)+
                })
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => $text,)+
                })
            }
        }

        impl<T> Error for $name<T> {}
    };
}

refusals! {
    /// Why [`Sender::try_send`](super::Sender::try_send) refused a message.
    TrySendError {
        /// The mailbox was full.
        Full is_full "the mailbox is full",
        /// The mailbox is closed.
        Closed is_closed "the mailbox is closed",
    }
}

refusals! {
    /// Why [`Sender::send`](super::Sender::send) refused a message.
    SendError {
        /// The mailbox is closed.
        Closed is_closed "the mailbox is closed",
    }
}

refusals! {
    /// Why [`Mailbox::try_send`](super::Mailbox::try_send) refused a message.
    SharedSendError {
        /// The mailbox was full.
        Full is_full "the mailbox is full",
        /// The mailbox is closed.
        Closed is_closed "the mailbox is closed",
        /// All seats were taken, by handles or by other calls like this one.
        Busy is_busy "the mailbox has no free seat",
    }
}

#[cfg(feature = "std")]
refusals! {
    /// Why [`Sender::send_deadline`](super::Sender::send_deadline) refused a message.
    SendDeadlineError {
        /// The mailbox was full until the deadline.
        Timeout is_timeout "the mailbox was full until the deadline",
        /// The mailbox is closed.
        Closed is_closed "the mailbox is closed",
    }
}

impl<T> From<TrySendError<T>> for SharedSendError<T> {
    fn from(error: TrySendError<T>) -> Self {
        match error {
            TrySendError::Full(message) => Self::Full(message),
            TrySendError::Closed(message) => Self::Closed(message),
        }
    }
}

/// Some messages of a batch were sent, and then one was refused.
///
/// What comes after that one is still in the iterator, if it was passed by `&mut`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendManyError<T> {
    /// How many messages were sent.
    pub sent: usize,
    /// Why the next was refused, with that message.
    pub error: TrySendError<T>,
}

impl<T> SendManyError<T> {
    /// The message that was refused.
    ///
    /// # Cost
    /// A move.
    pub fn into_inner(self) -> T {
        self.error.into_inner()
    }

    /// Drops the message and keeps the reason: an error that `?` takes, whatever `T` is.
    ///
    /// # Cost
    /// That of dropping the message.
    pub fn discard(self) -> SendManyError<()> {
        SendManyError { sent: self.sent, error: self.error.discard() }
    }
}

impl<T> fmt::Debug for SendManyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, error } = self;
        f.debug_struct("SendManyError").field("sent", sent).field("error", error).finish()
    }
}

impl<T> fmt::Display for SendManyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after sending {}", self.error, self.sent)
    }
}

impl<T> Error for SendManyError<T> {}

/// Why [`Receiver::try_recv`](super::Receiver::try_recv) has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The mailbox was empty.
    Empty,
    /// The mailbox is closed and drained.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the mailbox is empty",
            Self::Closed => "the mailbox is closed and drained",
        })
    }
}

impl Error for TryRecvError {}

/// Why [`Mailbox::try_recv`](super::Mailbox::try_recv) has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedRecvError {
    /// The mailbox was empty.
    Empty,
    /// The mailbox is closed and drained.
    Closed,
    /// All seats were taken, by handles or by other calls like this one.
    Busy,
}

impl From<TryRecvError> for SharedRecvError {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Empty,
            TryRecvError::Closed => Self::Closed,
        }
    }
}

impl fmt::Display for SharedRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the mailbox is empty",
            Self::Closed => "the mailbox is closed and drained",
            Self::Busy => "the mailbox has no free seat",
        })
    }
}

impl Error for SharedRecvError {}

/// Why [`Receiver::recv_deadline`](super::Receiver::recv_deadline) has no message.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvDeadlineError {
    /// The mailbox was empty until the deadline.
    Timeout,
    /// The mailbox is closed and drained.
    Closed,
}

#[cfg(feature = "std")]
impl fmt::Display for RecvDeadlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the mailbox was empty until the deadline",
            Self::Closed => "the mailbox is closed and drained",
        })
    }
}

#[cfg(feature = "std")]
impl Error for RecvDeadlineError {}
