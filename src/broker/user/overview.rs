//! The broker on one page, without the list of its accounts: for whoever asks again and again. Costs the same with
//! ten accounts and with ten thousand.

use super::caps::Caps;
use super::handle::{Inner, UserBroker};
use super::view::{AccountView, OperationView, Totals};
use crate::chain::BlockRef;
use crate::domain::{Neuron, Timestamp};

/// The state at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// How many services the chain lists.
    pub services: usize,
    /// The block that accounts and services were read at; `None` before the first read.
    pub head: Option<BlockRef>,
    /// Why the chain cannot be read at the moment. What is told is then as of `head`.
    pub stale: Option<String>,
    /// Money of the wallet outside the contract, when it could be read.
    pub wallet: Option<Neuron>,
    pub caps: Caps,
    /// Fees of the current UTC day.
    pub spent_today: Neuron,
    /// Highest fees of requests in flight.
    pub reserved: Neuron,
    /// On-chain actions that are not over.
    pub operations: Vec<OperationView>,
    pub can_send: bool,
    pub totals: Totals,
}

/// Whether there is something to pay from, and somebody who may sign for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    #[default]
    NoAccount,
    /// There are accounts, and no key here may sign for any of them.
    NoKey,
    /// No account that can be signed for has anything to spend.
    NoFunds,
    Funded,
}

impl Inner {
    pub fn overview(&self) -> Overview {
        let view = self.view.lock().clone();
        let operations = self.following.lock().values().cloned().collect();
        let (services, caps) = (self.catalogue.read().len(), self.caps());
        let mut book = self.book.lock();
        Overview {
            services,
            head: view.head,
            stale: view.stale,
            wallet: view.wallet,
            caps,
            spent_today: book.today(Timestamp::now().day()).1,
            reserved: book.held(),
            operations,
            can_send: self.sender.is_some(),
            totals: book.totals(),
        }
    }

    /// Looks at accounts until one is found that pays.
    pub fn means(&self) -> Means {
        let book = self.book.lock();
        Means::of(book.positions().filter_map(|(provider, position)| {
            let available = position.chain()?.available(position.owed(), position.held());
            Some((self.keys.can_sign(*provider), available))
        }))
    }
}

impl Means {
    /// Of accounts: whether a key is here, and what can be spent.
    fn of(accounts: impl Iterator<Item = (bool, Neuron)>) -> Means {
        let mut found = Means::NoAccount;
        for (can_sign, available) in accounts {
            if can_sign && !available.is_zero() {
                return Means::Funded;
            }
            found = found.max(if can_sign { Means::NoFunds } else { Means::NoKey });
        }
        found
    }
}

impl UserBroker {
    /// The state at this moment, without the list of accounts.
    pub fn overview(&self) -> Overview {
        self.inner.overview()
    }

    /// The accounts whose answers have cost most, at most so many.
    pub fn dearest_accounts(&self, most: usize) -> Vec<AccountView> {
        let (book, keys) = (self.inner.book.lock(), &self.inner.keys);
        let dearest = book.dearest().filter_map(|(provider, position)| {
            AccountView::of(*provider, position, keys.can_sign(*provider))
        });
        dearest.take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_that_pays_is_enough() {
        let means = |accounts: &[(bool, u128)]| {
            Means::of(accounts.iter().map(|(can_sign, available)| (*can_sign, Neuron::new(*available))))
        };
        assert_eq!(means(&[]), Means::NoAccount);
        assert_eq!(means(&[(false, 5)]), Means::NoKey);
        assert_eq!(means(&[(true, 0), (false, 5)]), Means::NoFunds);
        assert_eq!(means(&[(false, 5), (true, 0)]), Means::NoFunds);
        assert_eq!(means(&[(false, 5), (true, 0), (true, 1)]), Means::Funded);
    }
}
