//! What a task manager does, on every adapter.
//!
//! | about | row | in |
//! |---|---|---|
//! | defaults, what cannot be, start and stop | `ma_01`, `ma_02` | `making` |
//! | what is accepted, numbers, the length of the queue | `ma_03`, `ma_04`, `ma_14`, `ma_15` | `queueing` |
//! | what is done, kept and handed back at the end | `ma_05` | `stopping` |
//! | times, and sleeping until then | `ma_06` to `ma_08` | `timing` |
//! | attempts, delays, timeouts | `ma_09`, `ma_10`, `ma_12` | `retrying` |
//! | reports of what has failed, names | `ma_13`, `ma_14` | `reporting` |
//! | tasks that recur | `every` | `recurring` |
//! | cancellation | `ma_11` | `cancelling` |
//! | a million scheduled tasks | `ma_16` | the bench `tasks/schedule` |
//! | calls that block | | `blocking` |

#[cfg(feature = "threads")]
mod blocking;
mod cancelling;
pub mod help;
mod making;
mod queueing;
mod recurring;
mod reporting;
mod retrying;
mod stopping;
mod timing;
