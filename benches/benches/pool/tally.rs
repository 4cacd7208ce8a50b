//! What jobs do: each counts its number in, on a desk that its thread has for itself, so that workers do
//! not race for a counter's cache line instead of for jobs.

use std::array;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More than any contender's threads.
const DESKS: usize = 16;

/// Sums as in [`droves_benches::Tally`], which only one thread writes.
#[repr(align(128))]
struct Desk {
    count: AtomicU64,
    sum: AtomicU64,
    squares: AtomicU64,
}

static OFFICE: [Desk; DESKS] = [const {
    Desk { count: AtomicU64::new(0), sum: AtomicU64::new(0), squares: AtomicU64::new(0) }
}; DESKS];

/// How many desks are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static DESK: Cell<Option<&'static Desk>> = const { Cell::new(None) };
}

impl Desk {
    #[inline]
    fn add(&self, number: u64) {
        let plus = |sum: &AtomicU64, number| sum.load(Ordering::Relaxed).wrapping_add(number);
        self.sum.store(plus(&self.sum, number), Ordering::Relaxed);
        let square = number.wrapping_mul(number);
        self.squares.store(plus(&self.squares, square), Ordering::Relaxed);
        // Release: whoever sees the count sees the sums; pairs with `done`.
        self.count.store(plus(&self.count, 1), Ordering::Release);
    }
}

/// Clears all desks. No thread that has one may do anything any more.
pub(crate) fn clear() {
    TAKEN.store(0, Ordering::SeqCst);
    for desk in &OFFICE {
        for sum in [&desk.count, &desk.sum, &desk.squares] {
            sum.store(0, Ordering::SeqCst);
        }
    }
}

/// The tiny job. Not inlined: a closure of 32 calls is to make 32 calls.
#[inline(never)]
pub(crate) fn count_in(number: u64) {
    DESK.get().unwrap_or_else(take_desk).add(number);
}

/// Gives the thread a desk, if it has none.
pub(crate) fn sit_down() {
    DESK.get().unwrap_or_else(take_desk);
}

#[cold]
fn take_desk() -> &'static Desk {
    let desk = &OFFICE[TAKEN.fetch_add(1, Ordering::SeqCst)];
    DESK.set(Some(desk));
    desk
}

/// How many threads have a desk.
pub(crate) fn seated() -> usize {
    TAKEN.load(Ordering::SeqCst)
}

/// How many jobs have counted.
pub(crate) fn done() -> u64 {
    let desks = &OFFICE[..seated().min(DESKS)];
    desks.iter().map(|desk| desk.count.load(Ordering::Acquire)).sum()
}

/// The count, the sum, and the sum of squares.
pub(crate) fn sums() -> [u64; 3] {
    OFFICE.iter().fold([0; 3], |all, desk| {
        let sums = [&desk.count, &desk.sum, &desk.squares].map(|sum| sum.load(Ordering::Acquire));
        array::from_fn(|index| all[index].wrapping_add(sums[index]))
    })
}
