//! What the sender writes down before it acts, and what it says at the end.
//!
//! The journal is the caller's store seen from here. [`Journal::record`] makes an [`Attempt`] durable before its
//! bytes leave, so that after a crash every transaction that may exist is known by hash; [`Journal::finished`] is told
//! how the operation ended. Both are repeated after failures and crashes, so both must bear repetition.

use alloy::primitives::{Address, B256, Bytes};
use futures_util::future::BoxFuture;

use super::Revert;
use super::block::BlockRef;
use crate::domain::{OperationId, Signature, Timestamp};

/// One signed transaction, as kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The operation that it carries out; `None` when it only closes a gap between nonces.
    pub op: Option<OperationId>,
    pub from: Address,
    pub nonce: u64,
    pub hash: B256,
    /// The signed transaction as it is broadcast (EIP-2718).
    pub raw: Bytes,
    /// Neuron for one unit of gas at most.
    pub max_fee: u128,
    /// Of it at most, to the miner.
    pub priority: u128,
    pub at: Timestamp,
}

/// How an operation ended on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In a block, as deep as the settings ask.
    Mined {
        hash: B256,
        block: BlockRef,
        gas_used: u64,
        effective_gas_price: u128,
        /// The new contract's address, after a deployment.
        contract: Option<Address>,
    },
    /// In a block, but the contract refused it; only gas was spent.
    Reverted { hash: B256, block: BlockRef, reason: Revert, gas_used: u64, effective_gas_price: u128 },
    /// Not in a block for a long time. It is still followed, and another outcome can come.
    Unknown { hashes: Vec<B256> },
    /// Certainly not on the chain, and it will not be: the node refused every transaction made for it, or its nonce
    /// went to somebody else and the contract would refuse it now.
    Refused { reason: String },
}

impl Outcome {
    /// Whether more may follow without a reorg.
    pub fn is_final(&self) -> bool {
        !matches!(self, Outcome::Unknown { .. })
    }

    /// Neuron spent on gas.
    pub fn gas_cost(&self) -> u128 {
        match self {
            Outcome::Mined { gas_used, effective_gas_price, .. }
            | Outcome::Reverted { gas_used, effective_gas_price, .. } => {
                u128::from(*gas_used).saturating_mul(*effective_gas_price)
            }
            _ => 0,
        }
    }
}

/// Where an operation stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxState {
    /// Broadcast, under each of these hashes; at most one of them can be mined.
    Sent {
        hashes: Vec<B256>,
    },
    /// In a block, but not yet as deep as the settings ask.
    Included {
        hash: B256,
        block: BlockRef,
    },
    Done(Outcome),
}

/// The store could not write; nothing was sent because of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it could not be written down: {0}")]
pub struct JournalError(pub String);

/// What the sender needs of a store.
pub trait Journal: Send + Sync + 'static {
    /// Makes `attempt` durable before it returns. Called before the first broadcast of each hash, and again with
    /// a known hash when a reorg has undone an operation that was already finished: it is under way again then.
    fn record(&self, attempt: Attempt) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Notes how an operation ended. Can be called more than once for an operation: after `Unknown`, and after a reorg.
    fn finished(&self, op: OperationId, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// The key would not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key does not sign: {0}")]
pub struct SignerError(pub String);

/// What the sender needs of a key.
pub trait TxSigner: Send + Sync + 'static {
    fn address(&self) -> Address;

    /// Signs the hash of a transaction.
    fn sign(&self, hash: B256) -> Result<Signature, SignerError>;
}
