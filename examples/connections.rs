//! A connection for each worker: made once, lent to each of its jobs, and made again when it breaks.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use droves::pool::{Pool, Refused};
use droves::threads::Threads;

const WORKERS: usize = 4;
const QUESTIONS: usize = 1_000;

/// What a worker has of its own.
struct Connection {
    server: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// Asks, by the connection that there is or by a new one.
    fn ask(&mut self, question: &str) -> io::Result<String> {
        let answer = self.try_ask(question);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn try_ask(&mut self, question: &str) -> io::Result<String> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(BufReader::new(TcpStream::connect(self.server)?)),
        };
        writeln!(stream.get_mut(), "{question}")?;
        let mut answer = String::new();
        stream.read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections = Arc::new(AtomicUsize::new(0));
    let server = shout(connections.clone())?;

    let pool = Pool::builder()
        .fixed(WORKERS)
        .state(move || Connection { server, stream: None })
        .start(&Threads::new())?;
    for number in 0..QUESTIONS {
        pool.send_blocking(move |connection: &mut Connection| {
            let answer = connection.ask(&format!("hello {number}"))?;
            assert_eq!(answer, format!("HELLO {number}"));
            Ok(())
        })
        .map_err(Refused::discard)?;
    }
    pool.shutdown()?;
    pool.join_blocking()?;

    let connections = connections.load(Ordering::Relaxed);
    println!("{} answers over {connections} connections", pool.stats().succeeded);
    assert_eq!(pool.stats().succeeded, QUESTIONS as u64);
    assert!(connections <= WORKERS);
    Ok(())
}

/// A server that answers each line in capitals.
fn shout(connections: Arc<AtomicUsize>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            connections.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || -> io::Result<()> {
                for line in BufReader::new(&stream).lines() {
                    writeln!(&stream, "{}", line?.to_uppercase())?;
                }
                Ok(())
            });
        }
    });
    Ok(address)
}
