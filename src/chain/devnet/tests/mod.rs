//! The chain through a real alloy provider, as its users see it.

#![allow(clippy::too_many_arguments, reason = "generated: events have as many fields as they have")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod disk;
mod history;
mod transactions;
mod waiting;

use alloy::{
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol,
    transports::{RpcError, TransportErrorKind},
};
use serde_json::{Value, json};

use super::{Devnet, DevnetConfig};

sol! {
    #[sol(rpc)]
    #[derive(Debug)]
    Serving,
    "contracts/Serving.json"
}

const GWEI: u128 = 1_000_000_000;
/// Seconds that a refund stays locked in the deployed contract.
const LOCK: u64 = 3600;

async fn fresh() -> Devnet {
    Devnet::start(DevnetConfig::default()).await.unwrap()
}

fn wallet(devnet: &Devnet, index: usize) -> EthereumWallet {
    let account = &devnet.accounts()[index];
    EthereumWallet::from(PrivateKeySigner::from_bytes(account.key.expose()).unwrap())
}

/// A provider that signs for the account at `index`.
fn provider(devnet: &Devnet, index: usize) -> DynProvider {
    ProviderBuilder::new().wallet(wallet(devnet, index)).connect_client(devnet.client()).erased()
}

fn address(devnet: &Devnet, index: usize) -> Address {
    devnet.accounts()[index].address
}

async fn deploy(devnet: &Devnet) -> Serving::ServingInstance<DynProvider> {
    let lock = alloy::primitives::aliases::U40::from(LOCK);
    Serving::deploy(provider(devnet, 0), lock).await.unwrap()
}

fn transfer(to: Address, value: u64) -> TransactionRequest {
    TransactionRequest::default().with_to(to).with_value(U256::from(value))
}

/// A signed transfer of one neuron with everything decided by the test.
async fn signed(devnet: &Devnet, from: usize, nonce: u64, max_fee: u128, tip: u128) -> Bytes {
    use alloy::eips::Encodable2718;
    let request = transfer(Address::repeat_byte(9), 1)
        .with_chain_id(devnet.chain_id())
        .with_nonce(nonce)
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(max_fee)
        .with_max_priority_fee_per_gas(tip);
    request.build(&wallet(devnet, from)).await.unwrap().encoded_2718().into()
}

fn rpc(devnet: &Devnet, method: &str, params: Value) -> Value {
    devnet.rpc(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).unwrap()
}

fn result(devnet: &Devnet, method: &str, params: Value) -> Value {
    let answer = rpc(devnet, method, params);
    answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
}

fn message(error: RpcError<TransportErrorKind>) -> String {
    error.as_error_resp().expect("the chain answered").message.to_string()
}
