//! Retries, times, sizes, orders.

use std::fs;
use std::time::{Duration, Instant};

use crate::help::{Place, droves, exits, numbers, run, run_with, sh, stderr, succeeds};

/// A time in which any job begins.
const AMPLE: &str = "4s";

/// A number that grows with each call, kept in a file.
const COUNT: &str = "n=$(cat \"$1\" 2>/dev/null || echo 0); n=$((n+1)); echo $n > \"$1\"; echo $n;";

#[test]
fn a_job_that_fails_is_tried_again() {
    let place = Place::new("retries");
    let script = format!("{COUNT} test $n -ge 3");
    let retried = |retries, file: &str| {
        let options = ["--retries", retries, "--backoff", "none"];
        let file = place.text(file);
        run(options.into_iter().chain(sh(&script)).chain([":::", &file]))
    };
    // Only the last attempt's output is printed.
    assert_eq!(succeeds(&retried("2", "enough")), "3\n");
    assert_eq!(exits(&retried("1", "too-few"), 1), "2\n");
    assert_eq!(succeeds(&retried("4294967295", "without-end")), "3\n");
}

#[test]
fn it_waits_between_attempts() {
    let place = Place::new("backoff");
    let script = format!("{COUNT} test $n -ge 4");
    for (backoff, least) in [("const:100ms", 300), ("exp:80ms..1s", 280)] {
        let file = place.text(&backoff[..4]);
        let begin = Instant::now();
        let options = ["--retries", "3", "--backoff", backoff];
        succeeds(&run(options.into_iter().chain(sh(&script)).chain([":::", &file])));
        assert!(begin.elapsed() >= Duration::from_millis(least), "{backoff}");
    }
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let begin = Instant::now();
    let script = "sleep 300 & echo $!; wait";
    let output = run(["--timeout", AMPLE].into_iter().chain(sh(script)).chain([":::", "x"]));
    let child = exits(&output, 1);
    assert!(begin.elapsed() < Duration::from_secs(100));
    assert!(stderr(&output).contains("it took too long"), "{}", stderr(&output));
    crate::help::until("the end of the child", || !crate::help::lives(&child));
}

#[test]
fn what_ignores_sigterm_is_killed() {
    let begin = Instant::now();
    let all = "trap '' TERM; sh -c 'sleep 300' & echo $!; wait; sleep 300";
    // Also when the parent obeys and only its child does not, and has nothing to do with our pipes.
    let child = "sh -c 'trap \"\" TERM; sleep 300' >/dev/null 2>&1 & echo $!; wait";
    let options = ["--timeout", AMPLE, "--kill-after", "200ms"];
    let output = run(options.into_iter().chain(["-j", "2", "sh", "-c", "{}", ":::", all, child]));
    assert!(begin.elapsed() >= Duration::from_millis(4_200));
    assert!(begin.elapsed() < Duration::from_secs(100));
    let children = exits(&output, 1);
    assert_eq!(children.lines().count(), 2, "{children}");
    for child in children.lines() {
        crate::help::until("the end of the child", || !crate::help::lives(child));
    }
}

#[test]
fn what_cleans_up_when_its_time_is_over_may_say_so() {
    let script = "trap 'echo bye; exit 0' TERM; sleep 300 & wait";
    let output = run(["--timeout", AMPLE].into_iter().chain(sh(script)).chain([":::", "x"]));
    assert_eq!(exits(&output, 1), "bye\n");
}

#[test]
fn within_no_time_nothing_ends() {
    let output = run(["--timeout", "0", "true", ":::", "x"]);
    exits(&output, 2);
    let told = stderr(&output);
    assert!(told.contains("a time above 0; without --timeout there is no limit"), "{told}");
}

#[test]
fn a_timeout_is_for_each_attempt() {
    let place = Place::new("timeouts");
    let script = format!("{COUNT} test $n -ge 3 || sleep 300");
    let options = ["--timeout", AMPLE, "--retries", "2", "--backoff", "none"];
    let file = place.text("count");
    let output = run(options.into_iter().chain(sh(&script)).chain([":::", &file]));
    assert_eq!(succeeds(&output), "3\n");
}

#[test]
fn what_is_stopped_and_ignores_sigterm_is_killed() {
    // A stopped process does not even hear of SIGTERM.
    let options = ["--timeout", "200ms", "--kill-after", "200ms"];
    let script = "trap '' TERM; kill -STOP $$";
    let output = run(options.into_iter().chain(sh(script)).chain([":::", "x"]));
    exits(&output, 1);
    assert!(stderr(&output).contains("it took too long"), "{}", stderr(&output));
}

/// How many ran at once, at most. The first of them wait until so many have begun.
fn most(options: &[&str], jobs: usize, together: usize) -> usize {
    let place = Place::new(&format!("size-{}", options.join("")));
    fs::create_dir(place.path("running")).unwrap();
    fs::create_dir(place.path("begun")).unwrap();
    let begun = "test $1 -ge $3 || until test $(ls $2 | wc -l) -ge $3; do sleep 0.02; done";
    let script = format!("mkdir $0/$1 $2/$1; {begun}; ls $0 | wc -l; sleep 0.05; rmdir $0/$1");
    let (running, begun) = (place.text("running"), place.text("begun"));
    let names: Vec<_> = (0..jobs).map(|number| number.to_string()).collect();
    let together = together.to_string();
    let command =
        ["--timeout", "100s", "sh", "-c", &script, &running, "{}", &begun, &together, ":::"];
    let arguments = options.iter().copied().chain(command);
    let output = run(arguments.chain(names.iter().map(String::as_str)));
    let text = succeeds(&output);
    text.lines().map(|line| line.trim().parse::<usize>().unwrap()).max().unwrap()
}

#[test]
fn never_more_at_a_time_than_asked_for() {
    assert_eq!(most(&["-j", "1"], 8, 1), 1);
    assert_eq!(most(&["-j", "3"], 24, 3), 3);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(most(&["-j", "100%"], 4 * cores, cores), cores);
    assert_eq!(most(&[], 4 * cores, cores), cores);
}

#[test]
fn starts_are_kept_apart() {
    let begin = Instant::now();
    let options = ["-j", "8", "--delay", "60ms"];
    let words = ["date", "+%s%N", "{}", ":::", "-u", "-u", "-u", "-u", "-u"];
    let output = run(options.into_iter().chain(words));
    let text = succeeds(&output);
    assert!(begin.elapsed() >= Duration::from_millis(240));
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn output_in_the_order_of_the_input() {
    let script = "sleep 0.$1; echo $1";
    let jobs = [":::", "4", "1", "3", "2", "0"];
    let output = run(["-j", "5", "-k"].into_iter().chain(sh(script)).chain(jobs));
    assert_eq!(succeeds(&output), "4\n1\n3\n2\n0\n");
    // As they end: the first waits until the second has been printed.
    let place = Place::new("order");
    let script = "test $1 = 2 || until grep -q 2 out; do sleep 0.02; done; echo $1";
    let mut command = droves(["-j", "5", "--timeout", "100s"].into_iter().chain(sh(script)));
    command.args([":::", "1", "2"]).current_dir(place.path(""));
    let status = command.stdout(fs::File::create(place.path("out")).unwrap()).status().unwrap();
    assert!(status.success());
    assert_eq!(place.read("out"), "2\n1\n");
}

#[test]
fn order_holds_when_the_first_is_the_slowest_of_many() {
    let input = numbers(0..1_500);
    let script = "test $1 != 0 || sleep 1; echo $1";
    let output = run_with(["-j", "4", "-k"].into_iter().chain(sh(script)), input.as_bytes());
    assert_eq!(succeeds(&output), input);
}

#[test]
fn lines_with_their_argument() {
    let output = run(["-k", "--tag", "printf", "%s\\n\\nlast", ":::", "a b", "c"]);
    assert_eq!(succeeds(&output), "a b\ta b\na b\t\na b\tlastc\tc\nc\t\nc\tlast");
}

#[test]
fn a_dry_run_prints_what_a_shell_would_do() {
    let place = Place::new("dry");
    let file = place.text("it's");
    let output = run(["--dry-run", "touch", "{}", "a b", ":::", &file]);
    let text = succeeds(&output);
    assert!(!place.path("it's").exists());
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &format!("cd {}; {text}", place.text(""))])
            .status()
            .unwrap()
            .success()
    );
    assert!(place.path("it's").exists() && place.path("a b").exists());
}

#[test]
fn a_shell_if_asked_for() {
    let output = run(["--shell", "echo {} | tr a-z A-Z; echo $((1+1))", ":::", "a; b $x 'c'"]);
    assert_eq!(succeeds(&output), "A; B $X 'C'\n2\n");
    assert_eq!(
        succeeds(&run(["--shell", "echo", "a", "&&", "echo", "b", ":::", "$c"])),
        "a\nb $c\n"
    );
    assert_eq!(succeeds(&run(["echo", "$HOME", "|", "{}", ":::", ";"])), "$HOME | ;\n");
}

#[test]
fn failures_stop_the_rest() {
    let input = numbers(1..=400);
    // Those that run may finish: both of them run when the first two fail.
    let place = Place::new("halt");
    let runs = place.text("runs");
    let both = format!("until test -e {runs}-3 && test -e {runs}-4; do sleep 0.01; done; exit 1");
    let script = format!("test $1 -gt 2 || {{ {both}; }}; : > {runs}-$1; sleep 0.2; echo $1");
    let arguments = ["-j", "4", "--halt", "soon,fail=2"].into_iter().chain(sh(&script));
    let output = run_with(arguments, input.as_bytes());
    let text = exits(&output, 1);
    assert!(["3", "4"].iter().all(|job| text.lines().any(|line| line == *job)), "{text}");
    // Some more may begin before that is known.
    assert!(text.lines().count() < 300, "{text}");
    assert!(stderr(&output).contains("left"), "{}", stderr(&output));
    // Or else they are stopped.
    let begin = Instant::now();
    let runs = place.text("now");
    let others = format!("test -e {runs}-2 && test -e {runs}-3 && test -e {runs}-4");
    let first = format!("test $1 != 1 || {{ until {others}; do sleep 0.01; done; exit 1; }}");
    let script = format!(": > {runs}-$1; {first}; sleep 300; echo $1");
    let arguments = ["-j", "4", "--halt", "now,fail=1"].into_iter().chain(sh(&script));
    let output = run_with(arguments, input.as_bytes());
    assert_eq!(exits(&output, 1), "");
    assert!(begin.elapsed() < Duration::from_secs(100));
    // One more may have begun before that was known.
    let told = stderr(&output);
    assert!(told.contains("3 stopped") || told.contains("4 stopped"), "{told}");
}

#[test]
fn more_at_a_time_than_there_may_be_files() {
    let droves = env!("CARGO_BIN_EXE_droves");
    let script = format!("ulimit -Sn 64; seq 200 | {droves} run -j 100 sh -c 'sleep 0.2; echo $0'");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(succeeds(&output).lines().count(), 200);
}
