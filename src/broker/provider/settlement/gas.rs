//! What gas has cost over the last day, so that what can wait waits for a cheap hour.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::domain::Timestamp;

/// A price is remembered every five minutes, for a day.
const EVERY: u64 = 300;
const MOST: usize = 288;
/// With less than six hours of prices nobody can tell what is cheap.
const LEAST: usize = 72;

/// Prices of the last day, in neuron for one unit of gas.
#[derive(Debug, Default)]
pub struct GasHistory {
    seen: Mutex<VecDeque<(Timestamp, u128)>>,
}

impl GasHistory {
    /// The price at `now`, as a look at the chain found it.
    pub fn add(&self, now: Timestamp, price: u128) {
        let mut seen = self.seen.lock();
        if seen.back().is_some_and(|(at, _)| now.seconds_since(*at) < EVERY) {
            return;
        }
        while seen.len() >= MOST || seen.front().is_some_and(|(at, _)| now.seconds_since(*at) > 86_400) {
            seen.pop_front();
        }
        seen.push_back((now, price));
    }

    /// The price that a quarter of the last day was at or below; `None` while too little of it is known.
    pub fn cheap(&self) -> Option<u128> {
        let mut prices: Vec<u128> = self.seen.lock().iter().map(|(_, price)| *price).collect();
        if prices.len() < LEAST {
            return None;
        }
        prices.sort_unstable();
        prices.get(prices.len() / 4).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_day_is_cheap() {
        let gas = GasHistory::default();
        let at = Timestamp::from_seconds;
        for n in 0..71 {
            gas.add(at(n * EVERY), 100);
            gas.add(at(n * EVERY + 299), 1);
        }
        assert_eq!(gas.cheap(), None, "too little is known");
        gas.add(at(71 * EVERY), 100);
        assert_eq!(gas.cheap(), Some(100));
        for n in 72..92 {
            gas.add(at(n * EVERY), 7);
        }
        assert_eq!(gas.cheap(), Some(100), "20 of 92");
        for n in 92..100 {
            gas.add(at(n * EVERY), 7);
        }
        assert_eq!(gas.cheap(), Some(7));
        gas.add(at(10_000 * EVERY), 50);
        assert_eq!(gas.cheap(), None, "what is older than a day is forgotten");
    }
}
