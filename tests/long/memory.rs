//! What the process takes: bytes that are allocated, and what Linux tells, of which elsewhere nothing is known or checked.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::violated;

/// Counts the bytes that are allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What was seen in each third of the run; the first is for warming up.
pub struct Memory {
    begun: Instant,
    end: Instant,
    thirds: [Third; 3],
}

#[derive(Clone, Copy)]
struct Third {
    /// The least that was allocated, in bytes: what is there while nothing goes on.
    floor: usize,
    /// The most that was resident, in bytes.
    resident: usize,
}

impl Memory {
    pub const fn new(begun: Instant, end: Instant) -> Self {
        Self { begun, end, thirds: [Third { floor: usize::MAX, resident: 0 }; 3] }
    }

    pub fn sample(&mut self) {
        let part = 3 * self.begun.elapsed().as_millis() / (self.end - self.begun).as_millis();
        let third = &mut self.thirds[usize::try_from(part.min(2)).expect("it is at most 2")];
        third.floor = third.floor.min(ALLOCATED.load(Ordering::Relaxed));
        third.resident = third.resident.max(1024 * status("VmRSS:").unwrap_or(0));
    }

    /// The last third must not take more than the second, but for a little.
    pub fn check(&self) {
        let [_, second, last] = self.thirds;
        // Nothing was seen of it, if nobody came to look.
        if second.floor == usize::MAX {
            return;
        }
        if last.resident > second.resident + second.resident / 10 + (4 << 20)
            || last.floor > second.floor.saturating_add(second.floor / 20 + (256 << 10))
        {
            violated(&format!("memory grows: {self}"));
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KiB at least allocated/at most resident:")?;
        for third in self.thirds.iter().filter(|third| third.floor < usize::MAX) {
            write!(f, " {}/{}", third.floor >> 10, third.resident >> 10)?;
        }
        Ok(())
    }
}

/// How many threads the process has.
pub fn threads() -> usize {
    status("Threads:").unwrap_or(0)
}

fn status(field: &str) -> Option<usize> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    value.split_whitespace().next()?.parse().ok()
}
