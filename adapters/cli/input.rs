//! Where the lines come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Stdin};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::vec;

/// The longest line, in bytes. No system takes an argument as long as that.
const LONGEST: usize = 1 << 20;

/// How much of a file is looked at to tell how many lines there are, in bytes: some hundredths of a second.
const COUNTED: u64 = 64 << 20;

/// Lines, each without what ends it.
pub(crate) enum Input {
    Words(vec::IntoIter<OsString>),
    Stdin(BufReader<Stdin>, u8),
    File(BufReader<File>, u8),
}

impl Input {
    pub(crate) fn words(words: Vec<OsString>) -> Self {
        Self::Words(words.into_iter())
    }

    pub(crate) fn stdin(null: bool) -> Self {
        Self::Stdin(BufReader::new(io::stdin()), end(null))
    }

    pub(crate) fn file(path: &Path, null: bool) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self::File(BufReader::with_capacity(1 << 16, file), end(null)))
    }

    /// How many lines there are to come, or about how many, if that can be told without taking them.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Words(words) => Some(words.len() as u64),
            Self::File(reader, end) => count(reader.get_ref(), *end, COUNTED).ok(),
            Self::Stdin(reader, end) => {
                let file = reader.get_ref().as_fd().try_clone_to_owned().ok()?;
                count(&File::from(file), *end, COUNTED).ok()
            }
        }
    }

    /// Whether somebody types them.
    pub(crate) fn is_typed(&self) -> bool {
        match self {
            Self::Words(_) => false,
            Self::Stdin(reader, _) => reader.get_ref().is_terminal(),
            Self::File(reader, _) => reader.get_ref().is_terminal(),
        }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Words(words) => Ok(words.next().map(OsString::into_vec)),
            Self::Stdin(reader, end) => line(reader, *end),
            Self::File(reader, end) => line(reader, *end),
        }
    }
}

const fn end(null: bool) -> u8 {
    if null { 0 } else { b'\n' }
}

/// How many lines a file has from where it stands. Of what is longer than `most` bytes only so much is counted, and the
/// rest is taken to be like it.
#[allow(clippy::naive_bytecount, reason = "fast enough, and no further crate")]
fn count(file: &File, end: u8, most: u64) -> io::Result<u64> {
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let begin = rustix::fs::tell(file)?;
    let length = about.len().saturating_sub(begin);
    let (mut at, mut lines, mut open) = (0, 0, false);
    let mut buffer = vec![0; 1 << 16];
    while at < length.min(most) {
        let read = file.read_at(&mut buffer, begin + at)?;
        if read == 0 {
            break;
        }
        lines += buffer[..read].iter().filter(|byte| **byte == end).count() as u64;
        open = buffer[read - 1] != end;
        at += read as u64;
    }
    if at < length {
        let all = u128::from(lines) * u128::from(length) / u128::from(at.max(1));
        return Ok(u64::try_from(all).unwrap_or(u64::MAX));
    }
    Ok(lines + u64::from(open))
}

fn line(reader: &mut impl BufRead, end: u8) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // One more than the longest, and what ends it.
    reader.take(LONGEST as u64 + 2).read_until(end, &mut line)?;
    if line.last() == Some(&end) {
        line.pop();
    } else if line.is_empty() {
        return Ok(None);
    }
    if line.len() > LONGEST {
        let why = format!("a line is longer than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    // It may wait for a while.
    line.shrink_to_fit();
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut text: &[u8], end: u8) -> io::Result<Vec<Vec<u8>>> {
        std::iter::from_fn(|| line(&mut text, end).transpose()).collect()
    }

    #[test]
    fn lines_with_and_without_an_end() {
        assert_eq!(lines(b"", b'\n').unwrap(), [b""; 0]);
        assert_eq!(lines(b"\n", b'\n').unwrap(), [b""]);
        assert_eq!(lines(b"a\n\nb", b'\n').unwrap(), [&b"a"[..], b"", b"b"]);
        assert_eq!(lines(b"a\r\n b \n", b'\n').unwrap(), [&b"a\r"[..], b" b "]);
        assert_eq!(lines(b"a\nb\0c\0", 0).unwrap(), [&b"a\nb"[..], b"c"]);
    }

    #[test]
    fn lines_of_any_length_in_bounded_memory() {
        let longest = vec![b'x'; LONGEST];
        assert_eq!(lines(&longest, b'\n').unwrap(), [&longest[..]]);
        assert_eq!(lines(&[&longest[..], b"\n"].concat(), b'\n').unwrap(), [&longest[..]]);
        assert!(lines(&[&longest[..], b"x"].concat(), b'\n').is_err());
        assert!(lines(&[&longest[..], b"x\n"].concat(), b'\n').is_err());
        let endless = &mut BufReader::new(io::repeat(b'x'));
        assert!(line(endless, b'\n').is_err());
    }

    #[test]
    fn lines_are_counted_before_they_are_taken() {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = tempfile::tempfile().unwrap();
        let mut counted = |text: &str, from: u64, most| {
            file.set_len(0).unwrap();
            file.rewind().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.seek(SeekFrom::Start(from)).unwrap();
            let lines = count(&file, b'\n', most).unwrap();
            assert_eq!(file.stream_position().unwrap(), from, "nothing is taken");
            lines
        };
        assert_eq!(counted("", 0, 100), 0);
        assert_eq!(counted("a\n\nb", 0, 100), 3);
        assert_eq!(counted("a\n\nb\n", 2, 100), 2);
        let long = "line\n".repeat(100_000);
        assert_eq!(counted(&long, 0, u64::MAX), 100_000);
        assert!((99_990..=100_010).contains(&counted(&long, 0, 1_000)));
        assert!(count(&File::open("/dev/null").unwrap(), b'\n', 1).is_err());
    }
}
