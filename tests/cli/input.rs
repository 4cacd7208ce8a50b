//! Where lines come from.

use std::io::Write;
use std::process::Stdio;

use crate::help::{Place, droves, end, exits, run, run_with, start, stderr, succeeds};

#[test]
fn each_line_is_an_argument() {
    let output = run_with(["-k", "printf", "<%s>"], b" a  b \n\nit's \"c\" \\ $HOME *\r\nlast");
    assert_eq!(succeeds(&output), "< a  b ><><it's \"c\" \\ $HOME *\r><last>");
}

#[test]
fn zero_bytes_end_lines_if_asked_to() {
    let output = run_with(["-k", "-0", "printf", "<%s>"], b"a\nb\0\0c");
    assert_eq!(succeeds(&output), "<a\nb><><c>");
}

#[test]
fn lines_of_a_file() {
    let place = Place::new("file");
    let file = place.write("lines", "one\ntwo\n");
    assert_eq!(succeeds(&run(["-k", "-a", &file, "echo"])), "one\ntwo\n");
    assert_eq!(succeeds(&run_with(["-k", "-a", "-", "echo"], b"three\n")), "three\n");
}

#[test]
fn words_of_the_command_line() {
    let output = run(["-k", "echo", "{#}", "{}", ":::", "a b", "", "-n"]);
    assert_eq!(succeeds(&output), "1 a b\n2 \n3 -n\n");
}

#[test]
fn placeholders() {
    let output = run(["echo", "{/} {//} {.} {/.} {#} {}", ":::", "a.d/b c.tar.gz"]);
    assert_eq!(succeeds(&output), "b c.tar.gz a.d a.d/b c.tar b c.tar 1 a.d/b c.tar.gz\n");
}

#[test]
fn a_job_has_nothing_to_read() {
    let output = run_with(["-j", "1", "sh", "-c", "cat; echo \"$1\"", "sh"], b"a\nb\n");
    assert_eq!(succeeds(&output), "a\nb\n");
}

#[test]
fn options_end_where_the_command_begins() {
    assert_eq!(succeeds(&run(["echo", "-j", "--tag", "{}", ":::", "x"])), "-j --tag x\n");
    assert_eq!(succeeds(&run(["--", "echo", "--", "{}", ":::", "x"])), "-- x\n");
    assert_eq!(succeeds(&run(["echo", "--", "{}", ":::", "x"])), "-- x\n");
}

#[test]
fn a_value_may_stand_right_after_its_letter() {
    // As everybody writes it who comes from xargs -P4 or parallel -j4.
    for options in [&["-j2"][..], &["-j=2"], &["-kj2"], &["-j2", "-k"], &["--jobs=2"]] {
        let output = run(options.iter().copied().chain(["echo", ":::", "x"]));
        assert_eq!(succeeds(&output), "x\n", "{options:?}");
    }
}

#[test]
fn lines_that_somebody_types_are_asked_for() {
    let command = format!("{} run echo got", env!("CARGO_BIN_EXE_droves"));
    let mut terminal = std::process::Command::new("script");
    let mut child = start(terminal.args(["-qec", &command, "/dev/null"]));
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "x").unwrap();
    // Ctrl-D, at the beginning of a line.
    stdin.write_all(b"\x04").unwrap();
    let text = succeeds(&child.wait_with_output().unwrap());
    assert!(text.contains("Ctrl-D") && text.contains("got x"), "{text}");
    // A bar would hide what is typed.
    assert!(!text.contains(" done, "), "{text}");
}

#[test]
fn input_that_cannot_be_read() {
    // A directory can be opened.
    let directory = std::fs::File::open("/").unwrap();
    let output = droves(["echo"]).stdin(Stdio::from(directory)).output().unwrap();
    exits(&output, 1);
    assert!(stderr(&output).contains("the input cannot be read"), "{}", stderr(&output));
    // No argument is as long as that; what came before is done.
    let long = [b"first\n".to_vec(), vec![b'x'; 2 << 20]].concat();
    let output = run_with(["echo"], &long);
    assert_eq!(exits(&output, 1), "first\n");
    assert!(stderr(&output).contains("longer than"), "{}", stderr(&output));
}

#[test]
fn a_job_is_done_as_soon_as_its_line_is_there() {
    use std::io::{BufRead, BufReader};
    let mut child = start(&mut droves(["echo"]));
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in ["a", "b", "c"] {
        writeln!(stdin, "{line}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), line);
    }
    drop(stdin);
    assert!(end(&mut child).success());
}
