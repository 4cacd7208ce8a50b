//! A client and a server that call each other over a socket, and errors that are tried again.
//!
//! `cargo run --features threads --example rpc` runs both; `-- server 127.0.0.1:7070` and
//! `-- client 127.0.0.1:7070` run one of them.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use droves::job::JobError;
use droves::pool::{Pool, Refused};
use droves::threads::Threads;

type Error = Box<dyn std::error::Error + Send + Sync>;

const CALLS: u64 = 200;
const ATTEMPTS: u32 = 20;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            thread::spawn(move || serve(&listener));
            call_all(address)
        }
        (Some("server"), Some(address)) => serve(&TcpListener::bind(address)?),
        (Some("client"), Some(address)) => call_all(address.parse()?),
        _ => Err("usage: rpc [server ADDRESS | client ADDRESS]".into()),
    }
}

/// Answers "square N" by N², but every third time by an error.
fn serve(listener: &TcpListener) -> Result<(), Error> {
    let pool = Pool::builder().fixed(4).start(&Threads::new())?;
    let count = Arc::new(AtomicU32::new(0));
    for connection in listener.incoming() {
        let (connection, count) = (connection?, count.clone());
        // While all workers are busy and the mailbox is full, callers wait to be accepted.
        pool.send_blocking(move || answer(&connection, &count)).map_err(Refused::discard)?;
    }
    Ok(())
}

fn answer(connection: &TcpStream, count: &AtomicU32) -> Result<(), Error> {
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line)?;
    let number: u64 = line.trim().strip_prefix("square ").ok_or("what?")?.parse()?;
    let mut connection = connection;
    if count.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
        writeln!(connection, "error: try again")?;
    } else {
        writeln!(connection, "{}", number * number)?;
    }
    Ok(())
}

/// A call that failed: all that is needed to try it again.
struct Failed {
    call: Call,
    error: io::Error,
}

#[derive(Clone)]
struct Call {
    server: SocketAddr,
    number: u64,
    attempt: u32,
    sum: Arc<Sum>,
}

#[derive(Default)]
struct Sum {
    answers: AtomicU32,
    retries: AtomicU32,
    given_up: AtomicU32,
}

impl Call {
    fn make(self) -> Result<(), Failed> {
        match self.try_make() {
            Ok(answer) => {
                assert_eq!(answer, self.number * self.number);
                self.sum.answers.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(Failed { call: self, error }),
        }
    }

    fn try_make(&self) -> io::Result<u64> {
        let mut server = TcpStream::connect(self.server)?;
        writeln!(server, "square {}", self.number)?;
        let mut line = String::new();
        BufReader::new(server).read_line(&mut line)?;
        line.trim().parse().map_err(|_| io::Error::other(line.trim().to_owned()))
    }
}

fn call_all(server: SocketAddr) -> Result<(), Error> {
    let pool = Pool::builder()
        .fixed(4)
        .capacity(256)
        .on_error(|error: JobError<Failed>, pool| {
            let JobError::Failed(Failed { mut call, error }) = error else { return };
            call.attempt += 1;
            let sum = call.sum.clone();
            if call.attempt < ATTEMPTS {
                // The handler may assign again: that is how a call is tried once more.
                if pool.assign(move || call.make()).is_ok() {
                    sum.retries.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            } else {
                eprintln!("{} failed {ATTEMPTS} times: {error}", call.number);
            }
            sum.given_up.fetch_add(1, Ordering::Relaxed);
        })
        .start(&Threads::new())?;
    let sum = Arc::new(Sum::default());
    for number in 0..CALLS {
        let call = Call { server, number, attempt: 0, sum: sum.clone() };
        pool.send_blocking(move || call.make()).map_err(Refused::discard)?;
    }
    // A retry is assigned by the job that failed, and none is once the pool shuts down; so first wait for all.
    let done = || sum.answers.load(Ordering::Relaxed) + sum.given_up.load(Ordering::Relaxed);
    while u64::from(done()) < CALLS {
        thread::sleep(std::time::Duration::from_millis(1));
    }
    pool.shutdown()?;
    pool.join_blocking()?;
    println!(
        "{} answers, {} retries, {} given up",
        sum.answers.load(Ordering::Relaxed),
        sum.retries.load(Ordering::Relaxed),
        sum.given_up.load(Ordering::Relaxed),
    );
    assert_eq!(sum.given_up.load(Ordering::Relaxed), 0);
    assert!(sum.retries.load(Ordering::Relaxed) > 0);
    Ok(())
}
