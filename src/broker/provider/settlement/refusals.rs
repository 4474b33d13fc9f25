//! How long the engine waits after nodes refused a settlement. Pure.
//!
//! What every node refuses for good is most likely refused again, and each try signs a transaction and leaves it in the
//! database. So the pauses double. A debt in danger does not wait for them: several tries have to fit into what is left.

use crate::domain::Timestamp;

/// The first pause and the shortest, in seconds.
const FIRST: u64 = 10;
const LONGEST: u64 = 600;
/// Tries that should fit into the time before a deadline.
const TRIES: u64 = 8;

/// Refusals in a row.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    last: Option<(Timestamp, String)>,
}

impl Refusals {
    /// Nodes refused one more, for this reason.
    pub(super) fn add(&mut self, at: Timestamp, why: String) {
        self.count = self.count.saturating_add(1);
        self.last = Some((at, why));
    }

    /// Nodes took all that was to be settled.
    pub(super) fn clear(&mut self) {
        *self = Refusals::default();
    }

    /// When the engine tries again, and why not before. `deadline`: the nearest one of what it would settle and is in danger.
    /// A refusal of a time that is not there yet, as a node with a fast clock leaves it, holds nothing up.
    pub(super) fn pause(&self, now: Timestamp, deadline: Option<Timestamp>) -> Option<(Timestamp, &str)> {
        let (at, why) = self.last.as_ref().filter(|(at, _)| *at <= now)?;
        let doubled = FIRST.saturating_mul(1 << self.count.saturating_sub(1).min(16)).min(LONGEST);
        let left = deadline.map_or(u64::MAX, |deadline| deadline.seconds_since(*at) / TRIES);
        Some((at.plus_seconds(doubled.min(left).max(FIRST)), why))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_never_past_a_deadline() {
        let at = Timestamp::from_seconds;
        let mut refusals = Refusals::default();
        assert_eq!(refusals.pause(at(1_000), None), None);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            refusals.add(at(1_000), "because".to_owned());
            let (until, why) = refusals.pause(at(1_000), None).unwrap();
            assert_eq!(why, "because");
            pauses.push(until.seconds_since(at(1_000)));
        }
        assert_eq!(pauses[..8], [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(pauses[39], 600);
        let until =
            |deadline| refusals.pause(at(1_000), Some(at(deadline))).map(|(until, _)| until.as_seconds());
        assert_eq!(
            [until(100_000), until(1_800), until(1_040), until(900)],
            [Some(1_600), Some(1_100), Some(1_010), Some(1_010)]
        );
        assert_eq!(refusals.pause(at(999), Some(at(5_000))), None, "time ran back");
        refusals.clear();
        assert_eq!(refusals.pause(at(1_000), None), None);
    }
}
