//! What jobs print arrives whole, and never mixed.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::thread;

use crate::help::{
    Place, droves, end, exits, numbers, run, run_with, sh, sorted, start, stderr, succeeds,
};

#[test]
fn a_thousand_chatty_jobs_are_never_mixed() {
    let input = numbers(0..1_000);
    // Many small writes, to both streams.
    let script = "i=0; while test $i -lt 40; do echo \"$1 $i out\"; echo \"$1 $i err\" >&2; i=$((i+1)); done";
    let output = run_with(["-q", "-j", "8"].into_iter().chain(sh(script)), input.as_bytes());
    let out = succeeds(&output);
    for (text, name) in [(out, "out"), (stderr(&output), "err")] {
        let mut jobs = BTreeSet::new();
        let mut lines = text.lines();
        while let Some(first) = lines.next() {
            let job = first.split(' ').next().unwrap();
            assert_eq!(first, format!("{job} 0 {name}"));
            for number in 1..40 {
                assert_eq!(lines.next().unwrap(), format!("{job} {number} {name}"));
            }
            assert!(jobs.insert(job.to_owned()), "{job} twice");
        }
        assert_eq!(jobs.len(), 1_000);
    }
}

#[test]
fn much_output_arrives_byte_by_byte() {
    // On both sides of what is kept in memory, and with bytes of every kind.
    let script = "head -c $1 /dev/zero | tr '\\0' 'x'; printf '\\377\\000\\n'";
    let sizes = ["1", "65532", "65533", "65534", "3000000"];
    let arguments = ["-q", "-k", "-j", "3"].into_iter().chain(sh(script)).chain([":::"]);
    let output = run(arguments.chain(sizes));
    assert!(output.status.success());
    let mut expected = Vec::new();
    for size in sizes {
        expected.resize(expected.len() + size.parse::<usize>().unwrap(), b'x');
        expected.extend(b"\xFF\0\n");
    }
    assert!(output.stdout == expected);
}

#[test]
fn results_as_lines_of_json() {
    let place = Place::new("results");
    let file = place.text("results");
    let script = "printf 'o\"\\n\\377'; echo e >&2; test $1 = a || kill -9 $$";
    let output =
        run(["-k", "--results", &file].into_iter().chain(sh(script)).chain([":::", "a", "é\n"]));
    exits(&output, 1);
    let text = place.read("results");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    for part in [
        r#"{"job":1,"argument":"a","command":["sh","-c","#,
        r#""ok":true,"status":"0","exit":0,"signal":null,"attempts":1,"start":"#,
        r#","seconds":"#,
        "\"stdout\":\"o\\\"\\n\u{FFFD}\",\"stderr\":\"e\\n\"}",
    ] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    for part in [
        r#"{"job":2,"argument":"é\n","#,
        r#""ok":false,"status":"signal 9","exit":null,"signal":9,"#,
    ] {
        assert!(lines[1].contains(part), "{part} in {}", lines[1]);
    }
}

/// With an input that has no end: reads a line, closes the pipe, and waits for the end.
fn sees_enough(arguments: &[&str], first: &str) {
    let mut child = start(&mut droves(arguments));
    let mut stdin = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || while stdin.write_all(b"line\n").is_ok() {});
    let mut line = vec![0; first.len()];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut line).unwrap();
    assert_eq!(line, first.as_bytes());
    drop(out);
    assert_eq!(end(&mut child).code(), Some(1));
    feeder.join().unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(told, "");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    sees_enough(&["-q", "-j", "2", "echo"], "line\n");
    sees_enough(&["-q", "-k", "sh", "-c", "echo x; echo \"$1\"; sleep 0.05", "sh"], "x\nline\n");
    sees_enough(&["--dry-run", "echo"], "echo line\n");
    // What runs then is not waited for.
    let script = "test $0 = 2 && sleep 300; echo y";
    sees_enough(&["-q", "-j", "2", "sh", "-c", script, "{#}"], "y\n");
}

#[test]
fn a_full_disk_for_the_output_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = droves(["echo", ":::", "x"]).stdout(full).output().unwrap();
    exits(&output, 1);
    assert!(stderr(&output).contains("the output cannot be written"), "{}", stderr(&output));
}

#[test]
fn results_that_cannot_be_written_keep_no_output_back() {
    // Both have ended before either is written.
    let place = Place::new("full-results");
    let meet = "cd \"$0\"; : > $1; until test -e a && test -e b; do sleep 0.01; done; echo $1";
    let options = ["-j", "2", "--results", "/dev/full"];
    let command = ["sh", "-c", meet, &place.text(""), ":::", "a", "b"];
    let output = run(options.into_iter().chain(command));
    assert_eq!(sorted(&exits(&output, 1)), ["a", "b"]);
    let told = stderr(&output);
    assert!(told.contains("the file of results /dev/full cannot be written: No space"), "{told}");
    assert!(told.contains("2 succeeded, 0 failed"), "{told}");
    // Nor is it hidden that there is soon no room for that either: files may not grow above 8 or 16 KiB.
    let log = place.text("log");
    let meet = "cd $0; : > $1; until test -e c && test -e d && test -e e; do sleep 0.01; done; head -c 7000 /dev/zero";
    let command = format!(
        "trap '' XFSZ; ulimit -f 16; {} run -j 3 --joblog {log} --results /dev/full \
         sh -c '{meet}' {} ::: c d e > {}",
        env!("CARGO_BIN_EXE_droves"),
        place.text(""),
        place.text("out"),
    );
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    exits(&output, 1);
    let told = stderr(&output);
    for file in ["the file of results /dev/full", "the output"] {
        assert_eq!(told.matches(&format!("{file} cannot be written")).count(), 1, "{told}");
    }
}

#[test]
fn an_output_that_cannot_be_written_keeps_no_results_back() {
    let place = Place::new("full-output");
    let (results, meet) = (
        place.text("results"),
        "cd \"$0\"; : > $1; until test -e a && test -e b; do sleep 0.01; done; echo $1",
    );
    let log = place.text("log");
    let options = ["-j", "2", "--results", &results, "--joblog", &log];
    let command = ["sh", "-c", meet, &place.text(""), ":::", "a", "b"];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = droves(options.into_iter().chain(command)).stdout(full).output().unwrap();
    exits(&output, 1);
    assert!(stderr(&output).contains("the output cannot be written: No space"));
    // One may be stopped as nobody could have its output: that is a result, too.
    let lines = place.read("results");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert_eq!(place.read("log").lines().count(), 1, "its headline");
}

#[test]
fn nobody_need_listen_to_errors() {
    let mut child =
        start(droves(["sh", "-c", "echo $1 >&2; exit 1", "sh"]).args([":::", "a", "b"]));
    drop(child.stderr.take());
    assert_eq!(end(&mut child).code(), Some(1));
}
