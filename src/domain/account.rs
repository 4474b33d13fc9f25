//! What one user has deposited with one provider, as the chain says, and what of it is free.

use alloy::primitives::Address;

use super::{Neuron, Timestamp};

/// An account is the pair of its user and its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    pub user: Address,
    pub provider: Address,
}

/// An account as the contract holds it at some block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainAccount {
    pub id: AccountId,
    /// The deposit that is left; includes a pending refund.
    pub balance: Neuron,
    /// All that was ever paid to the provider. Never falls.
    pub settled: Neuron,
    /// Vouchers of earlier epochs no longer count.
    pub epoch: u32,
    /// The key that may sign vouchers beside the user's own.
    pub delegate: Option<Address>,
    pub rotation: Option<Rotation>,
    pub refund: Option<PendingRefund>,
}

/// A change of delegate that has been asked for and takes effect later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// `None` removes the delegate.
    pub delegate: Option<Address>,
    pub active_at: Timestamp,
}

/// The one refund that an account can have under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingRefund {
    pub index: u32,
    pub amount: Neuron,
    pub created_at: Timestamp,
    /// From this block time on the user can take it.
    pub unlock_at: Timestamp,
}

impl ChainAccount {
    /// What is asked back, held to what is there: settlement may have eaten into it.
    pub fn pending_refund(&self) -> Neuron {
        self.refund.map_or(Neuron::ZERO, |refund| refund.amount.min(self.balance))
    }

    /// `settled + balance − pendingRefund`: the most that may ever be owed on this account as it stands.
    pub fn coverage(&self) -> Neuron {
        self.settled.saturating_add(self.balance.above(self.pending_refund()))
    }

    /// What a new request may use: coverage less what is owed and what requests in flight hold.
    pub fn available(&self, owed: Neuron, reserved: Neuron) -> Neuron {
        self.coverage().above(owed.saturating_add(reserved))
    }

    /// The deposit after which coverage is at least `claims`; nothing where it is already. What is asked back does not
    /// count, and where a settlement took part of that, a deposit refills it first.
    pub fn missing(&self, claims: Neuron) -> Neuron {
        if self.coverage() >= claims {
            return Neuron::ZERO;
        }
        let asked_back = self.refund.map_or(Neuron::ZERO, |refund| refund.amount);
        claims.above(self.settled).saturating_add(asked_back).above(self.balance)
    }

    /// The account as it counts at a moment: a change of delegate that has come due is done, and has begun the next
    /// epoch, without any transaction that says so.
    pub fn at(self, now: Timestamp) -> ChainAccount {
        match self.rotation {
            Some(rotation) if now >= rotation.active_at => ChainAccount {
                epoch: self.epoch.saturating_add(1),
                delegate: rotation.delegate,
                rotation: None,
                ..self
            },
            _ => self,
        }
    }

    /// Vouchers count when signed by the user or by the delegate.
    pub fn may_sign(&self, signer: Address) -> bool {
        signer == self.id.user || self.delegate == Some(signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(balance: u128, settled: u128, refund: Option<u128>) -> ChainAccount {
        let moment = Timestamp::from_seconds(0);
        ChainAccount {
            id: AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) },
            balance: Neuron::new(balance),
            settled: Neuron::new(settled),
            epoch: 0,
            delegate: None,
            rotation: None,
            refund: refund.map(|amount| PendingRefund {
                index: 0,
                amount: Neuron::new(amount),
                created_at: moment,
                unlock_at: moment,
            }),
        }
    }

    #[test]
    fn available_is_what_nobody_has_a_claim_on() {
        let n = Neuron::new;
        assert_eq!(account(100, 40, None).available(n(50), n(20)), n(70));
        assert_eq!(account(100, 40, Some(30)).available(n(50), n(20)), n(40));
        // A settlement took part of what was asked back.
        assert_eq!(account(20, 120, Some(30)).pending_refund(), n(20));
        assert_eq!(account(20, 120, Some(30)).available(n(120), n(0)), n(0));
        assert_eq!(account(0, 0, None).available(n(1), n(1)), n(0));
    }

    #[test]
    fn a_change_of_delegate_counts_from_its_moment_on() {
        let (old, new) = (Address::repeat_byte(3), Address::repeat_byte(4));
        let active_at = Timestamp::from_seconds(50);
        let waiting = ChainAccount {
            delegate: Some(old),
            rotation: Some(Rotation { delegate: Some(new), active_at }),
            ..account(1, 0, None)
        };
        assert_eq!(waiting.at(Timestamp::from_seconds(49)), waiting);
        let done = waiting.at(active_at);
        assert_eq!((done.epoch, done.delegate, done.rotation), (1, Some(new), None));
        assert_eq!(done.at(Timestamp::from_seconds(99)), done);
    }

    proptest! {
        #[test]
        fn a_deposit_of_what_is_missing_is_enough_and_one_less_is_not(
            balance in 0u128..300, settled in 0u128..300, refund in proptest::option::of(1u128..300), claims in 0u128..900,
        ) {
            let n = Neuron::new;
            let missing = account(balance, settled, refund).missing(n(claims)).get();
            let coverage = |deposit| account(balance + deposit, settled, refund).coverage();
            prop_assert!(coverage(missing) >= n(claims));
            prop_assert!(missing == 0 || coverage(missing - 1) < n(claims));
        }
    }
}
