//! Sends reports on a schedule, with a mailer that fails at times: one program, on threads, on tokio and on smol.
//!
//! ```sh
//! cargo run --features threads,tokio,smol --example reports
//! ```
//!
//! Nothing in [`office`] depends on the runtime but its type parameter. What could not be sent is tried again after a
//! moment; what cannot be sent at all is reported, once. At the end nothing waits: what was scheduled for later comes back.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use droves::mailbox::{Sender, channel};
use droves::retry::Backoff;
use droves::smol::Smol;
use droves::tasks::{Every, Runtime, Task, Tasks};
use droves::threads::{Threads, block_on};
use droves::tokio::Tokio;

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

/// How many daily figures are waited for, on days of ten milliseconds.
const DAYS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let on_threads = block_on(office("threads", &Threads::new()))?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    let on_tokio = tokio.block_on(office("tokio", &Tokio::new(tokio.handle().clone())))?;
    let on_smol = smol::block_on(office("smol", &Smol))?;
    assert_eq!(on_threads, on_tokio);
    assert_eq!(on_threads, on_smol);
    assert_eq!(on_threads.sent, ["welcome to ada", "welcome to bob", "weekly report to board"]);
    assert_eq!(on_threads.failed, ["welcome to nobody: after 3 attempts: the letter came back"]);
    assert_eq!(on_threads.later, ["yearly report to board"]);
    println!("the same on all three");
    Ok(())
}

/// What has become of the mail.
#[derive(Debug, Default, PartialEq, Eq)]
struct Book {
    sent: Vec<String>,
    daily: usize,
    failed: Vec<String>,
    later: Vec<String>,
}

enum Event {
    Sent(String),
    Failed(String),
}

/// Runs a manager until all that is expected has happened.
async fn office<Rt: Runtime<MailError>>(on: &str, runtime: &Rt) -> Result<Book, Box<dyn Error>> {
    let (events, mut happens) = channel(64)?;
    let mailer = Mailer { events: events.clone(), tries: Arc::default() };
    let mut tasks = Tasks::builder()
        .name("reports")
        .workers(2)
        .on_failure(move |error| {
            let text = format!("{}: {error}", error.name);
            // Nobody reads any more when the office has closed.
            let _ = events.clone().try_send(Event::Failed(text));
        })
        .build()?;

    // What is known before the manager starts waits for that.
    tasks.try_delay(20 * MILLISECOND, mailer.mail("weekly report", "board"))?;
    tasks.start(runtime)?;
    for to in ["ada", "bob", "nobody"] {
        let lost = MailError("the letter came back");
        tasks.queue(mailer.mail("welcome", to).error(lost)).await?;
    }
    let every_day = Every::new(10 * MILLISECOND);
    let figures = mailer.clone();
    let daily = Task::every(every_day, move || figures.clone().send("daily figures", "team"));
    tasks.queue(patient(daily).name("daily figures")).await?;
    tasks.delay(365 * DAY, mailer.mail("yearly report", "board")).await?;

    let mut book = Book::default();
    while book.sent.len() < 3 || book.failed.is_empty() || book.daily < DAYS {
        match happens.recv().await {
            Some(Event::Sent(mail)) if mail.starts_with("daily") => book.daily += 1,
            Some(Event::Sent(mail)) => book.sent.push(mail),
            Some(Event::Failed(text)) => book.failed.push(text),
            None => break,
        }
    }
    let left = tasks.stop().await?;
    // What recurs comes back too.
    let later = left.iter().map(|pending| pending.task.get_name());
    book.later = later.filter(|name| !name.starts_with("daily")).map(String::from).collect();
    // More days may have passed, and two workers need not keep an order.
    book.daily = book.daily.min(DAYS);
    book.sent.sort_by_key(|mail| (mail.starts_with("weekly"), mail.clone()));
    println!("on {on}:");
    book.sent.iter().for_each(|mail| println!("  sent {mail}"));
    println!("  sent daily figures, {} times", book.daily);
    book.failed.iter().for_each(|text| println!("  failed: {text}"));
    book.later.iter().for_each(|name| println!("  left for later: {name}"));
    Ok(book)
}

/// Twice more, if it fails.
fn patient(task: Task<MailError>) -> Task<MailError> {
    let backoff = Backoff::exponential(MILLISECOND).full_jitter();
    task.retries(2).backoff(backoff).timeout(Duration::from_secs(5))
}

#[derive(Clone, Debug)]
struct MailError(&'static str);

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for MailError {}

/// Sends mail, in its own time: the first try to each address fails, and none to nobody succeeds.
#[derive(Clone)]
struct Mailer {
    events: Sender<Event>,
    tries: Arc<Mutex<HashMap<&'static str, u32>>>,
}

impl Mailer {
    /// A mail as a task.
    fn mail(&self, what: &'static str, to: &'static str) -> Task<MailError> {
        let mailer = self.clone();
        patient(Task::new(move || mailer.clone().send(what, to))).name(format!("{what} to {to}"))
    }

    async fn send(mut self, what: &'static str, to: &'static str) -> Result<(), MailError> {
        let first = {
            let mut tries = self.tries.lock().expect("nobody panics with it");
            let count = tries.entry(to).or_default();
            *count += 1;
            *count == 1
        };
        if to == "nobody" {
            return Err(MailError("unknown address"));
        }
        if first {
            return Err(MailError("the line is busy"));
        }
        let sent = self.events.send(Event::Sent(format!("{what} to {to}"))).await;
        sent.map_err(|_| MailError("the office has closed"))
    }
}
