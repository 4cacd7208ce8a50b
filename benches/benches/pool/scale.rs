//! Very many workers on an asynchronous runtime.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use droves::pool::Pool;
use droves::tokio::Tokio;
use droves_benches::{Fault, Options, Report, guard};

use crate::memory::Count;
use crate::pools::WORKERS as THREADS;

const SIZES: [usize; 3] = [25_000, 50_000, 100_000];

/// Most bytes a worker, the runtime's own included.
const MOST_BYTES: f64 = 512.0;

/// Jobs that may wait; their room is counted among the workers' bytes.
const CAPACITY: usize = 1024;

/// How often to look whether all workers have begun.
const LOOK: Duration = Duration::from_millis(1);

/// And whether they are idle: such a look costs something for each.
const THOROUGH_LOOK: Duration = Duration::from_millis(50);

/// Far longer than it takes.
const LATE: Duration = Duration::from_secs(20);

/// How many workers have begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

const WHATS: [&str; 3] = ["bytes", "start", "stop"];

/// The names of the cells.
pub(crate) fn cells() -> impl Iterator<Item = String> {
    SIZES.into_iter().flat_map(|size| WHATS.map(|what| cell(size, what)))
}

fn cell(size: usize, what: &str) -> String {
    format!("pool/scale/{size}/{what}")
}

/// Measures those that are asked for.
pub(crate) fn run(options: &Options, report: &mut Report) {
    let sizes =
        SIZES.into_iter().filter(|&size| WHATS.iter().any(|what| options.wants(&cell(size, what))));
    let mut all = Vec::new();
    for size in sizes {
        match guard(|| format!("pool/scale/{size}"), || measure(size)) {
            Ok(measured) => {
                let Measured { bytes, start, stop } = measured;
                report.add_figure(cell(size, "bytes"), bytes, Some(MOST_BYTES));
                report.add_figure(cell(size, "start"), start, None);
                report.add_figure(cell(size, "stop"), stop, None);
                all.push((size, measured));
            }
            Err(fault) => report.add_fault(&fault),
        }
    }
    if let [(few, first), .., (many, last)] = &all[..] {
        println!(
            "    ns a worker with {many}, as a multiple of that with {few} (1 is linear): \
             start {:.2}, stop {:.2}",
            last.start / first.start,
            last.stop / first.stop,
        );
    }
}

/// For each worker: bytes and ns.
struct Measured {
    bytes: f64,
    start: f64,
    stop: f64,
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn measure(size: usize) -> Result<Measured, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_time()
        .build()
        .expect("threads can be started");
    let each = |total: f64| total / size as f64;

    BEGUN.store(0, Ordering::SeqCst);
    let count = Count::begin();
    let begin = Instant::now();
    let wait_while = |look, condition: &dyn Fn() -> bool| {
        while condition() {
            if begin.elapsed() > LATE {
                return Err(Fault(format!("not all of {size} workers are idle after {LATE:?}")));
            }
            thread::sleep(look);
        }
        Ok(())
    };
    let pool = Pool::builder()
        .fixed(size)
        .capacity(CAPACITY)
        .state(|| {
            BEGUN.fetch_add(1, Ordering::Relaxed);
        })
        .start(&Tokio::new(runtime.handle().clone()))
        .map_err(|error| Fault(error.to_string()))?;
    wait_while(LOOK, &|| BEGUN.load(Ordering::Relaxed) < size)?;
    let start = begin.elapsed().as_secs_f64() * 1e9;
    wait_while(THOROUGH_LOOK, &|| {
        let stats = pool.stats();
        stats.live != size || stats.idle != size
    })?;
    let bytes = count.bytes() as f64;
    drop(count);

    let begin = Instant::now();
    pool.shutdown().map_err(|error| Fault(error.to_string()))?;
    pool.join_blocking().map_err(|error| Fault(error.to_string()))?;
    let stop = begin.elapsed().as_secs_f64() * 1e9;
    Ok(Measured { bytes: each(bytes), start: each(start), stop: each(stop) })
}
