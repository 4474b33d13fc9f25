//! Token buckets: how often somebody may ask for what costs us work.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address there has all
/// 2^64 of them.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Buckets by key. The table is bounded: full buckets are forgotten first, since forgetting them changes nothing.
#[derive(Debug)]
pub(super) struct Rate<K> {
    buckets: Mutex<HashMap<K, Bucket>>,
    /// Time in which one token grows.
    every: Duration,
    burst: u32,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: u32,
    /// When `tokens` was last right.
    at: Instant,
}

impl<K: Eq + Hash + Clone> Rate<K> {
    /// `per` tokens in each `time`, at most `burst` at once, for at most `most` keys.
    pub(super) fn new(per: u32, time: Duration, burst: u32, most: usize) -> Self {
        Self { buckets: Mutex::default(), every: time / per.max(1), burst: burst.max(1), most: most.max(1) }
    }

    /// Takes a token. `false`: too often.
    pub(super) fn take(&self, key: &K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get_mut(key) {
            self.refill(bucket, now);
            let may = bucket.tokens > 0;
            bucket.tokens = bucket.tokens.saturating_sub(1);
            return may;
        }
        if buckets.len() >= self.most {
            buckets.retain(|_, bucket| {
                self.refill(bucket, now);
                bucket.tokens < self.burst
            });
            // Everybody is busy: a stranger waits, so that strangers cannot push each other's buckets out.
            if buckets.len() >= self.most {
                return false;
            }
        }
        buckets.insert(key.clone(), Bucket { tokens: self.burst - 1, at: now });
        true
    }

    fn refill(&self, bucket: &mut Bucket, now: Instant) {
        let passed = now.saturating_duration_since(bucket.at);
        let grown = passed.as_nanos().checked_div(self.every.as_nanos()).unwrap_or(u128::MAX);
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        if bucket.tokens.saturating_add(grown) >= self.burst {
            *bucket = Bucket { tokens: self.burst, at: now };
        } else if grown > 0 {
            bucket.tokens += grown;
            // The part of a token that has grown meanwhile is kept.
            bucket.at += self.every * grown;
        }
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
    fn a_network_of_ipv6_is_one_caller() {
        let of = |text: &str| network(text.parse().unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST))).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!((of("::ffff:10.0.0.1"), of("10.0.0.2")), ("10.0.0.1".to_owned(), "10.0.0.2".to_owned()));
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
