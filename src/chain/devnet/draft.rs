//! Builds a block on top of another from a list of transactions, without storing anything.

use std::{collections::HashSet, sync::Arc};

use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, Transaction as _},
    primitives::{Address, B256, Bytes, keccak256},
};

use super::{
    blocks::{Block, Blocks, MinedTx},
    execute::{BLOCK_GAS_LIMIT, Place, Rules, Source, environment, failure_words, run},
    pool::PoolTx,
    state::{Changes, View},
};

/// Where a block is to be built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub chain_id: u64,
    /// The state after `parent`.
    pub view: View<'a>,
    pub blocks: &'a Blocks,
    pub parent: &'a Block,
    /// Seconds since 1970; not before the parent's.
    pub time: u64,
    pub base_fee: u64,
    /// Counts how often the chain was taken back, so that a block mined again never repeats an old hash.
    pub branch: u64,
}

impl Site<'_> {
    /// What code running in this block sees of it.
    pub fn place(&self) -> Place {
        Place {
            chain_id: self.chain_id,
            number: self.parent.number() + 1,
            time: self.time,
            base_fee: self.base_fee,
            randomness: keccak256(self.parent.hash),
        }
    }
}

/// A block that could be mined.
#[derive(Debug)]
pub(super) struct Draft {
    pub block: Block,
    pub changes: Changes,
    /// Transactions that can never be in this block's place, and why.
    pub refused: Vec<(B256, String)>,
}

/// Runs `txs` in order. What does not fit is left out; what cannot run is refused, and its sender's later
/// transactions are left out with it.
pub(super) fn draft(site: Site<'_>, txs: &[Arc<PoolTx>]) -> Draft {
    let place = site.place();
    let mut changes = Changes::default();
    let mut mined: Vec<MinedTx> = Vec::new();
    let mut refused = Vec::new();
    let mut gas = 0u64;
    let mut skipped: HashSet<Address> = HashSet::new();
    for tx in txs {
        if skipped.contains(&tx.from) {
            continue;
        }
        if tx.envelope.gas_limit() > BLOCK_GAS_LIMIT - gas {
            skipped.insert(tx.from);
            continue;
        }
        let source = Source { view: site.view.after(&changes), blocks: site.blocks };
        let outcome = match run(source, place, environment(&tx.envelope, tx.from), Rules::Block) {
            Ok(outcome) => outcome,
            Err(failure) => {
                refused.push((tx.hash(), failure_words(&failure)));
                skipped.insert(tx.from);
                continue;
            }
        };
        changes.absorb(outcome.state);
        let gas_used = outcome.result.tx_gas_used();
        gas += gas_used;
        let created = outcome.result.created_address();
        let success = outcome.result.is_success();
        // A failed transaction leaves no logs, whatever it emitted before it failed.
        let logs = if success { outcome.result.into_logs() } else { Vec::new() };
        let receipt = Receipt { status: success.into(), cumulative_gas_used: gas, logs };
        let receipt = ReceiptEnvelope::from_typed(tx.envelope.tx_type(), receipt);
        mined.push(MinedTx { envelope: tx.envelope.clone(), from: tx.from, receipt, gas_used, created });
    }
    let header = Header {
        parent_hash: site.parent.hash,
        number: place.number,
        state_root: changes.root(site.parent.header.state_root),
        gas_limit: BLOCK_GAS_LIMIT,
        timestamp: place.time,
        base_fee_per_gas: Some(place.base_fee),
        mix_hash: place.randomness,
        extra_data: Bytes::from(format!("zg devnet {}", site.branch).into_bytes()),
        ..Block::empty_header()
    };
    Draft { block: Block::seal(header, mined), changes, refused }
}
