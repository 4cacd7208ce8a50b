//! Nothing is allocated for a message, in whatever way it is sent and received, nor for waiting; and
//! an inline mailbox allocates nothing at all.
#![cfg(all(feature = "std", not(any(droves_loom, droves_shuttle))))]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use droves::mailbox::{HeapMailbox, Pointer, Receiver, Sender, StaticMailbox, channel};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread allocates while it runs `f`.
fn allocations(f: impl FnOnce()) -> usize {
    let before = COUNT.get();
    f();
    COUNT.get() - before
}

/// A waker of its own for each waiting task.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
    fn wake_by_ref(self: &Arc<Self>) {}
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A place for received messages that allocates nothing.
struct Sum(u64);

impl Extend<u64> for Sum {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, iter: I) {
        self.0 += iter.into_iter().sum::<u64>();
    }
}

/// Fills and empties the mailbox by `try_` calls, with and without handles.
fn try_operations<P: Pointer<Message = u64>>(tx: &mut Sender<u64, P>, rx: &mut Receiver<u64, P>) {
    while tx.try_send(1).is_ok() {}
    assert!(tx.mailbox().try_send(1).is_err());
    assert!(tx.try_send_many(0..3).is_err());
    assert!(tx.reserve().write(1).try_send().is_err());
    assert_eq!(rx.mailbox().try_recv(), Ok(1));
    tx.mailbox().try_send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    tx.reserve().write(1).try_send().unwrap();
    drop(tx.reserve().write(1));
    while rx.try_recv().is_ok() {}

    let capacity = tx.capacity();
    let mut sum = Sum(0);
    assert_eq!(tx.try_send_many((0..).take(capacity)), Ok(capacity));
    assert_eq!(rx.try_recv_many(&mut sum, capacity + 1), Ok(capacity));
    assert!(rx.try_recv_many(&mut sum, 1).is_err());
}

/// Waits on both sides, by each kind of future, with a waker that is new and one that is not.
fn waiting<P: Pointer<Message = u64>>(
    tx: &mut Sender<u64, P>,
    rx: &mut Receiver<u64, P>,
    wakers: &[Waker; 2],
) {
    for waker in [&wakers[0], &wakers[1], &wakers[1]] {
        {
            let mut recv = pin!(rx.recv());
            assert!(poll(recv.as_mut(), waker).is_pending());
            tx.try_send(1).unwrap();
            assert_eq!(poll(recv, waker), Poll::Ready(Some(1)));
        }
        {
            let mut sum = Sum(0);
            let mut recv = pin!(rx.recv_many(&mut sum, 9));
            assert!(poll(recv.as_mut(), waker).is_pending());
            assert!(poll(pin!(tx.send(1)), waker).is_ready());
            assert_eq!(poll(recv, waker), Poll::Ready(1));
        }
        assert!(rx.poll_recv(&mut Context::from_waker(waker)).is_pending());

        while tx.try_send(1).is_ok() {}
        assert!(poll(pin!(tx.send(1)), waker).is_pending());
        assert!(poll(pin!(tx.send_from(&mut Some(1))), waker).is_pending());
        let mut send = pin!(tx.send_many(0..2));
        assert!(poll(send.as_mut(), waker).is_pending());
        while rx.try_recv().is_ok() {
            let _ = poll(send.as_mut(), waker);
        }
    }
}

#[test]
fn promise_05_try_operations_on_the_heap_allocate_nothing() {
    for (capacity, laps) in [(1, 0), (2, 3), (3, 1), (64, 1), (1000, 0)] {
        let mailbox = Arc::new(HeapMailbox::starting_before_wrap(capacity, laps).unwrap());
        let mut tx = Sender::new(mailbox.clone()).unwrap();
        let mut rx = Receiver::new(mailbox).unwrap();
        let count = allocations(|| (0..5).for_each(|_| try_operations(&mut tx, &mut rx)));
        assert_eq!(count, 0, "with a capacity of {capacity}");
    }
}

#[test]
fn promise_05_waiting_on_the_heap_allocates_nothing() {
    let wakers = [Arc::new(Task), Arc::new(Task)].map(Waker::from);
    for capacity in [1, 2, 64] {
        let (mut tx, mut rx) = channel(capacity).unwrap();
        let count = allocations(|| (0..5).for_each(|_| waiting(&mut tx, &mut rx, &wakers)));
        assert_eq!(count, 0, "with a capacity of {capacity}");
    }
}

#[test]
fn promise_05_an_inline_mailbox_allocates_nothing_at_all() {
    let wakers = [Arc::new(Task), Arc::new(Task)].map(Waker::from);
    let count = allocations(|| {
        let mut mailbox = StaticMailbox::<u64, 4, 6>::new();
        {
            let (mut tx, mut rx) = (mailbox.sender().unwrap(), mailbox.receiver().unwrap());
            for _ in 0..5 {
                try_operations(&mut tx, &mut rx);
                waiting(&mut tx, &mut rx, &wakers);
                let clones = [(); 3].map(|()| tx.try_clone().unwrap());
                assert!(rx.poll_recv(&mut Context::from_waker(&wakers[0])).is_pending());
                drop(clones);
            }
            tx.try_send(1).unwrap();
            rx.close();
        }
        assert_eq!(mailbox.drain().sum::<u64>(), 1);
    });
    assert_eq!(count, 0);
}

#[test]
fn promise_05_handles_allocate_only_when_there_are_more_than_ever() {
    let (tx, rx) = channel::<u64>(4).unwrap();
    let grow = || drop([(); 100].map(|()| (tx.clone(), rx.clone())));
    assert!(allocations(grow) > 0);
    assert_eq!(allocations(|| (0..100).for_each(|_| grow())), 0);
}

#[test]
fn promise_08_taking_a_seat_ten_thousand_times_does_not_grow() {
    let (mut tx, mut rx) = channel::<u64>(2).unwrap();
    let count = allocations(|| {
        for i in 0..10_000 {
            let (mut other_tx, mut other_rx) = (tx.clone(), rx.clone());
            tx.try_send(i).unwrap();
            other_tx.try_send(i + 1).unwrap();
            assert_eq!(other_rx.try_recv(), Ok(i));
            assert_eq!(rx.try_recv(), Ok(i + 1));
        }
    });
    assert_eq!(count, 0);
}

/// Two threads that wait for each other all the time: after its first wait none of them allocates.
#[test]
fn promise_05_blocking_allocates_nothing_after_a_threads_first_wait() {
    fn first_wait() {
        let (_tx, mut rx) = channel::<u64>(1).unwrap();
        rx.recv_deadline(Instant::now() + Duration::from_millis(1)).unwrap_err();
    }
    let (mut call, mut at_echo) = channel(1).unwrap();
    let (mut answer, mut back) = channel(1).unwrap();
    thread::scope(|scope| {
        let echo = scope.spawn(move || {
            first_wait();
            allocations(|| {
                while let Some(message) = at_echo.recv_blocking() {
                    answer.send_blocking(message).unwrap();
                }
            })
        });
        first_wait();
        let ours = allocations(|| {
            let later = || Instant::now() + Duration::from_secs(60);
            for i in 0..2000 {
                call.send_deadline(i, later()).unwrap();
                assert_eq!(back.recv_deadline(later()), Ok(i));
            }
            drop(call);
        });
        assert_eq!((ours, echo.join().unwrap()), (0, 0));
    });
}
