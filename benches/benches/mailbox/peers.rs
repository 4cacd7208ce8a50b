//! The peers, by the way they are used.

pub(crate) mod asynchronous;
pub(crate) mod blocking;
pub(crate) mod marked;
pub(crate) mod queues;
