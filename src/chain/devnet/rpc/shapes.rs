//! Our blocks, transactions, receipts and logs as the RPC objects that alloy defines.

use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::Recovered, transaction::TransactionInfo},
    eips::eip4895::Withdrawals,
    primitives::{Address, Log, Sealed, U256},
    rpc::types::{
        Block as RpcBlock, BlockTransactions, Header as RpcHeader, Log as RpcLog,
        Transaction as RpcTransaction, TransactionReceipt,
    },
};

use super::super::{blocks::Block, pool::PoolTx};

/// A block, with whole transactions or only their hashes.
pub(super) fn block(block: &Block, full: bool) -> RpcBlock {
    let header = Sealed::new_unchecked(block.header.clone(), block.hash);
    let transactions = if full {
        BlockTransactions::Full((0..block.txs.len()).filter_map(|index| transaction(block, index)).collect())
    } else {
        BlockTransactions::Hashes(block.txs.iter().map(|tx| tx.hash()).collect())
    };
    RpcBlock {
        header: RpcHeader::from_consensus(header, Some(U256::ZERO), Some(U256::from(block.size()))),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Withdrawals::default()),
    }
}

/// The transaction at `index` of a block; none if the block has fewer.
pub(super) fn transaction(block: &Block, index: usize) -> Option<RpcTransaction> {
    let tx = block.txs.get(index)?;
    let place = TransactionInfo {
        hash: Some(tx.hash()),
        index: Some(number(index)),
        block_hash: Some(block.hash),
        block_number: Some(block.number()),
        base_fee: Some(block.base_fee()),
        block_timestamp: Some(block.header.timestamp),
    };
    Some(with_place(tx.envelope.clone(), tx.from, place))
}

/// A transaction that is in no block yet.
pub(super) fn waiting(tx: &PoolTx) -> RpcTransaction {
    let place = TransactionInfo { hash: Some(tx.hash()), ..TransactionInfo::default() };
    with_place(tx.envelope.clone(), tx.from, place)
}

fn with_place(envelope: TxEnvelope, from: Address, place: TransactionInfo) -> RpcTransaction {
    RpcTransaction::from_transaction(Recovered::new_unchecked(envelope, from), place)
}

/// The receipt of the transaction at `index` of a block.
pub(super) fn receipt(block: &Block, index: usize) -> Option<TransactionReceipt> {
    let tx = block.txs.get(index)?;
    let mut log_index = block.first_log_of(index);
    let inner = tx.receipt.clone().map_logs(|inner| {
        let log = log(block, index, log_index, inner);
        log_index += 1;
        log
    });
    Some(TransactionReceipt {
        inner,
        transaction_hash: tx.hash(),
        transaction_index: Some(number(index)),
        block_hash: Some(block.hash),
        block_number: Some(block.number()),
        gas_used: tx.gas_used,
        effective_gas_price: tx.effective_gas_price(block.base_fee()),
        blob_gas_used: None,
        blob_gas_price: None,
        from: tx.from,
        to: tx.envelope.to(),
        contract_address: tx.created,
    })
}

/// Every log of a block, in order.
pub(super) fn logs(block: &Block) -> impl Iterator<Item = RpcLog> {
    let logs = block
        .txs
        .iter()
        .enumerate()
        .flat_map(|(index, tx)| tx.receipt.logs().iter().map(move |log| (index, log)));
    logs.enumerate().map(|(log_index, (index, inner))| log(block, index, log_index, inner.clone()))
}

fn log(block: &Block, tx_index: usize, log_index: usize, inner: Log) -> RpcLog {
    RpcLog {
        inner,
        block_hash: Some(block.hash),
        block_number: Some(block.number()),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: block.txs.get(tx_index).map(|tx| tx.hash()),
        transaction_index: Some(number(tx_index)),
        log_index: Some(number(log_index)),
        removed: false,
    }
}

fn number(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}
