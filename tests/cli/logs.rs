//! The joblog, and going on by it.

use std::process::Command;

use crate::help::{
    Place, droves, end, exits, run, run_with, sh, sorted, start, stderr, succeeds, until,
};

const FIELDS: &str = "key\tagain\tjob\tstart\tseconds\tattempts\tstatus\tcommand";

#[test]
fn a_line_for_each_job() {
    let place = Place::new("log");
    let log = place.write("log", format!("{FIELDS}\nan old line\n"));
    let arguments = ["-j", "1", "--joblog", &log, "--retries", "1", "--backoff", "none"];
    let output = run(arguments.into_iter().chain(["sh", "-c", "exit $0", "{}", ":::", "0", "7"]));
    exits(&output, 1);
    let text = place.read("log");
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0].join("\t"), FIELDS);
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!([lines[1][1], lines[1][2], lines[1][5], lines[1][6]], ["0", "1", "1", "0"]);
    assert_eq!([lines[2][1], lines[2][2], lines[2][5], lines[2][6]], ["0", "2", "2", "7"]);
    assert_eq!(lines[2][7], "sh -c 'exit $0' 7");
}

#[test]
fn what_is_no_log_is_left_as_it_is() {
    let place = Place::new("no-log");
    let file = place.write("file", "of great value\n");
    for options in [&["--joblog", &file][..], &["--joblog", &file, "--resume"]] {
        let output = run(options.iter().copied().chain(["echo", ":::", "x"]));
        assert_eq!(exits(&output, 2), "");
        assert!(stderr(&output).contains("no joblog"), "{}", stderr(&output));
        assert_eq!(place.read("file"), "of great value\n");
    }
}

#[test]
fn a_missing_log_is_a_fresh_start_and_what_is_in_it_is_left_out() {
    let place = Place::new("resume");
    let log = place.text("log");
    let resumed = |lines: &str| {
        let arguments = ["-k", "--joblog", &log, "--resume", "echo"];
        succeeds(&run_with(arguments, lines.as_bytes()))
    };
    assert_eq!(resumed("a\nb\na\n"), "a\nb\na\n");
    assert_eq!(resumed("a\nb\na\n"), "");
    // Another order, something new, and one more of the same.
    assert_eq!(resumed("b\na\nc\na\na\n"), "c\na\n");
    assert_eq!(resumed("b\na\nc\na\na\n"), "");
    // Another command is another job.
    let output = run_with(["-k", "--joblog", &log, "--resume", "printf"], b"a\nb\n");
    assert_eq!(succeeds(&output), "ab");
}

#[test]
fn those_that_failed_only_if_asked_for() {
    let place = Place::new("failed");
    let (log, good) = (place.text("log"), place.text("good"));
    let jobs = |option: &str| {
        let arguments = [
            "-q",
            "-k",
            "--joblog",
            &log,
            option,
            "sh",
            "-c",
            "echo $0; test $0 = a || test -e $1",
            "{}",
            &good,
        ];
        let output = run_with(arguments, b"a\nb\na\nb\n");
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(jobs("--resume"), (1, "a\nb\na\nb\n".into()));
    assert_eq!(jobs("--resume"), (1, String::new()), "what failed still has");
    assert_eq!(jobs("--resume-failed"), (1, "b\nb\n".into()));
    place.write("good", "");
    assert_eq!(jobs("--resume-failed"), (0, "b\nb\n".into()));
    assert_eq!(jobs("--resume-failed"), (0, String::new()));
    assert_eq!(jobs("--resume"), (0, String::new()));
}

#[test]
fn those_left_out_that_had_failed_are_told() {
    let place = Place::new("left-out");
    let log = place.text("log");
    let jobs = |option: &str, names: &[&str]| {
        let arguments = ["-j", "1", "--joblog", &log, option, "test", "a", "=", "{}", ":::"];
        let output = run(arguments.into_iter().chain(names.iter().copied()));
        (output.status.code().unwrap(), stderr(&output))
    };
    assert_eq!(jobs("--resume", &["a", "b"]).0, 1);
    for (names, code, told) in [
        (
            &["a", "b", "a"][..],
            1,
            "1 succeeded, 0 failed, 2 left out by the log, 1 of them had failed;",
        ),
        (&["a", "a"], 0, "0 succeeded, 0 failed, 2 left out by the log;"),
        (&["b"], 1, "0 succeeded, 0 failed, 1 left out by the log, 1 of them had failed;"),
    ] {
        let (ended, said) = jobs("--resume", names);
        assert!(ended == code && said.contains(told), "{names:?}: {ended}, {said}");
    }
    // One that fails again is not left out.
    let (ended, said) = jobs("--resume-failed", &["a", "b"]);
    assert!(ended == 1 && said.contains("0 succeeded, 1 failed, 1 left out by the log;"), "{said}");
}

#[test]
fn what_was_stopped_is_not_logged() {
    let place = Place::new("stopped");
    let log = place.text("log");
    let arguments = ["-j", "2", "--joblog", &log, "--halt", "now,fail=1"];
    let both = format!("until test -e {}; do sleep 0.01; done", place.text("b"));
    let script =
        format!("test $1 = a && {{ {both}; exit 1; }}; : > {}; sleep 300", place.text("b"));
    let script = script.as_str();
    exits(&run(arguments.into_iter().chain(sh(script)).chain([":::", "a", "b"])), 1);
    let text = place.read("log");
    assert_eq!(text.lines().count(), 2, "{text}");
    let output = run(["--joblog", &log, "--resume", "--dry-run"]
        .into_iter()
        .chain(sh(script))
        .chain([":::", "a", "b"]));
    assert!(succeeds(&output).ends_with(" b\n"));
}

#[test]
fn a_line_that_was_cut_off_is_no_line() {
    let place = Place::new("torn");
    let log = place.text("log");
    let arguments = ["-k", "--joblog", &log, "--resume", "echo"];
    succeeds(&run_with(arguments, b"a\n"));
    let whole = place.read("log");
    place.write("log", &whole[..whole.len() - 10]);
    let output = run_with(arguments, b"a\nb\n");
    assert_eq!(sorted(&succeeds(&output)), ["a", "b"]);
    assert_eq!(succeeds(&run_with(arguments, b"a\nb\n")), "");
}

#[test]
fn what_begins_no_job_writes_to_no_file() {
    let place = Place::new("untouched");
    let log = place.write("log", format!("{FIELDS}\nof great value\n"));
    let results = place.write("results", "of great value\n");
    let files = ["--joblog", &log, "--results", &results];
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let listen = ["--listen", &busy];
    for (more, code) in [(&listen[..], 2), (&["--dry-run"], 0), (&["--dry-run", "--resume"], 0)] {
        let output = run(files.iter().chain(more).copied().chain(["echo", ":::", "x"]));
        exits(&output, code);
        assert_eq!(place.read("log"), format!("{FIELDS}\nof great value\n"), "{more:?}");
        assert_eq!(place.read("results"), "of great value\n", "{more:?}");
    }
    let new = place.text("new");
    succeeds(&run(["--joblog", &new, "--resume", "--dry-run", "echo", ":::", "x"]));
    assert!(!place.path("new").exists());
}

#[test]
fn results_are_gone_on_with() {
    let place = Place::new("results-resumed");
    let (log, results) = (place.text("log"), place.text("results"));
    let jobs = |option: &str, lines: &str| {
        let arguments = ["-k", "--joblog", &log, "--results", &results, option, "echo"];
        succeeds(&run_with(arguments, lines.as_bytes()));
        let text = place.read("results");
        let argument = |line: &str| {
            assert!(line.starts_with("{\"job\":") && line.ends_with('}'), "{line}");
            line.split('"').nth(5).unwrap().to_owned()
        };
        text.lines().map(argument).collect::<Vec<_>>()
    };
    assert_eq!(jobs("--resume", "a\nb\n"), ["a", "b"]);
    // Of a line that was cut off nothing is left.
    place.write("results", place.read("results") + "{\"job\":3,\"argum");
    assert_eq!(jobs("--resume", "a\nb\nc\n"), ["a", "b", "c"]);
    assert_eq!(jobs("--resume-failed", "d\n"), ["a", "b", "c", "d"]);
    assert_eq!(jobs("--quiet", "e\n"), ["e"], "a fresh start");
}

#[test]
fn two_do_not_keep_the_same_log() {
    let place = Place::new("twice");
    let log = place.text("log");
    let mut first = start(&mut droves(["-q", "--joblog", &log, "--resume", "echo"]));
    until("the first has it", || place.path("log").exists() && !place.read("log").is_empty());
    let output = run(["--joblog", &log, "--resume", "echo", ":::", "x"]);
    assert_eq!(exits(&output, 2), "");
    assert!(stderr(&output).contains("another droves"), "{}", stderr(&output));
    drop(first.stdin.take());
    assert!(end(&mut first).success());
    // It is free again, also when its owner was killed while a job ran.
    let wait = place.write("wait", "");
    let waits = sh("while test -e $1; do sleep 0.02; done");
    let mut second = start(droves(["--joblog", &log]).args(waits).args([":::", &wait]));
    // Before it is its own program it has all that is open there.
    until("its job", || crate::help::children(&second) == ["sh"]);
    second.kill().unwrap();
    end(&mut second);
    assert_eq!(succeeds(&run(["--joblog", &log, "echo", ":::", "x"])), "x\n");
}

#[test]
fn a_full_disk_stops_it() {
    // At once, where there is no room for the first line.
    let place = Place::new("full");
    let file = place.text("made");
    let output = run(["--joblog", "/dev/full", "touch", ":::", &file]);
    exits(&output, 2);
    assert!(stderr(&output).contains("/dev/full: No space left"), "{}", stderr(&output));
    assert!(!place.path("made").exists());
    // Later: files may not grow above 4 KiB or 2.
    let log = place.text("log");
    let command = format!(
        "trap '' XFSZ; ulimit -f 4; yes | {} run -j 2 --joblog {log} echo",
        env!("CARGO_BIN_EXE_droves")
    );
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let done = exits(&output, 1).lines().count();
    // Until it is known, results may wait to be read, and each has a job.
    assert!((5..1_000).contains(&done), "{done}");
    assert!(
        stderr(&output).contains(&format!("the joblog {log} cannot be written")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_log_and_the_results_are_two_files() {
    let place = Place::new("one-file");
    let (file, made) = (place.text("file"), place.text("made"));
    let (longer, link) = (place.text("./../cli-one-file/file"), place.text("link"));
    std::os::unix::fs::symlink("file", &link).unwrap();
    let refused = |log: &str, results: &str, more: &str| {
        let output = run(["--joblog", log, "--results", results, more, "touch", ":::", &made]);
        exits(&output, 2);
        let told = stderr(&output);
        assert!(told.contains("--joblog") && told.contains("--results"), "{told}");
        assert!(!place.path("made").exists());
    };
    // One that is new; one that is a log; one that is none.
    for text in [None, Some(format!("{FIELDS}\n")), Some("{\"job\":1}\n".into())] {
        for name in [&file, &longer, &link] {
            for more in ["--quiet", "--resume"] {
                match &text {
                    Some(text) => drop(place.write("file", text)),
                    None => drop(std::fs::remove_file(&file)),
                }
                refused(&file, name, more);
                refused(name, &file, more);
                let after = std::fs::read_to_string(&file).unwrap_or_default();
                assert_eq!(after, text.as_deref().unwrap_or_default());
            }
        }
    }
    refused(&file, &link, "--dry-run");
    // Others are welcome, also if both are empty.
    std::fs::remove_file(&file).unwrap();
    succeeds(&run(["--joblog", &file, "--results", &place.text("other"), "true", ":::", "x"]));
}
