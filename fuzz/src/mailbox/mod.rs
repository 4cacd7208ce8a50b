//! Operation sequences on a mailbox, decoded from bytes and checked against a `VecDeque`.
//!
//! Every byte string is a valid sequence. One thread does everything, so each outcome is known: what
//! an operation answers, how many messages are alive, and which waiters must have been woken.

mod census;
mod jobs;
mod machine;
mod model;
mod outcomes;
mod receiving;
mod sending;
mod side;
mod slot;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use droves::mailbox::{HeapMailbox, Mailbox, Pointer, StaticMailbox, Storage};

use census::Message;
use machine::{Machine, Traits};
pub use outcomes::{Outcome, Outcomes};

/// Runs the sequence that `data` stands for. Tells which outcomes it reached.
///
/// # Panics
/// If the mailbox does anything that the model does not.
pub fn run(data: &[u8]) -> Outcomes {
    let mut bytes = Bytes(data);
    let [size, kind, end] = [bytes.next(), bytes.next(), bytes.next()];
    let capacity = usize::from(size % 9) + 1;
    let laps = u32::from(size / 9 % 4);
    let heap = || HeapMailbox::starting_before_wrap(capacity, laps).unwrap();
    let traits = Traits { laps, seats: None, owned: false };
    let census = Rc::default();
    let drain = end % 2 == 0;
    let outcomes = match kind % 4 {
        0 => {
            let mailbox = heap();
            let (rest, outcomes) = play(Machine::new(&mailbox, traits, &census), bytes);
            finish(mailbox, drain, rest);
            outcomes
        }
        1 => {
            let mailbox = StaticMailbox::<_, 2, 5>::new();
            let traits = Traits { laps: 0, seats: Some(5), ..traits };
            let (rest, outcomes) = play(Machine::new(&mailbox, traits, &census), bytes);
            finish(mailbox, drain, rest);
            outcomes
        }
        _ => {
            #[allow(clippy::arc_with_non_send_sync, reason = "one thread does everything")]
            let mailbox = Arc::new(heap());
            let traits = Traits { owned: true, ..traits };
            let (rest, outcomes) = play(Machine::new(mailbox.clone(), traits, &census), bytes);
            finish(Arc::into_inner(mailbox).expect("all handles are gone"), drain, rest);
            outcomes
        }
    };
    assert_eq!(census.alive(), 0, "messages were leaked");
    outcomes
}

/// Does all operations, and then drops all handles. Returns what must be left.
fn play<'a, P>(mut machine: Machine<'a, P>, mut bytes: Bytes<'_>) -> (VecDeque<usize>, Outcomes)
where
    P: Pointer<Message = Message> + 'a,
{
    machine.check();
    while !bytes.0.is_empty() {
        machine.step(bytes.next(), bytes.next());
        machine.check();
    }
    machine.end()
}

/// Takes out what is left, or leaves it to the mailbox to drop it.
fn finish<S>(mut mailbox: Mailbox<S>, drain: bool, rest: VecDeque<usize>)
where
    S: Storage<Message = Message>,
{
    if drain {
        assert!(mailbox.drain().map(|message| message.id).eq(rest), "something else was left");
        assert!(mailbox.is_empty());
    }
}

/// Bytes, and zeros after the last.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }
}
