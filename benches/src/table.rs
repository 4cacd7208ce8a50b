//! The report for people.

use crate::contender::Mark;
use crate::options::Options;
use crate::report::{Field, Outcome, Report, Row};
use crate::stats::Verdict;

const CELL: usize = 38;
const PEER: usize = 26;

pub(crate) fn print_heading(options: &Options) {
    let effort = &options.effort;
    println!(
        "{} rounds of {} ms ({} ms where more threads than the {} cores work); ns an operation; \
         ratio ours / best peer, lower is better",
        effort.rounds,
        effort.short.as_millis(),
        effort.long.as_millis(),
        crate::cores(),
    );
    if let Some(load) = load_average() {
        println!("load average before the start: {load}");
    }
    if options.quick {
        println!("quick: too few and too short rounds for a verdict to rest on");
    }
    println!(
        "\n{:CELL$} {:>8}  {:PEER$} {:>6} {:>13} {:>7}  verdict",
        "cell", "ours", "best peer", "ratio", "p10 – p90", "target"
    );
}

/// What other work there is, where the system says so: it makes verdicts unclear.
fn load_average() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

pub(crate) fn print_outcome(outcome: &Outcome) {
    for row in &outcome.rows {
        print_row(row);
    }
    let mut field: Vec<&Field> = outcome.field.iter().collect();
    field.sort_by(|a, b| a.nanos.unwrap_or(f64::MAX).total_cmp(&b.nanos.unwrap_or(f64::MAX)));
    let all: Vec<String> = field.into_iter().map(describe).collect();
    println!("    {}", all.join(" · "));
}

pub(crate) fn print_row(row: &Row) {
    println!("{}", line(row));
}

fn line(row: &Row) -> String {
    let verdict = row.verdict.word();
    let target = row.target.map_or_else(|| "–".to_owned(), |target| format!("{target:.2}"));
    if let Some(figure) = row.figure {
        let (peer, ratio, interval) = ("", "", "");
        return format!(
            "{:CELL$} {figure:>8.1}  {peer:PEER$} {ratio:>6} {interval:>13} {target:>7}  {verdict}",
            row.cell,
        );
    }
    let (Some(score), Some((peer, mark))) = (row.score, &row.best_peer) else {
        return format!("{:CELL$} {verdict}", row.cell);
    };
    let peer = format!("{} {:.1}", signed(peer, *mark), score.peer);
    let interval = format!("{:.2} – {:.2}", score.p10, score.p90);
    format!(
        "{:CELL$} {:>8.1}  {peer:PEER$} {:>6.2} {interval:>13} {target:>7}  {verdict}",
        row.cell, score.ours, score.ratio,
    )
}

fn signed(name: &str, mark: Option<Mark>) -> String {
    format!("{name}{}", mark.map_or("", |mark| mark.sign))
}

fn describe(field: &Field) -> String {
    let name = signed(&field.name, field.mark);
    if let Some(fault) = &field.fault {
        return format!("{name} FAILED: {fault}");
    }
    let nanos = field.nanos.map_or_else(String::new, |nanos| format!(" {nanos:.1}"));
    match (field.shown, field.left_early) {
        (true, _) => format!("[{name}{nanos}]"),
        (false, true) => format!("({name}{nanos})"),
        (false, false) => format!("{name}{nanos}"),
    }
}

pub(crate) fn print_closing(report: &Report) {
    println!(
        "\n[in brackets]: shown, not raced · (in parentheses): hopeless after the trial rounds"
    );
    for mark in report.marks() {
        println!("{}: {}", mark.sign, mark.meaning);
    }
    let count = |verdict| report.rows().iter().filter(|row| row.verdict == verdict).count();
    println!(
        "{} met, {} missed, {} unclear, {} without a target, {} failed; {}",
        count(Verdict::Met),
        count(Verdict::Missed),
        count(Verdict::Unclear),
        count(Verdict::Reported),
        count(Verdict::Failed),
        report.path().display(),
    );
}
