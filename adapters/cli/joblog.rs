//! The log of jobs that have ended.
//!
//! A job is known by a hash of its program and arguments, so that another input, or another order, never has the wrong one
//! left out. Jobs that are equal in all of that need not be told apart, only counted.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

pub(crate) const FIELDS: &str = "key\tagain\tjob\tstart\tseconds\tattempts\tstatus\tcommand\n";

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

    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// With 32 digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([high, low]) = self;
        write!(f, "{high:016x}{low:016x}")
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
        let start = entry.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = format!(
            "{}\t{}\t{}\t{}.{:03}\t{:.3}\t{}\t{}\t",
            Key::of(entry.command),
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
pub(crate) fn check(file: &File) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::super::past::Past;
    use super::super::past::Verdict::{New, Skip};
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_authors() {
        // FNV-1a, 128 bits, of "foobar" and of "foobar\0", which is a word here.
        let mut hash = 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18_u128;
        hash = hash.wrapping_mul((1 << 88) + 0x13B);
        assert_eq!(Key::of(&["foobar".into()]), Key::from(hash));
        assert_ne!(Key::of(&["ab".into(), "c".into()]), Key::of(&["a".into(), "bc".into()]));
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
        for (status, before) in [("0", New), ("1", Skip { failed: false })] {
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
