//! A herd as a member of a group.

use super::Herd;
use crate::runner::{RunError, Runner};

/// It is [closed](Herd::close), and then does all that it has accepted, what is scheduled at its time. What is left over is
/// in the herd: any other handle of it can [take it back](Herd::leftovers).
impl<B: Send + 'static, R: Send + 'static, E: Send + 'static> Runner for Herd<B, R, E> {
    fn finish(&self) {
        self.close();
    }

    fn cancel(&self) {
        let _ = Self::cancel(self);
    }

    fn abort(&self) {
        let _ = Self::abort(self);
    }

    async fn ended(&self) -> Result<(), RunError> {
        match self.join().await {
            Ok(left) => RunError::left_over(left.size_hint().1.unwrap_or(0)),
            Err(_) => Err(RunError::RuntimeGone),
        }
    }
}
