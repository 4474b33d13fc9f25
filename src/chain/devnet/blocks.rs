//! The blocks mined so far, with their transactions and receipts, findable by number and by hash.

use std::{collections::HashMap, sync::Arc};

use alloy::{
    consensus::{
        Header, ReceiptEnvelope, Transaction as _, TxEnvelope, constants::EMPTY_WITHDRAWALS,
        proofs::ordered_trie_root_with_encoder,
    },
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bloom},
    rlp::{Encodable, length_of_length},
};

/// A transaction in a block and what came of it.
#[derive(Clone, Debug)]
pub(super) struct MinedTx {
    pub envelope: TxEnvelope,
    pub from: Address,
    pub receipt: ReceiptEnvelope,
    pub gas_used: u64,
    /// The contract it created.
    pub created: Option<Address>,
}

impl MinedTx {
    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// Neuron per gas it paid in a block of base fee `base_fee`.
    pub fn effective_gas_price(&self, base_fee: u64) -> u128 {
        self.envelope.effective_gas_price(Some(base_fee))
    }
}

/// One block. Its hash is the keccak of its header's RLP, as on any Ethereum chain.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub header: Header,
    pub hash: B256,
    pub txs: Vec<MinedTx>,
}

impl Block {
    /// A header of the fork we run with nothing in it.
    pub fn empty_header() -> Header {
        Header {
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Header::default()
        }
    }

    /// Closes a block: fills in what follows from its transactions, and its hash.
    pub fn seal(mut header: Header, txs: Vec<MinedTx>) -> Self {
        header.transactions_root =
            ordered_trie_root_with_encoder(&txs, |tx: &MinedTx, out| tx.envelope.encode_2718(out));
        header.receipts_root =
            ordered_trie_root_with_encoder(&txs, |tx: &MinedTx, out| tx.receipt.encode_2718(out));
        header.logs_bloom = txs.iter().fold(Bloom::ZERO, |bloom, tx| bloom | *tx.receipt.logs_bloom());
        header.gas_used = txs.last().map(|tx| tx.receipt.cumulative_gas_used()).unwrap_or_default();
        let hash = header.hash_slow();
        Block { header, hash, txs }
    }

    pub fn number(&self) -> u64 {
        self.header.number
    }

    pub fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    /// Bytes of the whole block in RLP.
    pub fn size(&self) -> usize {
        let txs: usize = self.txs.iter().map(|tx| tx.envelope.length()).sum();
        // One byte each for the empty lists of uncles and of withdrawals.
        let payload = self.header.length() + length_of_length(txs) + txs + 2;
        length_of_length(payload) + payload
    }

    /// Logs before transaction `index`, which is where its own are counted from.
    pub fn first_log_of(&self, index: usize) -> usize {
        self.txs.iter().take(index).map(|tx| tx.receipt.logs().len()).sum()
    }
}

/// The canonical chain from block 0.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    chain: Vec<Arc<Block>>,
    numbers: HashMap<B256, u64>,
    /// Transaction hash to block number and index in the block.
    places: HashMap<B256, (u64, usize)>,
}

impl Blocks {
    pub fn starting_with(genesis: Block) -> Self {
        let mut blocks = Blocks::default();
        blocks.push(Arc::new(genesis));
        blocks
    }

    /// The newest block. There is always one: chains start with block 0 and are never cut below it.
    pub fn head(&self) -> &Arc<Block> {
        &self.chain[self.chain.len() - 1]
    }

    pub fn height(&self) -> u64 {
        self.head().number()
    }

    pub fn get(&self, number: u64) -> Option<&Arc<Block>> {
        self.chain.get(usize::try_from(number).ok()?)
    }

    pub fn by_hash(&self, hash: B256) -> Option<&Arc<Block>> {
        self.get(*self.numbers.get(&hash)?)
    }

    pub fn transaction(&self, hash: B256) -> Option<(&Arc<Block>, usize)> {
        let (number, index) = *self.places.get(&hash)?;
        Some((self.get(number)?, index))
    }

    pub fn all(&self) -> &[Arc<Block>] {
        &self.chain
    }

    /// Puts the next block on top.
    pub fn push(&mut self, block: Arc<Block>) {
        self.numbers.insert(block.hash, block.number());
        for (index, tx) in block.txs.iter().enumerate() {
            self.places.insert(tx.hash(), (block.number(), index));
        }
        self.chain.push(block);
    }

    /// Removes every block above `height` and returns them, lowest first.
    pub fn cut_to(&mut self, height: u64) -> Vec<Arc<Block>> {
        let keep = usize::try_from(height).unwrap_or(usize::MAX).saturating_add(1).min(self.chain.len());
        let removed = self.chain.split_off(keep);
        for block in &removed {
            self.numbers.remove(&block.hash);
            for tx in &block.txs {
                self.places.remove(&tx.hash());
            }
        }
        removed
    }
}
