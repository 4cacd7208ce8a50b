//! The SysTick timer, aimed at the inside of an operation.
//!
//! [`interrupt`] arms the timer and runs an operation. The handler runs `after` ticks later,
//! and, if asked, again `after` ticks after each of its returns, so that the operation is
//! interrupted many times however long the handler takes. With `after` going up from 1 every
//! instruction of the operation is hit; [`places`] counts the different ones.

use core::{
    arch::naked_asm,
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst},
};
use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};

/// One bit for an instruction's address, modulo the size: the count is a lower bound.
const PLACES: usize = 16 * 1024;

static ACTION: AtomicUsize = AtomicUsize::new(0);
static INSIDE: AtomicBool = AtomicBool::new(false);
static LEFT: AtomicU32 = AtomicU32::new(0);
static STATE: State = State(UnsafeCell::new(Counts { hits: 0, seen: [0; PLACES / 32] }));

struct Counts {
    hits: u32,
    seen: [u32; PLACES / 32],
}

struct State(UnsafeCell<Counts>);

// SAFETY: the handler alone touches it while the timer runs, the main loop alone otherwise.
unsafe impl Sync for State {}

/// How often the handler ran, and how many of these runs were inside the operation.
#[derive(Clone, Copy, Default)]
pub struct Ran {
    pub total: u32,
    pub inside: u32,
}

/// Runs `operation`, interrupted up to `times` times by `action`.
pub fn interrupt<R>(
    after: u32,
    times: u32,
    action: fn(),
    operation: impl FnOnce() -> R,
) -> (R, Ran) {
    let before = hits();
    start(after, times, action);
    INSIDE.store(true, SeqCst);
    let result = operation();
    INSIDE.store(false, SeqCst);
    stop();
    (result, Ran { total: times - LEFT.load(SeqCst), inside: hits() - before })
}

/// Lets `action` interrupt `after` ticks from now, and `after` ticks from each of its returns,
/// `times` times in all, or until [`stop`].
pub fn start(after: u32, times: u32, action: fn()) {
    assert!(after > 0 && times > 0, "the timer would never fire");
    ACTION.store(action as usize, SeqCst);
    LEFT.store(times, SeqCst);
    let mut timer = timer();
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(after);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// After this the handler does not run any more.
pub fn stop() {
    let mut timer = timer();
    timer.disable_counter();
    timer.disable_interrupt();
    SCB::clear_pendst();
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

/// How often the handler ran inside an operation since the last [`reset`].
pub fn hits() -> u32 {
    // SAFETY: called while the timer stands still, so the handler does not run.
    unsafe { (*STATE.0.get()).hits }
}

/// At how many different instructions it did, at least.
pub fn places() -> u32 {
    // SAFETY: called while the timer stands still, so the handler does not run.
    let state = unsafe { &*STATE.0.get() };
    state.seen.iter().map(|word| word.count_ones()).sum()
}

/// Starts to count anew.
pub fn reset() {
    // SAFETY: called while the timer stands still, so the handler does not run.
    let state = unsafe { &mut *STATE.0.get() };
    state.hits = 0;
    state.seen.fill(0);
}

fn timer() -> SYST {
    // SAFETY: the main loop uses the timer while it stands still or to stop it, the handler alone
    // while it runs; nothing else names it.
    unsafe { cortex_m::Peripherals::steal() }.SYST
}

/// Hands the handler the frame that the processor pushed, whose word 6 is the address that the
/// interrupt returns to.
#[unsafe(naked)]
#[unsafe(export_name = "SysTick")]
unsafe extern "C" fn enter() {
    naked_asm!("mrs r0, MSP", "ldr r1, ={handler}", "bx r1", handler = sym handler)
}

extern "C" fn handler(frame: *const u32) {
    let mut timer = timer();
    timer.disable_counter();
    // It may have run out once more on the way here.
    SCB::clear_pendst();
    if INSIDE.load(SeqCst) {
        // SAFETY: handlers do not nest, and the main loop leaves the counts alone while the timer
        // runs; the processor has pushed eight words at `frame`.
        let (state, place) = unsafe { (&mut *STATE.0.get(), *frame.add(6) as usize / 2 % PLACES) };
        state.hits += 1;
        state.seen[place / 32] |= 1 << (place % 32);
    }

    // SAFETY: `start` has stored a `fn()` before it started the timer.
    let action: fn() = unsafe { core::mem::transmute(ACTION.load(SeqCst)) };
    action();

    let left = LEFT.load(SeqCst) - 1;
    LEFT.store(left, SeqCst);
    if left > 0 {
        timer.clear_current();
        timer.enable_counter();
    }
}
