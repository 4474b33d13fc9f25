//! From an order to a broadcast transaction: nonce, gas, fees, funds, signature, journal, broadcast.

use std::time::Duration;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{B256, Bytes, U64};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::quote::SendQuote;
use super::slot::{Order, Slot};
use super::verdict::{Verdict, verdict};
use super::{SendError, Worker};
use crate::chain::call::Intent;
use crate::chain::fees::{Fees, GasPrice};
use crate::chain::journal::{Attempt, SignerError, TxState};
use crate::chain::line;
use crate::chain::rpc::At;
use crate::chain::{Bid, Call, Chain, ChainError, Revert};
use crate::crash_point::{self, Point};
use crate::domain::{Address, Timestamp};

/// How often a nonce or a fee is chosen anew before a submission is given up.
const ROUNDS: u32 = 6;
/// A settlement of a thousand rows needs a quarter of this.
const MOST_GAS: u64 = 100_000_000;
/// What a transaction costs that does nothing. A node that estimates less would have us sign what no node takes.
const LEAST_GAS: u64 = 21_000;

impl Chain {
    /// The fields of a transaction as `eth_call` and `eth_estimateGas` want them.
    fn request(from: Address, intent: &Intent) -> Value {
        let mut request = json!({ "from": from, "value": intent.value, "input": intent.input });
        if let Some(to) = intent.to.to() {
            request["to"] = json!(to);
        }
        request
    }

    /// The units of gas that a call would use now; refused with the contract's reason if it would fail. Times
    /// [`GasPrice::likely_cost`] it is what the call would cost.
    pub async fn estimate_gas(&self, from: Address, call: &Call) -> Result<u64, ChainError> {
        self.estimate(from, &call.intent(self.contract()), At::Latest).await
    }

    /// The gas that the transaction would use; refused with the revert's reason if it would fail.
    pub(super) async fn estimate(&self, from: Address, intent: &Intent, at: At) -> Result<u64, ChainError> {
        let request = Self::request(from, intent);
        let gas: Result<U64, _> =
            self.rpc().ask_at("eth_estimateGas", |block| json!([request, block]), at).await;
        match gas {
            Ok(gas) if (LEAST_GAS..=MOST_GAS).contains(&gas.to()) => Ok(gas.to()),
            Ok(gas) => {
                let reason = format!("no transaction takes {gas} units of gas");
                Err(ChainError::BadAnswer { method: "eth_estimateGas", reason })
            }
            // Some nodes estimate without saying why it fails; the call itself says.
            Err(ChainError::Revert(Revert::Other(text))) => {
                self.replay(from, intent, at).await?;
                Err(ChainError::Revert(Revert::Other(text)))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs the transaction without sending it, for the reason of its failure.
    pub(super) async fn replay(&self, from: Address, intent: &Intent, at: At) -> Result<(), ChainError> {
        let request = Self::request(from, intent);
        let _: Bytes = self.rpc().ask_at("eth_call", |block| json!([request, block]), at).await?;
        Ok(())
    }

    /// Sends a signed transaction, once.
    pub(super) async fn broadcast(&self, attempt: &Attempt) -> Result<(), ChainError> {
        let hash: B256 = self.rpc().once("eth_sendRawTransaction", json!([attempt.raw])).await?;
        if hash != attempt.hash {
            tracing::warn!(ours = %attempt.hash, theirs = %hash, "the node names the transaction differently");
        }
        Ok(())
    }
}

/// What a transaction needs beside its order.
struct Quote {
    nonce: u64,
    gas_limit: u64,
    fees: Fees,
    price: GasPrice,
}

/// Why an order did not go out.
pub(super) struct NotPlaced {
    pub(super) error: SendError,
    /// The journal has transactions on record that no node has taken or will take; it must be told so.
    pub(super) recorded: bool,
}

/// The most that a transaction can take from its sender, in neuron.
pub(super) fn cost(intent: &Intent, gas_limit: u64, fees: Fees) -> u128 {
    let value = u128::try_from(intent.value).unwrap_or(u128::MAX);
    fees.max_fee.saturating_mul(gas_limit.into()).saturating_add(value)
}

impl Worker {
    /// Carries out `order` under a new nonce and gives its slot once it is, or may be, with the node.
    pub(super) async fn place(
        &mut self,
        order: &Order,
        state: watch::Sender<TxState>,
    ) -> Result<Slot, NotPlaced> {
        let mut recorded = false;
        match self.try_place(order, &mut recorded).await {
            Ok((gas_limit, attempt, again)) => {
                let mut slot = Slot::new(order.clone(), gas_limit, vec![attempt], state);
                slot.again_at = Instant::now() + again;
                Ok(slot)
            }
            Err(error) => Err(NotPlaced { error, recorded }),
        }
    }

    async fn try_place(
        &self,
        order: &Order,
        recorded: &mut bool,
    ) -> Result<(u64, Attempt, Duration), SendError> {
        // Above nonces for which other transactions wait, though the counts do not show it.
        let mut floor = 0;
        let mut too_low: Option<(Fees, u64)> = None;
        let mut refused = "";
        let later = self.settings.rebroadcast_after;
        for _ in 0..ROUNDS {
            let mut quote = self.quote(order, floor).await?;
            let cap = self.cap(order.bid, quote.gas_limit);
            let fees = match too_low {
                None => quote.fees,
                Some((fees, nonce)) => {
                    // Should a node have taken the first all the same, this one takes its place instead of following it.
                    quote.nonce = nonce;
                    fees.raised(quote.price, cap).ok_or_else(|| self.too_high(fees.max_fee, cap))?
                }
            };
            let attempt = self.sign(order, quote.nonce, quote.gas_limit, fees)?;
            self.journal.record(attempt.clone()).await?;
            *recorded = true;
            crash_point::pass(Point::AttemptRecorded);
            let mut said = verdict(&self.chain.broadcast(&attempt).await);
            if !matches!(said, Verdict::Accepted | Verdict::Uncertain | Verdict::NonceUsed) {
                // A server in between may have failed after it had passed the transaction on, or have passed it on twice.
                // Were it told of as not done, or sent again under another nonce, while it is mined, it would be done
                // twice. If it is out there, the same bytes are "known".
                said = verdict(&self.chain.broadcast(&attempt).await);
            }
            crash_point::pass(Point::AttemptBroadcast);
            tracing::debug!(op = ?order.op, nonce = quote.nonce, hash = %attempt.hash, ?said, "broadcast");
            match said {
                Verdict::Accepted => return Ok((quote.gas_limit, attempt, later)),
                Verdict::Uncertain => return Ok((quote.gas_limit, attempt, later.min(self.chain.poll()))),
                // Used by whom? A server in between may have delivered ours twice, and the receipt may not be there
                // yet. Only the block that used the nonce proves anything, and the sweep looks for that.
                Verdict::NonceUsed => return Ok((quote.gas_limit, attempt, later)),
                // Ours would have been "known": another transaction waits under this nonce, and ours is not taken.
                Verdict::NonceContested => {
                    floor = quote.nonce + 1;
                    too_low = too_low.map(|(fees, _)| (fees, floor));
                    refused = "its nonces are taken by another process with the same key";
                }
                Verdict::Underpriced => {
                    too_low = Some((fees, quote.nonce));
                    refused = "its fees are too low";
                }
                Verdict::NoFunds => {
                    let address = self.signer.address();
                    let available = self.chain.native_balance(address).await?;
                    let needed = cost(&order.intent, quote.gas_limit, fees);
                    return Err(SendError::InsufficientGas { needed, available, address });
                }
                Verdict::AboveNodeCap(message) => return Err(SendError::NodeCap { message }),
                Verdict::Refused(message) => return Err(SendError::Refused { message }),
            }
        }
        Err(SendError::Refused { message: refused.to_owned() })
    }

    /// Simulates the order and finds nonce, gas and fees for it; refuses what cannot succeed or be paid.
    async fn quote(&self, order: &Order, floor: u64) -> Result<Quote, SendError> {
        let most = self.settings.max_fee_per_gas;
        let quote = self.chain.quote(self.signer.address(), &order.intent, self.line(), most).await?;
        let SendQuote { nonce, gas_limit, price, .. } = quote;
        let cap = self.cap(order.bid, gas_limit);
        let fees = Fees::offer(price, cap).ok_or_else(|| self.too_high(price.base, cap))?;
        Ok(Quote { nonce: nonce.max(floor), gas_limit, fees, price })
    }

    /// The most that one unit of gas may cost an order now: what the settings allow, and what its own bid does.
    pub(super) fn cap(&self, bid: Option<Bid>, gas_limit: u64) -> u128 {
        line::cap(bid, gas_limit, self.settings.max_fee_per_gas, self.now())
    }

    fn too_high(&self, current: u128, most: u128) -> SendError {
        match self.settings.max_fee_per_gas {
            cap if cap == most => SendError::FeeTooHigh { current, cap },
            _ => SendError::OverBid { current, most },
        }
    }

    /// The chain's present moment as well as we know it: never behind our own clock.
    pub(super) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        if self.ahead == 0 { now } else { now.plus_seconds(self.ahead) }
    }

    pub(super) fn sign(
        &self,
        order: &Order,
        nonce: u64,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<Attempt, SignerError> {
        let Intent { to, value, input } = order.intent.clone();
        let tx = TxEip1559 {
            chain_id: self.chain.id(),
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.priority,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        let signature = self.signer.sign(tx.signature_hash())?;
        let signature = alloy::primitives::Signature::from_raw_array(signature.bytes())
            .map_err(|error| SignerError(error.to_string()))?;
        let tx = TxEnvelope::from(tx.into_signed(signature));
        Ok(Attempt {
            op: order.op,
            from: self.signer.address(),
            nonce,
            hash: *tx.tx_hash(),
            raw: tx.encoded_2718().into(),
            max_fee: fees.max_fee,
            priority: fees.priority,
            at: Timestamp::now(),
        })
    }
}
