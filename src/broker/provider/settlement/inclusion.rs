//! How long transactions take from intent to block, so that deadlines leave room for it.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Transactions that are remembered.
const MOST: usize = 200;

/// Seconds that the newest transactions took.
#[derive(Debug, Default)]
pub struct Inclusion {
    took: Mutex<VecDeque<u64>>,
}

impl Inclusion {
    /// One more was mined after so many seconds.
    pub fn add(&self, seconds: u64) {
        let mut took = self.took.lock();
        if took.len() == MOST {
            took.pop_front();
        }
        took.push_back(seconds);
    }

    /// Within so many seconds 99 of 100 were mined; 0 while nothing is known.
    pub fn p99(&self) -> u64 {
        let mut took: Vec<u64> = self.took.lock().iter().copied().collect();
        took.sort_unstable();
        let at = (took.len() * 99).div_ceil(100).saturating_sub(1);
        took.get(at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_hundredth_does_not_count() {
        let inclusion = Inclusion::default();
        assert_eq!(inclusion.p99(), 0);
        inclusion.add(4);
        assert_eq!(inclusion.p99(), 4);
        for _ in 0..197 {
            inclusion.add(2);
        }
        inclusion.add(900);
        inclusion.add(900);
        assert_eq!(inclusion.p99(), 4, "two of 200 are the slowest hundredth");
        for seconds in 0..500 {
            inclusion.add(seconds);
        }
        assert_eq!(inclusion.p99(), 497, "old ones are forgotten");
    }
}
