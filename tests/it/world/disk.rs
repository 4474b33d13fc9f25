//! The disk under a broker's database, which a test can fill: from one commit on, or for one commit only.

use std::sync::Arc;

use parking_lot::Mutex;
use zgserve_tui::store::{Gate, StoreError};

#[derive(Debug, Default)]
struct State {
    /// Commits so far.
    commits: u64,
    /// These fail: from the first on, so many.
    fails: Option<(u64, u64)>,
    failed: u64,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// For the writer of a database on this disk.
    pub fn gate(&self) -> Gate {
        let state = Arc::clone(&self.0);
        Box::new(move || {
            let mut state = state.lock();
            let number = state.commits;
            state.commits += 1;
            match state.fails {
                Some((from, count)) if (from..from.saturating_add(count)).contains(&number) => {
                    state.failed += 1;
                    Err(StoreError::Full)
                }
                _ => Ok(()),
            }
        })
    }

    /// How many commits have failed.
    pub fn failed(&self) -> u64 {
        self.0.lock().failed
    }

    /// There is no room from now on.
    pub fn fill(&self) {
        self.fail(0, u64::MAX);
    }

    /// After `after` more commits, the next `count` fail.
    pub fn fail(&self, after: u64, count: u64) {
        let mut state = self.0.lock();
        state.fails = Some((state.commits + after, count));
    }

    /// There is room again.
    pub fn free(&self) {
        self.0.lock().fails = None;
    }
}
