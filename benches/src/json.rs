//! Rows as JSON. Seven fixed keys do not need a library.

use std::fmt::Write;

use crate::report::Row;

/// An array with one object on each line. A failed cell has `null` for what was not measured.
pub(crate) fn array(rows: &[Row]) -> String {
    let objects: Vec<String> = rows.iter().map(|row| format!("  {}", object(row))).collect();
    format!("[\n{}\n]\n", objects.join(",\n"))
}

fn object(row: &Row) -> String {
    let score = row.score;
    let mut out = format!("{{\"cell\": {}", string(&row.cell));
    let mut field = |key: &str, value: String| {
        write!(out, ", \"{key}\": {value}").expect("writing to a string");
    };
    let best_peer = row.best_peer.as_ref().map(|(name, _)| string(name));
    field("ours", number(score.map(|score| score.ours).or(row.figure)));
    field("best_peer", best_peer.unwrap_or_else(|| "null".to_owned()));
    field("peer", number(score.map(|score| score.peer)));
    field("ratio", number(score.map(|score| score.ratio)));
    field("p10", number(score.map(|score| score.p10)));
    field("p90", number(score.map(|score| score.p90)));
    field("target", number(row.target));
    out.push('}');
    out
}

fn number(value: Option<f64>) -> String {
    match value {
        // JSON has no infinity and no NaN.
        Some(value) if value.is_finite() => format!("{}", (value * 1000.0).round() / 1000.0),
        _ => "null".to_owned(),
    }
}

fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("writing to a string");
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Score, Verdict};

    #[test]
    fn a_row_has_the_agreed_keys() {
        let row = Row {
            cell: "mpmc/c1024/try/2p2c/par".to_owned(),
            target: Some(1.0),
            verdict: Verdict::Met,
            score: Some(Score {
                best: 1,
                ours: 20.25,
                peer: 24.0,
                ratio: 0.843_75,
                p10: 0.8,
                p90: 0.9,
            }),
            best_peer: Some(("ArrayQueue".to_owned(), None)),
            figure: None,
        };
        assert_eq!(
            array(&[row]),
            "[\n  {\"cell\": \"mpmc/c1024/try/2p2c/par\", \"ours\": 20.25, \
             \"best_peer\": \"ArrayQueue\", \"peer\": 24, \"ratio\": 0.844, \"p10\": 0.8, \
             \"p90\": 0.9, \"target\": 1}\n]\n"
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        let row = Row {
            cell: "a \"b\"\\\n".to_owned(),
            target: None,
            verdict: Verdict::Failed,
            score: None,
            best_peer: None,
            figure: None,
        };
        assert_eq!(
            object(&row),
            "{\"cell\": \"a \\\"b\\\"\\\\\\u000a\", \"ours\": null, \"best_peer\": null, \
             \"peer\": null, \"ratio\": null, \"p10\": null, \"p90\": null, \"target\": null}"
        );
        assert_eq!(number(Some(f64::INFINITY)), "null");
    }
}
