//! What orders of one key, which are mined in the order of their nonces, may pay for each other. Pure.
//!
//! An order stands in the way of all behind it, so it is pushed at the expense of whichever of them is in a hurry.

use std::time::Duration;

use super::bid::{Bid, Hurry};
use crate::domain::Timestamp;

/// Raises that should fit into the time before a deadline.
const RAISES: u32 = 8;

/// The most that one unit of gas may cost an order: what its own bid allows, and what the sender's settings do.
pub fn cap(bid: Option<Bid>, gas_limit: u64, most: u128, now: Timestamp) -> u128 {
    let own = bid.map_or(u128::MAX, |bid| bid.most(now).get() / u128::from(gas_limit.max(1)));
    own.min(most)
}

/// The most that one unit of gas may cost the first of a line, each given by gas limit and bid. Its own bid counts, and so
/// does that of every later order in a hurry, shared over all that must be mined before it: what stands in a nonce's way is
/// its business too.
pub fn ceiling(line: impl IntoIterator<Item = (u64, Option<Bid>)>, most: u128, now: Timestamp) -> u128 {
    let mut line = line.into_iter();
    let Some((first, bid)) = line.next() else { return 0 };
    let mut ceiling = cap(bid, first, most, now);
    let mut gas = u128::from(first);
    for (gas_limit, bid) in line {
        gas = gas.saturating_add(gas_limit.into());
        if let Some(bid) = bid.filter(|bid| bid.presses(now)) {
            ceiling = ceiling.max(bid.most(now).get() / gas.max(1));
        }
    }
    ceiling.min(most)
}

/// The nearest deadline that presses on a line.
pub fn pressing(bids: impl IntoIterator<Item = Bid>, now: Timestamp) -> Option<Hurry> {
    let pressing = bids.into_iter().filter(|bid| bid.presses(now));
    pressing.filter_map(|bid| bid.hurry).min_by_key(|hurry| hurry.by)
}

/// How long a transaction may be next in line before its fee is raised: shorter as a deadline comes near, so that
/// several raises fit into the time that is left.
pub fn patience(pressing: Option<Hurry>, longest: Duration, now: Timestamp) -> Duration {
    let Some(hurry) = pressing else { return longest };
    let goal = if now < hurry.by { hurry.by } else { hurry.last };
    let left = Duration::from_secs(goal.seconds_since(now));
    (left / RAISES).clamp(Duration::from_secs(1).min(longest), longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Neuron;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn bid(calm: u128, stake: u128) -> Bid {
        let hurry = Hurry { stake: Neuron::new(stake), begin: at(1_000), by: at(2_000), last: at(2_500) };
        Bid { calm: Neuron::new(calm), hurry: Some(hurry) }
    }

    #[test]
    fn whoever_is_in_a_hurry_pays_for_those_before_it() {
        let line = [(10, Some(bid(100, 0))), (10, None), (20, Some(bid(100, 8_000)))];
        let calm = Bid { calm: Neuron::new(100), hurry: None };
        assert_eq!(ceiling([(10, Some(calm)), line[2]], 1_000, at(999)), 10, "nobody is in a hurry yet");
        assert_eq!(ceiling(line, 1_000, at(2_000)), 100, "half of the stake over three");
        assert_eq!(ceiling(line, 50, at(2_000)), 50);
        assert_eq!(cap(None, 10, 50, at(0)), 50);
        assert_eq!(ceiling([], 50, at(0)), 0);
    }

    #[test]
    fn eight_raises_fit_into_what_is_left() {
        let longest = Duration::from_secs(45);
        assert_eq!(patience(None, longest, at(0)), longest);
        let hurry = pressing([bid(1, 2)], at(1_960));
        assert_eq!(patience(hurry, longest, at(1_960)), Duration::from_secs(5));
        assert_eq!(patience(hurry, longest, at(2_100)), longest);
        assert_eq!(pressing([bid(1, 2)], at(999)), None);
    }
}
