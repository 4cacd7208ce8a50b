//! A checker of sites: a blocking herd asks some at a time, and tries again those that may be down for a moment only.
//!
//! `cargo run --features threads --example sites -- sites.csv` checks those of a file, whose lines are
//! `name,http://host:port/path`. Without a file it checks a server of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use droves::herd::{Fault, Herd, Item};
use droves::retry::Backoff;
use droves::threads::Threads;

type Error = Box<dyn std::error::Error + Send + Sync>;
/// Name, attempts and result.
type Ended = (String, u32, String);

struct Site {
    name: String,
    host: String,
    port: u16,
    path: String,
    /// How long the last attempt took.
    latency: Duration,
}

impl Site {
    fn parse(line: &str) -> Option<Self> {
        let (name, url) = line.split_once(',')?;
        let rest = url.trim().strip_prefix("http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        let (name, host, path) = (name.trim().to_owned(), host.to_owned(), format!("/{path}"));
        Some(Self { name, host, port: port.parse().ok()?, path, latency: Duration::ZERO })
    }
}

/// Checks the sites of a file. Returns what became of them, and how many lines are not sites.
fn check_all(path: &std::path::Path, timeout: Duration) -> Result<(Vec<Ended>, u32), Error> {
    let bytes = fs::read(path)?;
    let lines = String::from_utf8_lossy(&bytes);
    let threads = Threads::new();
    let (herd, mut results) = Herd::blocking_builder(check)
        .size(8)
        .capacity(lines.lines().count().max(1)) // all are sent before the first result is read
        .timeout(timeout)
        .max_retries(2)
        .backoff(Backoff::exponential(Duration::from_millis(50)).full_jitter())
        .measured(threads.clone())
        .start(&threads)?;
    let mut faults = 0;
    for (number, line) in (1..).zip(lines.lines()) {
        if let Some(site) = Site::parse(line) {
            herd.send_blocking(number, site)?;
        } else if !line.trim().is_empty() {
            eprintln!("line {number}: expected name,http://host:port/path, found {line:?}");
            faults += 1;
        }
    }
    herd.close();
    let mut ended = Vec::new();
    while let Some(done) = results.next_blocking() {
        let (site, attempts) = (done.body, done.attempts);
        let result = done.outcome.into_result().unwrap_or_else(|failure| failure.to_string());
        println!("{:10} attempt {attempts}, {:?}: {result}", site.name, site.latency);
        ended.push((site.name, attempts, result));
    }
    let (stats, ran) = (herd.stats(), herd.times().unwrap_or_default().running);
    let (p50, p90) = (ran.percentile(50.0), ran.percentile(90.0));
    println!("attempts ran for {p50:?} (p50), {p90:?} (p90), {:?} (max)", ran.max());
    println!(
        "{} sites: {} succeeded, {} failed; {} attempts were retried, {} timed out; {faults} bad lines",
        stats.submitted, stats.succeeded, stats.failed, stats.retried, stats.timed_out,
    );
    Ok((ended, faults))
}

/// One attempt. Without a connection or an answer `?` lets it be tried again.
fn check(site: &mut Item<Site>) -> Result<String, Fault<io::Error>> {
    let begun = Instant::now();
    let answer = ask(site);
    site.latency = begun.elapsed();
    let (status, retry_after) = answer?;
    let said = format!("status {status}");
    match (status, retry_after) {
        (..=399, _) => Ok(said),
        (_, Some(delay)) => Err(Fault::RetryAfter(io::Error::other(said), delay)),
        (..=499, None) => Err(Fault::Failure(io::Error::other(said))),
        (_, None) => Err(Fault::Retry(io::Error::other(said))),
    }
}

/// Asks for the status, and when to come again.
fn ask(site: &Item<Site>) -> io::Result<(u16, Option<Duration>)> {
    let address = (&*site.host, site.port).to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    // Each read waits for so long, so that it is soon noticed that the time is over.
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    write!(stream, "GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", site.path, site.host)?;
    let head = read_head(&mut stream, || site.is_cancelled())?.to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let after = head.lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
    Ok((status.ok_or(ErrorKind::InvalidData)?, after.map(Duration::from_secs)))
}

/// What comes before the first empty line.
fn read_head(stream: &mut TcpStream, stop: impl Fn() -> bool) -> io::Result<String> {
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part) {
            _ if stop() => return Err(ErrorKind::TimedOut.into()),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => head.extend_from_slice(&part[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn main() -> Result<(), Error> {
    if let Some(path) = std::env::args_os().nth(1) {
        return check_all(path.as_ref(), Duration::from_secs(10)).map(|_| ());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?; // closed at once
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    let expected = [
        ("broken", 3, "status 500; no attempts are left"),
        ("busy", 2, "status 200"),
        ("down", 3, "; no attempts are left"),
        ("fast", 1, "status 200"),
        ("missing", 1, "status 404"),
        ("moody", 2, "status 200"),
        ("slow", 1, "status 200"),
        ("stuck", 3, "timed out; no attempts are left"),
    ];
    let at = |name| if name == "down" { nobody } else { server };
    let lines = expected.map(|(name, ..)| format!("{name},http://{}/{name}\n", at(name)));
    let path = std::env::temp_dir().join(format!("droves-sites-{}.csv", std::process::id()));
    fs::write(&path, format!("no comma\n\nsecret,https://{server}/\n{}", lines.concat()))?;
    let checked = check_all(&path, Duration::from_secs(3));
    fs::remove_file(&path)?;
    let (mut ended, faults) = checked?;
    ended.sort();
    assert_eq!((ended.len(), faults), (expected.len(), 2));
    for ((name, attempts, result), expected) in ended.iter().zip(expected) {
        assert_eq!((&**name, *attempts), (expected.0, expected.1));
        assert!(result.ends_with(expected.2), "{name}: {result}");
    }
    Ok(())
}

/// The server: some of its paths are in trouble.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let head = read_head(&mut stream, || false)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let is_first = ASKED.lock().expect("nobody panics").insert(path.to_owned());
    let (millis, status) = match path {
        "/slow" => (100, "200 OK"),
        "/stuck" => (60_000, "200 OK"),
        "/busy" if is_first => (0, "503 Busy\r\nRetry-After: 1"),
        "/moody" if is_first => return Ok(()), // without an answer
        "/broken" => (0, "500 Broken"),
        "/missing" => (0, "404 Not Found"),
        _ => (0, "200 OK"),
    };
    thread::sleep(Duration::from_millis(millis));
    write!(stream, "HTTP/1.0 {status}\r\n\r\n")
}
