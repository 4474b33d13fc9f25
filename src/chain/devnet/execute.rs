//! The only place that runs the EVM: one transaction or one simulated call, on a view of the state.

use std::convert::Infallible;

use alloy::{
    consensus::{Transaction as _, TxEnvelope, Typed2718},
    primitives::{Address, B256, U256},
};
use revm::{
    Context, DatabaseRef, ExecuteEvm, MainBuilder,
    context::{
        BlockEnv, TxEnv,
        result::{EVMError, HaltReason, InvalidTransaction, ResultAndState},
    },
    context_interface::block::BlobExcessGasAndPrice,
    database_interface::WrapDatabaseRef,
    handler::MainnetContext,
    primitives::{eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN, hardfork::SpecId},
    state::{AccountInfo, Bytecode},
};

use super::{blocks::Blocks, state::View};

/// The rules of the chain. `contracts/Serving.sol` is compiled for the same fork.
pub(super) const FORK: SpecId = SpecId::CANCUN;
/// Gas one block may use, and the most a call may ask for.
pub(super) const BLOCK_GAS_LIMIT: u64 = 30_000_000;

pub(super) type Failure = EVMError<Infallible, InvalidTransaction>;

/// The block a transaction runs in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub chain_id: u64,
    pub number: u64,
    pub time: u64,
    pub base_fee: u64,
    pub randomness: B256,
}

/// What the EVM may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub view: View<'a>,
    pub blocks: &'a Blocks,
}

impl DatabaseRef for Source<'_> {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.view.info(address).map(|info| AccountInfo {
            balance: info.balance,
            nonce: info.nonce,
            code: Some(self.view.code(info.code_hash)),
            code_hash: info.code_hash,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.view.code(hash))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.view.slot(address, slot))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.blocks.get(number).map(|block| block.hash).unwrap_or_default())
    }
}

/// How strictly a transaction is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// As for a block: nonce, funds, fees and sender must be right.
    Block,
    /// As for `eth_call`: any nonce and any sender, and a gas price of zero means that gas is free.
    Call,
}

/// Runs `tx`. The state it leaves is returned, not stored. Fails only if the transaction could not be in a block;
/// a revert is a result.
pub(super) fn run(
    source: Source<'_>,
    place: Place,
    tx: TxEnv,
    rules: Rules,
) -> Result<ResultAndState, Failure> {
    let block = BlockEnv {
        number: U256::from(place.number),
        timestamp: U256::from(place.time),
        gas_limit: BLOCK_GAS_LIMIT,
        basefee: place.base_fee,
        prevrandao: Some(place.randomness),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN)),
        ..BlockEnv::default()
    };
    let context: MainnetContext<WrapDatabaseRef<Source<'_>>> = Context::new(WrapDatabaseRef(source), FORK);
    let gas_is_free = tx.gas_price == 0;
    let context = context.with_block(block).modify_cfg_chained(|settings| {
        settings.chain_id = place.chain_id;
        if rules == Rules::Call {
            settings.disable_nonce_check = true;
            settings.disable_eip3607 = true;
            settings.disable_base_fee = gas_is_free;
        }
    });
    context.build_mainnet().transact(tx)
}

/// A signed transaction in the EVM's terms. Only the kinds that [`super::pool`] admits are represented.
pub(super) fn environment(envelope: &TxEnvelope, from: Address) -> TxEnv {
    TxEnv {
        tx_type: envelope.ty(),
        caller: from,
        gas_limit: envelope.gas_limit(),
        gas_price: envelope.max_fee_per_gas(),
        kind: envelope.kind(),
        value: envelope.value(),
        data: envelope.input().clone(),
        nonce: envelope.nonce(),
        chain_id: envelope.chain_id(),
        access_list: envelope.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: envelope.max_priority_fee_per_gas(),
        ..TxEnv::default()
    }
}

/// Why a transaction cannot run, in geth's words where geth has them: clients match on these.
pub(super) fn failure_words(failure: &Failure) -> String {
    match failure {
        EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { fee, balance }) => {
            format!("insufficient funds for gas * price + value: have {balance} want {fee}")
        }
        EVMError::Transaction(InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit }) => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        EVMError::Transaction(InvalidTransaction::GasPriceLessThanBasefee) => {
            "max fee per gas less than block base fee".to_owned()
        }
        EVMError::Transaction(InvalidTransaction::PriorityFeeGreaterThanMaxFee) => {
            "max priority fee per gas higher than max fee per gas".to_owned()
        }
        EVMError::Transaction(InvalidTransaction::NonceTooLow { tx, state }) => {
            format!("nonce too low: next nonce {state}, tx nonce {tx}")
        }
        EVMError::Transaction(InvalidTransaction::CreateInitCodeSizeLimit) => {
            "max initcode size exceeded".to_owned()
        }
        EVMError::Transaction(other) => other.to_string(),
        EVMError::Header(other) => other.to_string(),
        EVMError::Database(never) => match *never {},
        EVMError::Custom(text) => text.clone(),
        EVMError::CustomAny(error) => error.to_string(),
    }
}

/// Why execution stopped without a revert, in geth's words where geth has them.
pub(super) fn halt_words(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_owned(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => {
            "invalid opcode".to_owned()
        }
        HaltReason::CreateCollision => "contract address collision".to_owned(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".to_owned(),
        HaltReason::OutOfFunds => "insufficient balance for transfer".to_owned(),
        HaltReason::CallTooDeep => "max call depth exceeded".to_owned(),
        HaltReason::StateChangeDuringStaticCall => "write protection".to_owned(),
        other => other.to_string(),
    }
}
