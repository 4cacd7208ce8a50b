//! Lives of services, and how they end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{dice::Dice, service};

/// The service's members, in the order of their start.
const MEMBERS: [&str; 5] = ["store", "workers", "plane", "chores", "front"];

/// How long a service may take to end before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// After so long no further service is begun, however many there should be; but for so many, by each who begins some.
const ENOUGH: Duration = Duration::from_secs(40);
const LEAST: usize = 7;

pub(crate) fn main() -> ExitCode {
    if std::env::var_os("DROVES_SERVICE").is_some() {
        return service::main();
    }
    if std::env::var_os("DROVES_HEEDS").is_none() {
        return heed();
    }
    it_ends_by_itself();
    a_member_that_fails_is_its_status();
    it_ends_in_order_at_random_moments();
    ExitCode::SUCCESS
}

/// Begins anew with no signal ignored, as some are for what a shell runs in the background: a service would ignore them as well until
/// it catches them, and not end by one that comes early.
fn heed() -> ExitCode {
    let mut anew = Command::new("env");
    anew.arg("--default-signal").args(std::env::args_os()).env("DROVES_HEEDS", "1");
    panic!("it cannot begin anew: {}", anew.exec())
}

/// A service that runs.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// What the threads of a process wait for, where the system tells.
fn threads_of(process: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let about = |task: std::fs::DirEntry| {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        format!("{} {} {}", read("comm").trim(), read("wchan"), read("stat"))
    };
    tasks.map(about).collect()
}

/// A service that has ended.
struct Ended {
    lines: Vec<String>,
    errors: String,
    status: ExitStatus,
}

impl Running {
    fn start(arguments: [&str; 3]) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new(this)
            .args(arguments)
            .env("DROVES_SERVICE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().try_for_each(|line| tell.send(line.unwrap())));
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for the next line. There is none after the end.
    fn line(&mut self) -> Option<&str> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line);
                self.seen.last().map(String::as_str)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let threads = threads_of(self.child.id());
                let _ = self.child.kill();
                panic!("it hangs after {:#?}\n{threads:#?}", self.seen)
            }
        }
    }

    /// Waits for a line that begins so, and gives its rest; none if it has ended before.
    fn until(&mut self, beginning: &str) -> Option<String> {
        loop {
            if let Some(rest) = self.line()?.strip_prefix(beginning) {
                return Some(rest.to_owned());
            }
        }
    }

    /// It has not been waited for, so that its number is its own.
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn end(mut self) -> Ended {
        while self.line().is_some() {}
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        Ended { lines: self.seen, errors, status: self.child.wait().unwrap() }
    }
}

impl Ended {
    fn with<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| line.strip_prefix(beginning))
    }

    fn numbers(&self, beginning: &str) -> BTreeSet<u64> {
        let numbers: Vec<u64> = self.with(beginning).map(|id| id.parse().unwrap()).collect();
        let once: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(numbers.len(), once.len(), "{beginning} each once: {numbers:?}");
        once
    }

    /// Its members have stopped in reverse, and what it accepted is done. Returns how many had started.
    fn check(&self, answered: &[u64]) -> usize {
        assert_eq!(self.lines.first().map(String::as_str), Some("starting"));
        assert_eq!(self.lines.last().map(String::as_str), Some("stopped"));
        let started: Vec<&str> = self.with("+ ").collect();
        assert_eq!(started, MEMBERS[..started.len()], "they start in order");
        let exits = self.lines.iter().filter_map(|line| line.split_once(" exited with "));
        let mut stopped: Vec<&str> = exits.map(|(name, _)| name).collect();
        stopped.reverse();
        assert_eq!(stopped, started, "they stop in reverse");
        let (accepted, stored) = (self.numbers("accepted "), self.numbers("stored "));
        assert_eq!(accepted, stored, "what is accepted is done");
        assert!(answered.iter().all(|id| stored.contains(id)), "{answered:?}");
        started.len()
    }
}

fn it_ends_by_itself() {
    let ended = Running::start(["127.0.0.1:0", "127.0.0.1:0", "1"]).end();
    assert_eq!((ended.status.code(), &*ended.errors), (Some(0), ""), "{:#?}", ended.lines);
    assert_eq!(ended.check(&[]), MEMBERS.len());
    assert!(ended.numbers("stored ").len() > 2, "chores come again and again");
    println!("it ends by itself");
}

fn a_member_that_fails_is_its_status() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    for (front, plane, started) in [(&*address, "127.0.0.1:0", 5), ("127.0.0.1:0", &*address, 3)] {
        let ended = Running::start([front, plane, "0"]).end();
        assert_eq!((ended.status.code(), ended.check(&[])), (Some(1), started));
        let named = format!(" exited with error: cannot listen on {address}: ");
        assert!(ended.errors.contains(&named), "{}", ended.errors);
    }
    println!("a member that fails is its status");
}

/// The line that tells where a service takes work.
const FRONT: &str = "front at http://";

/// When a service is sent signals, and which.
#[derive(Debug)]
struct Plan {
    /// The line for which to wait first, if any.
    line: Option<&'static str>,
    /// Whether to wait for an answer to somebody who gives it work.
    answer: bool,
    signals: Vec<(Duration, &'static str)>,
}

impl Plan {
    fn draw(dice: &mut Dice) -> Self {
        let (line, most) = match dice.below(4) {
            0 => (Some("starting"), 5_000),
            1 => (Some(FRONT), 30_000),
            // Most of it happens in a few milliseconds.
            2 => (None, 5_000),
            _ => (None, 60_000),
        };
        let mut signals = Vec::new();
        for most in [most, 10_000].into_iter().take(1 + usize::from(dice.below(3) == 0)) {
            let micros = u64::try_from(dice.below(most)).unwrap();
            signals.push((Duration::from_micros(micros), ["TERM", "INT"][dice.below(2)]));
        }
        Self { line, answer: false, signals }
    }

    /// Waits until it is at work.
    fn at_work(self) -> Self {
        Self { line: Some(FRONT), answer: true, ..self }
    }
}

/// What has become of services.
#[derive(Default)]
struct Tally {
    lives: AtomicUsize,
    early: AtomicUsize,
    partly: AtomicUsize,
    answered: AtomicUsize,
}

fn it_ends_in_order_at_random_moments() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let seed = number("DROVES_SEED").unwrap_or_else(|| u64::try_from(nanos & 0xffff_ffff).unwrap());
    let kills = number("DROVES_KILLS").unwrap_or(if cfg!(droves_word32) { 30 } else { 200 });
    println!("DROVES_SEED={seed} DROVES_KILLS={kills}");
    let (since, tally) = (Instant::now(), Tally::default());
    thread::scope(|scope| {
        for first in 0..3 {
            let tally = &tally;
            scope.spawn(move || {
                for (count, life) in (first..kills).step_by(3).enumerate() {
                    if count >= LEAST && since.elapsed() >= ENOUGH {
                        break;
                    }
                    one_life(seed, life, tally);
                }
            });
        }
    });
    let [lives, early, partly, answered] =
        [&tally.lives, &tally.early, &tally.partly, &tally.answered]
            .map(|count| count.load(Ordering::Relaxed));
    println!(
        "{lives} services: {early} had not begun, {partly} had begun in part; {answered} requests answered; {:?}",
        since.elapsed()
    );
    assert!(early < lives && answered > 0, "this shows nothing");
}

fn one_life(seed: u64, life: u64, tally: &Tally) {
    let mut dice = Dice::new(seed ^ (life << 32));
    let mut plan = Plan::draw(&mut dice);
    if life.is_multiple_of(8) {
        plan = plan.at_work();
    }
    // Nobody listens there when it has ended: no other service, nor anybody else, is given an address of this kind.
    let [.., high, low] = std::process::id().to_be_bytes();
    let front = format!("127.{}.{}.{}:0", 1 + high % 254, low, 1 + life % 254);
    let mut running = Running::start([&front, "127.0.0.1:0", "0"]);
    let mut client = None;
    if let Some(line) = plan.line {
        let rest = running.until(line).expect("nobody has told it to end");
        if let Some(address) = rest.strip_suffix("/work") {
            let (_, answered) = client.insert(post(address.to_owned()));
            if plan.answer {
                answered.recv_timeout(PATIENCE).expect("an answer");
            }
        }
    }
    for (after, name) in &plan.signals {
        thread::sleep(*after);
        running.signal(name);
    }
    let ended = running.end();
    let answered = client.map_or_else(Vec::new, |(client, _)| client.join().unwrap());
    tally.lives.fetch_add(1, Ordering::Relaxed);
    tally.answered.fetch_add(answered.len(), Ordering::Relaxed);
    let what =
        || format!("{plan:?}: {}\n{}\n{}", ended.status, ended.lines.join("\n"), ended.errors);
    if ended.status.signal().is_some() {
        // It had not come to listen to signals yet.
        assert!(ended.lines.is_empty() && plan.line.is_none(), "{}", what());
        tally.early.fetch_add(1, Ordering::Relaxed);
        return;
    }
    assert!(ended.status.code() == Some(0) && ended.errors.is_empty(), "{}", what());
    let started = std::panic::catch_unwind(|| ended.check(&answered));
    let started = started.unwrap_or_else(|_| panic!("{}", what()));
    tally.partly.fetch_add(usize::from(started < MEMBERS.len()), Ordering::Relaxed);
}

/// Gives work to a service until it takes none any more. Returns the numbers of what it has taken, and says when it takes some.
fn post(address: String) -> (JoinHandle<Vec<u64>>, Receiver<()>) {
    let request = format!("POST /work HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (tell, told) = mpsc::channel();
    let client = thread::spawn(move || {
        let mut answered = Vec::new();
        while let Ok(mut stream) = TcpStream::connect(&address) {
            let mut answer = String::new();
            if stream.write_all(request.as_bytes()).is_err() {
                break;
            }
            let _ = stream.read_to_string(&mut answer);
            if answer.starts_with("HTTP/1.1 202 ") {
                let (_, id) = answer.split_once("\r\n\r\n").unwrap();
                answered.push(id.trim().parse().unwrap());
                let _ = tell.send(());
            } else if answer.is_empty() {
                break;
            }
        }
        answered
    });
    (client, told)
}
