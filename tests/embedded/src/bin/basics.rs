//! The mailbox, jobs and a group on a small machine without an allocator: words of 32 bits, statics in .bss.
#![no_std]
#![no_main]

use core::pin::pin;
use cortex_m_rt::entry;
use droves::mailbox::{
    SharedRecvError, SharedSendError, StaticMailbox, TryRecvError, TrySendError,
};
use droves_embedded::{finish, test, wake};
use heapless::Vec;

static WORDS: StaticMailbox<u32, 4, 3> = StaticMailbox::new();
static LONE: StaticMailbox<u32, 2, 1> = StaticMailbox::new();
static WIDE: StaticMailbox<[u64; 5], 3, 2> = StaticMailbox::new();

#[entry]
fn main() -> ! {
    test("a static mailbox is in .bss, and takes space there", bss);
    test("fills to its capacity, refuses with the value, empties in order", fill_and_empty);
    test("a capacity of one", one);
    test("wide messages keep every byte over many laps", wide);
    test("without a handle, and Busy when no spare is left", shared);
    test("one handle too many is an error, a dropped one makes room", handles);
    test("a batch goes in whole or up to the capacity", batch_send);
    test("a batch comes out into a heapless Vec", batch_receive);
    test("a permit writes in place, and dropping it gives all back", permit);
    test("close refuses senders, then drains receivers", close);
    test("the last sender closes", last_sender);
    test("what is left in an owned mailbox can be taken out", drain);
    test("a waiting receiver is woken by a send", wake_receiver);
    test("a waiting sender is woken by a receive", wake_sender);
    test("jobs: closures and a future, stored in place and run by the main loop", jobs);
    test("a static group starts its members in order and stops them in reverse", group);
    finish()
}

unsafe extern "C" {
    static __sbss: u32;
    static __ebss: u32;
}

fn bss() {
    let (start, end) = (&raw const __sbss as usize, &raw const __ebss as usize);
    assert!(start < end, "an empty .bss");
    inside(start..end, &WORDS);
    inside(start..end, &LONE);
    inside(start..end, &WIDE);

    fn inside<T>(bss: core::ops::Range<usize>, place: &'static T) {
        let at = core::ptr::from_ref(place) as usize;
        let size = size_of::<T>();
        assert!(size >= 4, "{size} bytes cannot hold a message");
        assert!(bss.contains(&at) && at + size <= bss.end, "{at:#x} + {size} is outside {bss:#x?}");
    }
}

fn fill_and_empty() {
    let (mut sender, mut receiver) = (WORDS.sender().unwrap(), WORDS.receiver().unwrap());
    for lap in 0..1000 {
        assert!(receiver.is_empty());
        for i in 0..4 {
            assert_eq!(sender.len(), i as usize);
            sender.try_send(lap * 4 + i).unwrap();
        }
        assert!(sender.is_full());
        assert_eq!(sender.try_send(7), Err(TrySendError::Full(7)));
        for i in 0..4 {
            assert_eq!(receiver.try_recv(), Ok(lap * 4 + i));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
    assert_eq!(sender.capacity(), 4);
    // Both sides stay: dropping the last handle of one would close the static for good.
    core::mem::forget((sender, receiver));
}

fn one() {
    let mailbox = StaticMailbox::<u32, 1, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for i in 0..10_000 {
        sender.try_send(i).unwrap();
        assert_eq!(sender.try_send(i), Err(TrySendError::Full(i)));
        assert_eq!(receiver.try_recv(), Ok(i));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

fn wide() {
    let (mut sender, mut receiver) = (WIDE.sender().unwrap(), WIDE.receiver().unwrap());
    let message = |i: u64| [i, !i, i << 32, i * 0x9e37_79b9, 7];
    let mut taken = 0;
    for i in 0..3000 {
        sender.try_send(message(i)).unwrap();
        // Between zero and three of them stay inside.
        while i + 1 - taken > i % 3 {
            assert_eq!(receiver.try_recv(), Ok(message(taken)));
            taken += 1;
        }
    }
}

fn shared() {
    let mailbox = StaticMailbox::<u32, 2, 1>::new();
    assert_eq!(mailbox.try_recv(), Err(SharedRecvError::Empty));
    assert_eq!(mailbox.try_send(1), Ok(()));
    assert_eq!(mailbox.try_send(2), Ok(()));
    assert_eq!(mailbox.try_send(3), Err(SharedSendError::Full(3)));
    assert_eq!(mailbox.try_recv(), Ok(1));

    let mut receiver = mailbox.receiver().unwrap();
    assert_eq!(
        mailbox.try_send(3),
        Err(SharedSendError::Busy(3)),
        "the receiver has the only spare"
    );
    assert_eq!(mailbox.try_recv(), Err(SharedRecvError::Busy));
    assert_eq!(receiver.try_recv(), Ok(2));
}

fn handles() {
    let mailbox = StaticMailbox::<u32, 2, 2>::new();
    let sender = mailbox.sender().unwrap();
    let receiver = mailbox.receiver().unwrap();
    assert!(mailbox.sender().is_err());
    assert!(sender.try_clone().is_err());
    assert!(receiver.try_clone().is_err());
    assert_eq!(LONE.try_send(5), Ok(()), "another mailbox has spares of its own");
    drop(receiver);
    assert!(sender.try_clone().is_ok());
}

fn batch_send() {
    let mailbox = StaticMailbox::<u32, 5, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for start in 0..100 {
        let mut numbers = start..start + 8;
        let refused = sender.try_send_many(&mut numbers).unwrap_err();
        assert_eq!(refused.sent, 5);
        assert_eq!(refused.error, TrySendError::Full(start + 5));
        assert!(numbers.eq(start + 6..start + 8), "the rest stays in the iterator");
        for i in 0..5 {
            assert_eq!(receiver.try_recv(), Ok(start + i));
        }
        assert_eq!(sender.try_send_many([1, 2]).unwrap(), 2);
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    }
}

fn batch_receive() {
    let mailbox = StaticMailbox::<u32, 6, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    let mut next = 0;
    for lap in 0..100 {
        sender.try_send_many(lap * 6..lap * 6 + 6).unwrap();
        for expected in [4, 2] {
            let mut out = Vec::<u32, 4>::new();
            assert_eq!(receiver.try_recv_many(&mut out, 4), Ok(expected));
            assert_eq!(out.len(), expected);
            for value in out {
                assert_eq!(value, next);
                next += 1;
            }
        }
        assert_eq!(receiver.try_recv_many(&mut Vec::<u32, 4>::new(), 4), Err(TryRecvError::Empty));
    }
}

fn permit() {
    let mailbox = StaticMailbox::<[u32; 8], 1, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for i in 0..100 {
        drop(sender.reserve());
        drop(sender.reserve().write([1; 8]));
        assert!(receiver.try_recv().is_err(), "a dropped permit sends nothing");

        let mut filled = sender.reserve().write([i; 8]);
        filled[7] = !i;
        assert!(filled.try_send().is_ok());
        let Err(refused) = sender.reserve().write([9; 8]).try_send() else {
            panic!("a second message in a capacity of one");
        };
        assert_eq!(refused.error, TrySendError::Full(()));
        assert_eq!(*refused.message, [9; 8]);
        drop(refused);
        assert_eq!(receiver.try_recv(), Ok([i, i, i, i, i, i, i, !i]));
    }
}

fn close() {
    for left in 0..=2 {
        let mailbox = StaticMailbox::<u32, 2, 3>::new();
        let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
        sender.try_send_many(0..left).unwrap();
        assert!(!receiver.is_closed());
        assert!(receiver.close());
        assert!(!sender.close(), "it was closed before");
        assert!(sender.is_closed());
        assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
        assert_eq!(mailbox.try_send(9), Err(SharedSendError::Closed(9)));
        for i in 0..left {
            assert_eq!(receiver.try_recv(), Ok(i));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(mailbox.try_recv(), Err(SharedRecvError::Closed));
    }
}

fn last_sender() {
    let mailbox = StaticMailbox::<u32, 2, 3>::new();
    let mut receiver = mailbox.receiver().unwrap();
    let first = mailbox.sender().unwrap();
    let mut second = first.try_clone().unwrap();
    drop(first);
    second.try_send(1).unwrap();
    drop(second);
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

fn drain() {
    let mut mailbox = StaticMailbox::<u32, 4, 2>::new();
    for i in 0..3 {
        mailbox.try_send(i).unwrap();
    }
    assert!(mailbox.drain().eq(0..3));
}

fn wake_receiver() {
    let mailbox = StaticMailbox::<u32, 1, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    for i in 0..100 {
        let mut waiting = pin!(receiver.recv());
        assert!(wake::poll_once(waiting.as_mut()).is_pending());
        sender.try_send(i).unwrap();
        assert!(wake::woken());
        assert_eq!(wake::block_on(waiting), Some(i));
    }
    sender.close();
    assert_eq!(wake::block_on(receiver.recv()), None);
}

fn wake_sender() {
    let mailbox = StaticMailbox::<u32, 1, 2>::new();
    let (mut sender, mut receiver) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
    sender.try_send(0).unwrap();
    for i in 1..100 {
        let mut waiting = pin!(sender.send(i));
        assert!(wake::poll_once(waiting.as_mut()).is_pending());
        assert_eq!(receiver.try_recv(), Ok(i - 1));
        assert!(wake::woken());
        assert!(wake::block_on(waiting).is_ok());
    }
}

fn jobs() {
    use core::sync::atomic::{AtomicU32, Ordering};
    use droves::job::Job;

    static LATER: StaticMailbox<Job<&'static str, u32>, 4> = StaticMailbox::new();
    static SUM: AtomicU32 = AtomicU32::new(0);

    fn add(number: u32) {
        SUM.store(SUM.load(Ordering::Relaxed) + number, Ordering::Relaxed);
    }

    let ballast = [7_u32; 14];
    LATER.try_send(Job::new(|| add(1))).unwrap();
    LATER.try_send(Job::new(async move { add(ballast.iter().sum()) })).unwrap();
    LATER.try_send(Job::new(|state: &mut u32| *state += 5)).unwrap();
    LATER.try_send(Job::new(|| Err("no"))).unwrap();
    assert!(matches!(LATER.try_send(Job::new(|| add(1))), Err(SharedSendError::Full(_))));
    let (mut state, mut failed) = (0, 0);
    while let Ok(job) = LATER.try_recv() {
        failed += u32::from(job.run_now(&mut state).is_err());
    }
    assert_eq!((SUM.load(Ordering::Relaxed), state, failed), (99, 5, 1));
}

fn group() {
    use core::pin::Pin;
    use core::sync::atomic::{AtomicU32, Ordering};
    use droves::group::machine::{MemberState, Order};
    use droves::group::{Signal, StaticGroup, StaticHub};

    static HUB: StaticHub<2> = StaticHub::new();
    /// A digit for each step.
    static LOG: AtomicU32 = AtomicU32::new(0);

    fn log(digit: u32) {
        LOG.store(10 * LOG.load(Ordering::Relaxed) + digit, Ordering::Relaxed);
    }

    async fn service(place: usize, digits: [u32; 2]) {
        log(digits[0]);
        HUB.run(place).ready();
        assert_eq!(HUB.run(place).signal().await, Signal::TERMINATE);
        log(digits[1]);
    }

    let (first, second) = (pin!(service(0, [1, 2])), pin!(service(1, [3, 4])));
    let mut group = StaticGroup::new(&HUB, Order::Ordered, [first, second]);
    assert!(wake::poll_once(Pin::new(&mut group)).is_pending());
    assert!(HUB.is_ready());
    HUB.signal(Signal::TERMINATE);
    assert!(wake::woken());
    assert_eq!(wake::block_on(Pin::new(&mut group)), [MemberState::Exited; 2]);
    assert_eq!(LOG.load(Ordering::Relaxed), 1342);
}
