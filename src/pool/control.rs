//! What can be asked of a pool through [`Control`].

use core::time::Duration;

use super::builder::MAX_SIZE;
use super::{AlreadyStopping, Pool, ResizeError, Stats};
use crate::control::Control;
use crate::workers::crew::Sizing;

/// A pool does not measure times, and it keeps none: when it is drained, what was accepted is done however long that
/// takes. Whoever cannot wait cancels it.
impl<E, C> Control for Pool<E, C> {
    fn max_size(&self) -> usize {
        match self.crew.sizing {
            Sizing::Fixed => MAX_SIZE as usize,
            Sizing::Dynamic { max, .. } => max as usize,
        }
    }

    fn resize(&self, size: usize) -> Result<(), ResizeError> {
        (**self).resize(size)
    }

    fn stats(&self) -> Stats {
        (**self).stats()
    }

    fn quiet(&self) -> Result<(), AlreadyStopping> {
        (**self).quiet()
    }

    fn resume(&self) -> Result<(), AlreadyStopping> {
        (**self).resume()
    }

    fn drain(&self, _within: Option<Duration>) -> Result<(), AlreadyStopping> {
        self.shutdown()
    }

    fn cancel(&self) -> Result<(), AlreadyStopping> {
        (**self).cancel()
    }
}
