//! What was checked, how often, and what did not hold.

use std::collections::BTreeMap;

use parking_lot::Mutex;

#[derive(Default)]
struct Line {
    checked: u64,
    broken: u64,
}

/// Counts by invariant.
#[derive(Default)]
pub struct Tally {
    lines: Mutex<BTreeMap<&'static str, Line>>,
    /// What goes on right now, for the report of a break.
    scene: Mutex<String>,
}

impl Tally {
    pub fn scene(&self, text: String) {
        *self.scene.lock() = text;
    }

    pub fn check(&self, what: &'static str, holds: bool, detail: impl FnOnce() -> String) {
        let mut lines = self.lines.lock();
        let line = lines.entry(what).or_default();
        line.checked += 1;
        if !holds {
            line.broken += 1;
            println!("BROKEN {what}\n  at {}\n  {}", self.scene.lock(), detail());
        }
    }

    pub fn broken(&self) -> u64 {
        self.lines.lock().values().map(|line| line.broken).sum()
    }

    pub fn print(&self) {
        println!("\n{:<76} {:>10} {:>7}", "invariant", "checked", "broken");
        for (what, line) in &*self.lines.lock() {
            println!("{what:<76} {:>10} {:>7}", line.checked, line.broken);
        }
    }
}
