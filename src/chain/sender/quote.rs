//! What a transaction would need and may cost, asked of the node without anything being written or sent.

use alloy::primitives::Address;

use super::place::cost;
use super::slot::Slot;
use super::{Command, SendError, Sender, Worker};
use crate::chain::call::Intent;
use crate::chain::fees::{Fees, GasPrice};
use crate::chain::rpc::At;
use crate::chain::{Call, Chain, ChainError, Revert};

/// What the sender's transactions under way mean for the next one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    in_flight: usize,
    /// The most that they can still take from the address, in neuron.
    held: u128,
    /// The first nonce behind all of ours.
    next: u64,
}

/// What a transaction needs beside what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendQuote {
    pub nonce: u64,
    /// Transactions of this key that are in no block yet; this one waits behind them.
    pub in_flight: usize,
    /// Units of gas that it would use now.
    pub gas: u64,
    /// Units of gas that it is sent with: a fifth more. It cannot use more.
    pub gas_limit: u64,
    /// What is offered at first for a unit.
    pub fees: Fees,
    /// What a unit costs now.
    pub price: GasPrice,
    /// What the settings allow a unit to cost in the end, when fees have to be raised.
    pub most_per_gas: u128,
    /// The address's money, in neuron.
    pub balance: u128,
    /// The same less what transactions under way can still take.
    pub available: u128,
}

impl SendQuote {
    /// What the gas costs in the next block, in neuron.
    pub fn likely(&self) -> u128 {
        self.price.likely_cost(self.gas)
    }

    /// The most that the gas can cost at the first offer; so much must be there beside the amount.
    pub fn offered(&self) -> u128 {
        self.fees.max_fee.saturating_mul(self.gas_limit.into())
    }

    /// The most that the gas can ever come to, however often the offer is raised.
    pub fn most(&self) -> u128 {
        self.most_per_gas.max(self.fees.max_fee).saturating_mul(self.gas_limit.into())
    }
}

impl Sender {
    /// What a call would need and cost if it were submitted now, or why it would be refused. Nothing is written,
    /// signed or sent, and no nonce is taken.
    pub async fn quote(&self, call: &Call) -> Result<SendQuote, SendError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.now.send(Command::Look { reply }).await.map_err(|_| SendError::Stopped)?;
        let line = answer.await.map_err(|_| SendError::Stopped)?;
        let chain = &self.chain;
        chain.quote(self.address, &call.intent(chain.contract()), line, self.settings.max_fee_per_gas).await
    }
}

impl Worker {
    pub(super) fn line(&self) -> Line {
        let open = || self.slots.iter().filter(|slot| slot.is_open());
        Line {
            in_flight: open().count(),
            held: open().fold(0u128, |sum, slot| sum.saturating_add(Slot::cost(slot))),
            next: self.slots.iter().map(|slot| slot.nonce + 1).max().unwrap_or(0),
        }
    }
}

impl Chain {
    /// Simulates a transaction and finds nonce, gas and fees for it; refuses what cannot succeed or be paid.
    pub(super) async fn quote(
        &self,
        address: Address,
        intent: &Intent,
        line: Line,
        cap: u128,
    ) -> Result<SendQuote, SendError> {
        // With others under way the contract must be asked as it will be after them.
        let at = if line.in_flight == 0 { At::Latest } else { At::Pending };
        let (balance, price, latest, pending) = tokio::try_join!(
            self.native_balance(address),
            self.gas_price(),
            self.transaction_count(address, At::Latest),
            self.transaction_count(address, At::Pending),
        )?;
        // Nodes behind one address disagree about both counts; none of them can take back what we know.
        let nonce = latest.max(pending).max(line.next);
        let fees = Fees::offer(price, cap).ok_or(SendError::FeeTooHigh { current: price.base, cap })?;
        let available = balance.saturating_sub(line.held);
        let short = |gas: u64| {
            let needed = cost(intent, gas, fees);
            SendError::InsufficientGas { needed, available, address }
        };
        // The least that any transaction needs; below it nodes refuse to simulate at all.
        if cost(intent, 21_000, fees) > available {
            return Err(short(21_000));
        }
        let gas = match self.estimate(address, intent, at).await {
            // The newest block may be older than the end of the wait, and on a quiet chain stays so until this is
            // mined; the block that it is mined in is not.
            Err(ChainError::Revert(Revert::RefundLocked { .. })) => {
                self.estimate(address, intent, At::Pending).await
            }
            gas => gas,
        };
        let gas = gas.map_err(|error| match error {
            ChainError::Revert(revert) => SendError::Reverted(revert),
            ChainError::Refused { ref message, .. }
                if message.to_ascii_lowercase().contains("insufficient") =>
            {
                short(21_000)
            }
            error => SendError::Chain(error),
        })?;
        let gas_limit = gas.saturating_add(gas / 5);
        if cost(intent, gas_limit, fees) > available {
            return Err(short(gas_limit));
        }
        let in_flight = line.in_flight;
        Ok(SendQuote { nonce, in_flight, gas, gas_limit, fees, price, most_per_gas: cap, balance, available })
    }
}
