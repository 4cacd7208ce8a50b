//! What handlers do: the same for every contender.

use std::future::Future;

use droves_benches::Tally;
use futures_lite::future::yield_now;

/// Any odd number has an inverse, so that no work but the right one gives the right results.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = 0xf1de_83e1_9937_733d;
const TURN: u32 = 29;

/// Some arithmetic.
#[inline]
pub(crate) const fn mix(number: u64) -> u64 {
    number.wrapping_mul(FACTOR).rotate_left(TURN)
}

/// Counts a result in, as the number that it was made of.
#[inline]
pub(crate) const fn count(tally: &mut Tally, result: u64) {
    tally.add(result.rotate_right(TURN).wrapping_mul(INVERSE));
}

/// It is to be tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again;

/// A kind of handler.
pub(crate) trait Kind: 'static {
    /// The name used in cells.
    const NAME: &'static str;
    /// How often an item may be tried again.
    const RETRIES: u32 = 0;

    /// Handles a number, for the first time or another.
    fn handle(
        number: u64,
        attempt: u32,
    ) -> impl Future<Output = Result<u64, Again>> + Send + 'static;
}

/// Is done at once.
pub(crate) enum Plain {}

impl Kind for Plain {
    const NAME: &'static str = "plain";

    #[inline]
    async fn handle(number: u64, _: u32) -> Result<u64, Again> {
        Ok(mix(number))
    }
}

/// Lets others have the thread once.
pub(crate) enum Yield {}

impl Kind for Yield {
    const NAME: &'static str = "yield";

    #[inline]
    async fn handle(number: u64, _: u32) -> Result<u64, Again> {
        yield_now().await;
        Ok(mix(number))
    }
}

/// Fails at each 10th number, the first time.
pub(crate) enum Retry {}

impl Kind for Retry {
    const NAME: &'static str = "retry";
    const RETRIES: u32 = 1;

    #[inline]
    async fn handle(number: u64, attempt: u32) -> Result<u64, Again> {
        if attempt == 1 && number.is_multiple_of(10) { Err(Again) } else { Ok(mix(number)) }
    }
}

/// Tries until it is done, or until there are no attempts left: what peers leave to their users.
#[inline]
pub(crate) async fn handle_until_done<K: Kind>(number: u64) -> Result<u64, Again> {
    let mut attempt = 1;
    loop {
        match K::handle(number, attempt).await {
            Err(Again) if attempt <= K::RETRIES => attempt += 1,
            ended => return ended,
        }
    }
}
