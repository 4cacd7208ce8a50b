//! What is wrong with a configuration.

use core::fmt;

/// A field of a configuration has a value that it may not have.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// let error = droves::mailbox::channel::<u8>(0).unwrap_err();
/// assert_eq!((error.field, error.value), ("capacity", 0));
/// assert!(error.to_string().starts_with("capacity is 0, but must be from 1 to "));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The field's name.
    pub field: &'static str,
    /// The value that was given.
    pub value: usize,
    /// The least value that is allowed.
    pub min: usize,
    /// The greatest value that is allowed.
    pub max: usize,
}

impl ConfigError {
    /// Checks that a value lies from `min` to `max`.
    #[cfg(feature = "alloc")]
    pub(crate) fn check(
        field: &'static str,
        value: usize,
        min: usize,
        max: usize,
    ) -> Result<(), Self> {
        if (min..=max).contains(&value) {
            return Ok(());
        }
        Err(Self { field, value, min, max })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, min, max } = self;
        write!(f, "{field} is {value}, but must be from {min} to {max}")
    }
}

impl core::error::Error for ConfigError {}
