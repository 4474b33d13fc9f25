//! Token buckets: how often somebody may ask for what costs us work.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How fast tokens grow, and how many there are at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Time in which one token grows.
    every: Duration,
    burst: u32,
}

/// The tokens of one caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    tokens: u32,
    /// When `tokens` was last right.
    at: Instant,
}

impl Pace {
    /// `per` tokens in each `time`, at most `burst` at once.
    pub(super) fn new(per: u32, time: Duration, burst: u32) -> Self {
        Pace { every: time / per.max(1), burst: burst.max(1) }
    }

    pub(super) fn full(self, now: Instant) -> Bucket {
        Bucket { tokens: self.burst, at: now }
    }
}

impl Bucket {
    /// Takes a token, or tells when the next one has grown.
    pub(super) fn take(&mut self, pace: Pace, now: Instant) -> Result<(), Duration> {
        self.refill(pace, now);
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => Err((self.at + pace.every).saturating_duration_since(now)),
        }
    }

    /// A token that was not used after all.
    pub(super) fn give_back(&mut self, burst: u32) {
        self.tokens = self.tokens.saturating_add(1).min(burst);
    }

    fn refill(&mut self, pace: Pace, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let grown = passed.as_nanos().checked_div(pace.every.as_nanos()).unwrap_or(u128::MAX);
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(grown) >= pace.burst {
            *self = pace.full(now);
        } else if grown > 0 {
            self.tokens += grown;
            // The part of a token that has grown meanwhile is kept.
            self.at += pace.every * grown;
        }
    }
}

/// Buckets by key. The table is bounded: full buckets are forgotten first, since forgetting them changes nothing.
#[derive(Debug)]
pub(super) struct Rate<K> {
    buckets: Mutex<HashMap<K, Bucket>>,
    pace: Pace,
    most: usize,
}

impl<K: Eq + Hash + Clone> Rate<K> {
    /// `per` tokens in each `time`, at most `burst` at once, for at most `most` keys.
    pub(super) fn new(per: u32, time: Duration, burst: u32, most: usize) -> Self {
        Self { buckets: Mutex::default(), pace: Pace::new(per, time, burst), most: most.max(1) }
    }

    /// Takes a token. `false`: too often.
    pub(super) fn take(&self, key: &K, now: Instant) -> bool {
        self.take_or_wait(key, now).is_ok()
    }

    /// Takes a token, or tells when there will be one.
    pub(super) fn take_or_wait(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get_mut(key) {
            return bucket.take(self.pace, now);
        }
        if buckets.len() >= self.most {
            buckets.retain(|_, bucket| {
                bucket.refill(self.pace, now);
                bucket.tokens < self.pace.burst
            });
            // Everybody is busy: a stranger waits, so that strangers cannot push each other's buckets out.
            if buckets.len() >= self.most {
                return Err(self.pace.every);
            }
        }
        let mut bucket = self.pace.full(now);
        let taken = bucket.take(self.pace, now);
        buckets.insert(key.clone(), bucket);
        taken
    }
}

impl<K: Eq + Hash + Clone> Rate<K> {
    /// How long until there is a token, without taking one; `None` while there is one.
    pub(super) fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let mut buckets = self.buckets.lock();
        let bucket = buckets.get_mut(key)?;
        bucket.refill(self.pace, now);
        (bucket.tokens == 0).then(|| (bucket.at + self.pace.every).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_grows_again() {
        let rate = Rate::new(2, Duration::from_secs(1), 3, 10);
        let start = Instant::now();
        let taken = (0..5).filter(|_| rate.take(&1, start)).count();
        assert_eq!(taken, 3);
        assert!(rate.take(&2, start), "others are not touched");
        assert!(!rate.take(&1, start + Duration::from_millis(499)));
        assert!(rate.take(&1, start + Duration::from_millis(500)));
        assert!(!rate.take(&1, start + Duration::from_millis(999)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..5).filter(|_| rate.take(&1, later)).count(), 3);
    }

    #[test]
    fn the_table_is_bounded() {
        let rate = Rate::new(1, Duration::from_secs(1), 1, 4);
        let start = Instant::now();
        let taken = (0..100).filter(|key| rate.take(key, start)).count();
        assert_eq!(taken, 4);
        assert_eq!(rate.buckets.lock().len(), 4);
        assert!(rate.take(&1_000, start + Duration::from_secs(2)), "idle keys make room");
    }
}
