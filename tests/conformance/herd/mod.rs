//! What a herd does, on every adapter.
//!
//! | about | row or promise | in |
//! |---|---|---|
//! | outcomes, retries, callbacks, counters, panics | `gh_01`, `gh_02`, `gh_06` to `gh_09`, `gh_20`, `promise_10` | `outcomes` |

pub mod help;
mod ending;
mod outcomes;
mod results;
mod sizing;
