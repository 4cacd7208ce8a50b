//! `--listen`, and the commands that talk to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output};

use crate::help::{MS, Place, count, droves, end, exits, run, start, stderr, succeeds, until};

const WAIT: &str = "echo > begun/$1; while ! test -e go; do sleep 0.02; done; test $1 != 7";

/// Forty jobs, of which each begins and waits.
struct Herd {
    child: Child,
    errors: BufReader<ChildStderr>,
    address: String,
    place: Place,
}

impl Herd {
    fn start(name: &str, options: &[&str]) -> Self {
        let place = Place::new(&format!("plane-{name}"));
        fs::create_dir(place.path("begun")).unwrap();
        let mut command = droves(["--listen", "127.0.0.1:0"]);
        command.args(options).args(["sh", "-c", WAIT, "sh", "{}", ":::"]);
        command.args((0..40).map(|number| number.to_string()));
        let mut child = start(command.current_dir(place.path("")));
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("droves: listening on http://").unwrap();
        let address = address.trim_end_matches('/').to_owned();
        Self { child, errors, address, place }
    }

    fn ask(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_droves"));
        command.args(words).args(["--addr", &self.address]).output().unwrap()
    }

    #[track_caller]
    fn settle(&self, begun: usize) {
        let directory = self.place.path("begun");
        until("jobs begin", || count(&directory) >= begun);
        std::thread::sleep(150 * MS);
        assert_eq!(count(&directory), begun);
    }

    /// Waits until all is read.
    #[track_caller]
    fn read(&self) {
        let status = || succeeds(&self.ask(&["status", "--json"]));
        until("all is read", || status().contains("\"phase\":\"draining\""));
    }

    fn end(mut self) -> (Option<i32>, String) {
        self.place.write("go", "");
        let status = end(&mut self.child);
        let mut told = String::new();
        self.errors.read_to_string(&mut told).unwrap();
        (status.code(), told)
    }
}

#[test]
fn the_size_changes_while_it_runs() {
    let herd = Herd::start("scale", &["-j", "0"]);
    assert_eq!(succeeds(&herd.ask(&["scale", "3"])), "3\n");
    herd.settle(3);
    assert_eq!(succeeds(&herd.ask(&["scale", "5"])), "5\n");
    herd.settle(5);
    herd.read();
    assert_eq!(succeeds(&herd.ask(&["scale", "0"])), "0\n");
    let table = succeeds(&herd.ask(&["status"]));
    let rows: Vec<Vec<_>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    for row in [["size", "0"], ["running", "5"], ["waiting", "35"]] {
        assert!(rows.contains(&row.to_vec()), "{row:?} in\n{table}");
    }
    // All is read, and yet it is at work.
    assert_eq!(rows[0], ["phase", "running", "(no", "more", "input)"]);
    // Above what there can be.
    let refused = herd.ask(&["scale", "9999999"]);
    exits(&refused, 1);
    let why = "refused (400): the number of jobs at a time cannot be above ";
    assert!(stderr(&refused).contains(why), "{}", stderr(&refused));
    herd.place.write("go", "");
    let ended = || succeeds(&herd.ask(&["status", "--json"])).contains("\"succeeded\":5");
    until("they end", ended);
    herd.settle(5);
    succeeds(&herd.ask(&["scale", "4"]));
    let address = herd.address.clone();
    let (code, told) = herd.end();
    assert_eq!(code, Some(1), "one of them fails: {told}");
    assert!(told.contains("39 succeeded, 1 failed"), "{told}");
    let hint = format!("0 jobs at a time: `droves scale 1 --addr {address}` has one run");
    assert!(told.contains(&hint), "{told}");
}

#[test]
fn numbers_as_json() {
    let herd = Herd::start("json", &["-j", "2"]);
    herd.settle(2);
    herd.read();
    let text = succeeds(&herd.ask(&["status", "--json"]));
    assert_eq!(text.lines().count(), 1);
    for part in ["\"running\":2", "\"size\":2", "\"submitted\":40", "\"failures\":[]"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(herd.end().0, Some(1));
}

#[test]
fn a_token_is_asked_for() {
    let herd = Herd::start("token", &["-j", "1", "--token", "s3cret"]);
    for wrong in [&["status"][..], &["status", "--token", "other"], &["scale", "2"]] {
        let refused = herd.ask(wrong);
        exits(&refused, 1);
        assert!(stderr(&refused).contains("refused (401)"), "{}", stderr(&refused));
    }
    assert_eq!(succeeds(&herd.ask(&["scale", "2", "--token", "s3cret"])), "2\n");
    herd.settle(2);
    assert_eq!(herd.end().0, Some(1));
}

#[test]
fn what_cannot_listen_runs_nothing() {
    let place = Place::new("plane-busy");
    let file = place.text("made");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    for (address, why) in [(busy.as_str(), busy.as_str()), ("0.0.0.0:0", "token"), ("here", "here")]
    {
        let output = run(["--listen", address, "touch", ":::", &file]);
        exits(&output, 2);
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    assert!(!place.path("made").exists());
}

#[test]
fn nobody_there_is_an_error() {
    // Whoever asks for any port is not given this one.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("127.0.0.2:{}", taken.local_addr().unwrap().port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_droves"));
    let output = command.args(["status", "--addr", &free]).output().unwrap();
    exits(&output, 1);
    assert!(stderr(&output).contains(&free), "{}", stderr(&output));
}

#[test]
fn silence_is_told_as_such() {
    // The system accepts for it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for words in [&["status"][..], &["scale", "1"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_droves"));
        let output = command.args(words).args(["--addr", &address]).output().unwrap();
        exits(&output, 1);
        assert_eq!(stderr(&output), format!("droves: {address}: no answer within 5 s\n"));
    }
}

#[test]
fn a_herd_that_is_drained_reads_no_more() {
    let mut child = start(&mut droves(["--listen", "127.0.0.1:0", "echo"]));
    let mut stdin = child.stdin.take().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().trim_end_matches('/').to_owned();
    let post = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "first").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "first");
    // What comes while it is quiet waits.
    post("/quiet");
    writeln!(stdin, "second").unwrap();
    std::thread::sleep(100 * MS);
    post("/resume");
    assert_eq!(lines.next().unwrap().unwrap(), "second");
    post("/drain");
    // Though its input has not ended.
    assert_eq!(end(&mut child).code(), Some(1));
    let mut told = String::new();
    errors.read_to_string(&mut told).unwrap();
    assert!(told.contains("2 succeeded, 0 failed, the rest of the input left;"), "{told}");
    drop(stdin);
}
