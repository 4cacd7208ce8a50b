//! `droves run`: from the command line to the exit status.

use std::fs;
use std::io::{self, IsTerminal, stderr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::feed::Source;
use super::input::Input;
use super::options::Run;
use super::past::Past;
use super::print::Printer;
use super::progress::{Progress, tell};
use super::running::Running;
use super::template::{Template, quoted};
use super::watch::Watch;

/// The command line, or what it names, is wrong.
const USAGE: u8 = 2;

pub(crate) fn run(options: Run) -> ExitCode {
    match prepare(options) {
        Ok(code) => code.into(),
        Err(error) => {
            tell(error);
            USAGE.into()
        }
    }
}

/// What comes before the first job. Its errors are those of usage.
fn prepare(mut options: Run) -> Result<u8, String> {
    let (command, words) = options.split()?;
    let input = match (words, &options.arg_file) {
        (Some(words), _) => Input::words(words),
        (None, Some(path)) if path.as_os_str() != "-" => {
            Input::file(path, options.null).map_err(|error| named(path, &error))?
        }
        (None, _) => Input::stdin(options.null),
    };
    let template = Template::new(&command, options.shell);
    let results = options.results.as_deref().filter(|_| !options.dry_run);
    let printer = Printer::new(options.tag, results).map_err(|error| match results {
        Some(path) => named(path, &error),
        None => error.to_string(),
    })?;
    apart(&options, &printer)?;
    let source = Source::new(input, past(&options)?);
    if options.dry_run {
        return Ok(rehearse(source, &template, printer));
    }
    let typed = source.input.is_typed();
    if typed && !options.quiet {
        tell("the lines are read from the terminal; Ctrl-D ends them");
    }
    // It would be in the way of what is typed.
    let bar = !typed && !options.quiet && stderr().is_terminal();
    // How many are left out by a log is not known before.
    let total = if bar && source.past.is_none() { source.input.count() } else { None };
    let running = Running::start(&options, template, source, &printer)?;
    let herd = running.herd.clone();
    let progress = Progress::new(options.quiet, bar, total, Arc::new(move || herd.stats()));
    Ok(Watch::new(running, &options, printer, progress).see_through())
}

/// Refuses one file for two uses, by whatever names: each would have in it what is the other's.
fn apart(options: &Run, printer: &Printer) -> Result<(), String> {
    let (Some(log), Some(results)) = (&options.joblog, &options.results) else { return Ok(()) };
    // That of results has been opened, unless nothing is to be written. A log that is not there is another file.
    let results = printer.results().unwrap_or_else(|| fs::metadata(results));
    let same = match (fs::metadata(log), results) {
        // What is no file, such as /dev/null, may be both.
        (Ok(log), Ok(results)) => {
            log.is_file() && (log.dev(), log.ino()) == (results.dev(), results.ino())
        }
        _ => options.joblog == options.results,
    };
    if same {
        return Err(format!("--joblog and --results are the same file: {}", log.display()));
    }
    Ok(())
}

/// What a log says, if one is to be gone by, and whether those that failed are to be done again.
fn past(options: &Run) -> Result<Option<(Past, bool)>, String> {
    let Some(path) = options.joblog.as_deref().filter(|_| options.goes_on()) else {
        return Ok(None);
    };
    let past = Past::of(path).map_err(|error| named(path, &error))?;
    Ok(Some((past, options.resume_failed)))
}

/// An error with the file that it is about.
fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Prints the commands and runs none.
fn rehearse(mut source: Source, template: &Template, mut printer: Printer) -> u8 {
    loop {
        let result = match source.next(template) {
            Ok(Some((line, _))) => printer.line(&quoted(&template.fill(&line, source.read))),
            Ok(None) => match printer.finish() {
                Ok(()) => return 0,
                Err(error) => Err(error),
            },
            Err(error) => {
                // What was read before is put out.
                let _ = printer.finish();
                tell(format_args!("the input cannot be read: {error}"));
                return 1;
            }
        };
        if let Err(error) = result {
            complain(&error);
            return 1;
        }
    }
}

/// Of an output that cannot be written, unless its reader has simply seen enough.
fn complain(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        tell(format_args!("the output cannot be written: {error}"));
    }
}
