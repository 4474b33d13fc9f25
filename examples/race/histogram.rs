//! Times, counted in buckets that are good to 0.8 %: exact below 256 ns, then 128 buckets between a power of two and the next.

use serde::{Deserialize, Serialize};

const FINE: u32 = 7;

#[derive(Clone, Debug, Default)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

/// What is told of many times. All in microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Upper end of each bucket that holds something, and how many.
    pub buckets: Vec<(f64, u64)>,
}

fn bucket(nanoseconds: u64) -> usize {
    let high = u64::BITS - nanoseconds.leading_zeros();
    let shift = high.saturating_sub(FINE + 1);
    // With the shift, what is left is between 128 and 255, so that each octave follows on the one before.
    ((shift as usize) << FINE) + (nanoseconds >> shift) as usize
}

/// The largest time of a bucket, in microseconds.
fn upper(index: usize) -> f64 {
    let (mut shift, mut fine) = (0_u32, index as u64);
    while fine >= 2 << FINE {
        fine -= 1 << FINE;
        shift += 1;
    }
    (((fine + 1) << shift) - 1) as f64 / 1000.0
}

impl Histogram {
    pub fn add(&mut self, nanoseconds: u64) {
        let index = bucket(nanoseconds);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        self.buckets[index] += 1;
        self.count += 1;
        self.sum += u128::from(nanoseconds);
        self.max = self.max.max(nanoseconds);
    }

    fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper(index).min(self.max as f64 / 1000.0);
            }
        }
        0.0
    }

    pub fn summary(&self) -> Summary {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        Summary {
            count: self.count,
            mean: self.sum as f64 / self.count.max(1) as f64 / 1000.0,
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            max: self.max as f64 / 1000.0,
            buckets: filled.map(|(index, count)| (upper(index), *count)).collect(),
        }
    }
}
