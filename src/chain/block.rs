//! Blocks by number and hash, and the few fields of RPC answers that we use, read strictly.

use alloy::primitives::{Address, B256, Bytes, U64, U128};
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// One block of one chain: the hash says which of several blocks of that height is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    pub number: u64,
    pub hash: B256,
    /// The block's own time.
    pub time: Timestamp,
}

/// A block header, as far as it matters to us.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    number: U64,
    hash: B256,
    pub(super) parent_hash: B256,
    timestamp: U64,
    #[serde(default)]
    base_fee_per_gas: Option<U128>,
}

impl Header {
    pub(super) fn block(&self) -> BlockRef {
        BlockRef {
            number: self.number.to(),
            hash: self.hash,
            time: Timestamp::from_seconds(self.timestamp.to()),
        }
    }

    /// Neuron for one unit of gas that are burnt in this block; absent on chains before EIP-1559.
    pub(super) fn base_fee(&self) -> Option<u128> {
        self.base_fee_per_gas.map(|fee| fee.to())
    }
}

/// Where and how a transaction ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub(super) transaction_hash: B256,
    pub(super) block_hash: B256,
    block_number: U64,
    status: U64,
    gas_used: U64,
    #[serde(default)]
    effective_gas_price: Option<U128>,
    #[serde(default)]
    pub(super) contract_address: Option<Address>,
}

impl Receipt {
    pub(super) fn block_number(&self) -> u64 {
        self.block_number.to()
    }

    pub(super) fn succeeded(&self) -> bool {
        self.status == U64::from(1)
    }

    pub(super) fn gas_used(&self) -> u64 {
        self.gas_used.to()
    }

    pub(super) fn gas_price(&self) -> u128 {
        self.effective_gas_price.map_or(0, |price| price.to())
    }
}

/// A log line as the node tells it; nothing of it is believed before `event` has checked it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawLog {
    pub(super) address: Address,
    pub(super) topics: Vec<B256>,
    pub(super) data: Bytes,
    pub(super) block_number: Option<U64>,
    pub(super) block_hash: Option<B256>,
    pub(super) transaction_hash: Option<B256>,
    pub(super) log_index: Option<U64>,
    #[serde(default)]
    pub(super) removed: bool,
}

/// A block with its transactions, as far as it takes to see who used a nonce.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct FullBlock {
    pub(super) transactions: Vec<MinedTx>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct MinedTx {
    pub(super) hash: B256,
    pub(super) from: Address,
    pub(super) nonce: U64,
}
