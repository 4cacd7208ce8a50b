//! What all doors share: workers, how many of them there are, and how it ends.
//!
//! Each door instance has one [driver](driver), which alone spawns [workers](worker). All else only changes
//! the [state](state) of the [crew](crew) and rings the driver's bell.

mod cell;
pub(crate) mod crew;
pub(crate) mod driver;
pub(crate) mod error;
pub(crate) mod inside;
pub(crate) mod refused;
pub(crate) mod slots;
pub(crate) mod state;
pub(crate) mod worker;
