//! The operations that a victim is stopped in.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::book::{Book, Id, Message, Reader};
use crate::drivers::Plan;
use crate::rig::{Empty, Full, Half, Kind, Level, Rig};
use crate::task::{Task, Wakers};
use crate::victim::{Act, Kept};

/// What a victim is stopped in.
pub struct Operation<S: Kind> {
    pub name: &'static str,
    pub level: Level,
    /// Makes ready all that comes before the operation.
    pub prepare: fn(&mut Rig<S>) -> Act,
    pub sort: Sort,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Sort {
    /// No handle waits, nor did before.
    pub quiet: bool,
    /// Healthy tasks parked beforehand would make another operation of it.
    pub alone: bool,
    /// Messages go with the last receiver.
    pub discards: bool,
}

impl<S: Kind> fmt::Display for Operation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, mailbox {:?}", self.name, self.level)
    }
}

impl<S: Kind> Operation<S> {
    /// What comes before the operation, and the operation.
    pub fn prepare(&self, capacity: usize, plan: Plan) -> (Rig<S>, Act) {
        let mut rig = self.rig(capacity, plan);
        let act = (self.prepare)(&mut rig);
        (rig, act)
    }

    /// A mailbox of the level, with a task that waits if one can.
    pub fn rig(&self, capacity: usize, plan: Plan) -> Rig<S> {
        let mut rig = Rig::new(capacity, self.level);
        rig.threads = plan == Plan::Threads;
        match self.level {
            Empty if plan.parks() && !self.sort.alone => rig.park_receiver(),
            Full if plan.parks() && !self.sort.alone => rig.park_sender(),
            _ => {}
        }
        rig
    }
}

/// An operation, and the handles that it keeps.
pub fn act<H: Send + 'static>(operation: impl FnOnce() -> H + Send + 'static) -> Act {
    Box::new(move || (None, Box::new(operation())))
}

/// One poll.
fn poll_act(mut task: Task, wakers: Wakers) -> Act {
    Box::new(move || {
        task.poll(wakers);
        (Some(task), Box::new(()))
    })
}

fn send_task<S: Kind>(rig: &Rig<S>) -> Task {
    let (mut tx, message) = (rig.sender(), rig.message());
    let job = async move {
        let (id, book) = (message.id, message.book.clone());
        if tx.send(message).await.is_ok() {
            book.accepted(id);
        }
        Box::new(tx) as Kept
    };
    Task::new(&rig.book, true, Box::pin(job))
}

fn recv_task<S: Kind>(rig: &mut Rig<S>) -> Task {
    let (mut rx, reader) = (rig.receiver(), rig.reader());
    let job = async move {
        if let Some(message) = rx.recv().await {
            message.receive(reader);
        }
        Box::new(rx) as Kept
    };
    Task::new(&rig.book, false, Box::pin(job))
}

/// A send that waits, if the mailbox is full.
fn waiting_send<S: Kind>(rig: &mut Rig<S>) -> Task {
    let mut task = send_task(rig);
    task.go_on(Wakers::Same);
    task
}

/// A receive that waits, if the mailbox is empty.
fn waiting_recv<S: Kind>(rig: &mut Rig<S>) -> Task {
    let mut task = recv_task(rig);
    task.go_on(Wakers::Same);
    task
}

fn messages<S: Kind>(rig: &Rig<S>, count: usize) -> Vec<Message> {
    let mut author = rig.book.author();
    (0..count).map(|_| author.write()).collect()
}

/// As many of these messages were accepted.
fn accepted(book: &Book, ids: &[Id], count: usize) {
    ids[..count].iter().for_each(|&id| book.accepted(id));
}

const ANY: &[Level] = &[Empty, Half, Full];

#[allow(clippy::too_many_lines, reason = "a table")]
pub fn operations<S: Kind>() -> Vec<Operation<S>> {
    let mut list = Vec::new();
    let sort = Cell::new(Sort { quiet: true, ..Sort::default() });
    let mut add = |name, levels: &[Level], prepare: fn(&mut Rig<S>) -> Act| {
        let sort = sort.get();
        list.extend(levels.iter().map(|&level| Operation { name, level, prepare, sort }));
    };

    add("try_send", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.try_send(message).is_ok());
            tx
        })
    });
    add("try_recv", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });
    add("try_send_many", ANY, |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        act(move || {
            let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
            let sent = tx.try_send_many(messages).unwrap_or_else(|error| error.sent);
            accepted(&book, &ids, sent);
            tx
        })
    });
    add("try_recv_many", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.try_recv_many(&mut Reader(reader), 3);
            rx
        })
    });
    add("try_send without a handle", ANY, |rig| {
        let (mailbox, message) = (rig.mailbox.clone(), rig.message());
        act(move || message.send(|message| mailbox.try_send(message).is_ok()))
    });
    add("try_recv without a handle", ANY, |rig| {
        let (mailbox, reader) = (rig.mailbox.clone(), rig.reader());
        act(move || mailbox.try_recv().map(|message| message.receive(reader)).is_ok())
    });
    add("reserve, write, send", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.reserve().write(message).try_send().is_ok());
            tx
        })
    });
    add("reserve, write, take back", &[Empty], |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            drop(tx.reserve().write(message).into_inner());
            tx
        })
    });
    add("len", ANY, |rig| {
        let tx = rig.sender();
        act(move || (tx.len(), tx.is_empty(), tx.is_full(), tx).3)
    });
    add("close", ANY, |rig| {
        let tx = rig.sender();
        act(move || (tx.close(), tx).1)
    });
    add("clone a sender", &[Empty], |rig| {
        let tx = rig.sender();
        act(move || (tx.try_clone().unwrap(), tx))
    });
    add("clone a receiver", &[Full], |rig| {
        let rx = rig.receiver();
        act(move || (rx.try_clone().unwrap(), rx))
    });
    add("clone into new seats", &[Half], |rig| {
        let tx = rig.sender();
        // On the heap: now the first four seats are taken.
        rig.extra.push(Box::new(rig.sender()));
        act(move || (tx.try_clone().unwrap(), tx))
    });
    add("drop a sender", &[Empty, Full], |rig| {
        let tx = rig.sender();
        act(move || drop(tx))
    });
    add("drop a receiver", &[Empty, Full], |rig| {
        let rx = rig.receiver();
        act(move || drop(rx))
    });
    add("a borrowed receiver comes and goes", &[Half], |rig| {
        let mailbox = rig.mailbox.clone();
        act(move || drop(mailbox.receiver().unwrap()))
    });

    sort.set(Sort::default());
    add("send().await, polled once", ANY, |rig| poll_act(send_task(rig), Wakers::Same));
    add("recv().await, polled once", ANY, |rig| poll_act(recv_task(rig), Wakers::Same));
    add("send_many().await, polled once", ANY, |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        let job = async move {
            // Each is known to be accepted when the next is asked for.
            let mut before = None;
            let tell = |id: Option<Id>| id.into_iter().for_each(|id| book.accepted(id));
            let each = messages.into_iter().inspect(|message| tell(before.replace(message.id)));
            let all = tx.send_many(each).await.is_ok();
            tell(before.filter(|_| all));
            Box::new(tx) as Kept
        };
        poll_act(Task::new(&rig.book, true, Box::pin(job)), Wakers::Same)
    });
    add("recv_many().await, polled once", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        let job = async move {
            rx.recv_many(&mut Reader(reader), 3).await;
            Box::new(rx) as Kept
        };
        poll_act(Task::new(&rig.book, false, Box::pin(job)), Wakers::Same)
    });
    add("send_deadline, which has passed", ANY, |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        act(move || {
            message.send(|message| tx.send_deadline(message, Instant::now()).is_ok());
            tx
        })
    });
    add("recv_deadline, which has passed", ANY, |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        act(move || {
            let _ = rx.recv_deadline(Instant::now()).map(|message| message.receive(reader));
            rx
        })
    });
    add("a sender that waits is polled with another waker", &[Full], |rig| {
        poll_act(waiting_send(rig), Wakers::Fresh)
    });
    add("a receiver that waits is polled with another waker", &[Empty], |rig| {
        poll_act(waiting_recv(rig), Wakers::Fresh)
    });
    add("a send is cancelled", &[Full], |rig| {
        let task = waiting_send(rig);
        act(move || drop(task))
    });
    add("a receive is cancelled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        act(move || drop(task))
    });
    add("try_recv of a stream that waits", &[Empty], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        let waiting = rx.poll_recv(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Some(message)) = waiting {
            message.receive(reader);
        }
        rig.put();
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });

    add("try_send with two receivers parked", &[Empty], |rig| {
        let (mut tx, message) = (rig.sender(), rig.message());
        rig.park_receiver();
        rig.park_receiver();
        act(move || {
            message.send(|message| tx.try_send(message).is_ok());
            tx
        })
    });
    add("try_send_many with two receivers parked", &[Empty], |rig| {
        let (mut tx, messages, book) = (rig.sender(), messages(rig, 3), rig.book.clone());
        rig.park_receiver();
        rig.park_receiver();
        act(move || {
            let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
            let sent = tx.try_send_many(messages).unwrap_or_else(|error| error.sent);
            accepted(&book, &ids, sent);
            tx
        })
    });
    add("try_recv with two senders parked", &[Full], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        rig.park_sender();
        rig.park_sender();
        act(move || {
            let _ = rx.try_recv().map(|message| message.receive(reader));
            rx
        })
    });
    add("try_recv_many with two senders parked", &[Full], |rig| {
        let (mut rx, reader) = (rig.receiver(), rig.reader());
        rig.park_sender();
        rig.park_sender();
        act(move || {
            let _ = rx.try_recv_many(&mut Reader(reader), 3);
            rx
        })
    });
    add("send().await with a receiver parked", &[Empty], |rig| {
        let task = send_task(rig);
        rig.park_receiver();
        poll_act(task, Wakers::Same)
    });
    add("recv().await with a sender parked", &[Full], |rig| {
        let task = recv_task(rig);
        rig.park_sender();
        poll_act(task, Wakers::Same)
    });
    add("close with two receivers parked", &[Empty], |rig| {
        let tx = rig.sender();
        rig.park_receiver();
        rig.park_receiver();
        act(move || (tx.close(), tx).1)
    });
    add("close with two senders parked", &[Full], |rig| {
        let rx = rig.receiver();
        rig.park_sender();
        rig.park_sender();
        act(move || (rx.close(), rx).1)
    });

    sort.set(Sort { alone: true, ..Sort::default() });
    add("a sender that was woken is polled", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.get();
        poll_act(task, Wakers::Same)
    });
    add("a receiver that was woken is polled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.put();
        poll_act(task, Wakers::Same)
    });
    add("a sender that was woken in vain is polled", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.get();
        rig.put();
        poll_act(task, Wakers::Same)
    });
    add("a receiver that was woken in vain is polled", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.put();
        rig.get();
        poll_act(task, Wakers::Same)
    });
    add("a send is cancelled after it was chosen", &[Full], |rig| {
        let task = waiting_send(rig);
        rig.park_sender();
        rig.get();
        act(move || drop(task))
    });
    add("a receive is cancelled after it was chosen", &[Empty], |rig| {
        let task = waiting_recv(rig);
        rig.park_receiver();
        rig.put();
        act(move || drop(task))
    });
    add("drop the last sender", ANY, |rig| {
        let tx = rig.last_sender();
        act(move || drop(tx))
    });
    add("drop the last sender with two receivers parked", &[Empty], |rig| {
        let tx = rig.last_sender();
        rig.park_receiver();
        rig.park_receiver();
        act(move || drop(tx))
    });

    sort.set(Sort { alone: true, discards: true, ..Sort::default() });
    add("drop the last receiver", ANY, |rig| {
        let rx = rig.last_receiver();
        act(move || drop(rx))
    });
    add("drop the last receiver with two senders parked", &[Full], |rig| {
        let rx = rig.last_receiver();
        rig.park_sender();
        rig.park_sender();
        act(move || drop(rx))
    });
    add("drop the last of both", ANY, |rig| {
        let handles = (rig.last_sender(), rig.last_receiver());
        act(move || drop(handles))
    });
    list
}
