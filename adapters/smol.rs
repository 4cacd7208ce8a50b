//! smol: its global executor and its timers.
//!
//! ```
//! use core::time::Duration;
//! use droves::runtime::{Clock, Spawn, Timer};
//! use droves::smol::Smol;
//!
//! futures_lite::future::block_on(async {
//!     Smol.spawn(async { println!("on smol's own threads") }).unwrap();
//!     Smol.sleep_until(Smol.now().saturating_add(Duration::from_millis(1))).await;
//! });
//! ```

use core::future::Future;

use futures_core::Stream;

use super::real;
use crate::map::Map;
use crate::runtime::{Clock, Spawn, SpawnError, Timer};
use crate::time::Instant;

pub use super::reactor::Sleep;

/// Spawns on smol's global executor, which is always there.
///
/// Spawning allocates the task. How many threads run them, smol takes from `SMOL_THREADS`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Clock for Smol {
    fn now(&self) -> Instant {
        real::now()
    }
}

impl Timer for Smol {
    type Sleep = Sleep;

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::until(at)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Spawn<F> for Smol {
    type Task = ();

    /// Never fails.
    fn spawn(&self, future: F) -> Result<(), SpawnError> {
        ::smol::spawn(future).detach();
        Ok(())
    }
}

/// Calls `f` for each item of a stream, at most `limit` at a time, as tasks of smol: see [`map`](crate::map).
///
/// In the order in which they end:
/// ```
/// smol::block_on(async {
///     let items = droves::map::iter(["one", "three"]);
///     let mut lengths = droves::smol::map(4, items, |word| async move { word.len() });
///     let mut sum = 0;
///     while let Some(length) = lengths.next().await {
///         sum += length;
///     }
///     assert_eq!(sum, 8);
/// });
/// ```
///
/// # Panics
/// If `limit` is 0 or above 131 070 (510 with 32-bit words).
///
/// # Cost
/// A few allocations, of some 4·`limit` items and results.
#[track_caller]
pub fn map<S, F, Fut>(limit: usize, items: S, f: F) -> Map<Smol, S, F, Fut>
where
    S: Stream<Item: Send + 'static>,
    F: Fn(S::Item) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    crate::map::map(Smol, limit, items, f)
}
