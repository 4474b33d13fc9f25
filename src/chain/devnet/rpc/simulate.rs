//! Runs calls without mining them: `eth_call` and `eth_estimateGas`.

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, TxKind, U256},
    rpc::types::TransactionRequest,
};
use revm::context::{
    TxEnv,
    result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
};

use super::{
    super::{
        execute::{BLOCK_GAS_LIMIT, Failure, Rules, failure_words, halt_words, run},
        node::Node,
    },
    error::{INVALID_PARAMS, RpcError},
    methods::{Answer, answer, quantity},
    params::Params,
    scene::Scene,
};

/// Gas of a plain transfer, and the least any transaction uses.
const TRANSFER_GAS: u64 = 21_000;
/// An estimate may lie above the least sufficient gas by one part in this many, as in geth.
const TOLERANCE: u64 = 64;
/// Gas that a call with value hands on for free.
const STIPEND: u64 = 2_300;

pub(super) fn call(node: &Node, params: &Params) -> Answer {
    let request: TransactionRequest = params.required(0, "call")?;
    let block = params.optional(1, "block")?.unwrap_or(BlockId::latest());
    params.refuse(2, "state overrides")?;
    params.refuse(3, "block overrides")?;
    let scene = Scene::at(node, block)?;
    let gas = request.gas.unwrap_or(BLOCK_GAS_LIMIT).min(BLOCK_GAS_LIMIT);
    let outcome = attempt(&scene, &request, gas).map_err(refused)?;
    answer(output_of(outcome)?)
}

/// The least gas that lets the transaction succeed, within 1/[`TOLERANCE`].
///
/// With no block named it runs as in the block to be mined next, on the newest state: a transaction sent now would
/// meet that block's time, not the time of the one before it.
pub(super) fn estimate(node: &Node, params: &Params) -> Answer {
    let request: TransactionRequest = params.required(0, "transaction")?;
    let block = params.optional(1, "block")?.unwrap_or(BlockId::pending());
    params.refuse(2, "state overrides")?;
    let scene = Scene::at(node, block)?;
    let mut high = request.gas.unwrap_or(BLOCK_GAS_LIMIT).min(BLOCK_GAS_LIMIT);
    high = high.min(affordable_gas(&scene, &request)?);
    if is_plain_transfer(&scene, &request) && high >= TRANSFER_GAS {
        output_of(attempt(&scene, &request, TRANSFER_GAS).map_err(refused)?)?;
        return quantity(TRANSFER_GAS);
    }
    let outcome = match attempt(&scene, &request, high) {
        Ok(outcome) => outcome,
        Err(failure) if needs_more_gas(&failure) => return Err(allowance_exceeded(high)),
        Err(failure) => return Err(refused(failure)),
    };
    // Gas refunded at the end must be there meanwhile, so the search starts from what was spent before refunds.
    let spent = outcome.gas().total_gas_spent().max(TRANSFER_GAS);
    if let ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } = &outcome {
        return Err(allowance_exceeded(high));
    }
    output_of(outcome)?;
    let mut low = spent.saturating_sub(1);
    // Most calls need what they spend, plus the 64th that each inner call must leave behind and a transfer's
    // stipend. Trying that first saves most of the search.
    let mut next = spent.saturating_add(STIPEND).saturating_mul(64) / 63;
    while low + 1 < high && high - low > high / TOLERANCE {
        let middle = next.clamp(low + 1, high - 1);
        match attempt(&scene, &request, middle) {
            Ok(outcome) if outcome.is_success() => high = middle,
            Ok(_) => low = middle,
            Err(failure) if needs_more_gas(&failure) => low = middle,
            Err(failure) => return Err(refused(failure)),
        }
        // Never far above what is known to be too little: large gas limits make large steps.
        next = (low + (high - low) / 2).min(low.saturating_mul(2));
    }
    quantity(high)
}

fn attempt(scene: &Scene<'_>, request: &TransactionRequest, gas: u64) -> Result<ExecutionResult, Failure> {
    run(scene.source(), scene.place, environment(scene, request, gas), Rules::Call)
        .map(|outcome| outcome.result)
}

/// The request in the EVM's terms. Without a price, gas is free, so that reading needs no funds.
fn environment(scene: &Scene<'_>, request: &TransactionRequest, gas: u64) -> TxEnv {
    let access_list = request.access_list.clone().unwrap_or_default();
    let tx_type = match (request.max_fee_per_gas, access_list.0.is_empty()) {
        (Some(_), _) => 2,
        (None, false) => 1,
        (None, true) => 0,
    };
    let tip =
        request.max_fee_per_gas.map(|fee| request.max_priority_fee_per_gas.unwrap_or_default().min(fee));
    TxEnv {
        tx_type,
        caller: request.from.unwrap_or(Address::ZERO),
        gas_limit: gas,
        gas_price: request.max_fee_per_gas.or(request.gas_price).unwrap_or_default(),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        chain_id: Some(scene.place.chain_id),
        access_list,
        gas_priority_fee: tip,
        ..TxEnv::default()
    }
}

/// Gas that the sender can pay for at the price asked, after the value sent.
fn affordable_gas(scene: &Scene<'_>, request: &TransactionRequest) -> Result<u64, RpcError> {
    let price = request.max_fee_per_gas.or(request.gas_price).unwrap_or_default();
    if price == 0 {
        return Ok(u64::MAX);
    }
    let balance = scene.source().view.balance(request.from.unwrap_or(Address::ZERO));
    let value = request.value.unwrap_or_default();
    let rest = balance.checked_sub(value).ok_or_else(|| {
        RpcError::refused(format!("insufficient funds for gas * price + value: have {balance} want {value}"))
    })?;
    Ok(u64::try_from(rest / U256::from(price)).unwrap_or(u64::MAX))
}

fn is_plain_transfer(scene: &Scene<'_>, request: &TransactionRequest) -> bool {
    let Some(TxKind::Call(to)) = request.to else { return false };
    request.input.input().is_none_or(|input| input.is_empty())
        && request.access_list.as_ref().is_none_or(|list| list.0.is_empty())
        && scene.source().view.code_of(to).is_empty()
}

fn needs_more_gas(failure: &Failure) -> bool {
    matches!(
        failure,
        EVMError::Transaction(
            InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
        )
    )
}

fn allowance_exceeded(gas: u64) -> RpcError {
    RpcError::refused(format!("gas required exceeds allowance ({gas})"))
}

fn refused(failure: Failure) -> RpcError {
    match &failure {
        EVMError::Transaction(InvalidTransaction::PriorityFeeGreaterThanMaxFee) => {
            RpcError::new(INVALID_PARAMS, failure_words(&failure))
        }
        _ => RpcError::refused(failure_words(&failure)),
    }
}

/// What a call returned, or why it did not.
fn output_of(outcome: ExecutionResult) -> Result<Bytes, RpcError> {
    match outcome {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(&output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::refused(halt_words(&reason))),
    }
}
