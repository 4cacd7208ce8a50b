//! Ours allocates nothing for a job, in whatever way it is submitted.

use std::sync::OnceLock;

use droves_benches::Fault;

use crate::load::{BATCH, CAPACITY, wait_for, warm_up};
use crate::memory::Count;
use crate::ours::Droves;
use crate::pools::{Opens, Submits, SubmitsMany};
use crate::tally::{self, count_in};

/// Jobs submitted in each way.
const JOBS: u64 = 1 << 16;

/// Checks it, once in a run.
pub(crate) fn check() -> Result<(), Fault> {
    static CHECKED: OnceLock<Result<(), Fault>> = OnceLock::new();
    CHECKED.get_or_init(measure).clone()
}

fn measure() -> Result<(), Fault> {
    tally::clear();
    let pool = Droves::open(CAPACITY);
    let mut handle = pool.handle();
    warm_up(&mut handle);
    submit(&mut handle, 0)?;

    // Not a crew: starting one allocates.
    let count = Count::begin();
    submit(&mut handle, 1)?;
    let allocations = count.allocations();
    drop(count);

    drop(handle);
    pool.close();
    if allocations == 0 {
        Ok(())
    } else {
        Err(Fault(format!("{allocations} allocations for {} jobs", 2 * JOBS)))
    }
}

/// Submits twice [`JOBS`], more than fit in, and waits for them.
fn submit(handle: &mut <Droves as Opens>::Handle, before: u64) -> Result<(), Fault> {
    for number in 0..JOBS {
        handle.submit(move || count_in(number));
    }
    for _ in 0..JOBS / BATCH {
        handle.submit_many((0..BATCH).map(|number| move || count_in(number)));
    }
    wait_for(2 * JOBS * (before + 1))
}
