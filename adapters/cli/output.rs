//! What a job has printed: kept in memory, or in a file if it is much.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;

/// How much of a stream is kept in memory, in bytes.
const IN_MEMORY: usize = 64 << 10;
/// How much is asked for at a time.
const CHUNK: usize = 64 << 10;

/// One stream of a job.
#[derive(Default)]
pub(crate) struct Output {
    memory: Vec<u8>,
    /// All that came before what is in memory, without a name.
    file: Option<File>,
}

impl Output {
    /// Reads once from a pipe that has something to be read, or is at its end. Returns how much.
    pub(crate) fn read_from(&mut self, pipe: impl AsFd) -> io::Result<usize> {
        // A little more than is kept, so that an output of just that length needs no file.
        if self.memory.capacity() - self.memory.len() < CHUNK / 16 {
            self.memory.reserve(if self.memory.is_empty() { CHUNK / 16 } else { CHUNK });
        }
        let read = rustix::io::read(pipe, spare_capacity(&mut self.memory))?;
        if self.memory.len() > IN_MEMORY {
            self.spill()?;
        }
        Ok(read)
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile()?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&self.memory)?;
        }
        self.memory.clear();
        Ok(())
    }

    /// No more will come: gives back the memory that it does not need.
    pub(crate) fn finish(&mut self) {
        self.memory.shrink_to_fit();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.file.is_none()
    }

    /// Writes all of it.
    pub(crate) fn write_to(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.each(|chunk| to.write_all(chunk))
    }

    /// Writes all of it, with a tag and a tab before each line.
    pub(crate) fn write_tagged(&mut self, tag: &[u8], to: &mut impl Write) -> io::Result<()> {
        let mut begins = true;
        self.each(|chunk| {
            for line in chunk.split_inclusive(|byte| *byte == b'\n') {
                if begins {
                    to.write_all(tag)?;
                    to.write_all(b"\t")?;
                }
                to.write_all(line)?;
                begins = line.ends_with(b"\n");
            }
            Ok(())
        })
    }

    /// Gives all of it, in pieces.
    pub(crate) fn each(&mut self, mut give: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.rewind()?;
            let mut buffer = vec![0; CHUNK];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => give(&buffer[..read])?,
                }
            }
        }
        give(&self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::pipe;
    use std::thread;

    fn collect(text: &[u8]) -> Output {
        let (reader, mut writer) = pipe().unwrap();
        let mut output = Output::default();
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(text).unwrap());
            while output.read_from(&reader).unwrap() > 0 {}
        });
        output.finish();
        output
    }

    #[test]
    fn all_comes_out_wherever_it_was_kept() {
        for length in [0, 1, 4_096, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 1_000_000] {
            let text: Vec<u8> = (0..=250).cycle().take(length).collect();
            let mut output = collect(&text);
            assert_eq!(output.is_empty(), length == 0);
            assert_eq!(output.file.is_some(), length > IN_MEMORY, "{length}");
            assert!(output.memory.capacity() <= IN_MEMORY + CHUNK);
            // It can be had twice.
            for _ in 0..2 {
                let mut out = Vec::new();
                output.write_to(&mut out).unwrap();
                assert!(out == text, "{length}");
            }
        }
    }

    #[test]
    fn tags_stand_before_lines() {
        let tagged = |text: &[u8]| {
            let mut out = Vec::new();
            collect(text).write_tagged(b"t", &mut out).unwrap();
            out
        };
        assert_eq!(tagged(b""), b"");
        assert_eq!(tagged(b"a\n\nb"), b"t\ta\nt\t\nt\tb");
        // Longer than a piece.
        let text = vec![b'x'; 3 * CHUNK];
        assert_eq!(tagged(&text), [b"t\t", &text[..]].concat());
    }
}
