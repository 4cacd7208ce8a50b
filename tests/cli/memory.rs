//! Input of any length, in bounded memory.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread;

use crate::help::{MS, Place, children, droves, end, signal, sleeps, start, until};

/// The most memory that it has had, in KiB.
fn peak(child: &Child) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn an_endless_input_waits() {
    let mut child = start(&mut droves(["-j", "0", "echo"]));
    let mut stdin = child.stdin.take().unwrap();
    let (told, written) = std::sync::mpsc::channel();
    let feeder = thread::spawn(move || {
        let line = [b'y'; 100];
        while stdin.write_all(&line).and_then(|()| stdin.write_all(b"\n")).is_ok() {
            told.send(line.len() + 1).unwrap();
        }
    });
    // It takes some, more than a pipe does, and then no more.
    let mut total = 0;
    while total < 70_000 {
        total += written.recv().unwrap();
    }
    while let Ok(more) = written.recv_timeout(1_000 * MS) {
        total += more;
        assert!(total < 4 << 20, "it reads on without end");
    }
    let peak = peak(&child).unwrap();
    assert!(peak < 32 << 10, "{peak} KiB");
    signal(&child, "TERM");
    assert_eq!(end(&mut child).code(), Some(143));
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("droves: 0 jobs at a time: SIGUSR1 adds one\n"), "{told}");
    assert!(told.contains(" waiting and the rest of the input left;"), "{told}");
    feeder.join().unwrap();
}

#[test]
fn an_endless_input_can_be_stopped_early() {
    let script = format!("yes | {} run -q --halt soon,fail=3 false", env!("CARGO_BIN_EXE_droves"));
    let status = std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

/// Feeds it lines, and looks at its memory when it has done what they ask for.
fn peak_of(arguments: &[&str], lines: u32, line: fn(u32) -> String) -> usize {
    let mut child = droves(arguments);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for chunk in 0..lines / 1_000 {
        let text: String = (0..1_000).map(|number| line(chunk * 1_000 + number)).collect();
        stdin.write_all(text.as_bytes()).unwrap();
    }
    // It cannot end, as there may be more to read.
    until("all is read", || rustix::io::ioctl_fionread(&stdin).unwrap() == 0);
    for _ in 0..4 {
        until("all is done", || children(&child).is_empty() && sleeps(&child));
    }
    let most = peak(&child).unwrap();
    drop(stdin);
    assert!(end(&mut child).success());
    most
}

#[test]
fn a_million_lines_take_no_more_memory_than_a_thousand() {
    let line = |number| format!("a line with the number {number:08}\n");
    let few = peak_of(&["-q", "--dry-run", "echo"], 10_000, line);
    let many = peak_of(&["-q", "--dry-run", "echo"], 1_000_000, line);
    assert!(many < few + 2_048, "{few} KiB, {many} KiB");
}

#[test]
fn many_jobs_take_no_more_memory_than_some() {
    let line = |number| format!("{number}\n");
    let few = peak_of(&["-q", "-j", "4", "-k", "true"], 1_000, line);
    let many = peak_of(&["-q", "-j", "4", "-k", "true"], 6_000, line);
    assert!(many < few + 4_096, "{few} KiB, {many} KiB");
}

#[test]
fn what_is_resumed_takes_24_bytes_a_job() {
    const JOBS: u32 = 500_000;
    let place = Place::new("memory");
    let entry = |number| {
        // The hash as its authors have it, of "true" and the line.
        let mut hash: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
        for byte in format!("true\0{number}\0").bytes() {
            hash = (hash ^ u128::from(byte)).wrapping_mul((1 << 88) + 0x13B);
        }
        format!("{hash:032x}\t0\t{number}\t1.000\t0.001\t1\t0\ttrue {number}\n")
    };
    let fields = "key\tagain\tjob\tstart\tseconds\tattempts\tstatus\tcommand\n".to_owned();
    let log = [fields].into_iter().chain((0..JOBS).map(entry)).collect::<Vec<_>>().concat();
    let log = place.write("log", log);
    let line = |number| format!("{number}\n");
    let few = peak_of(&["-q", "true"], 1_000, line);
    let many = peak_of(&["-q", "--joblog", &log, "--resume", "true"], JOBS, line);
    let each = (many.saturating_sub(few) << 10) / JOBS as usize;
    // A vector that grows has its old room and its new for a moment.
    assert!((20..=80).contains(&each), "{each} bytes a job");
    until("nothing was run", || place.read("log").lines().count() == JOBS as usize + 1);
}
