//! A pool as a member of a group.

use super::Pool;
use crate::runner::{RunError, Runner};

/// It [shuts down](super::Shared::shutdown). What is left over is in the pool: any other handle of it can
/// [take it back](Pool::leftovers).
impl<E: Send + 'static, C: 'static> Runner for Pool<E, C> {
    fn finish(&self) {
        let _ = self.shutdown();
    }

    fn cancel(&self) {
        let _ = (**self).cancel();
    }

    fn abort(&self) {
        let _ = (**self).abort();
    }

    async fn ended(&self) -> Result<(), RunError> {
        match self.join().await {
            Ok(left) => RunError::left_over(left.size_hint().1.unwrap_or(0)),
            Err(_) => Err(RunError::RuntimeGone),
        }
    }
}
