//! Signals that end the command, and those that change its size.

use std::fs;
use std::io::Read;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::help::{Place, count, droves, end, lives, signal, start, until};

/// A command whose jobs each make a file, then wait for another, or for ever.
struct Jobs {
    child: Child,
    place: Place,
}

impl Jobs {
    fn start(name: &str, options: &[&str], script: &str) -> Self {
        let place = Place::new(name);
        fs::create_dir(place.path("begun")).unwrap();
        let script = format!("echo $$ > begun/$1; {script}");
        let mut command = droves(options);
        command.args(["sh", "-c", &script, "sh", "{}", ":::"]);
        command.args((0..40).map(|number| number.to_string()));
        command.current_dir(place.path(""));
        Self { child: start(&mut command), place }
    }

    fn begun(&self) -> usize {
        count(&self.place.path("begun"))
    }

    /// Waits until so many have begun, and sees that no more do.
    #[track_caller]
    fn settle(&self, begun: usize) {
        until("jobs begin", || self.begun() >= begun);
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(self.begun(), begun);
    }

    fn end(mut self) -> (Option<i32>, String, Place) {
        let status = end(&mut self.child);
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        for file in fs::read_dir(self.place.path("begun")).unwrap() {
            let id = fs::read_to_string(file.unwrap().path()).unwrap();
            until("the end of its jobs", || !lives(&id));
        }
        (status.code(), told, self.place)
    }
}

const WAIT: &str = "while ! test -e go; do sleep 0.02; done; echo > done-$1";

#[test]
fn the_first_signal_lets_finish_what_runs() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let jobs = Jobs::start(&format!("first-{name}"), &["-j", "3"], WAIT);
        jobs.settle(3);
        signal(&jobs.child, name);
        jobs.settle(3);
        jobs.place.write("go", "");
        let (status, told, place) = jobs.end();
        assert_eq!(status, Some(code), "{told}");
        assert!(told.contains("3 succeeded, 0 failed, 37 left"), "{told}");
        assert_eq!(count(&place.path("begun")), 3);
        for number in 0..3 {
            assert!(place.path(&format!("done-{number}")).exists());
        }
    }
}

#[test]
fn the_second_stops_what_runs() {
    let jobs = Jobs::start("second", &["-j", "3"], "sleep 300");
    jobs.settle(3);
    signal(&jobs.child, "INT");
    jobs.settle(3);
    signal(&jobs.child, "TERM");
    let (status, told, _) = jobs.end();
    assert_eq!(status, Some(130), "{told}");
    assert!(told.contains("0 succeeded, 0 failed, 3 stopped, 37 left"), "{told}");
}

#[test]
fn what_ignores_it_is_killed_in_time_or_by_the_third() {
    let stubborn = "trap '' TERM INT; sleep 300; sleep 300";
    let begin = Instant::now();
    let jobs = Jobs::start("kill-after", &["-j", "2", "--kill-after", "300ms"], stubborn);
    jobs.settle(2);
    signal(&jobs.child, "INT");
    std::thread::sleep(Duration::from_millis(50));
    signal(&jobs.child, "INT");
    assert_eq!(jobs.end().0, Some(130));
    let jobs = Jobs::start("third", &["-j", "2", "--kill-after", "1h"], stubborn);
    jobs.settle(2);
    for _ in 0..3 {
        signal(&jobs.child, "TERM");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(jobs.end().0, Some(143));
    assert!(begin.elapsed() < Duration::from_secs(200));
}

#[test]
fn what_waits_to_be_tried_again_is_left() {
    let options = ["-j", "40", "--retries", "5", "--backoff", "const:1h"];
    let jobs = Jobs::start("backing-off", &options, "exit 1");
    jobs.settle(40);
    signal(&jobs.child, "INT");
    let (status, told, _) = jobs.end();
    assert_eq!(status, Some(130), "{told}");
    assert!(told.contains("0 succeeded, 0 failed, 40 left"), "{told}");
}

#[test]
fn a_signal_at_the_end_of_an_input_that_does_not_end() {
    let mut child = start(&mut droves(["echo"]));
    let stdin = child.stdin.take();
    // It has read nothing, and waits.
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "TERM");
    assert_eq!(end(&mut child).code(), Some(143));
    drop(stdin);
}

#[test]
fn two_signals_change_the_size() {
    let jobs = Jobs::start("resize", &["-j", "0"], WAIT);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(jobs.begun(), 0);
    signal(&jobs.child, "USR1");
    jobs.settle(1);
    signal(&jobs.child, "USR1");
    jobs.settle(2);
    // One less: when both have ended, one begins.
    signal(&jobs.child, "USR2");
    jobs.settle(2);
    jobs.place.write("go", "");
    let (status, told, place) = jobs.end();
    assert_eq!(status, Some(0), "{told}");
    assert_eq!(count(&place.path("begun")), 40);
}

#[test]
fn nobody_is_started_who_waits_for_his_turn() {
    let jobs = Jobs::start("turn", &["-j", "3", "--delay", "1h"], "true");
    jobs.settle(1);
    signal(&jobs.child, "INT");
    let (status, told, place) = jobs.end();
    assert_eq!(status, Some(130), "{told}");
    assert_eq!(count(&place.path("begun")), 1);
}

#[test]
fn the_third_ends_it_though_nobody_reads_what_it_prints() {
    let mut child = start(droves(["head", "-c", "1000000", ":::"]).args(["/dev/zero"; 20]));
    // It stands still with a full pipe.
    std::thread::sleep(Duration::from_millis(500));
    for name in ["INT", "TERM", "TERM"] {
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(end(&mut child).code(), Some(130), "that of the first");
}
