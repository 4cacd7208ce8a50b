//! Starting a process, also one whose program is a script that does not say what is to read it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Access, access};
use rustix::io::Errno;

/// Where programs are if nobody says it.
const PATH: &str = "/bin:/usr/bin";
/// How much of a file's first line is looked at, in bytes: shells look at as much.
const LOOKED_AT: u64 = 80;

/// Starts a command in a process group of its own, with pipes for what it prints. What the system cannot run, though its
/// first line is text, is run by `/bin/sh`, as shells and `execvp` do.
pub(crate) fn spawn(words: &[OsString]) -> io::Result<Child> {
    let [program, arguments @ ..] = words else { return Err(io::ErrorKind::NotFound.into()) };
    match command(program, arguments).spawn() {
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let Some(script) = find(program).filter(|path| is_text(path)) else {
                return Err(error);
            };
            let words = ["--".into(), script.into_os_string()].into_iter();
            let words: Vec<_> = words.chain(arguments.iter().cloned()).collect();
            command("/bin/sh".as_ref(), &words).spawn()
        }
        started => started,
    }
}

fn command(program: &OsStr, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The file that the system has found by this name.
fn find(program: &OsStr) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| PATH.into());
    // An empty one is this directory, which the shell is told by a name with a slash in it.
    let here = |directory: PathBuf| {
        if directory.as_os_str().is_empty() { ".".into() } else { directory }
    };
    let runs = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    env::split_paths(&path).map(|directory| here(directory).join(program)).find(runs)
}

/// Whether its first line is text: a shell would make something of any other, and who knows what.
fn is_text(path: &Path) -> bool {
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut begin));
    let mut line = begin.split(|byte| *byte == b'\n').next().into_iter().flatten();
    read.is_ok() && !line.any(|byte| *byte == 0)
}
