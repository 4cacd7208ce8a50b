//! Where the lines come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Stdin};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::vec;

/// The longest line, in bytes. No system takes an argument as long as that.
const LONGEST: usize = 1 << 20;

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
}
