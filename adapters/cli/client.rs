//! `droves status` and `droves scale`: what they ask of the control plane of a herd that runs.

use std::fmt::Display;
use std::io::{self, Read, Write, stdout};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::options::Plane;
use super::progress::tell;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may be, in bytes.
const LONGEST: u64 = 4 << 20;

/// Has so many jobs run at a time.
pub(crate) fn scale(size: usize, plane: &Plane) -> ExitCode {
    let answer = ask(plane, "PATCH", "/herd", &format!("{{\"num\": {size}}}"));
    finish(answer.map(|answer| format!("{}\n", field(&answer, "num"))))
}

/// Prints the numbers of a herd.
pub(crate) fn status(json: bool, plane: &Plane) -> ExitCode {
    let answer = ask(plane, "GET", "/stats", "");
    finish(answer.map(|answer| if json { format!("{answer}\n") } else { table(&answer) }))
}

fn finish(text: Result<String, String>) -> ExitCode {
    let told = text
        .and_then(|text| stdout().write_all(text.as_bytes()).map_err(|error| error.to_string()));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(error);
            ExitCode::FAILURE
        }
    }
}

fn table(stats: &Value) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line =
        |name: &str, value: &dyn Display| lines.push(format!("{name:<12} {value:>12}\n"));
    let names =
        ["phase", "size", "running", "waiting", "backing_off", "succeeded", "failed", "retried"];
    for name in names {
        let value = match field(stats, name) {
            // To a herd it is all the same whether its input has ended or it was told to take no more.
            phase if name == "phase" && phase == "draining" => "running (no more input)".into(),
            value => value,
        };
        line(&name.replace('_', " "), &value);
    }
    let seconds = stats["uptime"].as_f64().unwrap_or_default();
    line("up for", &format_args!("{:>12}", format!("{seconds:.1} s")));
    for name in ["p50", "p90", "p99"] {
        if let Some(time) = stats["times"]["running"][name].as_f64() {
            line(&format!("run {name}"), &format_args!("{:>12}", format!("{time:.3} s")));
        }
    }
    lines.concat()
}

/// A number or a word.
fn field(answer: &Value, name: &str) -> String {
    match &answer[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// One request. What is refused is an error, with the reason.
fn ask(plane: &Plane, method: &str, path: &str, body: &str) -> Result<Value, String> {
    let address = &plane.addr;
    let answer = exchange(plane, method, path, body).map_err(|error| match error.kind() {
        // By the first a socket tells that its time is over, by the second a system that waits for another.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("{address}: no answer within {} s", PATIENCE.as_secs())
        }
        _ => format!("{address}: {error}"),
    })?;
    let wrong = || format!("{address}: this is not the answer of a herd");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let code = head.split(' ').nth(1).ok_or_else(wrong)?;
    let value = serde_json::from_str(body);
    if code == "200" {
        return value.map_err(|_| wrong());
    }
    let why = value.ok().and_then(|value: Value| value["msg"].as_str().map(str::to_owned));
    let why = why.unwrap_or_else(|| body.trim().to_owned());
    // To the command a herd is as many jobs.
    let why = why.replace("Herd size", "the number of jobs at a time");
    Err(format!("{address}: refused ({code}): {why}"))
}

fn exchange(plane: &Plane, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut failure = io::Error::other("there is no such address");
    for address in plane.addr.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => stream,
            Err(error) => {
                failure = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // It knows itself by the address that was called.
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        if let Some(token) = &plane.token {
            if token.contains(['\r', '\n']) {
                return Err(io::Error::other("there is the end of a line in the token"));
            }
            head = format!("{head}Authorization: Bearer {token}\r\n");
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer)?;
        return Ok(answer);
    }
    Err(failure)
}
