//! Tickets without a result.

use core::fmt;

/// A ticket will not have a result: the herd has ended, and the item is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOver;

impl fmt::Display for LeftOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the herd has ended, and the item is left over")
    }
}

impl core::error::Error for LeftOver {}
