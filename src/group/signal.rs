//! What groups and their members are told.

use core::fmt;

/// A signal: a number that a group passes on to its members, and that means what they make of it.
///
/// The numbers of the constants are those of Unix.
///
/// ```
/// use droves::group::Signal;
///
/// assert_eq!(Signal::TERMINATE, Signal::new(15));
/// assert_eq!(Signal::TERMINATE.to_string(), "SIGTERM");
/// assert_eq!(Signal::new(1000).to_string(), "signal 1000");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u16);

impl Signal {
    /// Reload, by custom.
    pub const HANGUP: Self = Self(1);
    /// Stop, from a keyboard.
    pub const INTERRUPT: Self = Self(2);
    /// Stop at once.
    pub const KILL: Self = Self(9);
    /// Whatever the program says.
    pub const USER_1: Self = Self(10);
    /// Whatever the program says.
    pub const USER_2: Self = Self(12);
    /// Stop.
    pub const TERMINATE: Self = Self(15);

    /// The signal with this number.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    ///
    /// # Cost
    /// None.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::HANGUP => "SIGHUP",
            Self::INTERRUPT => "SIGINT",
            Self::KILL => "SIGKILL",
            Self::USER_1 => "SIGUSR1",
            Self::USER_2 => "SIGUSR2",
            Self::TERMINATE => "SIGTERM",
            Self(number) => return write!(f, "signal {number}"),
        })
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
