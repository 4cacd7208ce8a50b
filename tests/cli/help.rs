//! Running the command, and waiting for things with a limit.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything takes.
const LIMIT: Duration = Duration::from_secs(120);

pub const MS: Duration = Duration::from_millis(1);

/// `droves run` with these arguments, and nothing to read.
pub fn droves<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_droves"));
    command.arg("run").args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    droves(arguments).output().unwrap()
}

/// Runs it to its end, with something to read.
pub fn run_with<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Output {
    let mut child = start(&mut droves(arguments));
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // It may end before it has read everything.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

/// Starts it with pipes.
pub fn start(command: &mut Command) -> Child {
    let pipe = Stdio::piped;
    command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap()
}

/// A script for `sh`, whose arguments follow.
pub fn sh(script: &str) -> [&str; 4] {
    ["sh", "-c", script, "sh"]
}

#[track_caller]
pub fn succeeds(output: &Output) -> String {
    exits(output, 0)
}

/// What it has printed, if that is how it ended.
#[track_caller]
pub fn exits(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = stderr(output);
    assert_eq!(output.status.code(), Some(code), "stdout: {text}\nstderr: {told}");
    text
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// Numbers, each on a line.
pub fn numbers(numbers: impl Iterator<Item = u32>) -> String {
    let lines: Vec<_> = numbers.map(|number| format!("{number}\n")).collect();
    lines.concat()
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(5 * MS);
    }
}

/// Waits for the end of a command.
#[track_caller]
pub fn end(child: &mut Child) -> ExitStatus {
    until("the end of the command", || child.try_wait().unwrap().is_some());
    child.wait().unwrap()
}

/// How many files there are.
pub fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Sends a signal, by its name, as soon as it is caught, and waits until what it asks for has been done: of two that are alike and
/// not seen yet the system makes one. One that has ended needs none.
#[track_caller]
pub fn signal(child: &Child, name: &str) {
    let ended = || !lives(&child.id().to_string());
    until("the signal is caught", || is_among(child, "SigCgt", name) || ended());
    send(child, name);
    until("it has come", || !is_among(child, "ShdPnd", name));
    // One thread is interrupted, one is told by that what has come, and one does it: each is awake until the next is.
    for _ in 0..3 {
        until("its threads sleep", || sleeps(child));
    }
}

/// Sends a signal, by its name, whatever may come of it.
pub fn send(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
}

/// Whether a signal is among those that are caught, or in another such set. That of one that has ended is empty.
fn is_among(child: &Child, set: &str, name: &str) -> bool {
    let number = match name {
        "HUP" => 1,
        "INT" => 2,
        "USR1" => 10,
        "USR2" => 12,
        "TERM" => 15,
        _ => panic!("what number has SIG{name}?"),
    };
    let about = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let set = about.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(":\t"));
    u64::from_str_radix(set.unwrap(), 16).unwrap() >> (number - 1) & 1 == 1
}

/// The threads of a command, by name, and what each does: `S` if it sleeps.
pub fn threads(child: &Child) -> Vec<(String, char)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten();
    // Some may end meanwhile.
    let about = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let parse = |about: String| {
        let (name, rest) = about.split_once('(')?.1.rsplit_once(") ")?;
        Some((name.to_owned(), rest.chars().next()?))
    };
    about.filter_map(parse).collect()
}

/// Whether none of its threads has anything to do.
pub fn sleeps(child: &Child) -> bool {
    threads(child).iter().all(|(_, state)| "SZX".contains(*state))
}

/// The programs of the jobs that it runs. One that has not come to be its own is still that of the command.
pub fn children(child: &Child) -> Vec<String> {
    let list = ["-o", "comm=", "--ppid", &child.id().to_string()];
    let list = Command::new("ps").args(list).output().unwrap();
    String::from_utf8(list.stdout).unwrap().lines().map(|name| name.trim().to_owned()).collect()
}

/// Whether a process is there, and not only its number.
#[track_caller]
pub fn lives(id: &str) -> bool {
    assert!(id.trim().parse::<u32>().is_ok(), "{id:?} is no process");
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", id.trim())) else { return false };
    !stat.rsplit(')').next().unwrap().trim().starts_with('Z')
}

/// A directory that goes away with it.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.text(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
