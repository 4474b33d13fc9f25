//! Transactions that are signed and accepted but not in a block yet.
//!
//! One transaction per sender and nonce; a second one replaces it if it offers at least a tenth more. A
//! transaction whose nonce lies ahead, or whose fee is below the base fee, waits. The pool lives in memory only, as
//! in most nodes: a restart forgets it, and senders must be able to live with that.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable},
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, U256},
};

use super::{execute::BLOCK_GAS_LIMIT, state::View};

/// Transactions kept at most.
const CAPACITY: usize = 4096;
/// Bytes of one transaction at most, as in geth.
const MAX_SIZE: usize = 128 * 1024;
/// Bytes of contract creation code at most (EIP-3860).
const MAX_INITCODE: usize = 49_152;
/// Per cent that a replacement must offer of the fees it replaces.
const REPLACEMENT_PERCENT: u128 = 110;

/// Why a transaction was not accepted. The texts are geth's: wallets and libraries match on them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    #[error("rlp: cannot decode the transaction: {0}")]
    Undecodable(String),
    #[error("transaction type not supported")]
    UnsupportedType,
    #[error("invalid sender")]
    InvalidSender,
    #[error("invalid chain id for signer: have {have} want {want}")]
    WrongChain { have: u64, want: u64 },
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    #[error("oversized data: transaction size {size}, limit {MAX_SIZE}")]
    Oversized { size: usize },
    #[error("max initcode size exceeded: code size {size}, limit {MAX_INITCODE}")]
    InitcodeTooLarge { size: usize },
    #[error("exceeds block gas limit")]
    GasLimit,
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee}"
    )]
    TipAboveFee { tip: u128, fee: u128 },
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas { gas: u64, needed: u64 },
    #[error("already known")]
    AlreadyKnown,
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow { next: u64, nonce: u64 },
    #[error("replacement transaction underpriced")]
    Underpriced,
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}", .cost.saturating_sub(*.balance))]
    InsufficientFunds { balance: U256, cost: U256 },
    #[error("txpool is full")]
    Full,
}

/// A transaction with its sender.
#[derive(Debug)]
pub(super) struct PoolTx {
    pub envelope: TxEnvelope,
    pub from: Address,
}

impl PoolTx {
    /// Reads a signed transaction for chain `chain_id` and checks what needs no state.
    pub fn decode(raw: &[u8], chain_id: u64) -> Result<Self, PoolError> {
        if raw.len() > MAX_SIZE {
            return Err(PoolError::Oversized { size: raw.len() });
        }
        let envelope =
            TxEnvelope::decode_2718_exact(raw).map_err(|error| PoolError::Undecodable(error.to_string()))?;
        if envelope.is_eip4844() || envelope.is_eip7702() {
            // Blobs need a side car nobody here keeps; delegations belong to a later fork.
            return Err(PoolError::UnsupportedType);
        }
        match envelope.chain_id() {
            None => return Err(PoolError::Unprotected),
            Some(have) if have != chain_id => return Err(PoolError::WrongChain { have, want: chain_id }),
            Some(_) => {}
        }
        if envelope.is_create() && envelope.input().len() > MAX_INITCODE {
            return Err(PoolError::InitcodeTooLarge { size: envelope.input().len() });
        }
        if envelope.gas_limit() > BLOCK_GAS_LIMIT {
            return Err(PoolError::GasLimit);
        }
        let (tip, fee) =
            (envelope.max_priority_fee_per_gas().unwrap_or_default(), envelope.max_fee_per_gas());
        if tip > fee {
            return Err(PoolError::TipAboveFee { tip, fee });
        }
        let needed = intrinsic_gas(&envelope);
        if envelope.gas_limit() < needed {
            return Err(PoolError::IntrinsicGas { gas: envelope.gas_limit(), needed });
        }
        let from = envelope.recover_signer().map_err(|_| PoolError::InvalidSender)?;
        Ok(PoolTx { envelope, from })
    }

    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// The most it can cost its sender.
    fn cost(&self) -> U256 {
        let gas =
            U256::from(self.envelope.gas_limit()).saturating_mul(U256::from(self.envelope.max_fee_per_gas()));
        gas.saturating_add(self.envelope.value())
    }

    /// Whether its fees are enough to take the place of `other`.
    fn outbids(&self, other: &PoolTx) -> bool {
        let enough = |new: u128, old: u128| {
            let threshold = U256::from(old) * U256::from(REPLACEMENT_PERCENT) / U256::from(100);
            new > old && U256::from(new) >= threshold
        };
        let tip = |tx: &PoolTx| {
            let price = tx.envelope.max_fee_per_gas();
            tx.envelope.max_priority_fee_per_gas().unwrap_or(price)
        };
        enough(self.envelope.max_fee_per_gas(), other.envelope.max_fee_per_gas())
            && enough(tip(self), tip(other))
    }
}

/// Gas a transaction costs before anything runs (EIP-2028, EIP-2930, EIP-3860).
fn intrinsic_gas(envelope: &TxEnvelope) -> u64 {
    let zeros = envelope.input().iter().filter(|byte| **byte == 0).count();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut gas = 21_000 + 4 * count(zeros) + 16 * count(envelope.input().len() - zeros);
    if envelope.is_create() {
        gas += 32_000 + 2 * count(envelope.input().len().div_ceil(32));
    }
    if let Some(list) = envelope.access_list() {
        let keys = list.0.iter().map(|item| item.storage_keys.len()).sum();
        gas += 2_400 * count(list.0.len()) + 1_900 * count(keys);
    }
    gas
}

#[derive(Debug)]
struct Entry {
    tx: Arc<PoolTx>,
    /// Rank among equals: who came first goes first.
    arrival: u64,
}

/// The transactions waiting.
#[derive(Debug, Default)]
pub(super) struct Pool {
    senders: BTreeMap<Address, BTreeMap<u64, Entry>>,
    hashes: HashMap<B256, (Address, u64)>,
    arrivals: u64,
}

impl Pool {
    /// Takes a transaction in, judged against the state at the head.
    pub fn add(&mut self, tx: Arc<PoolTx>, head: View<'_>) -> Result<(), PoolError> {
        let (from, nonce, hash) = (tx.from, tx.envelope.nonce(), tx.hash());
        if self.hashes.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let next = head.nonce(from);
        if nonce < next {
            return Err(PoolError::NonceTooLow { next, nonce });
        }
        let waiting = self.senders.get(&from);
        let replaced = waiting.and_then(|waiting| waiting.get(&nonce));
        if let Some(replaced) = replaced
            && !tx.outbids(&replaced.tx)
        {
            return Err(PoolError::Underpriced);
        }
        // What the sender's other transactions may cost counts too: together they must be payable.
        let others = waiting.into_iter().flatten().filter(|(other, _)| **other != nonce);
        let cost = others.fold(tx.cost(), |sum, (_, entry)| sum.saturating_add(entry.tx.cost()));
        let balance = head.balance(from);
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        if replaced.is_none() && self.hashes.len() >= CAPACITY {
            return Err(PoolError::Full);
        }
        let replaced = replaced.map(|entry| entry.tx.hash());
        if let Some(replaced) = replaced {
            self.hashes.remove(&replaced);
        }
        self.arrivals += 1;
        self.hashes.insert(hash, (from, nonce));
        self.senders.entry(from).or_default().insert(nonce, Entry { tx, arrival: self.arrivals });
        Ok(())
    }

    pub fn get(&self, hash: B256) -> Option<&Arc<PoolTx>> {
        let (from, nonce) = self.hashes.get(&hash)?;
        Some(&self.senders.get(from)?.get(nonce)?.tx)
    }

    /// Hashes of everything waiting, by sender and nonce.
    pub fn all(&self) -> Vec<B256> {
        self.senders.values().flat_map(|waiting| waiting.values()).map(|entry| entry.tx.hash()).collect()
    }

    /// The nonce that `from` should use next, `mined` being the one the state says.
    pub fn next_nonce(&self, from: Address, mined: u64) -> u64 {
        let mut next = mined;
        while self.senders.get(&from).is_some_and(|waiting| waiting.contains_key(&next)) {
            next += 1;
        }
        next
    }

    /// What a block of base fee `base_fee` can take now, in the order it should: highest tip first, then first come,
    /// each sender's own in nonce order.
    pub fn ready(&self, head: View<'_>, base_fee: u64) -> Vec<Arc<PoolTx>> {
        let mut queues: Vec<(u64, &BTreeMap<u64, Entry>)> =
            self.senders.iter().map(|(from, waiting)| (head.nonce(*from), waiting)).collect();
        let mut ready = Vec::new();
        loop {
            let payable = queues.iter().enumerate().filter_map(|(index, (nonce, waiting))| {
                let entry = waiting.get(nonce)?;
                let tip = entry.tx.envelope.effective_tip_per_gas(base_fee)?;
                Some((tip, std::cmp::Reverse(entry.arrival), index))
            });
            let Some((_, _, best)) = payable.max() else { break };
            let (nonce, waiting) = &mut queues[best];
            let Some(entry) = waiting.get(nonce) else { break };
            ready.push(Arc::clone(&entry.tx));
            *nonce += 1;
        }
        ready
    }

    /// Forgets one transaction. False if it was not waiting.
    pub fn remove(&mut self, hash: B256) -> bool {
        let Some((from, nonce)) = self.hashes.remove(&hash) else { return false };
        if let Some(waiting) = self.senders.get_mut(&from) {
            waiting.remove(&nonce);
            if waiting.is_empty() {
                self.senders.remove(&from);
            }
        }
        true
    }

    /// Forgets every transaction of `from` whose nonce is below `next`: a block has used those nonces.
    pub fn used_up_to(&mut self, from: Address, next: u64) {
        let Some(waiting) = self.senders.get_mut(&from) else { return };
        let kept = waiting.split_off(&next);
        for entry in std::mem::replace(waiting, kept).into_values() {
            self.hashes.remove(&entry.tx.hash());
        }
        if waiting.is_empty() {
            self.senders.remove(&from);
        }
    }

    pub fn clear(&mut self) {
        self.senders.clear();
        self.hashes.clear();
    }
}
