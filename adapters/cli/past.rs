//! What a log of jobs says when it is read again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::joblog::{Key, check};

/// The longest line that is read: a longer one is not ours.
const LONGEST: u64 = 16 << 20;

/// What has ended before, by key: 24 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Past(Vec<Ended>);

#[derive(Clone, Copy, Debug)]
struct Ended {
    key: Key,
    /// Jobs with that key that have ended.
    total: u32,
    /// Those of them that have succeeded.
    good: u32,
}

/// What is to be done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// It has failed.
    Again,
    /// It has been done: it has succeeded, or has failed and is not to be done again.
    Skip {
        failed: bool,
    },
}

impl Past {
    /// What a log says; one that is missing says nothing.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?,
        };
        check(&file)?;
        if !file.metadata()?.is_file() {
            return Ok(Self::default());
        }
        Self::read(&mut BufReader::with_capacity(1 << 16, file))
    }

    fn read(log: &mut impl BufRead) -> io::Result<Self> {
        let mut ended: Vec<Ended> = Vec::new();
        let mut line = Vec::new();
        while log.by_ref().take(LONGEST).read_until(b'\n', &mut line)? > 0 {
            // A line that was cut off stands for a job that is to be done.
            if let Some(entry) = Ended::parse(&line) {
                ended.push(entry);
            }
            line.clear();
        }
        ended.sort_unstable_by_key(|entry| entry.key);
        ended.dedup_by(|later, entry| {
            let same = later.key == entry.key;
            if same {
                entry.total = entry.total.saturating_add(later.total);
                entry.good = entry.good.saturating_add(later.good);
            }
            same
        });
        ended.shrink_to_fit();
        Ok(Self(ended))
    }

    /// What is to be done with the next job that has this key.
    pub(crate) fn judge(&mut self, key: Key, failed_too: bool) -> Verdict {
        let Ok(at) = self.0.binary_search_by_key(&key, |entry| entry.key) else {
            return Verdict::New;
        };
        let entry = &mut self.0[at];
        if entry.total == 0 {
            return Verdict::New;
        }
        entry.total -= 1;
        if entry.good > 0 {
            entry.good -= 1;
            return Verdict::Skip { failed: false };
        }
        if failed_too { Verdict::Again } else { Verdict::Skip { failed: true } }
    }
}

impl Ended {
    /// `None` if it is none, or two of which the first was cut off.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.splitn(8, |byte| *byte == b'\t');
        let mut field = || std::str::from_utf8(fields.next()?).ok();
        let key = Key::parse(field()?)?;
        let again = match field()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        field()?.parse::<u64>().ok()?;
        field()?.parse::<f64>().ok()?;
        field()?.parse::<f64>().ok()?;
        field()?.parse::<u32>().ok()?;
        let status = field().filter(|status| is_status(status))?;
        // All of the status is there if something follows it, be it nothing of a command that was cut off.
        fields.next()?;
        Some(Self { key, total: u32::from(!again), good: u32::from(status == "0") })
    }
}

/// Whether a job can have ended so: as [`Ending::status`](super::job::Ending::status) says.
fn is_status(text: &str) -> bool {
    match text {
        "timeout" | "not started" | "output lost" => true,
        _ => text.strip_prefix("signal ").unwrap_or(text).parse::<u8>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::joblog::FIELDS;
    use super::Verdict::{Again, New};
    use super::*;

    const LINE: &str = "\t10\t1.000\t0.1\t1\t";

    const DONE: Verdict = Verdict::Skip { failed: false };
    const FAILED: Verdict = Verdict::Skip { failed: true };

    fn key(word: &str) -> Key {
        Key::of(&[word.into()])
    }

    fn past(lines: &[(&str, bool, &str)]) -> Past {
        let entries = lines.iter().map(|(word, again, status)| {
            let again = u8::from(*again);
            format!("{}\t{again}{LINE}{status}\t{word}\n", key(word))
        });
        let log = [FIELDS.to_owned()].into_iter().chain(entries).collect::<Vec<_>>().concat();
        Past::read(&mut log.as_bytes()).unwrap()
    }

    #[test]
    fn equal_jobs_are_counted() {
        let mut past = past(&[("a", false, "0"), ("b", false, "1"), ("a", false, "0")]);
        let mut judge = |word| past.judge(key(word), false);
        assert_eq!(judge("a"), DONE);
        assert_eq!(judge("b"), FAILED);
        assert_eq!(judge("c"), New);
        assert_eq!(judge("a"), DONE);
        assert_eq!(judge("a"), New);
        assert_eq!(judge("b"), New);
        assert_eq!(size_of::<Ended>(), 24);
    }

    #[test]
    fn those_that_failed_are_done_again() {
        let log =
            [("a", false, "1"), ("a", false, "0"), ("b", false, "signal 9"), ("b", true, "0")];
        let judge = |failed_too| {
            let mut past = past(&log);
            ["a", "a", "a", "b", "b"].map(|word| past.judge(key(word), failed_too))
        };
        assert_eq!(judge(true), [DONE, Again, New, DONE, New]);
        assert_eq!(judge(false), [DONE, FAILED, New, DONE, New]);
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let whole = format!("{}\t0{LINE}0\ta\n", key("a"));
        for length in 0..whole.len() {
            // The status is whole.
            let told = u32::from(whole[..length].matches('\t').count() == 7);
            let total = |log: String| {
                let past = Past::read(&mut log.as_bytes()).unwrap();
                past.0.first().map_or(0, |entry| entry.total)
            };
            assert_eq!(total(format!("{FIELDS}{}", &whole[..length])), told, "{length}");
            // The same when somebody has gone on with it.
            assert_eq!(total(format!("{}\n{whole}", &whole[..length])), told + 1, "{length}");
        }
    }

    #[test]
    fn of_two_that_run_into_each_other_none_is_made_up() {
        let line =
            |word: &str, again, status| format!("{}\t{again}{LINE}{status}\t{word}\n", key(word));
        for (status, after) in [("1", "0"), ("12", "0"), ("signal 9", "0"), ("timeout", "0")] {
            let whole = line("a", 0, status);
            for length in 0..whole.len() {
                let log = format!("{}{}", &whole[..length], line("b", 0, after));
                let mut past = Past::read(&mut log.as_bytes()).unwrap();
                // It has failed, and must not be taken for one that has not.
                assert_ne!(past.judge(key("a"), true), DONE, "{log}");
            }
        }
    }
}
