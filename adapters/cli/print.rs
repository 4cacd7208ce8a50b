//! What jobs have printed, put out job by job.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::report::{Job, Report};

/// A job that has ended, with its attempts.
pub(crate) struct Ended {
    pub(crate) job: Job,
    pub(crate) report: Box<Report>,
    pub(crate) attempts: u32,
}

/// Standard output and error, and the file of results.
pub(crate) struct Printer {
    out: BufWriter<File>,
    err: BufWriter<File>,
    /// None after an error.
    results: Option<BufWriter<File>>,
    /// What is printed does not arrive any more.
    mute: bool,
    tag: bool,
}

/// What could not be written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    Output(io::Error),
    Results(io::Error),
}

impl Printer {
    pub(crate) fn new(tag: bool, results: Option<&Path>) -> io::Result<Self> {
        // Not those of std, which write line by line.
        let own = |file: &dyn AsFd| file.as_fd().try_clone_to_owned().map(File::from);
        Ok(Self {
            out: BufWriter::with_capacity(1 << 16, own(&io::stdout())?),
            err: BufWriter::new(own(&io::stderr())?),
            results: results.map(open).transpose()?.map(BufWriter::new),
            mute: false,
            tag,
        })
    }

    /// Which file that of results is.
    pub(crate) fn results(&self) -> Option<io::Result<Metadata>> {
        self.results.as_ref().map(|results| results.get_ref().metadata())
    }

    /// Empties the file of results, or goes on after its last whole line.
    pub(crate) fn begin(&self, goes_on: bool) -> io::Result<()> {
        let Some(file) = self.results.as_ref().map(BufWriter::get_ref) else { return Ok(()) };
        // What is no file, such as a pipe, has nothing to be thrown away.
        if !file.metadata()?.is_file() {
            return Ok(());
        }
        file.set_len(if goes_on { whole(file)? } else { 0 })
    }

    /// Prints what a job has printed, so that it has arrived if that is to be at once.
    pub(crate) fn print(&mut self, ended: &mut Ended, at_once: bool) -> Result<(), Unwritten> {
        self.output(|printer| {
            printer.write(ended)?;
            if at_once { printer.out.flush() } else { Ok(()) }
        })
    }

    fn write(&mut self, Ended { job, report, .. }: &mut Ended) -> io::Result<()> {
        let attempt = &mut report.attempt;
        if !attempt.out.is_empty() {
            let out = &mut self.out;
            if self.tag {
                attempt.out.write_tagged(&job.line, out)?;
            } else {
                attempt.out.write_to(out)?;
            }
        }
        if !attempt.err.is_empty() {
            // What came before stands before.
            self.out.flush()?;
            let err = &mut self.err;
            let written = if self.tag {
                attempt.err.write_tagged(&job.line, err)
            } else {
                attempt.err.write_to(err)
            };
            // If nobody reads that, it is not for the jobs to suffer.
            let _ = written.and_then(|()| err.flush());
        }
        Ok(())
    }

    /// Adds a job to the file of results, if there is one, so that it has arrived if that is to be at once.
    pub(crate) fn add_result(&mut self, ended: &mut Ended, at_once: bool) -> Result<(), Unwritten> {
        self.result(|results| {
            let Ended { job, report, attempts } = ended;
            report.write_json(job, *attempts, results)?;
            if at_once { results.flush() } else { Ok(()) }
        })
    }

    /// Writes to standard output and error, unless that has been in vain before.
    fn output(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> Result<(), Unwritten> {
        if self.mute {
            return Ok(());
        }
        let written = write(self);
        self.mute = written.is_err();
        written.map_err(Unwritten::Output)
    }

    /// Writes to the file of results, unless there is none.
    fn result(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Unwritten> {
        let Some(results) = &mut self.results else { return Ok(()) };
        write(results).map_err(|error| {
            self.results = None;
            Unwritten::Results(error)
        })
    }

    /// One line on standard output.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.out.write_all(line)?;
        self.out.write_all(b"\n")
    }

    /// Has all lines arrive.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Whether there is something to be flushed.
    pub(crate) fn has_more(&self) -> bool {
        let more = |file: &BufWriter<File>| !file.buffer().is_empty();
        !self.mute && more(&self.out) || self.results.as_ref().is_some_and(more)
    }

    /// Has all of it arrive: what was printed, and the results.
    pub(crate) fn flush(&mut self) -> [Result<(), Unwritten>; 2] {
        [self.output(|printer| printer.out.flush()), self.result(BufWriter::flush)]
    }
}

/// A file to which lines are added.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Some can be written to only.
    let read = options.append(true).create(true).clone().read(true).open(path);
    read.or_else(|_| options.open(path))
}

/// Where its last whole line ends: whoever wrote what follows was killed.
fn whole(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut buffer = vec![0; 1 << 16];
    while end > 0 {
        let begin = end.saturating_sub(buffer.len() as u64);
        let chunk = &mut buffer[..usize::try_from(end - begin).unwrap_or_default()];
        file.read_exact_at(chunk, begin)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// Puts jobs that have ended in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Order {
    next: u64,
    waiting: BTreeMap<u64, Ended>,
    /// Those that will not come.
    gone: BTreeSet<u64>,
}

impl Order {
    pub(crate) fn put(&mut self, ended: Ended) {
        self.waiting.insert(ended.job.order, ended);
    }

    /// That one will not come.
    pub(crate) fn skip(&mut self, order: u64) {
        self.gone.insert(order);
        while self.gone.remove(&self.next) {
            self.next += 1;
        }
    }

    /// The next, if it has ended; at the last, when some will not come, the next of those that have.
    pub(crate) fn take(&mut self, last: bool) -> Option<Ended> {
        let first = self.waiting.first_entry()?;
        if *first.key() != self.next && !last {
            return None;
        }
        self.next = first.key() + 1;
        let ended = first.remove();
        while self.gone.remove(&self.next) {
            self.next += 1;
        }
        Some(ended)
    }
}
