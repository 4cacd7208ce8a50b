//! A mailbox in a `static`: no allocator, and no handle needed to send.
//!
//! ```sh
//! cargo run --example no_alloc
//! ```
//!
//! Here a thread stands in for the interrupt handler of a microcontroller: it must never wait, so what
//! finds no room is counted and dropped. `tests/embedded` does the same with real interrupts.

use std::thread;

use droves::mailbox::{SharedRecvError, StaticMailbox};

#[derive(Debug)]
struct Reading {
    channel: u8,
    millivolts: u16,
}

/// Room for 16 readings; 2 at a time may be sending or receiving. All of it lies in `.bss`.
static READINGS: StaticMailbox<Reading, 16, 2> = StaticMailbox::new();

/// What the handler does: never waits. Returns whether there was room.
fn on_interrupt(tick: u16) -> bool {
    let reading = Reading { channel: (tick % 4) as u8, millivolts: 1000 + tick };
    READINGS.try_send(reading).is_ok()
}

fn main() {
    let handler = thread::spawn(|| {
        let missed = (0..10_000).filter(|&tick| !on_interrupt(tick)).count();
        READINGS.close();
        missed
    });
    let (mut count, mut highest) = (0, 0);
    loop {
        match READINGS.try_recv() {
            Ok(reading) => {
                assert!(reading.channel < 4);
                count += 1;
                highest = highest.max(reading.millivolts);
            }
            Err(SharedRecvError::Closed) => break,
            Err(_) => thread::yield_now(),
        }
    }
    let missed = handler.join().expect("the handler does not panic");
    assert_eq!(count + missed, 10_000);
    println!("every reading was handled or counted as missed; the highest: {highest} mV");
}
