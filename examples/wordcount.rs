//! Counts lines, words and bytes of all files below the given paths (or `src`), some files at a time.
//!
//! ```sh
//! cargo run --release --features std --example wordcount -- src README.md
//! ```
//!
//! One thread walks, a few count, and the main thread adds up. Both mailboxes are bounded: however large the
//! tree, no more than a handful of paths and results are ever in memory, because whoever is too fast waits.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io, thread};

use droves::mailbox::{Sender, channel};

fn main() -> ExitCode {
    let mut paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        paths.push("src".into());
    }
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let (to_workers, files) = channel(32).expect("32 is a capacity");
    let (results, mut counted) = channel(32).expect("32 is a capacity");

    thread::scope(|scope| {
        scope.spawn(move || walk(paths, to_workers));
        for _ in 0..workers {
            let (mut files, mut results) = (files.clone(), results.clone());
            scope.spawn(move || {
                while let Some(path) = files.recv_blocking() {
                    let count = count(&path);
                    if results.send_blocking((path, count)).is_err() {
                        return;
                    }
                }
            });
        }
        // The mailboxes close when their last sender goes: the walker's, and then the workers'.
        drop((files, results));

        let mut total = Count::default();
        let (mut seen, mut failed) = (0, 0);
        while let Some((path, count)) = counted.recv_blocking() {
            match count {
                Ok(count) => {
                    seen += 1;
                    total += count;
                }
                Err(error) => {
                    failed += 1;
                    eprintln!("{}: {error}", path.display());
                }
            }
        }
        let Count { lines, words, bytes } = total;
        println!(
            "{lines} lines, {words} words, {bytes} bytes in {seen} files, by {workers} workers"
        );
        ExitCode::from(u8::from(failed > 0))
    })
}

/// Sends the files below `paths`, breadth first. What cannot be listed is sent too, to be reported.
fn walk(paths: Vec<PathBuf>, mut files: Sender<PathBuf>) {
    let mut queue = VecDeque::from(paths);
    while let Some(path) = queue.pop_front() {
        match list(&path) {
            Ok(Some(inside)) => queue.extend(inside),
            Ok(None) | Err(_) => {
                if files.send_blocking(path).is_err() {
                    return;
                }
            }
        }
    }
}

/// What a folder holds; nothing if it is no folder.
fn list(path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(None);
    }
    fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map(Some)
}

#[derive(Default)]
struct Count {
    lines: usize,
    words: usize,
    bytes: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

fn count(path: &Path) -> io::Result<Count> {
    let text = fs::read(path)?;
    Ok(Count {
        lines: text.split(|&byte| byte == b'\n').count().saturating_sub(1),
        words: text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count(),
        bytes: text.len(),
    })
}
