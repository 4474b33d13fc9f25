//! How much may be spent to get a transaction into a block, as time goes by. Pure.
//!
//! Gas is a ceiling, not a price: a transaction offers what the market asks, and the bid says up to where it may
//! follow when the market rises or it gets stuck. Without a deadline the ceiling stays where it is, and the
//! transaction waits for a cheaper hour. With one the ceiling rises, as lnd's sweeper does it:
//!
//! ```text
//! stake ┤                         ╱      begin  from here on it climbs
//!       │                        ╱       by     the deadline that is aimed at: half of the stake
//!  half ┤                 .  - ─         last   the last moment that helps: all of it
//!  calm ┤──────────. - ─
//!       └─────────┬──────────────┬────┬──▶ time
//!               begin            by  last
//! ```

use crate::domain::{Neuron, Timestamp};

/// What one transaction may cost at most, gas limit times fee, at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bid {
    /// Neuron, while there is no hurry.
    pub calm: Neuron,
    pub hurry: Option<Hurry>,
}

/// A deadline and what is lost with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hurry {
    /// What is lost if the transaction comes too late, in neuron.
    pub stake: Neuron,
    pub begin: Timestamp,
    pub by: Timestamp,
    pub last: Timestamp,
}

impl Bid {
    /// The most that the transaction may cost at `now`. Never above the larger of the stake and what is allowed in calm.
    pub fn most(&self, now: Timestamp) -> Neuron {
        let Some(hurry) = self.hurry else { return self.calm };
        let half = Neuron::new(hurry.stake.get() / 2).max(self.calm);
        let whole = hurry.stake.max(self.calm);
        if now < hurry.by {
            between(self.calm, half, hurry.begin, hurry.by, now)
        } else {
            between(half, whole, hurry.by, hurry.last, now)
        }
    }

    /// The same after `spent` of it is gone.
    pub(super) fn less(self, spent: Neuron) -> Bid {
        let hurry = self.hurry.map(|hurry| Hurry { stake: hurry.stake.above(spent), ..hurry });
        Bid { calm: self.calm.above(spent), hurry }
    }

    /// Whether the deadline has begun to press.
    pub fn presses(&self, now: Timestamp) -> bool {
        self.hurry.is_some_and(|hurry| now >= hurry.begin)
    }

    /// Whether the deadline aimed at has passed: from now on everything allowed is offered.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.hurry.is_some_and(|hurry| now >= hurry.by)
    }
}

/// The point at `now` on the line from `low` at `from` to `high` at `to`.
fn between(low: Neuron, high: Neuron, from: Timestamp, to: Timestamp, now: Timestamp) -> Neuron {
    let (length, gone) = (u128::from(to.seconds_since(from)), u128::from(now.seconds_since(from)));
    if gone >= length {
        return if now < from { low } else { high };
    }
    // Dividing first keeps the product small; what is lost of it is less than the length in neuron.
    let step = high.above(low).get() / length;
    low.saturating_add(Neuron::new(step.saturating_mul(gone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn bid(calm: u128, stake: u128) -> Bid {
        let hurry = Hurry { stake: Neuron::new(stake), begin: at(1_000), by: at(2_000), last: at(2_500) };
        Bid { calm: Neuron::new(calm), hurry: Some(hurry) }
    }

    #[test]
    fn it_reaches_half_by_the_deadline_and_all_at_the_last_moment() {
        let bid = bid(100, 10_000);
        let most = |seconds| bid.most(at(seconds)).get();
        assert_eq!([most(0), most(1_000), most(1_500), most(2_000)], [100, 100, 2_100, 5_000]);
        assert_eq!([most(2_250), most(2_500), most(9_999)], [7_500, 10_000, 10_000]);
        assert!(!bid.presses(at(999)) && bid.presses(at(1_000)));
        assert!(!bid.is_late(at(1_999)) && bid.is_late(at(2_000)));
    }

    #[test]
    fn without_a_deadline_it_stays_calm() {
        let bid = Bid { calm: Neuron::new(7), hurry: None };
        assert_eq!((bid.most(at(0)).get(), bid.most(at(1 << 40)).get()), (7, 7));
        assert!(!bid.presses(at(1 << 40)) && !bid.is_late(at(1 << 40)));
    }

    proptest! {
        #[test]
        fn it_never_falls_and_never_passes_what_is_at_stake(
            calm in 0u128..1 << 112, stake in 0u128..1 << 112, a in 0u64..4_000, b in 0u64..4_000,
        ) {
            let bid = bid(calm, stake);
            let (early, late) = (bid.most(at(a.min(b))), bid.most(at(a.max(b))));
            prop_assert!(early <= late && late.get() <= calm.max(stake) && early.get() >= calm.min(stake.max(calm)));
        }
    }
}
