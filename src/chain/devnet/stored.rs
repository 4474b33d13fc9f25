//! How a block is written down: what cannot be computed again, and nothing else.

use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, TxEnvelope},
    eips::eip2718::{Decodable2718, Encodable2718},
    primitives::{Address, B256, Bytes, Log},
};
use serde::{Deserialize, Serialize};

use super::blocks::{Block, MinedTx};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredTx {
    /// The signed transaction (EIP-2718).
    raw: Bytes,
    from: Address,
    success: bool,
    gas_used: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log>,
}

/// A block as the chain's file keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredBlock {
    hash: B256,
    header: Header,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    txs: Vec<StoredTx>,
}

impl StoredBlock {
    pub fn of(block: &Block) -> Self {
        let txs = block.txs.iter().map(|tx| StoredTx {
            raw: tx.envelope.encoded_2718().into(),
            from: tx.from,
            success: tx.receipt.status(),
            gas_used: tx.gas_used,
            created: tx.created,
            logs: tx.receipt.logs().to_vec(),
        });
        StoredBlock { hash: block.hash, header: block.header.clone(), txs: txs.collect() }
    }

    /// The block again. Its roots, bloom and hash are computed anew and must come out the same.
    pub fn open(self) -> Result<Block, String> {
        let mut gas = 0u64;
        let mut txs = Vec::with_capacity(self.txs.len());
        for stored in self.txs {
            let envelope = TxEnvelope::decode_2718_exact(&stored.raw)
                .map_err(|error| format!("a transaction cannot be decoded: {error}"))?;
            gas = gas.saturating_add(stored.gas_used);
            let receipt =
                Receipt { status: stored.success.into(), cumulative_gas_used: gas, logs: stored.logs };
            let receipt = ReceiptEnvelope::from_typed(envelope.tx_type(), receipt);
            let (from, gas_used, created) = (stored.from, stored.gas_used, stored.created);
            txs.push(MinedTx { envelope, from, receipt, gas_used, created });
        }
        let number = self.header.number;
        let block = Block::seal(self.header, txs);
        if block.hash != self.hash {
            return Err(format!("block {number} does not have the hash written down for it"));
        }
        Ok(block)
    }
}
