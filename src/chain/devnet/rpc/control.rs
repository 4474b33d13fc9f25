//! Methods that only development chains have: time, mining, going back, dropping. Names and shapes are anvil's.

use alloy::primitives::{Address, B256, U256};
use serde_json::{Value, json};

use super::{
    super::node::{Node, ReorgTxs},
    error::RpcError,
    methods::{Answer, answer},
    params::{Params, number},
};

/// Moves the clock; the next block shows it. Answers how many seconds the chain is off the wall clock.
pub(super) fn increase_time(node: &mut Node, params: &Params) -> Answer {
    let seconds = params.required_number(0, "seconds")?;
    Ok(json!(node.clock.advance(seconds)))
}

pub(super) fn set_next_time(node: &mut Node, params: &Params) -> Answer {
    let time = params.required_number(0, "time")?;
    node.set_next_time(time)?;
    Ok(Value::Null)
}

/// One block, or what the options say: a time, or `{"timestamp": …, "blocks": …}`.
pub(super) fn evm_mine(node: &mut Node, params: &Params) -> Answer {
    let options: Option<Value> = params.optional(0, "options")?;
    let (time, blocks) = match &options {
        None => (None, None),
        Some(Value::Object(fields)) => (fields.get("timestamp"), fields.get("blocks")),
        Some(time) => (Some(time), None),
    };
    let given = |value: Option<&Value>, name| match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => number(value, name).map(Some),
    };
    let blocks = given(blocks, "blocks")?.unwrap_or(1);
    if let Some(time) = given(time, "timestamp")? {
        node.set_next_time(time)?;
    }
    node.mine(blocks, 0)?;
    Ok(json!("0x0"))
}

pub(super) fn anvil_mine(node: &mut Node, params: &Params) -> Answer {
    let blocks = params.optional_number(0, "blocks")?.unwrap_or(1);
    let interval = params.optional_number(1, "interval")?.unwrap_or(0);
    node.mine(blocks, interval)?;
    Ok(Value::Null)
}

pub(super) fn set_automine(node: &mut Node, params: &Params) -> Answer {
    node.automine = params.required(0, "automine")?;
    Ok(Value::Null)
}

pub(super) fn revert(node: &mut Node, params: &Params) -> Answer {
    let mark = params.required_number(0, "snapshot")?;
    Ok(json!(node.revert(mark)?))
}

pub(super) fn set_balance(node: &mut Node, params: &Params) -> Answer {
    let address: Address = params.required(0, "address")?;
    let balance: U256 = params.required(1, "balance")?;
    node.set_balance(address, balance)?;
    Ok(Value::Null)
}

pub(super) fn set_base_fee(node: &mut Node, params: &Params) -> Answer {
    node.base_fee = params.required_number(0, "base fee")?;
    Ok(Value::Null)
}

/// `[depth, pairs]` or `[{"depth": …, "tx_block_pairs": …}]`, as in anvil: the removed transactions are forgotten. In place of
/// anvil's pairs (transactions to put into the new blocks) we take "keep", "pool" or "drop".
pub(super) fn reorg(node: &mut Node, params: &Params) -> Answer {
    let first: Value = params.required(0, "depth")?;
    let (depth, choice) = match &first {
        Value::Object(fields) => {
            let depth = fields.get("depth").ok_or_else(|| RpcError::params("missing depth"))?;
            (number(depth, "depth")?, fields.get("tx_block_pairs").cloned())
        }
        depth => (number(depth, "depth")?, params.optional(1, "transactions")?),
    };
    let txs = match choice {
        None | Some(Value::Null) => ReorgTxs::Drop,
        Some(Value::Array(pairs)) if pairs.is_empty() => ReorgTxs::Drop,
        Some(Value::String(word)) if word == "drop" => ReorgTxs::Drop,
        Some(Value::String(word)) if word == "keep" => ReorgTxs::Keep,
        Some(Value::String(word)) if word == "pool" => ReorgTxs::ToPool,
        Some(_) => {
            return Err(RpcError::params(
                "transactions: expected \"keep\", \"pool\", \"drop\" or an empty list",
            ));
        }
    };
    node.reorg(depth, txs)?;
    Ok(Value::Null)
}

/// Answers the hash if it was waiting, null if not.
pub(super) fn drop_transaction(node: &mut Node, params: &Params) -> Answer {
    let hash: B256 = params.required(0, "transaction hash")?;
    answer(node.pool.remove(hash).then_some(hash))
}
