//! The command against its peers: `cargo bench --bench command [-- [--quick] [--list] [FILTER]...]`.
//!
//! | cell | what is measured, from the start of the whole command to its end, with 2 jobs at a time |
//! |---|---|
//! | `command/true/<peer>` | 1 500 × `true` |
//! | `command/64k/<peer>` | 1 000 jobs that print 64 KiB each, read by us |
//!
//! Of `xargs` the output of jobs may be mixed, and nothing is told of those that fail: it has less to do. GNU parallel and
//! rust-parallel run if they are installed. Ours is built first, as this bench is.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use std::{env, thread};

use droves_benches::{Arena, Contender, Fault, Options, Sample, run_all};

/// Rounds, each of which takes seconds.
const ROUNDS: usize = 7;

/// What the jobs do.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    jobs: u64,
    command: &'static [&'static str],
    /// How many bytes come out of each.
    bytes: u64,
    target: Option<f64>,
}

const LOADS: [Load; 2] = [
    Load { name: "true", jobs: 1_500, command: &["true"], bytes: 0, target: Some(0.85) },
    Load {
        name: "64k",
        jobs: 1_000,
        command: &["printf", "%065536d"],
        bytes: 65_536,
        target: None,
    },
];

const PEERS: [(&str, &[&str]); 3] = [
    ("xargs", &["-P", "2", "-n", "1"]),
    ("parallel", &["-j", "2"]),
    ("rust-parallel", &["-j", "2"]),
];

fn main() -> ExitCode {
    let mut options = match Options::from_env() {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    options.effort.rounds = options.effort.rounds.min(ROUNDS);
    let droves = match build() {
        Ok(droves) => droves,
        Err(error) => {
            eprintln!("the command cannot be built: {error}");
            return ExitCode::FAILURE;
        }
    };
    let arenas = LOADS.iter().map(|load| arena(*load, &droves)).collect();
    run_all("command", &options, arenas, |_| ())
}

/// Builds the command, and tells where it is.
fn build() -> io::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = [
        "build",
        "--quiet",
        "--profile",
        "bench",
        "-p",
        "droves",
        "--bin",
        "droves",
        "--features",
        "cli",
    ];
    let status = Command::new(cargo).args(arguments).status()?;
    // Beside the directory that this bench is in.
    let this = env::current_exe()?;
    let droves = this.ancestors().nth(2).map(|directory| directory.join("droves"));
    droves.filter(|path| status.success() && path.exists()).ok_or(io::ErrorKind::NotFound.into())
}

fn arena(load: Load, droves: &Path) -> Arena {
    // They have two jobs at a time, and hardly anything to do themselves.
    let mut arena = Arena::new(2).judged().paced(load.jobs);
    let ours = vec![droves.to_string_lossy().into_owned(), "run".into(), "-j".into(), "2".into()];
    let ours = arena.enter(contender("droves", ours, load));
    for (name, options) in PEERS {
        if !is_installed(name) {
            continue;
        }
        let command = [name].iter().chain(options).map(ToString::to_string).collect();
        let peer = arena.enter(contender(name, command, load));
        let target = load.target.filter(|_| name == "xargs");
        arena.race(format!("command/{}/{name}", load.name), ours, &[peer], target);
    }
    arena
}

/// Whether there is such a command; of the name parallel there are others.
fn is_installed(name: &str) -> bool {
    let output = Command::new(name).arg("--version").stderr(Stdio::null()).output();
    output.is_ok_and(|output| {
        output.status.success()
            && (name != "parallel" || String::from_utf8_lossy(&output.stdout).contains("GNU"))
    })
}

fn contender(name: &str, command: Vec<String>, load: Load) -> Contender {
    Contender::new(name, move |_| run(&command, load).map_err(|error| Fault(error.to_string()))?)
}

/// Runs all jobs, and checks that none is missing.
fn run(command: &[String], load: Load) -> io::Result<Result<Sample, Fault>> {
    let lines: String = (1..=load.jobs).flat_map(|job| [job.to_string(), "\n".into()]).collect();
    let begin = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .args(load.command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (mut stdin, mut stdout) = stdin.zip(stdout).ok_or(io::ErrorKind::BrokenPipe)?;
    let feeder = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            read => bytes += read as u64,
        }
    }
    let status = child.wait()?;
    let elapsed = begin.elapsed();
    let fed = feeder.join().is_ok_and(|fed| fed.is_ok());
    if !status.success() || !fed || bytes != load.jobs * load.bytes {
        return Ok(Err(Fault(format!("{status}, with {bytes} bytes of output"))));
    }
    Ok(Ok(Sample { elapsed, operations: load.jobs }))
}
