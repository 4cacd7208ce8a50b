//! The crate's own text, for tests that read it.
#![allow(dead_code, reason = "each test uses a part")]

use std::{fs, path::Path};

/// One source file.
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    pub text: String,
}

/// Every Rust file under the given directories of the crate's root, except unit tests.
pub fn files(directories: &[&str]) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in directories {
        walk(root, &root.join(directory), &mut files);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(root: &Path, directory: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        if path.is_dir() {
            walk(root, &path, files);
        } else if path.extension() == Some("rs".as_ref())
            && path.file_stem() != Some("tests".as_ref())
            && !name.contains("/tests/")
        {
            files.push(File { text: fs::read_to_string(&path).unwrap(), path: name });
        }
    }
}

impl File {
    /// Its modules from the crate's root: `src/mailbox/error.rs` is `["mailbox", "error"]`.
    pub fn modules(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let path = path.strip_suffix(".rs").unwrap();
        path.split('/').filter(|part| !["mod", "lib"].contains(part)).collect()
    }

    /// Its lines with their numbers, without comments and without unit tests in it.
    ///
    /// Relies on the format of rustfmt: an item ends with a brace in the column where it begins.
    pub fn code(&self) -> Vec<(usize, &str)> {
        let mut lines = Vec::new();
        let mut skip_until: Option<String> = None;
        let mut test_only = false;
        for (index, line) in self.text.lines().enumerate() {
            if let Some(end) = &skip_until {
                if line == end {
                    skip_until = None;
                }
                continue;
            }
            let trimmed = line.trim_start();
            if trimmed.starts_with("//") {
                continue;
            }
            if trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(all(test,") {
                test_only = true;
                continue;
            }
            if test_only && !trimmed.starts_with("#[") {
                test_only = false;
                if trimmed.ends_with('{') {
                    skip_until = Some(format!("{}}}", &line[..line.len() - trimmed.len()]));
                }
                continue;
            }
            lines.push((index + 1, line.split(" // ").next().unwrap()));
        }
        lines
    }
}

/// Whether the line has `word` with no letter, digit or underscore beside it.
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}
