//! What the process takes, as Linux tells. Elsewhere nothing is known, and nothing checked.

use std::fmt;
use std::fs;
use std::time::Instant;

use crate::violated;

/// The most memory that was resident in each third of the run. The first is for warming up.
pub struct Memory {
    begun: Instant,
    end: Instant,
    most: [usize; 3],
    now: usize,
}

impl Memory {
    pub const fn new(begun: Instant, end: Instant) -> Self {
        Self { begun, end, most: [0; 3], now: 0 }
    }

    pub fn sample(&mut self) {
        let Some(kib) = status("VmRSS:") else {
            return;
        };
        self.now = kib;
        let part = 3 * self.begun.elapsed().as_millis() / (self.end - self.begun).as_millis();
        let most = &mut self.most[usize::try_from(part.min(2)).expect("it is at most 2")];
        *most = kib.max(*most);
    }

    /// The last third must not take more than the second, but for a little.
    pub fn check(&self) {
        let [_, second, last] = self.most;
        if last > second + second / 10 + 4 * 1024 {
            violated(&format!("memory grows: {:?} KiB in the thirds of the run", self.most));
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, last] = self.most;
        write!(f, "{} KiB ({first}, {second}, {last})", self.now)
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
