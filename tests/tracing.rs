//! What is told to `tracing`. Each test listens, as one that does not might settle for all that nobody does.
#![cfg(all(feature = "tracing", feature = "sim", not(any(droves_loom, droves_shuttle))))]

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use droves::herd::{Fault, Herd, Item};
use droves::pool::Pool;
use droves::retry::Backoff;
use droves::sim::Sim;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it is told, and in which span.
#[derive(Clone, Default)]
struct Book {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<Mutex<(Vec<String>, Vec<u64>)>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }
}

impl Subscriber for Book {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "droves"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        span.record(&mut line);
        let mut spans = self.spans.lock().unwrap();
        spans.0.push(format!("{}{}", span.metadata().name(), line.0));
        Id::from_u64(spans.0.len() as u64)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.lines.lock().unwrap().push(format!("{} {}", event.metadata().level(), line.0));
    }

    fn enter(&self, span: &Id) {
        self.spans.lock().unwrap().1.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.spans.lock().unwrap().1.pop(), Some(span.into_u64()));
    }
}

impl Book {
    fn current(&self) -> Option<String> {
        let spans = self.spans.lock().unwrap();
        let index = usize::try_from(*spans.1.last()?).unwrap();
        Some(spans.0[index - 1].clone())
    }
}

#[test]
fn gh_18_what_happens_to_items_is_told() {
    let book = Book::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, spans) = (book.clone(), seen.clone());
    tracing::subscriber::with_default(book.clone(), || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let handler = move |item: Item<()>| {
                let (inside, spans) = (inside.clone(), spans.clone());
                async move {
                    spans.lock().unwrap().extend(inside.current());
                    match (item.id(), item.attempt()) {
                        (0, 1) => Err(Fault::Retry("once more")),
                        (0, _) => Ok(()),
                        (1, _) => Err(Fault::Failure("no")),
                        _ => panic!("on purpose"),
                    }
                }
            };
            let builder = Herd::builder(handler).size(1).max_retries(1).backoff(Backoff::none());
            let (herd, results) = builder.start(&sim).unwrap();
            drop(results);
            for id in 0..3 {
                herd.send(id, ()).await.unwrap();
            }
            herd.close();
            herd.join().await.unwrap();
        });
    });
    let mut lines = book.lines.lock().unwrap().clone();
    lines.sort();
    assert_eq!(
        lines,
        [
            "DEBUG retry id=0 attempts=1 delay=0ns",
            "ERROR failure id=2 attempts=1 why=\"panicked\"",
            "INFO phase phase=Draining size=1 live=1",
            "INFO phase phase=Stopped size=0 live=0",
            "TRACE success id=0 attempts=2",
            "WARN failure id=1 attempts=1 why=\"failed\"",
        ]
    );
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let spans = ["attempt id=0 attempt=1", "attempt id=0 attempt=2"];
    assert_eq!(seen, [&spans[..], &["attempt id=1 attempt=1", "attempt id=2 attempt=1"]].concat());
}

#[test]
fn what_happens_to_a_pool_is_told() {
    let book = Book::default();
    tracing::subscriber::with_default(book.clone(), || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let pool = Pool::builder().fixed(1).start(&sim).unwrap();
            pool.assign(|| panic!("on purpose")).unwrap();
            pool.resize(2).unwrap();
            pool.cancel().unwrap();
            pool.join().await.unwrap();
        });
    });
    let lines = book.lines.lock().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("INFO resize size=2")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("INFO phase phase=Cancelling")), "{lines:?}");
}

/// A subscriber that panics at each event.
struct Angry;

impl Subscriber for Angry {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {
        panic!("on purpose");
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn promise_10_a_subscriber_that_panics_takes_nobody_along() {
    tracing::subscriber::with_default(Angry, || {
        let sim = Sim::new(1);
        sim.block_on(async {
            let (herd, mut results) =
                Herd::builder(async |_: Item<u8>| Ok::<_, Fault<()>>(7)).start(&sim).unwrap();
            herd.send(1, 2).await.unwrap();
            herd.close();
            assert!(results.next().await.is_some());
            assert!(results.next().await.is_none());
            assert_eq!(herd.join().await.unwrap().count(), 0);
        });
    });
}

/// Counts the spans that are opened, and those that are closed.
#[derive(Clone, Default)]
struct Count {
    opened: Arc<AtomicU64>,
    closed: Arc<AtomicU64>,
}

impl Subscriber for Count {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "droves"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(self.opened.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}

    fn try_close(&self, _span: Id) -> bool {
        self.closed.fetch_add(1, Ordering::SeqCst);
        true
    }
}

#[test]
fn the_span_of_an_attempt_is_closed_with_it() {
    let count = Count::default();
    tracing::subscriber::with_default(count.clone(), || {
        let sim = Sim::new(1);
        let handler = |_: Item<u32>| std::future::ready(Ok::<(), Fault<()>>(()));
        let (herd, mut results) = Herd::builder(handler).size(1).start(&sim).unwrap();
        herd.try_send(1, 1).unwrap();
        assert!(sim.block_on(results.next()).is_some());
        // The herd goes on, and so does its worker.
        let [opened, closed] = [&count.opened, &count.closed].map(|n| n.load(Ordering::SeqCst));
        assert_eq!((opened, closed), (1, 1));
    });
}
