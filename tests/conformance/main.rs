//! What a pool does, a [herd](herd), and a [task manager](tasks), on every adapter: `threads`, tokio's runtimes of one thread and of several, its local
//! set, smol, async-executor's two executors, and the simulator with forty seeds.
//!
//! Each test is one generic function, a module for each adapter runs it, and its name begins with what it
//! is about:
//!
//! | about | row or promise | in |
//! |---|---|---|
//! | jobs are closures or futures, errors go to the handler | `tr_01` | `assigning`, `errors`, `state` |
//! | fixed and dynamic | `tr_02`, `tr_03`, `tr_15` | `sizing` |
//! | what is out of range; a mailbox of 0 | `tr_04`, `tr_05`, `promise_11` | `refusing`, `sizing`, `spawning`, `losing` |
//! | nobody blocks | `tr_06`, `promise_04` | `assigning`, `blocking` |
//! | an idle worker, a new one, the queue; full | `tr_07`, `tr_08`, `tr_09`, `promise_08` | `assigning` |
//! | shutdown | `tr_10`, `tr_11`, `tr_12` | `refusing`, `ending` |
//! | join | `tr_13`, `promise_03` | `ending`, `losing`, `blocking` |
//! | the handler assigns again | `tr_14` | `errors` |
//! | workers that can't be had | `tr_15`, `promise_01` | `spawning` |
//! | what workers tell | `tr_16` | `facts` |
//! | from one to 100 000 workers | `tr_17` | `scale` |
//! | a client and a server over a socket | `tr_18` | `../../examples/rpc.rs` |
//! | panics | `tr_19`, `promise_10` | `errors`, `state` |
//! | nothing lost, nothing twice | `promise_01` | `ending`, `losing`, `spawning` |
//! | never above the size | `promise_02` | `sizing` |
//! | no allocation for a job | `promise_05` | `../pool_allocations.rs` |
//! | what is refused comes back | `promise_06` | `assigning`, `refusing` |
//! | dropped futures | `promise_07` | `assigning` |
//!
//! Not on every adapter:
//! - `losing`: `Threads` and `Smol` never end while a program runs.
//! - `blocking`: a job that blocks needs a thread of its own, so its pools have workers on `Threads`.
//! - `scale`: a thread for each of 100 000 workers is more than most machines have, and the simulator looks at all
//!   tasks in each step.
#![cfg(all(
    any(
        feature = "async-executor",
        feature = "sim",
        feature = "smol",
        feature = "threads",
        feature = "tokio"
    ),
    not(any(droves_loom, droves_shuttle))
))]

/// Makes a test of each function, in a module for each adapter.
macro_rules! on_all {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "threads")]
        on_one!(threads, crate::world::on_threads::OnThreads, $($test)*);
        #[cfg(feature = "tokio")]
        on_one!(tokio_one, crate::world::on_tokio::TokioOne, $($test)*);
        #[cfg(feature = "tokio")]
        on_one!(tokio_many, crate::world::on_tokio::TokioMany, $($test)*);
        #[cfg(feature = "tokio")]
        on_one!(tokio_local, crate::world::on_tokio::OnLocalSet, $($test)*);
        #[cfg(feature = "smol")]
        on_one!(smol, crate::world::on_smol::OnSmol, $($test)*);
        #[cfg(feature = "async-executor")]
        on_one!(executor, crate::world::on_async_executor::OnExecutor, $($test)*);
        #[cfg(feature = "async-executor")]
        on_one!(local_executor, crate::world::on_async_executor::OnLocalExecutor, $($test)*);
        #[cfg(feature = "sim")]
        on_one!(sim, crate::world::on_sim::OnSim, $($test)*);
    };
}

macro_rules! on_one {
    ($world:ident, $type:ty, $($test:ident)*) => {
        mod $world {
            use crate::world::{World, watched};
            $(
                #[test]
                fn $test() {
                    let name = concat!(stringify!($world), "::", stringify!($test));
                    watched(name, || <$type>::run(super::$test::<$type>));
                }
            )*
        }
    };
}

#[allow(unused_macros, reason = "threads and smol never end")]
/// As `on_all`, on those adapters whose runtime can end.
macro_rules! on_mortal {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "tokio")]
        on_one_mortal!(tokio_one, crate::world::on_tokio::TokioOne, $($test)*);
        #[cfg(feature = "tokio")]
        on_one_mortal!(tokio_many, crate::world::on_tokio::TokioMany, $($test)*);
        #[cfg(feature = "tokio")]
        on_one_mortal!(tokio_local, crate::world::on_tokio::OnLocalSet, $($test)*);
        #[cfg(feature = "async-executor")]
        on_one_mortal!(executor, crate::world::on_async_executor::OnExecutor, $($test)*);
        #[cfg(feature = "async-executor")]
        on_one_mortal!(local_executor, crate::world::on_async_executor::OnLocalExecutor, $($test)*);
        #[cfg(feature = "sim")]
        on_one_mortal!(sim, crate::world::on_sim::OnSim, $($test)*);
    };
}

#[allow(unused_macros, reason = "threads and smol never end")]
macro_rules! on_one_mortal {
    ($world:ident, $type:ty, $($test:ident)*) => {
        mod $world {
            use crate::world::watched;
            $(
                #[test]
                fn $test() {
                    let name = concat!(stringify!($world), "::", stringify!($test));
                    watched(name, || super::$test::<$type>());
                }
            )*
        }
    };
}

mod assigning;
#[cfg(feature = "threads")]
mod blocking;
mod ending;
mod errors;
mod facts;
mod group;
mod help;
mod herd;
#[cfg(any(feature = "async-executor", feature = "sim", feature = "tokio"))]
mod losing;
#[cfg(feature = "threads")]
mod racing;
mod refusing;
#[cfg(any(feature = "async-executor", feature = "smol", feature = "threads", feature = "tokio"))]
mod scale;
mod sizing;
mod spawning;
mod state;
mod tasks;
mod world;
