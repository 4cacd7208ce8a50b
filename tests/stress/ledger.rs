//! Messages that show where they come from and whether they are whole, and books about them.

use std::ops::AddAssign;
use std::sync::Arc;

/// A message that is too large to be moved at once.
pub struct Message {
    sender: u32,
    number: u32,
    check: [u64; 2],
    /// Counts the messages that are alive.
    _alive: Arc<()>,
}

impl Message {
    fn new(sender: u32, number: u32, alive: Arc<()>) -> Self {
        Self { sender, number, check: check(sender, number), _alive: alive }
    }
}

fn check(sender: u32, number: u32) -> [u64; 2] {
    let seed = u64::from(sender) << 32 | u64::from(number);
    let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    [mixed, !mixed.rotate_left(31)]
}

/// How many messages, and which, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: u32,
    sum: u64,
}

impl Tally {
    fn of(message: &Message) -> Self {
        Self { count: 1, sum: message.check[0] }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        tallies.for_each(|tally| sum += tally);
        sum
    }
}

/// The messages that one sender has to send.
pub struct Source {
    sender: u32,
    numbers: std::ops::Range<u32>,
    alive: Arc<()>,
    /// Those that were given out, and did not come back.
    pub sent: Tally,
}

impl Source {
    pub fn new(sender: u32, count: u32, alive: &Arc<()>) -> Self {
        Self { sender, numbers: 0..count, alive: alive.clone(), sent: Tally::default() }
    }

    pub fn is_done(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The message given out last was refused, or is about to be dropped.
    pub fn take_back(&mut self, message: &Message) {
        assert_eq!((message.sender, message.number + 1), (self.sender, self.numbers.start));
        assert_eq!(message.check, check(message.sender, message.number));
        self.sent.count -= 1;
        self.sent.sum = self.sent.sum.wrapping_sub(message.check[0]);
    }
}

impl Iterator for Source {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let message = Message::new(self.sender, self.numbers.next()?, self.alive.clone());
        self.sent += Tally::of(&message);
        Some(message)
    }
}

/// The messages that one receiver has got.
#[derive(Default)]
pub struct Ledger {
    /// The number that may come next, for each sender.
    next: Vec<u32>,
    pub received: Tally,
}

impl Extend<Message> for Ledger {
    fn extend<I: IntoIterator<Item = Message>>(&mut self, messages: I) {
        for message in messages {
            let Message { sender, number, .. } = message;
            assert_eq!(message.check, check(sender, number), "a message is torn");
            let at = sender as usize;
            self.next.resize(self.next.len().max(at + 1), 0);
            assert!(number >= self.next[at], "{number} of sender {sender} comes late");
            self.next[at] = number + 1;
            self.received += Tally::of(&message);
        }
    }
}
