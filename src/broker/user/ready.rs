//! Whether this broker could make a paid request now, and why not.
//!
//! Being alive is another question: a broker without a chain or money still answers, and starting it anew mends nothing.
//! A chain that cannot be read does not stop paid requests over accounts that were read before, so it is told beside.

use super::handle::UserBroker;
use super::overview::{Means, Overview};
use crate::domain::{Obstacle, Readiness};

impl UserBroker {
    /// All reasons why no paid request can be made now, and what else does not work.
    pub async fn readiness(&self) -> Readiness {
        let inner = &self.inner;
        let Readiness { obstacles: seen, degraded } = in_overview(&inner.overview(), inner.means());
        let mut found = Vec::new();
        if inner.tasks.stopping() {
            found.push(Obstacle::new("stopping", "the broker is stopping"));
        }
        if let Err(why) = inner.writes.ask().await {
            found.push(Obstacle::new("store", why));
        }
        found.extend(seen);
        Readiness { obstacles: found, degraded }
    }
}

/// What can be seen without asking anybody.
fn in_overview(now: &Overview, means: Means) -> Readiness {
    let mut degraded = Vec::new();
    let mut obstacles = in_accounts(now, means);
    match (&now.stale, now.head) {
        (Some(why), _) => {
            let away = Obstacle::new("chain_unreachable", format!("the chain cannot be read: {why}"));
            // Of what was read before, or remembered from the last run, requests are paid all the same.
            let known = now.services > 0;
            if known { degraded.push(away) } else { obstacles.insert(0, away) }
        }
        (None, None) => {
            let why = "accounts and services were not read from the chain yet";
            obstacles.insert(0, Obstacle::new("services_not_read", why));
        }
        (None, Some(_)) => {}
    }
    Readiness { obstacles, degraded }
}

/// Whether there is something to pay from, and leave to spend it.
fn in_accounts(now: &Overview, means: Means) -> Vec<Obstacle> {
    let mut found = Vec::new();
    match means {
        Means::NoAccount => {
            found.push(Obstacle::new("no_account", "there is no account with a provider; open one"));
            return found;
        }
        Means::NoKey => found.push(Obstacle::new("no_key", "no key is here that may sign for an account")),
        Means::NoFunds => {
            found.push(Obstacle::new("no_funds", "no account has anything spendable; deposit more"));
        }
        Means::Funded => {}
    }
    // What is held counts too, but comes back in a moment.
    if now.caps.per_day.is_some_and(|cap| now.spent_today >= cap) {
        found.push(Obstacle::new(
            "cap_reached",
            "the cap of the day is used up; it begins anew at midnight UTC",
        ));
    }
    if now.caps.total.is_some_and(|cap| now.totals.promised >= cap) {
        found.push(Obstacle::new(
            "cap_reached",
            "the cap of all that is ever promised is used up; raise caps.total",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::broker::user::{Caps, Totals};
    use crate::chain::BlockRef;
    use crate::domain::{B256, Neuron, Timestamp};

    fn well() -> Overview {
        let head = BlockRef { number: 1, hash: B256::ZERO, time: Timestamp::from_seconds(1) };
        let totals = Totals { accounts: 1, promised: Neuron::new(7), ..Totals::default() };
        Overview { head: Some(head), services: 1, totals, ..Overview::default() }
    }

    fn codes(now: &Overview, means: Means) -> Vec<&'static str> {
        in_overview(now, means).obstacles.iter().map(|obstacle| obstacle.code).collect()
    }

    #[test]
    fn a_chain_that_is_away_stops_only_who_knows_nothing_yet() {
        let stale = Overview { stale: Some("no answer".to_owned()), ..well() };
        let seen = in_overview(&stale, Means::Funded);
        assert_eq!(seen.obstacles, []);
        assert_eq!(seen.degraded[0].code, "chain_unreachable");
        assert!(seen.degraded[0].says.ends_with("no answer"));
        // Remembered from the last run.
        assert_eq!(codes(&Overview { head: None, ..stale.clone() }, Means::Funded), [""; 0]);
        assert_eq!(codes(&stale, Means::NoFunds), ["no_funds"]);
        assert_eq!(in_overview(&stale, Means::NoFunds).degraded.len(), 1);
        let blank = Overview { head: None, services: 0, ..stale };
        assert_eq!(codes(&blank, Means::NoAccount), ["chain_unreachable", "no_account"]);
        assert_eq!(in_overview(&blank, Means::NoAccount).degraded, []);
    }

    #[test]
    fn each_reason_is_named() {
        assert_eq!(codes(&well(), Means::Funded), [""; 0]);
        assert_eq!(codes(&Overview { head: None, ..well() }, Means::Funded), ["services_not_read"]);
        assert_eq!(codes(&well(), Means::NoAccount), ["no_account"]);
        assert_eq!(codes(&well(), Means::NoKey), ["no_key"]);
        assert_eq!(codes(&well(), Means::NoFunds), ["no_funds"]);
        let caps = Caps { per_day: Some(Neuron::new(3)), total: Some(Neuron::new(7)), ..Caps::default() };
        let spent = Overview { caps, spent_today: Neuron::new(3), ..well() };
        assert_eq!(codes(&spent, Means::Funded), ["cap_reached", "cap_reached"]);
        assert_eq!(codes(&Overview { spent_today: Neuron::new(2), ..spent }, Means::Funded), ["cap_reached"]);
    }
}
