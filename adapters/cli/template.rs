//! The command with its placeholders, and what stands in their place for a line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A command in which a line is to be put.
pub(crate) struct Template {
    words: Vec<Vec<Part>>,
    shell: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Holder(Holder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Line,
    Number,
    Base,
    Directory,
    Stem,
    BaseStem,
}

const HOLDERS: [(&[u8], Holder); 6] = [
    (b"{}", Holder::Line),
    (b"{#}", Holder::Number),
    (b"{/}", Holder::Base),
    (b"{//}", Holder::Directory),
    (b"{.}", Holder::Stem),
    (b"{/.}", Holder::BaseStem),
];

impl Template {
    /// The command as it was given, for `sh` to read or to be run as it is.
    pub(crate) fn new(command: &[OsString], shell: bool) -> Self {
        let mut words: Vec<_> = if shell {
            vec![parts(command.join(OsStr::new(" ")).as_bytes())]
        } else {
            command.iter().map(|word| parts(word.as_bytes())).collect()
        };
        let holds = |word: &Vec<Part>| word.iter().any(|part| matches!(part, Part::Holder(_)));
        if !words.iter().any(holds) {
            let line = Part::Holder(Holder::Line);
            match words.last_mut() {
                Some(script) if shell => script.extend([Part::Text(b" ".to_vec()), line]),
                _ => words.push(vec![line]),
            }
        }
        Self { words, shell }
    }

    /// The program and its arguments for a line.
    pub(crate) fn fill(&self, line: &[u8], number: u64) -> Vec<OsString> {
        let words = self.words.iter().map(|word| {
            let mut filled = Vec::new();
            for part in word {
                match part {
                    Part::Text(text) => filled.extend(text),
                    Part::Holder(holder) if self.shell => {
                        quote(&mut filled, &holder.value(line, number));
                    }
                    Part::Holder(holder) => filled.extend(holder.value(line, number)),
                }
            }
            OsString::from_vec(filled)
        });
        if self.shell {
            ["/bin/sh".into(), "-c".into()].into_iter().chain(words).collect()
        } else {
            words.collect()
        }
    }
}

/// A word, cut where placeholders begin and end.
fn parts(word: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut rest = word;
    while let Some(&first) = rest.first() {
        if let Some((name, holder)) = HOLDERS.iter().find(|(name, _)| rest.starts_with(name)) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Holder(*holder));
            rest = &rest[name.len()..];
        } else {
            text.push(first);
            rest = &rest[1..];
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

impl Holder {
    fn value(self, line: &[u8], number: u64) -> Vec<u8> {
        match self {
            Self::Line => line.to_vec(),
            Self::Number => number.to_string().into_bytes(),
            Self::Base => base(line).to_vec(),
            Self::Directory => directory(line).to_vec(),
            Self::Stem => stem(line).to_vec(),
            Self::BaseStem => stem(base(line)).to_vec(),
        }
    }
}

/// What follows the last slash.
fn base(line: &[u8]) -> &[u8] {
    line.rsplit(|byte| *byte == b'/').next().unwrap_or(line)
}

/// What stands before the last slash.
fn directory(line: &[u8]) -> &[u8] {
    match line.iter().rposition(|byte| *byte == b'/') {
        None => b".",
        Some(0) => b"/",
        Some(at) => &line[..at],
    }
}

/// Without what follows the last dot of its last part, unless it begins with that dot.
fn stem(line: &[u8]) -> &[u8] {
    let base = base(line);
    match base.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => line,
        Some(at) => &line[..line.len() - base.len() + at],
    }
}

/// A word as a shell reads it back, unchanged.
pub(crate) fn quote(out: &mut Vec<u8>, word: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        return out.extend(word);
    }
    out.push(b'\'');
    for byte in word {
        match byte {
            b'\'' => out.extend(b"'\\''"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
}

/// A command on one line of a shell.
pub(crate) fn quoted(command: &[OsString]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, word) in command.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        quote(&mut out, word.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fills(command: &str, line: &str, filled: &[&str]) {
        let command: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        assert_eq!(Template::new(&command, false).fill(line.as_bytes(), 7), filled);
    }

    #[test]
    fn placeholders() {
        fills("echo", "a b", &["echo", "a b"]);
        fills("echo x{}y{}", "a", &["echo", "xaya"]);
        fills("echo {#}", "a", &["echo", "7"]);
        fills("mv {} {.}.txt", "d.d/a.b.c", &["mv", "d.d/a.b.c", "d.d/a.b.txt"]);
        fills("f {/} {//} {/.}", "x/y/z.gz", &["f", "z.gz", "x/y", "z"]);
        fills("f {/} {//} {.}", "z", &["f", "z", ".", "z"]);
        fills("f {/} {//} {.}", "/.rc", &["f", ".rc", "/", "/.rc"]);
        fills("f {.}", "d.d/a", &["f", "d.d/a"]);
        fills("f {x} { } {{}} {", "a", &["f", "{x}", "{", "}", "{a}", "{"]);
        fills("{} -v", "ls", &["ls", "-v"]);
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        fills("f {}", "{#}{}", &["f", "{#}{}"]);
    }

    #[test]
    fn for_a_shell_it_is_quoted() {
        let command = ["cat".into(), "<".into(), "{}".into(), "|".into(), "wc".into()];
        let filled = Template::new(&command, true).fill(b"it's; rm -rf", 1);
        assert_eq!(filled, ["/bin/sh", "-c", "cat < 'it'\\''s; rm -rf' | wc"]);
        let filled = Template::new(&["cat".into()], true).fill(b"", 1);
        assert_eq!(filled, ["/bin/sh", "-c", "cat ''"]);
    }

    #[test]
    fn commands_on_a_line() {
        assert_eq!(quoted(&["a".into(), "b c".into(), "".into()]), b"a 'b c' ''");
    }
}
