//! What a group and its members do at a moment, as a tree.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::machine::{MemberState, Phase};
use crate::time::Instant;

/// What a group does at a moment, and the groups that are members of it.
///
/// Its text is a tree of lines, and [`to_json`](Self::to_json) gives the same to machines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The group's name.
    pub name: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it was looked at, by the runtime's clock.
    pub at: Instant,
    /// Its members, in order.
    pub members: Vec<MemberSnapshot>,
}

/// What a member does at a moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemberSnapshot {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: MemberState,
    /// Since when it is there.
    pub since: Instant,
    /// How often it was started again.
    pub restarts: u32,
    /// The text of the last error with which it ended.
    pub last_error: Option<String>,
    /// What it does, if it is a group.
    pub group: Option<Box<Snapshot>>,
}

/// The name of a phase, in small letters.
fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Ready => "ready",
        Phase::Broken => "broken",
        Phase::Stopping => "stopping",
        Phase::Done => "done",
    }
}

impl Snapshot {
    /// It as JSON: `name`, `phase`, `at_ns`, and of each of `members` its `name`, `state`, `since_ns`, `restarts`,
    /// `last_error` (a text or null) and `group` (the same again, or null).
    ///
    /// # Cost
    /// That of the text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.json(&mut out);
        out
    }

    fn json(&self, out: &mut String) -> fmt::Result {
        out.push_str("{\"name\":");
        text(out, &self.name)?;
        write!(out, ",\"phase\":\"{}\"", phase(self.phase))?;
        write!(out, ",\"at_ns\":{},\"members\":[", self.at.as_nanos())?;
        for (number, member) in self.members.iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            out.push_str("{\"name\":");
            text(out, &member.name)?;
            write!(out, ",\"state\":\"{}\"", member.state.name())?;
            write!(out, ",\"since_ns\":{}", member.since.as_nanos())?;
            write!(out, ",\"restarts\":{},\"last_error\":", member.restarts)?;
            match &member.last_error {
                Some(error) => text(out, error)?,
                None => out.push_str("null"),
            }
            out.push_str(",\"group\":");
            match &member.group {
                Some(group) => group.json(out)?,
                None => out.push_str("null"),
            }
            out.push('}');
        }
        out.push_str("]}");
        Ok(())
    }

    fn tree(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{}: {}", self.name, phase(self.phase))?;
        for member in &self.members {
            write!(f, "\n{:1$}", "", 2 * (depth + 1))?;
            match &member.group {
                Some(group) => group.tree(f, depth + 1)?,
                None => write!(f, "{}: {}", member.name, member.state.name())?,
            }
            write!(f, " for {:?}", self.at.saturating_since(member.since))?;
            if member.restarts > 0 {
                write!(f, ", restarted {} times", member.restarts)?;
            }
            if let Some(error) = &member.last_error {
                write!(f, ", last error: {}", error.escape_debug())?;
            }
        }
        Ok(())
    }
}

/// A text of JSON.
fn text(out: &mut String, text: &str) -> fmt::Result {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree(f, 0)
    }
}
