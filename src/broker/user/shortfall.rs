//! What is missing, where money is all that is missing.

use super::UserError;
use super::error::CallRefusal;
use crate::domain::{Address, Neuron};

/// A deposit that would let a refused request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub provider: Address,
    /// Deposit exactly this.
    pub amount: Neuron,
    /// There is no account yet: one must be opened with the amount.
    pub opens: bool,
}

impl Shortfall {
    /// `None` when nothing is missing. An account is opened with one neuron at least.
    pub(super) fn of(provider: Address, opens: bool, amount: Neuron) -> Option<Shortfall> {
        let amount = if opens { amount.max(Neuron::new(1)) } else { amount };
        // More than an account can hold helps nobody.
        (!amount.is_zero() && amount <= Neuron::MAX).then_some(Shortfall { provider, amount, opens })
    }
}

impl CallRefusal {
    /// The deposit after which the same call would pass; `None` for everything that money does not solve.
    pub fn missing(&self) -> Option<Shortfall> {
        match self {
            CallRefusal::NoAccount { provider, needed } => Shortfall::of(*provider, true, *needed),
            CallRefusal::InsufficientBalance { provider, missing, .. } => {
                Shortfall::of(*provider, false, *missing)
            }
            CallRefusal::User(UserError::NoAccount(provider)) => Shortfall::of(*provider, true, Neuron::ZERO),
            _ => None,
        }
    }
}
