//! How jobs end, and the exit status.

use std::time::{Duration, Instant};

use crate::help::{Place, exits, run, run_with, sh, sorted, stderr, succeeds};

#[test]
fn all_good_is_0() {
    let output = run_with(["-j", "2", "echo", "x"], b"a\nb c\n");
    assert_eq!(sorted(&succeeds(&output)), ["x a", "x b c"]);
    assert!(stderr(&output).contains("2 succeeded, 0 failed"), "{}", stderr(&output));
}

#[test]
fn nothing_to_do_is_0() {
    assert_eq!(succeeds(&run_with(["false"], b"")), "");
}

#[test]
fn some_failed_is_1_and_the_others_are_done() {
    let output = run(sh("echo $1; exit $1").iter().chain(&[":::", "0", "3", "0"]));
    assert_eq!(sorted(&exits(&output, 1)), ["0", "0", "3"]);
    let told = stderr(&output);
    assert!(told.contains("job 2 failed (exit status 3)"), "{told}");
    assert!(told.contains("2 succeeded, 1 failed"), "{told}");
}

#[test]
fn a_job_that_dies_of_a_signal_has_failed() {
    let output = run(["sh", "-c", "kill -SEGV $$", ":::", "x"]);
    exits(&output, 1);
    assert!(stderr(&output).contains("signal 11"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_started_has_failed_and_is_not_tried_again() {
    let begin = Instant::now();
    let output = run(["--retries", "9", "--backoff", "const:1h", "/no/such/program", ":::", "x"]);
    exits(&output, 1);
    let told = stderr(&output);
    assert!(told.contains("No such file") && told.contains("/no/such/program x"), "{told}");
    assert!(begin.elapsed() < Duration::from_secs(600));
    // No argument can have a zero byte in it.
    let output = run_with(["echo"], b"a\0b\nc\n");
    assert_eq!(exits(&output, 1), "c\n");
}

#[test]
fn wrong_usage_is_2_and_runs_nothing() {
    let place = Place::new("usage");
    let file = place.text("made");
    for wrong in [
        &["-j", "x"][..],
        &["-j", "999999999"],
        &["--timeout", "soon"],
        &["--timeout", "0"],
        &["--backoff", "exp:1s"],
        &["--halt", "now"],
        &["--resume"],
        &["--arg-file", "/no/such/file"],
        &["--arg-file", "/"],
        &["--joblog", "/no/such/directory/log"],
        &["--results", "/no/such/directory/results"],
        &["--no-such-option"],
    ] {
        let output = run(wrong.iter().copied().chain(["touch", &file]));
        exits(&output, 2);
        assert!(!stderr(&output).is_empty());
    }
    exits(&run([":::", "a"]), 2);
    exits(&run(["touch", ":::", &file, ":::", &file]), 2);
    exits(&run(["-a", "x", "touch", ":::", &file]), 2);
    exits(&run([""; 0]), 2);
    assert!(!place.path("made").exists());
}

#[test]
fn quiet_says_nothing_of_its_own() {
    let output = run(["-q", "sh", "-c", "echo err >&2; exit 1", ":::", "x"]);
    exits(&output, 1);
    assert_eq!(stderr(&output), "err\n");
}

#[test]
fn quiet_tells_of_what_could_not_be_started() {
    let output = run(["-q", "-k", "/no/such/program", ":::", "a", "b"]);
    exits(&output, 1);
    let told = stderr(&output);
    for (line, name) in sorted(&told).into_iter().zip(["1 failed", "2 failed"]) {
        assert!(line.contains(name) && line.contains("No such file"), "{told}");
    }
    assert_eq!(told.lines().count(), 2, "{told}");
    // No argument can have a zero byte in it, nor be as long as that. Those that ran, however many, are not told of.
    let long = "x".repeat(1 << 18);
    let mut input = "1\n".repeat(30).into_bytes();
    input.extend([b"a\0b\n", long.as_bytes(), b"\n"].concat());
    let output = run_with(["-q", "-j", "1", "sh", "-c", "exit $1", "sh"], &input);
    exits(&output, 1);
    let told = stderr(&output);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with("droves: job 31 failed (it could not be started: "), "{told}");
    assert!(lines[1].starts_with("droves: job 32 failed (it could not be started: "), "{told}");
}

#[test]
fn failures_are_told_one_by_one_up_to_a_limit() {
    for quiet in [&[][..], &["-q"]] {
        let words = quiet.iter().copied().chain(["-j", "2", "/no/such/program"]);
        let told = stderr(&run_with(words, crate::help::numbers(0..30).as_bytes()));
        assert_eq!(told.matches(" failed (it could not be started: ").count(), 20, "{told}");
        assert_eq!(told.matches("further failures are not told one by one").count(), 1, "{told}");
    }
}

#[test]
fn help_says_what_newcomers_ask() {
    // However wide the terminal is.
    let help = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_droves")).args(words).output();
        succeeds(&output.unwrap()).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = help(&["run", "--help"]);
    for part in [
        "A job is logged when its output and its line in --results have been written; what was killed before that is done again",
        "without --resume or --resume-failed what is in it is thrown away",
        "A job is known by a hash of its whole command",
        "background is not waited for",
        "One that has run and failed is no such error",
        "also if --resume has left out some that had failed",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(help(&["scale", "--help"]).contains("256"));
}

#[test]
fn help_has_five_examples() {
    let output = run(["--help"]);
    let text = succeeds(&output);
    for code in ["129", "130", "143", "SIGHUP, SIGINT (Ctrl-C) or SIGTERM"] {
        assert!(text.contains(code), "{code}");
    }
    let (_, examples) = text.split_once("Examples:").unwrap();
    assert_eq!(examples.lines().filter(|line| line.contains("droves run ")).count(), 5);
}

#[test]
fn what_a_job_leaves_in_the_background_is_not_waited_for() {
    let begin = Instant::now();
    let output = run(["sh", "-c", "sleep 300 & echo $!", ":::", "x"]);
    let child = succeeds(&output);
    assert!(begin.elapsed() < Duration::from_secs(200));
    assert!(crate::help::lives(&child), "it is left alone");
    std::process::Command::new("kill").arg(child.trim()).status().unwrap();
    // Not even if it goes on printing.
    let output = run(["sh", "-c", "yes & echo $! >&2", ":::", "x"]);
    assert!(output.status.success());
    let told = stderr(&output);
    let child = told.lines().next().unwrap();
    // Whoever reads it is gone.
    crate::help::until("the end of yes", || !crate::help::lives(child));
}

#[test]
fn a_job_is_handed_nothing_but_its_three_files() {
    let place = Place::new("files");
    let (log, results) = (place.text("log"), place.text("results"));
    let look = "ls /proc/self/fd | wc -l";
    let direct = std::process::Command::new("sh").args(["-c", look]).output().unwrap();
    let options = ["-j1", "--joblog", &log, "--results", &results, "--listen", "127.0.0.1:0"];
    // The second finds those of the first and of all that is open by then.
    let output = run(options.into_iter().chain(sh(look)).chain([":::", "a", "b"]));
    let direct = String::from_utf8(direct.stdout).unwrap();
    assert_eq!(succeeds(&output), direct.repeat(2));
}

#[test]
fn none_that_has_ended_stays_a_zombie() {
    let zombies = "ps -o stat= --ppid $PPID | grep -c ^Z";
    let input = crate::help::numbers(0..50);
    let output = run_with(["-j", "1", "sh", "-c", zombies, "sh"], input.as_bytes());
    assert_eq!(exits(&output, 1), "0\n".repeat(50), "grep finds none");
}

#[test]
fn a_bar_on_a_terminal_and_lines_elsewhere() {
    let jobs = "sleep 0.3; echo out; test $1 != 2";
    let arguments = ["-j", "1", "sh", "-c", jobs, "sh", "{}", ":::", "1", "2", "3"];
    let elsewhere = run(arguments);
    exits(&elsewhere, 1);
    assert!(!stderr(&elsewhere).contains("ETA") && !stderr(&elsewhere).contains('\u{1B}'));
    // A terminal of its own.
    let command =
        format!("{} run -j 1 sh -c '{jobs}' sh {{}} ::: 1 2 3", env!("CARGO_BIN_EXE_droves"));
    let output =
        std::process::Command::new("script").args(["-qec", &command, "/dev/null"]).output();
    let text = exits(&output.unwrap(), 1);
    for part in ["2/3, 1 failed", "ETA", "/s", "out", "job 2 failed", "2 succeeded, 1 failed"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // What a job prints has a line of its own: that of the bar is cleared before.
    let out: Vec<_> = text.match_indices("out\r\n").map(|(at, _)| &text[..at]).collect();
    assert_eq!(out.len(), 3, "{text}");
    assert!(out.iter().all(|before| before.ends_with("\r\u{1B}[2K")), "{text:?}");
    // Also where lines come from a file of which not all is read at once.
    let place = Place::new("bar");
    let file = place.write("lines", "0.001\n".repeat(2_000));
    for input in [format!("-a {file} sleep"), format!("sleep < {file}")] {
        let command = format!("{} run -j 4 {input}", env!("CARGO_BIN_EXE_droves"));
        let output =
            std::process::Command::new("script").args(["-qec", &command, "/dev/null"]).output();
        let text = succeeds(&output.unwrap());
        // Before as many have been read.
        let early = text.split("/2000, 0 failed").next().unwrap();
        let done = early.rsplit(' ').next().unwrap();
        assert!(done.parse::<u32>().is_ok_and(|done| done < 1_000), "{done:?}");
    }
}
