//! Whether this broker could make a paid request now, and why not.
//!
//! Being alive is another question: a broker without a chain or money still answers, and starting it anew mends nothing.
//! A chain that cannot be read does not stop paid requests over accounts that were read before, so it is told beside.

use super::handle::UserBroker;
use super::snapshot::Snapshot;
use crate::domain::{Neuron, Obstacle, Readiness};

impl UserBroker {
    /// All reasons why no paid request can be made now, and what else does not work.
    pub async fn readiness(&self) -> Readiness {
        let inner = &self.inner;
        let Readiness { obstacles: seen, degraded } = in_snapshot(&self.snapshot());
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

/// What can be seen in the published state.
fn in_snapshot(snapshot: &Snapshot) -> Readiness {
    let mut degraded = Vec::new();
    let mut obstacles = in_accounts(snapshot);
    match (&snapshot.stale, snapshot.head) {
        (Some(why), _) => {
            let away = Obstacle::new("chain_unreachable", format!("the chain cannot be read: {why}"));
            // Of what was read before, or remembered from the last run, requests are paid all the same.
            let known = snapshot.services > 0;
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

/// Whether there is something to pay from, and somebody who may sign for it.
fn in_accounts(snapshot: &Snapshot) -> Vec<Obstacle> {
    let mut found = Vec::new();
    if snapshot.accounts.is_empty() {
        found.push(Obstacle::new("no_account", "there is no account with a provider; open one"));
        return found;
    }
    let mut signable = snapshot.accounts.iter().filter(|account| account.can_sign).peekable();
    if signable.peek().is_none() {
        found.push(Obstacle::new("no_key", "no key is here that may sign for an account"));
    } else if signable.all(|account| account.available.is_zero()) {
        found.push(Obstacle::new("no_funds", "no account has anything spendable; deposit more"));
    }
    // What is held counts too, but comes back in a moment.
    if snapshot.caps.per_day.is_some_and(|cap| snapshot.spent_today >= cap) {
        found.push(Obstacle::new(
            "cap_reached",
            "the cap of the day is used up; it begins anew at midnight UTC",
        ));
    }
    let promised = snapshot.accounts.iter().map(|account| account.promised);
    let promised = promised.fold(Neuron::ZERO, Neuron::saturating_add);
    if snapshot.caps.total.is_some_and(|cap| promised >= cap) {
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
    use crate::broker::user::{AccountView, Caps};
    use crate::chain::BlockRef;
    use crate::domain::{Address, B256, Timestamp};

    fn account(available: u128, can_sign: bool) -> AccountView {
        AccountView {
            provider: Address::repeat_byte(1),
            balance: Neuron::new(10),
            pending_refund: Neuron::ZERO,
            owed: Neuron::ZERO,
            reserved: Neuron::ZERO,
            promised: Neuron::new(7),
            available: Neuron::new(available),
            settled: Neuron::ZERO,
            delegate: None,
            can_sign,
            refund: None,
        }
    }

    fn well() -> Snapshot {
        let head = BlockRef { number: 1, hash: B256::ZERO, time: Timestamp::from_seconds(1) };
        Snapshot { head: Some(head), services: 1, accounts: vec![account(5, true)], ..Snapshot::default() }
    }

    fn codes(snapshot: &Snapshot) -> Vec<&'static str> {
        in_snapshot(snapshot).obstacles.iter().map(|obstacle| obstacle.code).collect()
    }

    #[test]
    fn a_chain_that_is_away_stops_only_who_knows_nothing_yet() {
        let stale = Snapshot { stale: Some("no answer".to_owned()), ..well() };
        let seen = in_snapshot(&stale);
        assert_eq!(seen.obstacles, []);
        assert_eq!(seen.degraded[0].code, "chain_unreachable");
        assert!(seen.degraded[0].says.ends_with("no answer"));
        // Remembered from the last run.
        assert_eq!(codes(&Snapshot { head: None, ..stale.clone() }), [""; 0]);
        let poor = Snapshot { accounts: vec![account(0, true)], ..stale.clone() };
        assert_eq!((codes(&poor), in_snapshot(&poor).degraded.len()), (vec!["no_funds"], 1));
        let blank = Snapshot { head: None, services: 0, accounts: Vec::new(), ..stale };
        assert_eq!(codes(&blank), ["chain_unreachable", "no_account"]);
        assert_eq!(in_snapshot(&blank).degraded, []);
    }

    #[test]
    fn each_reason_is_named() {
        assert_eq!(codes(&well()), [""; 0]);
        assert_eq!(codes(&Snapshot { head: None, ..well() }), ["services_not_read"]);
        assert_eq!(codes(&Snapshot { accounts: Vec::new(), ..well() }), ["no_account"]);
        assert_eq!(codes(&Snapshot { accounts: vec![account(5, false)], ..well() }), ["no_key"]);
        let mixed = vec![account(5, false), account(0, true)];
        assert_eq!(codes(&Snapshot { accounts: mixed, ..well() }), ["no_funds"]);
        let one = vec![account(0, true), account(1, true)];
        assert_eq!(codes(&Snapshot { accounts: one, ..well() }), [""; 0]);
        let caps = Caps { per_day: Some(Neuron::new(3)), total: Some(Neuron::new(7)), ..Caps::default() };
        let spent = Snapshot { caps, spent_today: Neuron::new(3), ..well() };
        assert_eq!(codes(&spent), ["cap_reached", "cap_reached"]);
        assert_eq!(codes(&Snapshot { spent_today: Neuron::new(2), ..spent }), ["cap_reached"]);
    }
}
