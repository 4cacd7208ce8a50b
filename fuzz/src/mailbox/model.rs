//! What a mailbox should do.

use std::collections::VecDeque;
use std::task::Poll;

/// Why the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Full or empty.
    Blocked,
    Closed,
}

/// A mailbox of message numbers.
pub struct Model {
    pub queue: VecDeque<usize>,
    pub capacity: usize,
    pub closed: bool,
    /// How many messages were ever sent.
    pub sent: usize,
}

impl Model {
    pub fn new(capacity: usize) -> Self {
        Self { queue: VecDeque::new(), capacity, closed: false, sent: 0 }
    }

    pub fn room(&self) -> usize {
        self.capacity - self.queue.len()
    }

    pub fn send(&mut self, id: usize) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        if self.room() == 0 {
            return Err(Refusal::Blocked);
        }
        self.queue.push_back(id);
        self.sent += 1;
        Ok(())
    }

    pub fn recv(&mut self) -> Result<usize, Refusal> {
        let refusal = if self.closed { Refusal::Closed } else { Refusal::Blocked };
        self.queue.pop_front().ok_or(refusal)
    }

    /// Sends from the front of `ids` while there is room.
    pub fn send_many(&mut self, ids: &mut VecDeque<usize>) -> (usize, Result<(), Refusal>) {
        let mut sent = 0;
        while let Some(&id) = ids.front() {
            if let Err(refusal) = self.send(id) {
                return (sent, Err(refusal));
            }
            ids.pop_front();
            sent += 1;
        }
        (sent, Ok(()))
    }

    /// Receives up to `max`; a refusal if there was none.
    pub fn recv_many(&mut self, max: usize) -> Result<Vec<usize>, Refusal> {
        let mut ids = Vec::new();
        while ids.len() < max {
            match self.recv() {
                Ok(id) => ids.push(id),
                Err(_) if !ids.is_empty() => break,
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(ids)
    }
}

/// How a waiting operation ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub how: How,
    /// How many messages it sent.
    pub sent: usize,
    /// The messages that it received or gave back.
    pub ids: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Done,
    Closed,
    Cancelled,
}

/// A waiting operation, as the model sees it.
pub enum Job {
    Send { id: usize },
    SendFrom { id: usize },
    SendMany { rest: VecDeque<usize>, sent: usize },
    Recv,
    RecvMany { max: usize },
}

impl Job {
    /// How many messages it holds.
    pub fn held(&self) -> usize {
        match self {
            Self::Send { .. } | Self::SendFrom { .. } => 1,
            Self::SendMany { rest, .. } => rest.len(),
            Self::Recv | Self::RecvMany { .. } => 0,
        }
    }

    /// Whether leaking its future leaks no message.
    pub fn may_leak(&self) -> bool {
        !matches!(self, Self::Send { .. } | Self::SendMany { .. })
    }

    pub fn poll(&mut self, model: &mut Model) -> Poll<End> {
        let result = match self {
            Self::Send { id } | Self::SendFrom { id } => match model.send(*id) {
                Ok(()) => Ok(End { how: How::Done, sent: 1, ids: vec![] }),
                Err(refusal) => Err((refusal, 0, vec![*id])),
            },
            Self::SendMany { rest, sent } => {
                let (more, result) = model.send_many(rest);
                *sent += more;
                match result {
                    Ok(()) => Ok(End { how: How::Done, sent: *sent, ids: vec![] }),
                    Err(refusal) => Err((refusal, *sent, rest.iter().copied().collect())),
                }
            }
            Self::Recv => match model.recv() {
                Ok(id) => Ok(End { how: How::Done, sent: 0, ids: vec![id] }),
                Err(refusal) => Err((refusal, 0, vec![])),
            },
            Self::RecvMany { max } => match model.recv_many(*max) {
                Ok(ids) => Ok(End { how: How::Done, sent: 0, ids }),
                Err(refusal) => Err((refusal, 0, vec![])),
            },
        };
        match result {
            Ok(end) => Poll::Ready(end),
            Err((Refusal::Closed, sent, ids)) => Poll::Ready(End { how: How::Closed, sent, ids }),
            Err((Refusal::Blocked, ..)) => Poll::Pending,
        }
    }

    /// What is given back when the future is dropped before its end.
    pub fn cancel(self, polled: bool) -> End {
        let (sent, ids) = match self {
            Self::Send { .. } | Self::Recv | Self::RecvMany { .. } => (0, vec![]),
            Self::SendFrom { id } => (0, vec![id]),
            // Once polled it has taken one out of the iterator.
            Self::SendMany { rest, .. } => (0, rest.into_iter().skip(polled.into()).collect()),
        };
        End { how: How::Cancelled, sent, ids }
    }
}
