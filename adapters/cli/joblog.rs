//! The log of jobs that have ended, and what it says when it is read again.
//!
//! A job is known by a hash of its program and arguments, so that another input, or another order, never has the wrong one
//! left out. Jobs that are equal in all of that need not be told apart, only counted.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

const FIELDS: &str = "key\tagain\tjob\tstart\tseconds\tattempts\tstatus\tcommand\n";

/// The longest line that is read: a longer one is not ours.
const LONGEST: u64 = 16 << 20;

/// A hash of a command with its arguments: FNV-1a with 128 bits (Fowler, Noll and Vo), which stays the same for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key([u64; 2]);

impl Key {
    pub(crate) fn of(command: &[OsString]) -> Self {
        const PRIME: u128 = (1 << 88) + 0x13B;
        let mut hash: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
        let mut add = |byte: u8| hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
        for word in command {
            word.as_bytes().iter().for_each(|byte| add(*byte));
            // No argument has one of these in it.
            add(0);
        }
        Self::from(hash)
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self::from)
    }
}

impl From<u128> for Key {
    #[allow(clippy::cast_possible_truncation, reason = "the upper and the lower half")]
    fn from(hash: u128) -> Self {
        Self([(hash >> 64) as u64, hash as u64])
    }
}

/// A job that has ended.
pub(crate) struct Entry<'a> {
    pub(crate) command: &'a [OsString],
    /// Whether the log has it already, as one that failed.
    pub(crate) again: bool,
    pub(crate) number: u64,
    pub(crate) start: SystemTime,
    pub(crate) elapsed: Duration,
    pub(crate) attempts: u32,
    /// `0` if it has succeeded.
    pub(crate) status: &'a str,
}

/// The log, to which anybody may add.
pub(crate) struct Joblog(File);

impl Joblog {
    /// Opens a log, or makes one, and leaves it as it is. Any other file is refused, and a log to which somebody else adds.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        // Not all files can be locked.
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another droves keeps this log",
            ));
        }
        check(&file)?;
        Ok(Self(file))
    }

    /// To be called once, before anything is added: empties it, or goes on with what is in it.
    pub(crate) fn begin(&self, goes_on: bool) -> io::Result<()> {
        let mut file = &self.0;
        let about = file.metadata()?;
        // What is no file, such as a terminal, has nothing to be thrown away.
        if about.is_file() && !goes_on {
            file.set_len(0)?;
        }
        if !about.is_file() || !goes_on || about.len() == 0 {
            return file.write_all(FIELDS.as_bytes());
        }
        let mut last = [0];
        file.read_exact_at(&mut last, about.len() - 1)?;
        if last != *b"\n" {
            // Whoever wrote it was cut off there.
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Adds a line, by one write.
    pub(crate) fn add(&self, entry: &Entry<'_>) -> io::Result<()> {
        let Key([high, low]) = Key::of(entry.command);
        let start = entry.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = format!(
            "{high:016x}{low:016x}\t{}\t{}\t{}.{:03}\t{:.3}\t{}\t{}\t",
            u8::from(entry.again),
            entry.number,
            start.as_secs(),
            start.subsec_millis(),
            entry.elapsed.as_secs_f64(),
            entry.attempts,
            entry.status,
        )
        .into_bytes();
        for byte in super::template::quoted(entry.command) {
            match byte {
                b'\n' => line.extend(b"\\n"),
                b'\t' => line.extend(b"\\t"),
                byte => line.push(byte),
            }
        }
        line.push(b'\n');
        match (&self.0).write(&line)? {
            written if written == line.len() => Ok(()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

/// Refuses a file that does not begin as logs do. It may have been cut off.
fn check(file: &File) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    let mut begin = [0; FIELDS.len()];
    let read = file.read_at(&mut begin, 0)?;
    if FIELDS.as_bytes().starts_with(&begin[..read]) {
        return Ok(());
    }
    let why = "this is another file and no joblog, and is left as it is";
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

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
    /// It has been done.
    Skip,
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
        if entry.good > 0 || !failed_too {
            entry.good = entry.good.saturating_sub(1);
            return Verdict::Skip;
        }
        Verdict::Again
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
    use super::Verdict::{Again, New, Skip};
    use super::*;

    const LINE: &str = "\t10\t1.000\t0.1\t1\t";

    fn key(word: &str) -> Key {
        Key::of(&[word.into()])
    }

    fn past(lines: &[(&str, bool, &str)]) -> Past {
        let entries = lines.iter().map(|(word, again, status)| {
            let Key([high, low]) = key(word);
            let again = u8::from(*again);
            format!("{high:016x}{low:016x}\t{again}{LINE}{status}\t{word}\n")
        });
        let log = [FIELDS.to_owned()].into_iter().chain(entries).collect::<Vec<_>>().concat();
        Past::read(&mut log.as_bytes()).unwrap()
    }

    #[test]
    fn the_hash_is_that_of_its_authors() {
        // FNV-1a, 128 bits, of "foobar" and of "foobar\0", which is a word here.
        let mut hash = 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18_u128;
        hash = hash.wrapping_mul((1 << 88) + 0x13B);
        assert_eq!(key("foobar"), Key::from(hash));
        assert_ne!(Key::of(&["ab".into(), "c".into()]), Key::of(&["a".into(), "bc".into()]));
        assert_eq!(size_of::<Ended>(), 24);
    }

    #[test]
    fn equal_jobs_are_counted() {
        let mut past = past(&[("a", false, "0"), ("b", false, "1"), ("a", false, "0")]);
        let mut judge = |word| past.judge(key(word), false);
        assert_eq!(judge("a"), Skip);
        assert_eq!(judge("b"), Skip);
        assert_eq!(judge("c"), New);
        assert_eq!(judge("a"), Skip);
        assert_eq!(judge("a"), New);
        assert_eq!(judge("b"), New);
    }

    #[test]
    fn those_that_failed_are_done_again() {
        let log =
            [("a", false, "1"), ("a", false, "0"), ("b", false, "signal 9"), ("b", true, "0")];
        let judge = |failed_too| {
            let mut past = past(&log);
            ["a", "a", "a", "b", "b"].map(|word| past.judge(key(word), failed_too))
        };
        assert_eq!(judge(true), [Skip, Again, New, Skip, New]);
        assert_eq!(judge(false), [Skip, Skip, New, Skip, New]);
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let Key([high, low]) = key("a");
        let whole = format!("{high:016x}{low:016x}\t0{LINE}0\ta\n");
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
        let line = |word: &str, again, status| {
            let Key([high, low]) = key(word);
            format!("{high:016x}{low:016x}\t{again}{LINE}{status}\t{word}\n")
        };
        for (status, after) in [("1", "0"), ("12", "0"), ("signal 9", "0"), ("timeout", "0")] {
            let whole = line("a", 0, status);
            for length in 0..whole.len() {
                let log = format!("{}{}", &whole[..length], line("b", 0, after));
                let mut past = Past::read(&mut log.as_bytes()).unwrap();
                // It has failed, and must not be taken for one that has not.
                assert_ne!(past.judge(key("a"), true), Skip, "{log}");
            }
        }
    }

    #[test]
    fn a_log_is_written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let command: Vec<OsString> = ["echo".into(), "two\nlines\tand a tab".into()].into();
        let entry = |status| Entry {
            command: &command,
            again: false,
            number: 1,
            start: UNIX_EPOCH + Duration::from_millis(1_500),
            elapsed: Duration::from_millis(20),
            attempts: 3,
            status,
        };
        let judge = |failed_too| Past::of(&path).unwrap().judge(Key::of(&command), failed_too);
        assert_eq!(judge(false), New);
        for (status, before) in [("0", New), ("1", Skip)] {
            let log = Joblog::open(&path).unwrap();
            // Two of them would do everything twice.
            assert_eq!(Joblog::open(&path).err().unwrap().kind(), io::ErrorKind::ResourceBusy);
            log.begin(true).unwrap();
            assert_eq!(judge(true), before);
            log.add(&entry(status)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        let line = "\t0\t1\t1.500\t0.020\t3\t0\techo 'two\\nlines\\tand a tab'";
        assert!(text.lines().nth(1).unwrap().ends_with(line), "{text}");
        let log = Joblog::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it is");
        log.begin(false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), FIELDS);
    }
}
