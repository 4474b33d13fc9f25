//! Whether this broker could make a paid request now, and why not.
//!
//! Being alive is another question: a broker without a chain or money still answers, and starting it anew mends nothing.

use super::handle::UserBroker;
use super::snapshot::Snapshot;
use crate::domain::{Neuron, Obstacle};

impl UserBroker {
    /// All reasons why no paid request can be made now; none if one can.
    pub async fn obstacles(&self) -> Vec<Obstacle> {
        let inner = &self.inner;
        let mut found = Vec::new();
        if inner.tasks.stopping() {
            found.push(Obstacle::new("stopping", "the broker is stopping"));
        }
        if let Err(why) = inner.writes.ask().await {
            found.push(Obstacle::new("store", why));
        }
        found.extend(in_snapshot(&self.snapshot()));
        found
    }
}

/// What can be seen in the published state.
fn in_snapshot(snapshot: &Snapshot) -> Vec<Obstacle> {
    let mut found = Vec::new();
    match (&snapshot.stale, snapshot.head) {
        (Some(why), _) => {
            found.push(Obstacle::new("chain_unreachable", format!("the chain cannot be read: {why}")));
        }
        (None, None) => {
            found.push(Obstacle::new(
                "services_not_read",
                "accounts and services were not read from the chain yet",
            ));
        }
        (None, Some(_)) => {}
    }
    if snapshot.accounts.is_empty() {
        found.push(Obstacle::new("no_account", "there is no account with a provider; open one"));
        return found;
    }
    let mut signable = snapshot.accounts.iter().filter(|account| account.can_sign).peekable();
    if signable.peek().is_none() {
        found.push(Obstacle::new("no_key", "no key is here that may sign for an account"));
    } else if signable.all(|account| account.available.is_zero()) {
        found.push(Obstacle::new(
            "no_funds",
            "nothing is left of the deposits that could be spent; deposit more",
        ));
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
        Snapshot { head: Some(head), accounts: vec![account(5, true)], ..Snapshot::default() }
    }

    fn codes(snapshot: &Snapshot) -> Vec<&'static str> {
        in_snapshot(snapshot).iter().map(|obstacle| obstacle.code).collect()
    }

    #[test]
    fn each_reason_is_named() {
        assert_eq!(codes(&well()), [""; 0]);
        let stale = Snapshot { stale: Some("no answer".to_owned()), head: None, ..well() };
        assert_eq!(codes(&stale), ["chain_unreachable"]);
        assert!(in_snapshot(&stale)[0].says.ends_with("no answer"));
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
