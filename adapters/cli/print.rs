//! What jobs have printed, put out job by job.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
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
    results: Option<BufWriter<File>>,
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
            results: results.map(File::create).transpose()?.map(BufWriter::new),
            tag,
        })
    }

    pub(crate) fn print(&mut self, ended: &mut Ended) -> Result<(), Unwritten> {
        let Ended { job, report, attempts } = ended;
        let attempt = &mut report.attempt;
        if !attempt.out.is_empty() {
            let out = &mut self.out;
            let written = if self.tag {
                attempt.out.write_tagged(&job.line, out)
            } else {
                attempt.out.write_to(out)
            };
            written.map_err(Unwritten::Output)?;
        }
        if !attempt.err.is_empty() {
            // What came before stands before.
            self.out.flush().map_err(Unwritten::Output)?;
            let err = &mut self.err;
            let written = if self.tag {
                attempt.err.write_tagged(&job.line, err)
            } else {
                attempt.err.write_to(err)
            };
            // If nobody reads that, it is not for the jobs to suffer.
            let _ = written.and_then(|()| err.flush());
        }
        match &mut self.results {
            Some(results) => report.write_json(job, *attempts, results).map_err(Unwritten::Results),
            None => Ok(()),
        }
    }

    /// One line on standard output.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.out.write_all(line)?;
        self.out.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> Result<(), Unwritten> {
        self.out.flush().map_err(Unwritten::Output)?;
        match &mut self.results {
            Some(results) => results.flush().map_err(Unwritten::Results),
            None => Ok(()),
        }
    }
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
