//! The one table of methods.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::node::Node, accounts, blocks, control, error::RpcError, fees, logs, params::Params, simulate,
};

pub(super) type Answer = Result<Value, RpcError>;

/// What the chain calls itself.
const CLIENT: &str = concat!("zgserve-devnet/", env!("CARGO_PKG_VERSION"));

/// Answers one call.
pub(crate) fn call(node: &mut Node, method: &str, params: Option<Value>) -> Answer {
    node.usable()?;
    let params = &Params::read(params)?;
    match method {
        "web3_clientVersion" => Ok(json!(CLIENT)),
        "net_version" => Ok(json!(node.chain_id.to_string())),
        "eth_chainId" => quantity(node.chain_id),
        "eth_accounts" => Ok(json!([])), // no key is held here: transactions come signed

        "eth_blockNumber" => quantity(node.blocks().height()),
        "eth_getBlockByNumber" => blocks::by_number(node, params),
        "eth_getBlockByHash" => blocks::by_hash(node, params),
        "eth_getTransactionByHash" => blocks::transaction(node, params),
        "eth_getTransactionReceipt" => blocks::receipt(node, params),
        "eth_getLogs" => logs::get(node, params),

        "eth_getBalance" => accounts::balance(node, params),
        "eth_getTransactionCount" => accounts::nonce(node, params),
        "eth_getCode" => accounts::code(node, params),
        "eth_getStorageAt" => accounts::storage(node, params),

        "eth_call" => simulate::call(node, params),
        "eth_estimateGas" => simulate::estimate(node, params),
        "eth_sendRawTransaction" => {
            let raw: alloy::primitives::Bytes = params.required(0, "signed transaction")?;
            answer(node.submit(&raw)?)
        }

        "eth_gasPrice" => fees::gas_price(node),
        "eth_maxPriorityFeePerGas" => fees::priority_fee(),
        "eth_feeHistory" => fees::history(node, params),

        "evm_increaseTime" => control::increase_time(node, params),
        "evm_setNextBlockTimestamp" => control::set_next_time(node, params),
        "evm_mine" => control::evm_mine(node, params),
        "anvil_mine" => control::anvil_mine(node, params),
        "evm_setAutomine" => control::set_automine(node, params),
        "evm_snapshot" => quantity(node.mark()),
        "evm_revert" => control::revert(node, params),
        "anvil_setBalance" => control::set_balance(node, params),
        "anvil_setNextBlockBaseFeePerGas" => control::set_base_fee(node, params),
        "anvil_reorg" => control::reorg(node, params),
        "anvil_dropTransaction" => control::drop_transaction(node, params),
        "anvil_dropAllTransactions" => {
            node.pool.clear();
            Ok(Value::Null)
        }
        _ => Err(RpcError::new(
            super::error::NO_METHOD,
            format!("the method {method} does not exist/is not available"),
        )),
    }
}

/// A number as Ethereum writes it: hex without leading zeros.
pub(super) fn quantity(number: u64) -> Answer {
    Ok(Value::String(format!("{number:#x}")))
}

/// Any of our answers as JSON.
pub(super) fn answer(value: impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| RpcError::new(super::error::INTERNAL, error.to_string()))
}
