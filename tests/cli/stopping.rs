//! Signals that end the command, and those that change its size.

use std::fs;
use std::io::Read;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::help::{Place, count, end, lives, send, signal, start, threads, until};

/// `droves run`, started by another command, which becomes it.
fn by(starter: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).args([env!("CARGO_BIN_EXE_droves"), "run"]).args(arguments);
    command
}

/// Ignores no signal, though the tests may have been told to.
const HEEDS: &[&str] = &["env", "--default-signal"];

/// A command whose jobs each make a file, then wait for another, or for ever.
struct Jobs {
    child: Child,
    place: Place,
}

impl Jobs {
    fn start(name: &str, options: &[&str], script: &str) -> Self {
        Self::start_by(HEEDS, name, options, script)
    }

    /// By a command that is given that of `droves`.
    fn start_by(starter: &[&str], name: &str, options: &[&str], script: &str) -> Self {
        let place = Place::new(name);
        fs::create_dir(place.path("begun")).unwrap();
        // There is none of which not all is written.
        let script = format!("echo $$ > id-$1; mv id-$1 begun/$1; {script}");
        let mut command = by(starter, options);
        command.args(["sh", "-c", &script, "sh", "{}", ":::"]);
        command.args((0..40).map(|number| number.to_string()));
        command.current_dir(place.path(""));
        Self { child: start(&mut command), place }
    }

    fn begun(&self) -> usize {
        count(&self.place.path("begun"))
    }

    /// Waits until all is read and so many have begun, and sees that no more do.
    #[track_caller]
    fn settle(&self, begun: usize) {
        until("jobs begin", || self.begun() >= begun);
        // The thread that reads has begun before them.
        until("all is read", || threads(&self.child).iter().all(|(name, _)| name != "input"));
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

/// Within this time it may be said again that the terminal is gone.
const HANGUP: Duration = Duration::from_secs(1);

const WAIT: &str = "while ! test -e go; do sleep 0.02; done; echo > done-$1";

#[test]
fn the_first_signal_lets_finish_what_runs() {
    for (name, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
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
    for (first, second, code) in [("INT", "TERM", 130), ("HUP", "TERM", 129), ("TERM", "HUP", 143)]
    {
        let jobs = Jobs::start(&format!("second-{first}"), &["-j", "3"], "sleep 300");
        jobs.settle(3);
        signal(&jobs.child, first);
        jobs.settle(3);
        signal(&jobs.child, second);
        let (status, told, _) = jobs.end();
        assert_eq!(status, Some(code), "{told}");
        assert!(told.contains("0 succeeded, 0 failed, 3 stopped, 37 left"), "{told}");
    }
}

#[test]
fn a_terminal_that_says_more_than_once_that_it_is_gone() {
    let jobs = Jobs::start("hangups", &["-j", "2"], "sleep 300");
    jobs.settle(2);
    let begin = Instant::now();
    for _ in 0..3 {
        signal(&jobs.child, "HUP");
    }
    let elapsed = begin.elapsed();
    jobs.settle(2);
    let ids = fs::read_dir(jobs.place.path("begun")).unwrap();
    let mut ids = ids.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    // Were they more than a second apart, they would be two.
    assert!(elapsed > HANGUP || ids.all(|id| lives(&id)), "it was stopped");
    // That was one, and this is another.
    std::thread::sleep(HANGUP);
    signal(&jobs.child, "HUP");
    let (status, told, _) = jobs.end();
    assert_eq!(status, Some(129), "{told}");
    assert!(told.contains("2 stopped, 38 left"), "{told}");
}

#[test]
fn what_is_ignored_from_the_start_stays_so() {
    for name in ["HUP", "INT", "TERM"] {
        let script = format!("trap '' {name}; exec \"$@\"");
        let starter = [HEEDS, &["sh", "-c", &script, "sh"]].concat();
        // A job sees whether it is so for it too.
        let ignored = format!("kill -{name} $$; {WAIT}");
        let jobs = Jobs::start_by(&starter, &format!("ignored-{name}"), &["-j", "3"], &ignored);
        jobs.settle(3);
        for _ in 0..4 {
            send(&jobs.child, name);
            std::thread::sleep(Duration::from_millis(20));
        }
        jobs.place.write("go", "");
        let (status, told, place) = jobs.end();
        assert_eq!(status, Some(0), "{told}");
        assert!(told.contains("40 succeeded, 0 failed;"), "{told}");
        assert_eq!(count(&place.path("begun")), 40);
    }
}

#[test]
fn nohup_and_a_shell_in_the_background() {
    for (name, script) in [("HUP", "nohup \"$@\" 2>&1"), ("INT", "\"$@\" & wait $!")] {
        let script = format!("{script}; echo \"code $?\" > code");
        let starter = [HEEDS, &["sh", "-c", &script, "sh"]].concat();
        let mut jobs = Jobs::start_by(&starter, &format!("shell-{name}"), &["-j", "2"], WAIT);
        jobs.settle(2);
        let child = jobs.child.id().to_string();
        let kill = format!("kill -{name} $(ps -o pid= --ppid {child}) && echo > go");
        let done = Command::new("sh").args(["-c", &kill]).current_dir(jobs.place.path("")).status();
        assert!(done.unwrap().success());
        end(&mut jobs.child);
        assert_eq!(jobs.place.read("code"), "code 0\n", "{name}");
        assert_eq!(count(&jobs.place.path("begun")), 40);
    }
}

#[test]
fn what_ignores_it_is_killed_in_time_or_by_the_third() {
    let stubborn = "trap '' TERM INT; echo > ignores-$1; sleep 300; sleep 300";
    let settle = |jobs: &Jobs| {
        jobs.settle(2);
        let ignores = |number| jobs.place.path(&format!("ignores-{number}")).exists();
        until("they ignore it", || (0..2).all(ignores));
    };
    let begin = Instant::now();
    let jobs = Jobs::start("kill-after", &["-j", "2", "--kill-after", "300ms"], stubborn);
    settle(&jobs);
    for _ in 0..2 {
        signal(&jobs.child, "INT");
    }
    assert_eq!(jobs.end().0, Some(130));
    let jobs = Jobs::start("third", &["-j", "2", "--kill-after", "1h"], stubborn);
    settle(&jobs);
    for _ in 0..3 {
        signal(&jobs.child, "TERM");
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
    let mut child = start(&mut by(HEEDS, &["echo"]));
    let stdin = child.stdin.take();
    // It has read nothing, and waits, or will.
    signal(&child, "TERM");
    assert_eq!(end(&mut child).code(), Some(143));
    drop(stdin);
}

#[test]
fn two_signals_change_the_size() {
    let jobs = Jobs::start("resize", &["-j", "0"], WAIT);
    jobs.settle(0);
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
    let mut child = start(by(HEEDS, &["head", "-c", "1000000", ":::"]).args(["/dev/zero"; 20]));
    // It has begun to print what finds no room in a pipe.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    for name in ["INT", "TERM", "TERM"] {
        signal(&child, name);
    }
    assert_eq!(end(&mut child).code(), Some(130), "that of the first");
}
