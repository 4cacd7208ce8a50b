//! Programs that are scripts.

use std::path::PathBuf;
use std::process::Command;

use crate::help::{Place, droves, exits, run, stderr, succeeds};

/// An executable file with this in it. Nothing in this process ever has it open to be written to: it could not be run then, nor
/// by those that were forked meanwhile.
fn program(place: &Place, name: &str, text: &[u8]) -> PathBuf {
    let file = place.write(&format!("{name}.txt"), text);
    let path = place.path(name);
    let copied = Command::new("install").args(["-m", "755"]).arg(file).arg(&path).status();
    assert!(copied.unwrap().success());
    path
}

#[test]
fn one_that_does_not_say_what_reads_it_is_read_by_sh() {
    let place = Place::new("no-shebang");
    let path = program(&place, "-script", b"echo \"$0 $# $1 $2\"; exit 3\n").display().to_string();
    let output = run([&path, "-x", ":::", "a b"]);
    assert_eq!(exits(&output, 1), format!("{path} 2 -x a b\n"));
    assert!(stderr(&output).contains("exit status 3"), "{}", stderr(&output));
    // By its name alone; what stands before it there is none.
    let (directory, others) = (place.text(""), place.text("others"));
    std::fs::create_dir_all(place.path("others/-script")).unwrap();
    for (path, shown) in [
        (format!("/no/such:{others}:{directory}"), path),
        (format!("{others}:"), "./-script".into()),
    ] {
        let mut command = droves(["--", "-script", "-x", ":::", "a b"]);
        let output = command.env("PATH", path).current_dir(&directory).output().unwrap();
        assert_eq!(exits(&output, 1), format!("{shown} 2 -x a b\n"));
    }
}

#[test]
fn one_that_is_empty_does_nothing() {
    let place = Place::new("empty-program");
    let path = program(&place, "empty", b"");
    assert_eq!(succeeds(&run([path.to_str().unwrap(), ":::", "x"])), "");
}

#[test]
fn what_no_system_reads_is_not_given_to_sh() {
    let place = Place::new("foreign");
    let path = program(&place, "foreign", b"\x7FELF\0; echo read\necho read\n");
    let output = run([path.to_str().unwrap(), ":::", "x"]);
    assert_eq!(exits(&output, 1), "");
    assert!(stderr(&output).contains("xec format error"), "{}", stderr(&output));
}
