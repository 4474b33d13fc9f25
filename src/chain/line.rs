//! What one order of a key may cost, and how long it may be stuck. Pure; the sender and the simulation share it.

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
    fn what_an_order_may_cost_is_held_to_its_bid_and_to_the_settings() {
        assert_eq!(cap(None, 10, 50, at(0)), 50);
        assert_eq!(cap(Some(bid(100, 0)), 10, 50, at(0)), 10);
        assert_eq!(cap(Some(bid(100, 8_000)), 10, 50, at(2_000)), 50);
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
