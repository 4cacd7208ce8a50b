//! What the programs share: a list of tests that ends with an exit code, and a timer that
//! interrupts an operation at a chosen instruction.
#![no_std]

pub mod tick;
pub mod wake;

use core::{
    panic::PanicInfo,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
use cortex_m_semihosting::{debug, hprintln};

static PASSED: AtomicU32 = AtomicU32::new(0);

/// Runs one test and prints a line for it; a panic ends the program as failed.
pub fn test(name: &str, body: impl FnOnce()) {
    body();
    PASSED.store(PASSED.load(Relaxed) + 1, Relaxed);
    hprintln!("test {name} ... ok");
}

/// Prints the summary and ends the emulator with success.
pub fn finish() -> ! {
    hprintln!("{} passed, 0 failed", PASSED.load(Relaxed));
    end(debug::EXIT_SUCCESS)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    cortex_m::interrupt::disable();
    hprintln!("{info}");
    hprintln!("{} passed, 1 failed", PASSED.load(Relaxed));
    end(debug::EXIT_FAILURE)
}

fn end(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::nop();
    }
}
