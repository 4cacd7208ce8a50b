//! What a bench has found out, and the file it goes to.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::contender::{Fault, Mark};
use crate::json;
use crate::stats::{Score, Verdict};
use crate::table;

/// One cell.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the cell, such as `mpmc/c1024/try/2p2c/par`.
    pub cell: String,
    /// The ratio to stay at or below, if there is one.
    pub target: Option<f64>,
    /// Whether it did.
    pub verdict: Verdict,
    /// `None` if the cell failed.
    pub score: Option<Score>,
    /// Who was raced against; `None` if the cell failed.
    pub best_peer: Option<(String, Option<Mark>)>,
    /// What was measured, if the cell is no race.
    pub figure: Option<f64>,
}

/// One contender of an arena, whether it raced or not.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) mark: Option<Mark>,
    pub(crate) shown: bool,
    pub(crate) left_early: bool,
    pub(crate) nanos: Option<f64>,
    pub(crate) fault: Option<Fault>,
}

/// All that an arena gives.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    pub(crate) field: Vec<Field>,
}

/// The rows of a bench so far.
pub struct Report {
    path: PathBuf,
    rows: Vec<Row>,
    marks: Vec<Mark>,
    faultless: bool,
}

impl Report {
    pub(crate) fn new(bench: &str) -> Self {
        Self {
            path: target_dir().join("bench").join(format!("{bench}.json")),
            rows: Vec::new(),
            marks: Vec::new(),
            faultless: true,
        }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        for field in outcome.field {
            self.faultless &= field.fault.is_none();
            if let Some(mark) = field.mark
                && !self.marks.contains(&mark)
            {
                self.marks.push(mark);
            }
        }
        self.rows.extend(outcome.rows);
    }

    /// Adds what was measured without a peer, and should be at or below `limit`. Prints it.
    pub fn add_figure(&mut self, cell: String, figure: f64, limit: Option<f64>) {
        let verdict = match limit {
            None => Verdict::Reported,
            Some(limit) if figure <= limit => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        let row = Row {
            cell,
            target: limit,
            verdict,
            score: None,
            best_peer: None,
            figure: Some(figure),
        };
        table::print_row(&row);
        self.rows.push(row);
    }

    /// Notes that something outside the arenas failed.
    pub fn add_fault(&mut self, fault: &Fault) {
        println!("    FAILED: {fault}");
        self.faultless = false;
    }

    /// The rows in the order they were measured in.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of a cell, if it was measured.
    #[must_use]
    pub fn row(&self, cell: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.cell == cell)
    }

    /// The signs that appeared.
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    pub(crate) const fn faultless(&self) -> bool {
        self.faultless
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write_json(&self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&self.path, json::array(&self.rows))
    }
}

/// Cargo's target directory: the workspace's, unless the environment says otherwise.
fn target_dir() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.parent().unwrap_or(package);
    // An absolute path replaces the workspace's when joined to it.
    workspace.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
