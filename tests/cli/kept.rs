//! What a job has printed is never lost: it is logged only when all of that has been written.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

use crate::help::{Place, count, droves, end, exits, numbers, run, sorted, start, succeeds, until};

/// How many jobs a log has.
fn logged(place: &Place) -> usize {
    place.read("log").lines().count() - 1
}

#[test]
fn what_cannot_be_printed_is_not_logged() {
    let place = Place::new("unprinted");
    let log = place.text("log");
    let words = ["--joblog", &log, "--resume", "echo", ":::", "a", "b", "c", "d"];
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for _ in 0..2 {
        let output = droves(words).stdout(full()).output().unwrap();
        exits(&output, 1);
        assert_eq!(logged(&place), 0, "{}", place.read("log"));
    }
    assert_eq!(sorted(&succeeds(&run(words))), ["a", "b", "c", "d"]);
    assert_eq!(logged(&place), 4);
    // Nothing to print, nothing to be lost.
    let silent = ["-q", "--joblog", &log, "true", ":::", "a", "b"];
    assert!(droves(silent).stdout(full()).status().unwrap().success());
    assert_eq!(logged(&place), 2);
}

#[test]
fn nor_is_that_of_which_the_results_cannot_be_written() {
    let place = Place::new("unresulted");
    let log = place.text("log");
    let options = ["-q", "-j2", "--joblog", &log, "--resume"];
    let jobs = ["echo", ":::", "a", "b", "c"];
    exits(&run(options.into_iter().chain(["--results", "/dev/full"]).chain(jobs)), 1);
    assert_eq!(logged(&place), 0, "{}", place.read("log"));
    assert_eq!(sorted(&succeeds(&run(options.into_iter().chain(jobs)))), ["a", "b", "c"]);
}

#[test]
fn nor_what_comes_when_the_reader_has_seen_enough() {
    let place = Place::new("unread");
    let (log, go) = (place.text("log"), place.text("go"));
    let waits = "test $1 = a || until test -e $0; do sleep 0.02; done; echo $1";
    let options = ["-q", "-j", "4", "--joblog", &log, "--resume"];
    let command = ["sh", "-c", waits, &go, "{}", ":::", "a", "b", "c", "d"];
    let words = || options.into_iter().chain(command);
    let mut child = start(&mut droves(words()));
    let mut line = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"a\n");
    place.write("go", "");
    assert_eq!(end(&mut child).code(), Some(1));
    assert_eq!(sorted(&succeeds(&run(words()))), ["b", "c", "d"]);
}

#[test]
fn what_waits_for_its_turn_to_be_printed_is_not_logged() {
    let place = Place::new("unordered");
    let (log, go) = (place.text("log"), place.text("go"));
    fs::create_dir(place.path("begun")).unwrap();
    let begun = place.text("begun");
    let script = "mkdir -p $1/$2; test $2 != 1 || until test -e $0; do sleep 0.02; done; echo $2";
    let options = ["-q", "-k", "-j", "2", "--joblog", &log, "--resume"];
    let names: Vec<_> = (1..=20).map(|number| number.to_string()).collect();
    let command = ["sh", "-c", script, &go, &begun, "{}", ":::"];
    let command = command.into_iter().chain(names.iter().map(String::as_str));
    let words = || options.into_iter().chain(command.clone());
    let mut child = start(&mut droves(words()));
    // Most of them have ended.
    until("all begin", || count(&place.path("begun")) == 20);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((logged(&place), &*output.stdout), (0, &b""[..]), "{}", place.read("log"));
    place.write("go", "");
    assert_eq!(succeeds(&run(words())), numbers(1..=20));
    assert_eq!(logged(&place), 20);
}

/// Whether a process has this in its command line.
fn is_named(text: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap();
    let mut lines = lines.filter_map(|about| fs::read(about.ok()?.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(text))
}

#[test]
fn after_kill_9_what_ran_is_done_again_and_nothing_else() {
    const ROUNDS: usize = 3;
    const EACH: usize = 60;
    let place = Place::new("kill");
    let (log, go) = (place.text("log"), place.path("go"));
    let made = place.path("made");
    fs::create_dir(&made).unwrap();
    File::create(place.path("out")).unwrap();
    // Each run of a job leaves a file of its own; those above the limit wait.
    let wait = "test $1 -lt $LIMIT || until test -e $GO; do sleep 0.02; done";
    let script = format!("mktemp -q -p \"$0\" --suffix=\"-$1\" >/dev/null; {wait}; echo $1");
    let command = ["sh", "-c", &script, made.to_str().unwrap(), "{}"];
    let options = ["-q", "-j", "4", "--joblog", &log, "--resume"];
    let input = numbers(0..300);
    for round in 1..=ROUNDS + 1 {
        let mut child = droves(options);
        child.args(command).env("GO", &go);
        child.env("LIMIT", if round > ROUNDS { 300 } else { round * EACH }.to_string());
        let mut child = start(&mut child);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let mut out = OpenOptions::new().append(true).open(place.path("out")).unwrap();
        if round > ROUNDS {
            std::io::copy(&mut child.stdout.take().unwrap(), &mut out).unwrap();
            assert!(end(&mut child).success());
            break;
        }
        until("all below the limit are logged, and the next wait", || {
            place.path("log").exists()
                && place.read("log").lines().count() == 1 + round * EACH
                && count(&made) == round * (EACH + 4)
        });
        child.kill().unwrap();
        out.write_all(&child.wait_with_output().unwrap().stdout).unwrap();
        File::create(&go).unwrap();
        until("what ran goes on by itself, to its end", || !is_named(made.to_str().unwrap()));
        fs::remove_file(&go).unwrap();
    }
    let mut runs = BTreeMap::<String, usize>::new();
    for entry in fs::read_dir(&made).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        *runs.entry(name.rsplit('-').next().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(runs.len(), 300, "each is done");
    let twice: usize = runs.values().map(|runs| runs - 1).sum();
    assert_eq!(twice, 4 * ROUNDS);
    let mut expected: Vec<_> = input.lines().collect();
    expected.sort_unstable();
    assert_eq!(sorted(&place.read("out")), expected, "each is printed once");
}

#[test]
fn whenever_it_is_killed_nothing_is_lost() {
    let place = Place::new("any-time");
    let log = place.text("log");
    File::create(place.path("out")).unwrap();
    let input = place.write("input", numbers(0..400));
    let words = ["-q", "-j", "3", "-a", &input, "--joblog", &log, "--resume", "echo"];
    let printed = || place.read("out").lines().count();
    for order in [&["-k"][..], &[], &["-k"]] {
        let before = printed();
        let out = OpenOptions::new().append(true).open(place.path("out")).unwrap();
        let mut child = droves(order.iter().chain(&words));
        let mut child = child.stdout(out).spawn().unwrap();
        until("some are printed", || {
            printed() >= before + 50 || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        end(&mut child);
    }
    let rest = succeeds(&run(words));
    let all = place.read("out") + &rest;
    let mut lines = sorted(&all);
    lines.dedup();
    assert_eq!(lines.len(), 400);
}
