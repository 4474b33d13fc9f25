//! What gas costs, what we offer for it, and by how much a stuck transaction's offer is raised.

/// The price of one unit of gas, in neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasPrice {
    /// Burnt in the newest block; rises by at most an eighth a block.
    pub base: u128,
    /// What the miner or sequencer gets on top.
    pub priority: u128,
    /// The most we would offer now: twice the base fee (six full blocks in a row) and the priority fee.
    pub max_fee: u128,
}

impl GasPrice {
    pub fn new(base: u128, priority: u128) -> Self {
        GasPrice { base, priority, max_fee: base.saturating_mul(2).saturating_add(priority) }
    }

    /// What `gas` units would cost if mined in the next block, in neuron.
    pub fn likely_cost(&self, gas: u64) -> u128 {
        self.base.saturating_add(self.priority).saturating_mul(gas.into())
    }
}

/// The two fee fields of a transaction. Public for simulations of the sender (`examples/settlement`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub max_fee: u128,
    pub priority: u128,
}

impl Fees {
    /// The offer for a new transaction, or `None` when gas alone already costs more than `cap`.
    pub fn offer(price: GasPrice, cap: u128) -> Option<Fees> {
        if price.base > cap {
            return None;
        }
        let max_fee = price.max_fee.min(cap);
        Some(Fees { max_fee, priority: price.priority.min(max_fee - price.base) })
    }

    /// Everything up to `cap`, for a transaction that may not wait any longer. `None` when that is no raise.
    pub fn all_of(self, price: GasPrice, cap: u128) -> Option<Fees> {
        let priority = cap.saturating_sub(price.base);
        (cap >= eighth_more(self.max_fee) && priority >= eighth_more(self.priority))
            .then_some(Fees { max_fee: cap, priority })
    }

    /// A higher offer for the same nonce: at least an eighth more on both fields (nodes want a tenth) and at least
    /// what a new transaction would offer. `None` when that passes `cap`.
    pub fn raised(self, price: GasPrice, cap: u128) -> Option<Fees> {
        let max_fee = eighth_more(self.max_fee).max(price.max_fee.min(cap));
        let priority = eighth_more(self.priority).max(price.priority).min(max_fee);
        (max_fee <= cap && priority >= eighth_more(self.priority)).then_some(Fees { max_fee, priority })
    }
}

/// The least raise that every node takes: they want a tenth more.
fn eighth_more(fee: u128) -> u128 {
    fee.saturating_add(fee.div_ceil(8)).max(fee.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_offer_stays_under_the_cap() {
        let price = GasPrice::new(100, 10);
        assert_eq!(Fees::offer(price, 1000), Some(Fees { max_fee: 210, priority: 10 }));
        assert_eq!(Fees::offer(price, 105), Some(Fees { max_fee: 105, priority: 5 }));
        assert_eq!(Fees::offer(price, 99), None);
    }

    proptest! {
        #[test]
        fn a_raise_satisfies_every_node(
            max_fee in 0u128..1 << 60, tip in 0u128..1 << 60, base in 0u128..1 << 60, now in 0u128..1 << 60,
        ) {
            let old = Fees { max_fee: max_fee.max(tip), priority: tip };
            if let Some(new) = old.raised(GasPrice::new(base, now), 1 << 62) {
                prop_assert!(new.max_fee * 8 >= old.max_fee * 9 && new.max_fee > old.max_fee);
                prop_assert!(new.priority * 8 >= old.priority * 9 && new.priority > old.priority);
                prop_assert!(new.priority <= new.max_fee && new.max_fee <= 1 << 62);
            }
            if let Some(new) = old.all_of(GasPrice::new(base, now), 1 << 58) {
                prop_assert!(new.max_fee * 8 >= old.max_fee * 9 && new.max_fee > old.max_fee);
                prop_assert!(new.priority * 8 >= old.priority * 9 && new.priority > old.priority);
                prop_assert!(new.priority <= new.max_fee && new.max_fee == 1 << 58);
            }
        }
    }
}
