//! What has become of a job, in words and in JSON.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::job::{Attempt, Ending};
use super::output::Output;

/// One job: a line, and where it stands.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) line: Vec<u8>,
    /// Which line of the input it is, from 1.
    pub(crate) number: u64,
    /// Which of those that are done, from 0.
    pub(crate) order: u64,
    /// Whether the log has it as one that failed.
    pub(crate) again: bool,
}

/// A job's last attempt.
pub(crate) struct Report {
    pub(crate) command: Vec<OsString>,
    pub(crate) attempt: Attempt,
    pub(crate) start: SystemTime,
    pub(crate) elapsed: Duration,
}

impl Ending {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }

    /// Whether it has run to an end, good or bad, as far as its time went.
    pub(crate) fn is_of_itself(&self) -> bool {
        !matches!(self, Self::NotStarted(_) | Self::OutputLost(_))
    }

    /// Whether it will end so however often it is tried.
    pub(crate) fn is_final(&self) -> bool {
        use io::ErrorKind::{ArgumentListTooLong, InvalidInput, NotFound, PermissionDenied};
        match self {
            Self::Exited(_) | Self::TimedOut | Self::OutputLost(_) => false,
            Self::Stopped => true,
            Self::NotStarted(error) => matches!(
                error.kind(),
                ArgumentListTooLong | InvalidInput | NotFound | PermissionDenied
            ),
        }
    }

    /// For files: the exit status, or a word.
    pub(crate) fn status(&self) -> String {
        match self {
            Self::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => code.to_string(),
                (None, signal) => format!("signal {}", signal.unwrap_or_default()),
            },
            Self::TimedOut => "timeout".into(),
            Self::Stopped => "stopped".into(),
            Self::NotStarted(_) => "not started".into(),
            Self::OutputLost(_) => "output lost".into(),
        }
    }

    /// For people.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Exited(status) if status.code().is_some() => {
                format!("exit status {}", self.status())
            }
            Self::NotStarted(error) => format!("it could not be started: {error}"),
            Self::OutputLost(error) => format!("its output could not be kept: {error}"),
            Self::TimedOut => "it took too long".into(),
            Self::Exited(_) | Self::Stopped => self.status(),
        }
    }
}

impl Report {
    /// One line of JSON. What is no UTF-8 has replacement characters in it.
    pub(crate) fn write_json(
        &mut self,
        job: &Job,
        attempts: u32,
        to: &mut impl Write,
    ) -> io::Result<()> {
        write!(to, "{{\"job\":{},\"argument\":", job.number)?;
        string(to, &job.line)?;
        to.write_all(b",\"command\":[")?;
        for (index, word) in self.command.iter().enumerate() {
            if index > 0 {
                to.write_all(b",")?;
            }
            string(to, word.as_bytes())?;
        }
        let start = self.start.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (exit, signal) = match &self.attempt.ending {
            Ending::Exited(status) => (status.code(), status.signal()),
            _ => (None, None),
        };
        let or_null =
            |number: Option<i32>| number.map_or("null".into(), |number| number.to_string());
        write!(
            to,
            "],\"ok\":{},\"status\":\"{}\",\"exit\":{},\"signal\":{},\"attempts\":{attempts},\"start\":{}.{:03},\"seconds\":{:.6}",
            self.attempt.ending.is_success(),
            self.attempt.ending.status(),
            or_null(exit),
            or_null(signal),
            start.as_secs(),
            start.subsec_millis(),
            self.elapsed.as_secs_f64(),
        )?;
        to.write_all(b",\"stdout\":")?;
        text(to, &mut self.attempt.out)?;
        to.write_all(b",\"stderr\":")?;
        text(to, &mut self.attempt.err)?;
        to.write_all(b"}\n")
    }
}

fn string(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(b"\"")?;
    let rest = escape(to, bytes)?;
    replace(to, rest)?;
    to.write_all(b"\"")
}

fn text(to: &mut impl Write, output: &mut Output) -> io::Result<()> {
    to.write_all(b"\"")?;
    // A character may be cut in two.
    let mut kept: Vec<u8> = Vec::new();
    output.each(|chunk| {
        let chunk = if kept.is_empty() { chunk } else { &[&kept[..], chunk].concat() };
        let rest = escape(to, chunk)?.to_vec();
        kept = rest;
        Ok(())
    })?;
    replace(to, &kept)?;
    to.write_all(b"\"")
}

/// A character that was cut off.
fn replace(to: &mut impl Write, rest: &[u8]) -> io::Result<()> {
    if rest.is_empty() { Ok(()) } else { to.write_all("\u{FFFD}".as_bytes()) }
}

/// Writes text as it stands in a string of JSON. Returns the beginning of a character at its end.
fn escape<'a>(to: &mut impl Write, mut bytes: &'a [u8]) -> io::Result<&'a [u8]> {
    loop {
        let (valid, wrong) = match std::str::from_utf8(bytes) {
            Ok(_) => (bytes.len(), Some(0)),
            Err(error) => (error.valid_up_to(), error.error_len()),
        };
        let (good, rest) = bytes.split_at(valid);
        let mut from = 0;
        for (at, byte) in good.iter().enumerate() {
            let escaped: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\t' => b"\\t",
                0..0x20 => &format!("\\u{byte:04x}").into_bytes(),
                _ => continue,
            };
            to.write_all(&good[from..at])?;
            to.write_all(escaped)?;
            from = at + 1;
        }
        to.write_all(&good[from..])?;
        match wrong {
            None | Some(0) => return Ok(rest),
            Some(wrong) => {
                to.write_all("\u{FFFD}".as_bytes())?;
                bytes = &rest[wrong..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        string(&mut out, bytes).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings() {
        assert_eq!(json(b""), r#""""#);
        assert_eq!(json("a\"b\\c\n\t\r\u{1}é".as_bytes()), r#""a\"b\\c\n\t\u000d\u0001é""#);
        assert_eq!(json(b"a\xFFb\xC3"), "\"a\u{FFFD}b\u{FFFD}\"");
    }
}
