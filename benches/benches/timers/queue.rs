//! What the contenders have in common.

/// A queue of numbers, each due at so many nanoseconds.
pub(crate) trait Queue: Sized {
    const NAME: &'static str;

    type Key: Clone;
    /// A moment as the queue likes it.
    type Time: Copy;

    /// Runs a round, with whatever must be around it.
    fn around<R>(round: impl FnOnce() -> R) -> R {
        round()
    }

    /// An empty queue whose memory has been touched.
    fn open(capacity: usize) -> Self;
    /// The moment so many nanoseconds from the start.
    fn time(&self, nanos: u64) -> Self::Time;
    fn insert(&mut self, at: Self::Time, number: u64) -> Self::Key;
    fn cancel(&mut self, key: &Self::Key) -> Option<u64>;
    /// Moves the queue's clock past all moments.
    fn all_due(&mut self) {}
    /// The next, and when it was due, in nanoseconds or as exact as the queue is. All are due.
    fn expire(&mut self) -> Option<(u64, u64)>;

    /// How many nanoseconds early an item may be in the order.
    fn grain() -> u64 {
        0
    }
}
